"""The computation of one training of the protocol's audits: what the store's key of a run covers.

A fine-tuning as `training.train_one` does it, to the bit, that also predicts fresh images which
nobody trains on, predicts after every epoch where it is asked to, and can give all images of a
batch one augmentation draw. Main function: `train_audited`.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch

from testiculus.base.errors import UserError, one_of
from testiculus.finetune.interface import Checkpoint, FinetuneSettings, checked_inputs
from testiculus.finetune.training import (
    CHECKPOINT_SECONDS,
    EpochDraws,
    Training,
    TrainingSet,
    predict,
    training_set,
)
from testiculus.models import Classifier, build_classifier

PER_IMAGE, PER_BATCH = "image", "batch"  # how many images share an augmentation draw
DRAWS = (PER_IMAGE, PER_BATCH)


@dataclass(frozen=True)
class AuditSettings(FinetuneSettings):
    """A fine-tuning's settings, how augmentations are drawn, and when it predicts.

    `draw` is "image" (each image has its own draw: the article) or "batch" (all images of a batch
    are changed as its first one: what the released code's transform of a stacked batch does).
    `every_epoch` predicts after every epoch, else after the last one only.
    """

    draw: str = PER_IMAGE
    every_epoch: bool = False

    @property
    def looks(self) -> int:
        """How often the images are predicted."""
        return self.epochs if self.every_epoch else 1


class Shown(NamedTuple):
    """What a training predicts: the images at `test`, int64 (n_test,), and all `fresh` ones.

    `fresh` is uint8 (n_fresh, 1, h, w), on the training's device; n_fresh may be 0.
    """

    test: np.ndarray
    fresh: torch.Tensor


class AuditTraining(Training):
    """A training that keeps what it predicts: float32 `on_test` and `on_fresh`, (looks, n)."""

    def __init__(self, model: Classifier, data: TrainingSet, settings: AuditSettings, shown: Shown):
        super().__init__(model, data, settings)
        self.shown = shown
        self.on_test = torch.zeros(settings.looks, len(shown.test))
        self.on_fresh = torch.zeros(settings.looks, len(shown.fresh))

    def train_epoch(self) -> float:
        """Train one epoch, predict where the settings say so, and return the epoch's mean loss."""
        mean_loss = super().train_epoch()
        if self.settings.every_epoch or self.epoch == self.settings.epochs:
            self._look(self.epoch - 1 if self.settings.every_epoch else 0)
        return mean_loss

    def step(self, draws: EpochDraws, rows: slice) -> torch.Tensor:
        """Take one step as `Training.step`, all on one augmentation draw where asked to."""
        if self.settings.draw == PER_IMAGE:
            return super().step(draws, rows)
        chosen = draws.sample[rows]
        first = torch.full((len(chosen),), rows.start, device=self.device)
        return super().step(EpochDraws(chosen, draws.augmentations[first]), slice(0, len(chosen)))

    def state(self, seconds: float) -> dict[str, Any]:
        """Return what a resumed training needs, its predictions so far among it."""
        kept = {"on_test": self.on_test, "on_fresh": self.on_fresh}
        return super().state(seconds) | kept

    def resume(self, checkpoint: Checkpoint | None) -> float:
        """Take up a saved state if there is one; return the seconds spent before."""
        seconds = super().resume(checkpoint)
        if checkpoint is not None and self.epoch:
            state = checkpoint.load()
            self.on_test.copy_(state["on_test"])
            self.on_fresh.copy_(state["on_fresh"])
        return seconds

    def _look(self, row: int) -> None:
        """Predict test and fresh images apart: a batch's size can change a last bit."""
        self.on_test[row] = predict(self.model, self.data.pixels, self.shown.test)
        if len(self.shown.fresh):
            every = np.arange(len(self.shown.fresh))
            self.on_fresh[row] = predict(self.model, self.shown.fresh, every)
        if not bool(torch.isfinite(self.on_test[row]).all() & torch.isfinite(self.on_fresh).all()):
            raise UserError(
                f"training diverged: a prediction after epoch {self.epoch} is not a number",
                where=f"run: {self.settings}",
                remedy="lower the learning rates, or train in fp32",
            )


def train_audited(
    pixels: torch.Tensor,
    labels: np.ndarray,
    train_index: np.ndarray,
    test_index: np.ndarray,
    settings: AuditSettings,
    device: torch.device,
    checkpoint: Checkpoint | None,
    on_epoch: Callable[[int, int, float], None] | None = None,
    fresh: torch.Tensor | None = None,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
) -> dict[str, np.ndarray]:
    """Fine-tune one classifier and return what it predicts, and its recorded losses.

    Args:
        pixels, labels, train_index, test_index, settings, device, checkpoint, on_epoch,
            checkpoint_seconds: those of `finetune`.
        fresh: uint8 (n_fresh, 1, h, w), images of patients that nobody trains on; None for none.

    Returns:
        `probabilities`, float32 (n_test,), `sample` and `loss`, (epochs, draws): with a draw per
        image the bits of `training.train_one`. `test` and `fresh`, float32 (looks, n_test) and
        (looks, n_fresh): the positive class's probabilities after every epoch, or after the last.

    Raises `UserError` as `finetune` does, for an unknown `draw`, and for fresh images of another
    size. A resumed run ends in the same bits.
    """
    train, test = checked_inputs(pixels, labels, train_index, test_index, settings)
    fresh = _checked_fresh(pixels, fresh, settings)
    model = build_classifier(settings.initialisation, settings.seed)
    data, shown = training_set(pixels, labels, train, device), Shown(test, fresh.to(device))
    training = AuditTraining(model, data, settings, shown)
    _train(training, checkpoint, on_epoch, checkpoint_seconds)
    return {
        "probabilities": training.on_test[-1].numpy().copy(),
        "sample": training.sample.cpu().numpy(),
        "loss": training.loss.cpu().numpy(),
        "test": training.on_test.numpy(),
        "fresh": training.on_fresh.numpy(),
    }


def _train(
    training: AuditTraining,
    checkpoint: Checkpoint | None,
    on_epoch: Callable[[int, int, float], None] | None,
    checkpoint_seconds: float,
) -> None:
    """Train to the last epoch, from a saved state if there is one, and save on the way."""
    epochs, earlier = training.settings.epochs, training.resume(checkpoint)
    start = saved = time.perf_counter()
    while training.epoch < epochs:
        mean_loss = training.train_epoch()
        now = time.perf_counter()
        due = training.epoch < epochs and now - saved >= checkpoint_seconds
        if checkpoint is not None and due:
            checkpoint.save(training.state(earlier + now - start))
            saved = time.perf_counter()
        if on_epoch is not None:
            on_epoch(training.epoch, epochs, mean_loss)


def _checked_fresh(
    pixels: torch.Tensor, fresh: torch.Tensor | None, settings: AuditSettings
) -> torch.Tensor:
    """Return the fresh images, none for None; raises `UserError` for what cannot be predicted."""
    one_of(settings.draw, DRAWS, "draw")
    if fresh is None:
        return pixels[:0]
    if fresh.dtype != pixels.dtype or fresh.shape[1:] != pixels.shape[1:]:
        found, wanted = tuple(fresh.shape[1:]), tuple(pixels.shape[1:])
        raise UserError(
            f"fresh images are {fresh.dtype} {found}, the others {pixels.dtype} {wanted}",
            where=f"run: {settings}",
        )
    return fresh
