"""The fine-tuning loop.

Main function: `finetune`. It follows the article: one linear head and a class-balancing sampler
(section 4.3), cross-entropy (section 3), two learning rates (section 5). The images live on the
device as bytes; a batch is an index selection, an epoch's draws are made at once, and the host
waits for the device only at the end of an epoch. Beside the bare forward-backward-step all that is
about one percent of the time (`make bench`).
"""

import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from testiculus.augment import Augmentations, apply, draw_augmentations
from testiculus.base.devices import autocast, generator, resolve_precision
from testiculus.base.errors import UserError
from testiculus.finetune.interface import (
    Checkpoint,
    FinetuneResult,
    FinetuneSettings,
    checked_inputs,
)
from testiculus.models import Classifier
from testiculus.paper.protocol import MEAN, STD

CHECKPOINT_SECONDS = 20.0  # a checkpoint of ResNet-18 with AdamW's moments is 134 MB
PREDICT_BATCH = 256


def finetune(
    pixels: torch.Tensor,
    labels: torch.Tensor | np.ndarray,
    train_index: np.ndarray,
    test_index: np.ndarray,
    settings: FinetuneSettings,
    *,
    device: torch.device,
    model: Classifier,
    checkpoint: Checkpoint | None = None,
    on_epoch: Callable[[int, int, float], None] | None = None,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
) -> FinetuneResult:
    """Train `model` on the training images and predict every test image.

    Args:
        pixels: uint8 (N, 1, h, w), all images; moved to the device as they are.
        labels: integers (N,), 0 or 1 for every training image (test labels are not read).
        train_index, test_index: integers, which images to train on and to predict. May overlap
            only where the caller wants that; nothing is checked across them.
        settings: see `FinetuneSettings`.
        device: where to train.
        model: `.encoder` and `.head` train at their own rates. It is
            trained in place and left in evaluation mode.
        checkpoint: asked for a state to resume from, and given one at the end of an epoch when
            `checkpoint_seconds` have passed since the last. A resumed run ends in the same bits.
        on_epoch: called after each epoch with (epochs done, epochs, mean loss).

    Raises:
        UserError: for an index out of range, training labels other than 0 and 1 or of one class
            only, settings out of range, or a loss that is not finite (naming run and epoch).

    Same inputs, same number of threads, CPU: the same bits.
    """
    train, test = checked_inputs(pixels, labels, train_index, test_index, settings)
    training = Training(model, training_set(pixels, labels, train, device), settings)
    earlier = training.resume(checkpoint)
    start = saved = time.perf_counter()
    while training.epoch < settings.epochs:
        mean_loss = training.train_epoch()
        now = time.perf_counter()
        unfinished = training.epoch < settings.epochs
        if checkpoint is not None and unfinished and now - saved >= checkpoint_seconds:
            checkpoint.save(training.state(earlier + now - start))
            saved = time.perf_counter()
        if on_epoch is not None:
            on_epoch(training.epoch, settings.epochs, mean_loss)
    probabilities = predict(model, training.data.pixels, test)
    _require_finite(probabilities, settings, settings.epochs)
    return FinetuneResult(
        probabilities=probabilities.numpy(),
        test_index=test,
        sample=training.sample.cpu().numpy(),
        loss=training.loss.cpu().numpy(),
        seconds=earlier + time.perf_counter() - start,
    )


class TrainingSet(NamedTuple):
    """What batches are selected from, on the device, and the weights to draw by, on the CPU."""

    pixels: torch.Tensor  # uint8 N x 1 x h x w
    labels: torch.Tensor  # int64 N
    index: torch.Tensor  # int64 n_train
    weights: torch.Tensor  # float64 n_train, on the CPU


class EpochDraws(NamedTuple):
    """One epoch's draws, on the device."""

    sample: torch.Tensor  # int64 n_train
    augmentations: Augmentations


class Training:
    """A model in training: what `finetune` advances epoch by epoch, and a checkpoint holds."""

    def __init__(self, model: Classifier, data: TrainingSet, settings: FinetuneSettings):
        self.device = data.pixels.device
        self.model = model.to(device=self.device, memory_format=torch.channels_last)
        self.data, self.settings = data, settings
        self.precision = resolve_precision(self.device, settings.precision)
        self.optimiser = optimiser_for(model, settings)
        shape = (settings.epochs, len(data.index))
        self.sample = torch.zeros(shape, dtype=torch.int32, device=self.device)
        self.loss = torch.zeros(shape, dtype=torch.float32, device=self.device)
        self.epoch = 0  # epochs done

    def train_epoch(self) -> float:
        """Train one epoch and return its mean loss; raises `UserError` if it is not finite."""
        self.model.train()
        draws = draw_epoch(self.data, self.settings, self.epoch)
        self.sample[self.epoch] = draws.sample
        for rows in batches(len(draws.sample), self.settings.batch_size):
            self.loss[self.epoch, rows] = self.step(draws, rows)
        mean_loss = self.loss[self.epoch].mean()  # not finite as soon as one loss is not
        self.epoch += 1
        _require_finite(mean_loss, self.settings, self.epoch)
        return float(mean_loss)

    def step(self, draws: EpochDraws, rows: slice) -> torch.Tensor:
        """Take one step on the draws in `rows`; return their losses, float32, before the step."""
        chosen = draws.sample[rows]
        images = apply(
            to_float(self.data.pixels.index_select(0, chosen)), draws.augmentations[rows]
        )
        with autocast(self.device, self.precision):
            features = self.model.encoder(normalise(images))
        # Head and loss in fp32: in bf16, logits near 1 step by 1/128, and losses against a
        # threshold of 1 are what the noise protocol is made of.
        logits = self.model.head(features.float())
        losses = functional.cross_entropy(logits, self.data.labels[chosen], reduction="none")
        self.optimiser.zero_grad(set_to_none=True)
        losses.mean().backward()
        self.optimiser.step()
        return losses.detach()

    def state(self, seconds: float) -> dict[str, Any]:
        """Return what a resumed training needs; draws need no state, see `draw_epoch`."""
        return {
            "settings": asdict(self.settings),
            "epoch": self.epoch,
            "seconds": seconds,
            "model": self.model.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "sample": self.sample,
            "loss": self.loss,
        }

    def resume(self, checkpoint: Checkpoint | None) -> float:
        """Take up a saved state if there is one; return the seconds spent before.

        Raises `UserError` for the state of another run.
        """
        state = checkpoint.load() if checkpoint is not None else None
        if state is None:
            return 0.0
        if state["settings"] != asdict(self.settings) or state["loss"].shape != self.loss.shape:
            raise UserError(
                "the checkpoint belongs to another run",
                where=f"run: {self.settings}",
                remedy="delete the checkpoint, or give this run a place of its own",
            )
        self.model.load_state_dict(state["model"])
        self.optimiser.load_state_dict(state["optimiser"])
        _lay_out_like_parameters(self.optimiser)
        self.sample.copy_(state["sample"])
        self.loss.copy_(state["loss"])
        self.epoch = state["epoch"]
        return state["seconds"]


