"""The training loop of a generator.

Main function: `train_generator`. At every step images of the training set, at random steps of the
chain, pass the U-Net; the hybrid loss teaches noise and variance; a running average of the weights
(EMA) is the generator. The images live on the device as bytes, every draw is made there by a
generator named by seed and step, and the host looks at the losses every few steps only.
"""

import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from testiculus.base.devices import autocast, generator, resolve_precision
from testiculus.base.errors import UserError
from testiculus.diffusion.interface import (
    DiffusionResult,
    DiffusionSettings,
    SamplerSettings,
    checked_inputs,
    snapshot_steps,
)
from testiculus.diffusion.losses import hybrid_loss, simple_loss, vlb_term
from testiculus.diffusion.model import build_unet, output_of
from testiculus.diffusion.process import Process
from testiculus.diffusion.sampling import draw_images, to_signed

if TYPE_CHECKING:
    from testiculus.base.store import Checkpoint

CHECKPOINT_SECONDS = 30.0  # a checkpoint of the article's network is 1.9 GB, of the demo's 18 MB
LOOK_STEPS = 10  # on a GPU, where a look waits for all steps queued so far
SNAPSHOT_IMAGES = 16
SNAPSHOT_CHAIN = 25  # steps

OnStep = Callable[[int, int, float, float], None]


def train_generator(
    pixels: torch.Tensor,
    settings: DiffusionSettings,
    *,
    device: torch.device,
    checkpoint: "Checkpoint | None" = None,
    on_step: OnStep | None = None,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
) -> tuple[DiffusionResult, nn.Module]:
    """Train a generator from scratch; return how that went, and the average model.

    Args:
        pixels: uint8 (N, 1, side, side), the images to learn, at least 2; moved to the device.
        settings: see `DiffusionSettings`.
        device: where to train; the model is left there, in evaluation mode.
        checkpoint: asked for a state to resume from, and given one when `checkpoint_seconds` have
            passed since the last. A resumed run ends in the same bits.
        on_step: called now and then, on a CPU after every step, with (steps done, steps, L_simple,
            variational bound) of the last step; see `DiffusionResult`.

    Raises:
        UserError: for images or settings that cannot be trained on (see `checked_inputs`), a loss
            that is not finite (naming the step), a checkpoint of another run.

    AdamW without weight decay, at a constant rate. The average's decay is the smaller of
    `ema_decay` and (1 + step) / (10 + step), diffusers' rule, so that a short training's average
    forgets its random start. Same inputs, same number of threads, CPU: the same bits.
    """
    checked_inputs(pixels, settings)
    training = Training(pixels, settings, device)
    earlier = training.resume(checkpoint)
    start = saved = time.perf_counter()
    while training.done < settings.steps:
        training.take_step()
        if not training.is_time_to_look():
            continue
        training.look()
        training.draw_if_due()
        now = time.perf_counter()
        if checkpoint is not None and not training.is_done() and now - saved >= checkpoint_seconds:
            checkpoint.save(training.state(earlier + now - start))
            saved = time.perf_counter()
        if on_step is not None:
            on_step(training.done, settings.steps, *training.last())
    return training.result(earlier + time.perf_counter() - start), training.average()


