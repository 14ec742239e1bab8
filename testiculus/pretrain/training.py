"""The pretraining loop.

Main function: `pretrain`. It follows the article's section 4.1: two views of every image pass
encoder and projection head, NT-Xent brings them together; an organ head on the encoder's features
adds its cross-entropy, weighted by lambda; LARS takes the steps. The images live on the device as
bytes, a batch is an index selection, and the host looks at the losses every few steps only.
"""

import time
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from testiculus.base.devices import autocast, generator, resolve_precision
from testiculus.base.errors import UserError
from testiculus.pretrain.batches import batch_rows
from testiculus.pretrain.interface import PretrainResult, PretrainSettings, checked_inputs
from testiculus.pretrain.losses import nt_xent, organ_loss
from testiculus.pretrain.model import (
    PretrainModel,
    lars,
    lay_out_like_parameters,
    normalise,
    number_of_features,
    to_float,
)
from testiculus.pretrain.schedule import learning_rate_factor
from testiculus.pretrain.views import draw_views, make_view, without_markers
from testiculus.pretrain.watch import Measured, Watch, diverged, measured_steps

if TYPE_CHECKING:
    from testiculus.base.store import Checkpoint

CHECKPOINT_SECONDS = 30.0  # a checkpoint of ResNet-18, its heads and their momenta is 132 MB
LOOK_STEPS = 10  # on a GPU, where a look waits for all steps queued so far

OnStep = Callable[[int, int, float, float, float], None]


def pretrain(
    pixels: torch.Tensor,
    organs: torch.Tensor | np.ndarray,
    settings: PretrainSettings,
    *,
    device: torch.device,
    encoder: nn.Module,
    checkpoint: "Checkpoint | None" = None,
    on_step: OnStep | None = None,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
) -> PretrainResult:
    """Train `encoder` on unlabelled images and return how that went.

    Args:
        pixels: uint8 (N, 1, h, w), all images; moved to the device as they are.
        organs: integers (N,), 0 to K - 1; every organ has an image.
        settings: see `PretrainSettings`.
        device: where to train.
        encoder: maps normalised images, float (n, 1, h, w), to features (n, d). Trained in place,
            and left on the device in evaluation mode.
        checkpoint: asked for a state to resume from, and given one when `checkpoint_seconds` have
            passed since the last. A resumed run ends in the same bits.
        on_step: called now and then, on a CPU after every step, with (steps done, steps,
            contrastive loss, organ loss, learning rate) of the last step; NaN for a loss that is
            no part of the total.

    Raises:
        UserError: for a batch larger than the data, lambda negative or not a number, lambda above 0
            with images of one organ, other settings out of range, a loss that is not finite, or
            features that are all alike (naming the step).

    Same inputs, same number of threads, CPU: the same bits.
    """
    organ_count = checked_inputs(pixels, organs, settings)
    training = Training(pixels, organs, organ_count, settings, device, encoder)
    earlier = training.resume(checkpoint)
    start = saved = time.perf_counter()
    training.measure_if_due()
    while training.done < settings.steps:
        training.take_step()
        if not training.is_time_to_look():
            continue
        training.look()
        training.measure_if_due()
        now = time.perf_counter()
        if checkpoint is not None and not training.is_done() and now - saved >= checkpoint_seconds:
            checkpoint.save(training.state(earlier + now - start))
            saved = time.perf_counter()
        if on_step is not None:
            on_step(training.done, settings.steps, *training.last())
    encoder.eval()
    return training.result(earlier + time.perf_counter() - start)