def training_set(
    pixels: torch.Tensor, labels: torch.Tensor | np.ndarray, train: np.ndarray, device: torch.device
) -> TrainingSet:
    """Put the images on the device and weigh each training image by 1 / its class's count."""
    labels = torch.as_tensor(labels).to(torch.int64)
    index = torch.from_numpy(train)
    classes = labels[index]
    weights = 1.0 / torch.bincount(classes, minlength=2).double()
    return TrainingSet(pixels.to(device), labels.to(device), index, weights[classes])


def draw_epoch(data: TrainingSet, settings: FinetuneSettings, epoch: int) -> EpochDraws:
    """Draw an epoch: n_train images with replacement, both classes equally likely, and their
    augmentations.

    Each epoch has a CPU generator of its own, named by seed, fold and epoch. So a resumed run
    needs no generator's state, and a GPU sees the draws that a CPU sees.
    """
    random = generator("finetune", settings.seed, settings.fold, epoch)
    chosen = torch.multinomial(data.weights, len(data.index), replacement=True, generator=random)
    drawn = draw_augmentations(
        settings.augmentation, len(data.index), data.pixels.shape[-2:], random
    )
    device = data.pixels.device
    return EpochDraws(data.index[chosen].to(device), drawn.to(device))


def predict(model: nn.Module, pixels: torch.Tensor, index: np.ndarray) -> torch.Tensor:
    """Return the positive class's probability, float32 (n,) on the CPU, of the indexed images.

    Evaluation mode, fp32, no augmentation; every image, whatever the last batch's size.
    """
    model.eval()
    parts = []
    with torch.inference_mode():
        for chosen in torch.as_tensor(index, device=pixels.device).split(PREDICT_BATCH):
            # One image alone, of 32 pixels or less, can come out of the last layers as NaN: a batch
            # of 1 x 1 maps takes another path through the CPU's convolutions. So it goes in twice.
            shown = chosen.repeat(2) if len(chosen) == 1 else chosen
            logits = model(normalise(to_float(pixels.index_select(0, shown))))
            parts.append(torch.softmax(logits[: len(chosen)], dim=1)[:, 1])
    return torch.cat(parts).cpu()


def batches(n: int, size: int) -> list[slice]:
    """Cut n draws into batches of `size`; the last may be smaller.

    A last batch of a single image, over which batch normalisation has no variance, joins the one
    before: every draw is trained on and recorded.

    >>> batches(9, 4)
    [slice(0, 4, None), slice(4, 9, None)]
    """
    starts = list(range(0, n, size))
    if len(starts) > 1 and n - starts[-1] == 1:
        starts.pop()
    return [slice(a, b) for a, b in zip(starts, [*starts[1:], n], strict=True)]


def optimiser_for(model: Classifier, settings: FinetuneSettings) -> torch.optim.AdamW:
    """Return AdamW with rates of their own for encoder and head (article, section 5)."""
    groups = [
        {"params": list(model.encoder.parameters()), "lr": settings.encoder_lr},
        {"params": list(model.head.parameters()), "lr": settings.head_lr},
    ]
    return torch.optim.AdamW(groups, weight_decay=settings.weight_decay, fused=True)


def to_float(pixels: torch.Tensor) -> torch.Tensor:
    """Bytes to float32 in [0, 1]."""
    return pixels.float().div_(255.0)


def normalise(images: torch.Tensor) -> torch.Tensor:
    """Images in [0, 1] to what the encoder expects: (x - 0.5) / 0.25 (article, section 5)."""
    normal = (images - MEAN) / STD
    return normal.contiguous(memory_format=torch.channels_last)


def _lay_out_like_parameters(optimiser: torch.optim.Optimizer) -> None:
    """Give the moments their parameter's memory layout: the fused step walks memory, not indices,
    and a stored tensor need not come back channels-last."""
    for parameter, moments in optimiser.state.items():
        for name, value in moments.items():
            if value.shape == parameter.shape and value.ndim:
                moments[name] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)


def _require_finite(values: torch.Tensor, settings: FinetuneSettings, epoch: int) -> None:
    if not bool(torch.isfinite(values).all()):
        raise UserError(
            f"training diverged: not a finite number in epoch {epoch} of {settings.epochs}",
            where=f"run: {settings}",
            remedy="lower the learning rates, or train in fp32",
        )