class Training:
    """A training under way: what `train_generator` advances step by step, and a checkpoint holds.

    For timing a few steps: `take_step()`, then `look()`, which waits for the device.
    """

    def __init__(self, pixels: torch.Tensor, settings: DiffusionSettings, device: torch.device):
        from diffusers.training_utils import EMAModel

        self.settings, self.device = settings, device
        self.pixels = pixels.to(device)
        self.process = Process(settings.chain, device)
        model = build_unet(settings, pixels.shape[-1])
        self.model = model.to(device).train()  # contiguous: channels-last is slower on a CPU
        self.weights = list(self.model.parameters())
        self.ema = EMAModel(self.weights, decay=settings.ema_decay, foreach=True)
        self.optimiser = torch.optim.AdamW(
            self.weights, lr=settings.lr, weight_decay=0.0, fused=True
        )
        self.precision = resolve_precision(device, settings.precision)
        self.due = snapshot_steps(settings)
        self.snapshots: list[torch.Tensor] = []
        self.losses = torch.full((settings.steps, 2), torch.nan, device=device)
        self.seen = np.full((settings.steps, 2), np.nan, dtype=np.float32)  # the host's copy
        self.looked = self.done = 0  # steps

    def take_step(self) -> None:
        """Take one step; its losses stay on the device."""
        x0, t, noise = self.draw_batch()
        simple, term = self.model_losses(x0, t, noise)
        chain, weight = self.settings.chain, self.settings.vlb_weight
        loss = hybrid_loss(simple, term, chain, weight).mean()
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        self.ema.step(self.weights)
        self.losses[self.done, 0] = simple.detach().mean()
        self.losses[self.done, 1] = chain * term.detach().mean()
        self.done += 1

    def draw_batch(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return images in [-1, 1], steps of the chain and noise, drawn by seed and step.

        Images with replacement, steps uniformly (Ho et al. 2020, algorithm 1).
        """
        size, device = self.settings.batch_size, self.device
        random = generator("diffusion", self.settings.seed, self.done, device=device)
        rows = torch.randint(len(self.pixels), (size,), generator=random, device=device)
        t = torch.randint(self.settings.chain, (size,), generator=random, device=device)
        mirrored = torch.rand(size, generator=random, device=device) < 0.5
        x0 = to_signed(self.pixels.index_select(0, rows))
        noise = torch.randn(x0.shape, generator=random, device=device)
        if self.settings.flip:
            x0 = torch.where(mirrored.view(-1, 1, 1, 1), x0.flip(-1), x0)
        return x0, t, noise

    def model_losses(
        self, x0: torch.Tensor, t: torch.Tensor, noise: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return L_simple and the term of the bound of every image, (n,) each."""
        x_t = self.process.noised(x0, t, noise)
        with autocast(self.device, self.precision):
            eps, v = output_of(self.model, x_t, t)
        return simple_loss(eps, noise), vlb_term(self.process, eps, v, x0, x_t, t)

    def is_done(self) -> bool:
        """Return whether all steps are done."""
        return self.done == self.settings.steps

    def is_time_to_look(self) -> bool:
        """Return whether the host should wait for the device now."""
        return self.device.type == "cpu" or self.done % LOOK_STEPS == 0 or self.done in self.due

    def look(self) -> None:
        """Fetch the losses since the last look; raises `UserError` if one is not finite."""
        self.seen[self.looked : self.done] = self.losses[self.looked : self.done].cpu()
        bad = np.flatnonzero(~np.isfinite(self.seen[self.looked : self.done]).all(axis=1))
        if bad.size:
            raise diverged(self.looked + int(bad[0]) + 1, self.settings)
        self.looked = self.done

    def draw_if_due(self) -> None:
        """Draw a grid of samples from the average model where that is due."""
        if self.done not in self.due:
            return
        settings = self.settings
        sampler = SamplerSettings(
            min(SNAPSHOT_CHAIN, settings.chain), settings.chain, settings.seed,
            SNAPSHOT_IMAGES, self.precision,
        )  # fmt: skip
        self.snapshots.append(
            draw_images(
                self.average(), range(SNAPSHOT_IMAGES), sampler,
                pixels=self.pixels.shape[-1], device=self.device,
            )
        )  # fmt: skip

    def average(self) -> nn.Module:
        """Return a model of its own with the average weights, in evaluation mode."""
        model = deepcopy(self.model).eval()
        self.ema.copy_to(model.parameters())
        return model

    def last(self) -> tuple[float, float]:
        """Return L_simple and the bound of the last step looked at."""
        simple, vlb = self.seen[self.looked - 1]
        return float(simple), float(vlb)

    def state(self, seconds: float) -> dict[str, Any]:
        """Return what a resumed run needs; draws need no state, their generators are named."""
        return {
            "settings": _plain(self.settings),
            "images": list(self.pixels.shape),
            "done": self.done,
            "seconds": seconds,
            "model": self.model.state_dict(),
            "ema": self.ema.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "losses": self.losses,
            "snapshots": self.snapshots,
        }

    def resume(self, checkpoint: "Checkpoint | None") -> float:
        """Take up a saved state if there is one; return the seconds spent before.

        Raises `UserError` for the state of another run.
        """
        state = checkpoint.load() if checkpoint is not None else None
        if state is None:
            return 0.0
        own = _plain(self.settings), list(self.pixels.shape)
        if (state["settings"], state["images"]) != own:
            raise UserError(
                "the checkpoint belongs to another run",
                where=f"training a generator: {self.settings}",
                remedy="delete the checkpoint, or give this run a place of its own",
            )
        self.model.load_state_dict(state["model"])
        self.ema.load_state_dict(state["ema"])
        self.ema.to(self.device)
        self.optimiser.load_state_dict(state["optimiser"])
        self.losses.copy_(state["losses"])
        self.snapshots = list(state["snapshots"])
        self.done = state["done"]
        self.look()
        return state["seconds"]

    def result(self, seconds: float) -> DiffusionResult:
        """Return the record of a finished run."""
        simple, vlb = self.seen.T.copy()
        snapshots = torch.stack(self.snapshots).numpy()
        return DiffusionResult(simple, vlb, np.array(self.due, np.int64), snapshots, seconds)


def diverged(step: int, settings: DiffusionSettings) -> UserError:
    """Return the error for a loss that is not finite in `step`."""
    return UserError(
        f"training the generator diverged: not a finite loss in step {step} of {settings.steps}",
        where=f"training a generator: {settings}",
        remedy="lower the learning rate, or train in fp32",
    )


def _plain(settings: DiffusionSettings) -> dict[str, Any]:
    """Settings as what a checkpoint gives back: tuples are lists there or here."""
    return {k: list(v) if isinstance(v, tuple | list) else v for k, v in asdict(settings).items()}