class Training:
    """A pretraining under way: what `pretrain` advances step by step, and a checkpoint holds."""

    def __init__(
        self,
        pixels: torch.Tensor,
        organs: torch.Tensor | np.ndarray,
        organ_count: int,
        settings: PretrainSettings,
        device: torch.device,
        encoder: nn.Module,
    ):
        self.settings, self.device = settings, device
        self.pixels = pixels.to(device)
        self.unmarked = without_markers(self.pixels, settings.views)
        self.organs = torch.as_tensor(organs).to(device, torch.int64)
        encoder.to(device=device, memory_format=torch.channels_last)
        features = number_of_features(encoder, self.pixels)
        self.model = PretrainModel(encoder, features, organ_count, settings).to(device).train()
        self.optimiser = lars(self.model, settings)
        self.precision = resolve_precision(device, settings.precision)
        self.rates = learning_rates(settings)
        self.watch = Watch(self.pixels, settings)
        self.due = measured_steps(settings.steps)
        self.measured: list[Measured] = []
        self.losses = torch.full((settings.steps, 3), torch.nan, device=device)
        self.seen = np.full((settings.steps, 3), np.nan, dtype=np.float32)  # the host's copy
        self.looked = self.done = 0  # steps

    def take_step(self) -> None:
        """Take one step; its losses stay on the device."""
        size, seed = self.settings.batch_size, self.settings.seed
        rows = batch_rows(len(self.pixels), size, seed, self.done).to(self.device)
        a, b = self._views(rows)
        contrastive, organ, total = self._losses(torch.cat([a, b]), self.organs[rows])
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()
        for group in self.optimiser.param_groups:
            group["lr"] = float(self.rates[self.done])
        self.optimiser.step()
        for column, loss in enumerate((contrastive, organ, total)):
            if loss is not None:
                self.losses[self.done, column] = loss.detach()
        self.done += 1

    def _views(self, rows: torch.Tensor) -> list[torch.Tensor]:
        """Return the two views of the images in `rows`, normalised, drawn by seed and step."""
        settings, images = self.settings, to_float(self.pixels.index_select(0, rows))
        unmarked = None
        if self.unmarked is not None:
            unmarked = to_float(self.unmarked.index_select(0, rows))
        random = generator("views", settings.seed, self.done)
        size = images.shape[-2:]
        draws = draw_views(settings.views, len(images), size, random, settings.shared_draw)
        return [normalise(make_view(images, drawn.to(self.device), unmarked)) for drawn in draws]

    def _losses(self, views: torch.Tensor, organs: torch.Tensor):
        """Return contrastive loss, organ loss (None where not wanted) and total, eq. 4.

        `views` (2N, 1, h, w): batch normalisation sees both views of the batch at once.
        """
        settings, contrastive, organ = self.settings, None, None
        total = torch.zeros((), device=self.device)
        with autocast(self.device, self.precision):
            features = self.model.encoder(views)
            projected = self.model.projection(features) if settings.contrastive else None
        # Losses and organ head in fp32: in bf16, a loss near 6 steps by 1/32.
        if projected is not None:
            contrastive = nt_xent(*projected.chunk(2), settings.temperature)
            total = total + contrastive
        if settings.organ_weight:
            logits = self.model.organ_head(features.float()).chunk(2)
            organ = organ_loss(*logits, organs, doubled=settings.doubled_organ_loss)
            total = total + settings.organ_weight * organ
        return contrastive, organ, total

    def is_done(self) -> bool:
        """Return whether all steps are done."""
        return self.done == self.settings.steps

    def is_time_to_look(self) -> bool:
        """Return whether the host should wait for the device now."""
        return self.device.type == "cpu" or self.done % LOOK_STEPS == 0 or self.done in self.due

    def look(self) -> None:
        """Fetch the losses since the last look; raises `UserError` if one is not finite."""
        self.seen[self.looked : self.done] = self.losses[self.looked : self.done].cpu()
        bad = np.flatnonzero(~np.isfinite(self.seen[self.looked : self.done, 2]))
        if bad.size:
            raise diverged(self.looked + int(bad[0]) + 1, self.settings)
        self.looked = self.done

    def measure_if_due(self) -> None:
        """Measure the features, once, where that is due."""
        if self.done in self.due and self.done not in [m.step for m in self.measured]:
            self.measured.append(self.watch.measure(self.model.encoder, self.done))

    def last(self) -> tuple[float, float, float]:
        """Return the losses and the learning rate of the last step looked at."""
        contrastive, organ, _ = self.seen[self.looked - 1]
        return float(contrastive), float(organ), float(self.rates[self.looked - 1])

    def state(self, seconds: float) -> dict[str, Any]:
        """Return what a resumed run needs; draws need no state, their generators are named."""
        return {
            "settings": asdict(self.settings),
            "images": len(self.pixels),
            "done": self.done,
            "seconds": seconds,
            "model": self.model.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "losses": self.losses,
            "measured": [list(measured) for measured in self.measured],
        }

    def resume(self, checkpoint: "Checkpoint | None") -> float:
        """Take up a saved state if there is one; return the seconds spent before.

        Raises `UserError` for the state of another run.
        """
        state = checkpoint.load() if checkpoint is not None else None
        if state is None:
            return 0.0
        if state["settings"] != asdict(self.settings) or state["images"] != len(self.pixels):
            raise UserError(
                "the checkpoint belongs to another run",
                where=f"pretraining: {self.settings}",
                remedy="delete the checkpoint, or give this run a place of its own",
            )
        self.model.load_state_dict(state["model"])
        self.optimiser.load_state_dict(state["optimiser"])
        lay_out_like_parameters(self.optimiser)
        self.losses.copy_(state["losses"])
        self.measured = [Measured(*values) for values in state["measured"]]
        self.done = state["done"]
        self.look()
        return state["seconds"]

    def result(self, seconds: float) -> PretrainResult:
        """Return the record of a finished run."""
        step, *shape = (np.array(column) for column in zip(*self.measured, strict=True))
        contrastive, organ, _ = self.seen.T.copy()
        steps = np.arange(1, self.settings.steps + 1)
        return PretrainResult(steps, contrastive, organ, self.rates, step, *shape, seconds)


def learning_rates(settings: PretrainSettings) -> np.ndarray:
    """Return the learning rate of every step, float64 (steps,)."""
    total, warmup = settings.steps, settings.warmup_steps
    factors = [
        learning_rate_factor(step, total, warmup, settings.schedule, settings.power)
        for step in range(total)
    ]
    return settings.lr * np.array(factors)
