"""What goes into a fine-tuning and what comes out: settings, result, checkpoint, input checks.

The defaults of `FinetuneSettings` are the article's protocol.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch

from testiculus.augment import recipe_settings
from testiculus.base.devices import PRECISIONS
from testiculus.base.errors import UserError, one_of
from testiculus.paper.protocol import BATCH_SIZE, ENCODER_LR, EPOCHS, HEAD_LR, WEIGHT_DECAY


@dataclass(frozen=True)
class FinetuneSettings:
    """What decides one fine-tuning, beside its data. Defaults are the article's protocol.

    `precision` is "fp32", "bf16" or "auto" (bf16 where the device multiplies it in hardware);
    `augmentation` a name in `augment.RECIPES`; `seed` and `fold` name the run and seed its draws.
    So runs that train on the same images with the same labels see the same draws, whatever else
    differs (initialisation, learning rates), and can be compared in pairs; with other images or
    labels the draws are others.
    """

    initialisation: str = "imagenet"
    epochs: int = EPOCHS
    batch_size: int = BATCH_SIZE
    encoder_lr: float = ENCODER_LR
    head_lr: float = HEAD_LR
    weight_decay: float = WEIGHT_DECAY
    augmentation: str = "article"
    precision: str = "auto"
    seed: int = 0
    fold: int = 0

    def __str__(self) -> str:
        return f"{self.initialisation}, seed {self.seed}, fold {self.fold}"


@dataclass(frozen=True)
class FinetuneResult:
    """What one fine-tuning leaves behind.

    probabilities: float32 (n_test,), the positive class's, of every test image, in [0, 1].
    test_index: int64 (n_test,), which images those are.
    sample: int32 (epochs, draws), the image drawn; draws = number of training images.
    loss: float32 (epochs, draws), its cross-entropy when it was drawn, before that batch's step.
    seconds: wall time of the training and the prediction, all attempts together.
    """

    probabilities: np.ndarray
    test_index: np.ndarray
    sample: np.ndarray
    loss: np.ndarray
    seconds: float


class Checkpoint(Protocol):
    """Where a state is kept. `save` must have copied the state when it returns."""

    def load(self) -> dict[str, Any] | None:
        """Return the last saved state, or None."""

    def save(self, state: dict[str, Any]) -> None:
        """Replace the saved state."""


def checked_inputs(
    pixels: torch.Tensor,
    labels: torch.Tensor | np.ndarray,
    train_index: np.ndarray,
    test_index: np.ndarray,
    settings: FinetuneSettings,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the two indices as int64 arrays; raises `UserError` for what cannot be trained on.

    See `training.finetune` for the arguments and for what is wrong with them when.
    """
    where = f"run: {settings}"
    if pixels.dtype != torch.uint8 or pixels.ndim != 4 or pixels.shape[1] != 1:
        found = f"{pixels.dtype} {tuple(pixels.shape)}"
        raise UserError(f"images must be uint8 N x 1 x h x w, not {found}", where)
    if len(labels) != len(pixels):
        raise UserError(f"{len(labels)} labels do not fit {len(pixels)} images", where)
    train = _checked_index(train_index, len(pixels), "training", where)
    test = _checked_index(test_index, len(pixels), "test", where)
    _check_labels(np.asarray(labels)[train], train, where)
    _check_settings(settings, where)
    return train, test


def _check_labels(classes: np.ndarray, train: np.ndarray, where: str) -> None:
    odd = ~np.isin(classes, (0, 1))
    if odd.any():
        raise UserError(
            f"training image {train[odd][0]} has label {classes[odd][0]}, neither 0 nor 1", where
        )
    if len(np.unique(classes)) < 2:
        raise UserError(
            f"all training images have label {int(classes[0])}: nothing to tell apart",
            where,
            "use fewer folds, or label more images of the other class",
        )


def _checked_index(index: np.ndarray, n: int, name: str, where: str) -> np.ndarray:
    index = np.asarray(index, dtype=np.int64)
    if index.ndim != 1 or index.size == 0:
        raise UserError(f"there are no {name} images", where)
    outside = index[(index < 0) | (index >= n)]
    if outside.size:
        raise UserError(f"{name} image {outside[0]} does not exist: there are {n} images", where)
    return index


def _check_settings(settings: FinetuneSettings, where: str) -> None:
    one_of(settings.precision, PRECISIONS, "precision")
    recipe_settings(settings.augmentation)
    if settings.epochs < 1 or settings.batch_size < 2:
        raise UserError(
            f"cannot train {settings.epochs} epochs with batches of {settings.batch_size}",
            where,
            "train at least 1 epoch, with batches of at least 2 images (batch normalisation)",
        )
    if min(settings.encoder_lr, settings.head_lr, settings.weight_decay) < 0:
        raise UserError("learning rates and weight decay cannot be negative", where)
