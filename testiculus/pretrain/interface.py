"""What goes into a pretraining and what comes out: settings, result, input checks.

The defaults of `PretrainSettings` are the article's, with the sources' answers where it has none.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch

from testiculus.base.devices import PRECISIONS
from testiculus.base.errors import UserError, one_of
from testiculus.pretrain.schedule import SCHEDULES
from testiculus.pretrain.views import VIEWS


@dataclass(frozen=True)
class PretrainSettings:
    """What decides one pretraining, beside its data.

    The loss is L_con + lambda L_sup (article, eq. 4), with lambda = `organ_weight`: 0 leaves the
    contrastive part alone, as for images of a single organ. With `contrastive` False it is
    lambda L_sup alone, Table 4's last row [9]. `views` is a name in `views.VIEWS`; `shared_draw`
    (one draw for a whole batch [17]) and `doubled_organ_loss` [8] are what the released code does.
    `projection` lists the widths of the head g; `precision` is "fp32", "bf16" or "auto" (bf16 where
    the device multiplies it in hardware). Runs of one seed on the same images see the same batches
    and views and start from the same heads, whatever their loss, so that they compare in pairs.
    """

    steps: int
    batch_size: int = 1024  # article, section 5
    organ_weight: float = 0.2  # lambda; article, Table 4
    contrastive: bool = True
    temperature: float = 0.5  # released code; the texts leave tau open [22]
    lr: float = 1e-3  # article, section 5 [1]
    schedule: str = "polynomial"  # article, section 5; cosine in the thesis [2]
    power: float = 1.0  # released code: linear [2]
    warmup_steps: int = 0
    momentum: float = 0.9  # thesis, Table 6.1 [3]
    weight_decay: float = 1e-6  # thesis, Table 6.1 [3]
    trust_coefficient: float = 0.001  # released code, and LARS's usual one [3]
    views: str = "article"
    shared_draw: bool = False
    doubled_organ_loss: bool = False
    projection: tuple[int, ...] = (2048, 2048)  # released code [22]
    precision: str = "auto"
    seed: int = 0

    def __str__(self) -> str:
        return f"{self.loss_in_words()}, {self.steps} steps, seed {self.seed}"

    def loss_in_words(self) -> str:
        """Return which losses are trained on.

        >>> PretrainSettings(steps=10).loss_in_words()
        'contrastive + 0.2 x organ loss'
        """
        if not self.contrastive:
            return "organ loss alone"
        if not self.organ_weight:
            return "contrastive loss alone"
        return f"contrastive + {self.organ_weight:g} x organ loss"


@dataclass(frozen=True)
class PretrainResult:
    """What one pretraining leaves behind, beside the encoder.

    step: int64 (steps,), 1 to `steps`.
    contrastive, organ: float32 (steps,), the two losses of each step's batch before that step; NaN
        where a loss is no part of the total. lambda is not multiplied in.
    learning_rate: float64 (steps,), the step's.
    measured_step: int64 (points,), the steps done when these were taken, 0 (the start) to `steps`:
    alignment, uniformity, spread: float64 (points,), of the encoder's features, see `watch`.
    seconds: wall time, all attempts together.
    """

    step: np.ndarray
    contrastive: np.ndarray
    organ: np.ndarray
    learning_rate: np.ndarray
    measured_step: np.ndarray
    alignment: np.ndarray
    uniformity: np.ndarray
    spread: np.ndarray
    seconds: float

    def history(self) -> dict[str, np.ndarray]:
        """Return all arrays by name."""
        return {name: value for name, value in vars(self).items() if name != "seconds"}


def checked_inputs(
    pixels: torch.Tensor, organs: torch.Tensor | np.ndarray, settings: PretrainSettings
) -> int:
    """Return the number of organs; raises `UserError` for what cannot be pretrained on.

    See `training.pretrain` for the arguments and for what is wrong with them when.
    """
    where = f"pretraining: {settings}"
    _check_loss(settings, where)
    _check_optimisation(settings, where)
    _check_images(pixels, settings, where)
    return _checked_organs(np.asarray(organs), len(pixels), settings, where)


def _check_images(pixels: torch.Tensor, settings: PretrainSettings, where: str) -> None:
    if pixels.dtype != torch.uint8 or pixels.ndim != 4 or pixels.shape[1] != 1:
        found = f"{pixels.dtype} {tuple(pixels.shape)}"
        raise UserError(f"images must be uint8 N x 1 x h x w, not {found}", where)
    if settings.batch_size < 2:
        raise UserError(
            f"cannot pretrain with a batch of {settings.batch_size}",
            where,
            "use a batch of at least 2 images: a view is told apart from those of other images",
        )
    if settings.batch_size > len(pixels):
        raise UserError(
            f"a batch of {settings.batch_size} images is larger than the data: "
            f"there are {len(pixels)} images",
            where,
            "use a smaller batch, or more images",
        )


def _checked_organs(organs: np.ndarray, images: int, settings: PretrainSettings, where: str) -> int:
    if organs.shape != (images,):
        raise UserError(f"{len(organs)} organs do not fit {images} images", where)
    if not np.issubdtype(organs.dtype, np.integer):
        raise UserError(f"organs must be whole numbers, not {organs.dtype}", where)
    found = np.unique(organs)
    if not np.array_equal(found, np.arange(len(found))):
        raise UserError(f"organs must be numbered 0, 1, ...; found {found[:8].tolist()}", where)
    if len(found) == 1 and (settings.organ_weight > 0 or not settings.contrastive):
        raise UserError(
            "all images show one organ: there is no organ to classify, the organ loss teaches "
            "nothing",
            where,
            "set lambda to 0: the contrastive loss alone, as the article's rows of one organ "
            "(section 5); or add images of another organ",
        )
    return len(found)


def _check_loss(settings: PretrainSettings, where: str) -> None:
    if not (math.isfinite(settings.organ_weight) and settings.organ_weight >= 0):
        raise UserError(
            f"lambda must be a number of at least 0, not {settings.organ_weight}",
            where,
            "the article's lambda is 0.2; 0 leaves the contrastive loss alone",
        )
    if not settings.contrastive and settings.organ_weight == 0:
        raise UserError(
            "nothing to train on: the contrastive loss is off and lambda is 0",
            where,
            "give the organ loss a lambda above 0, or switch the contrastive loss on",
        )
    _require_positive("the temperature", settings.temperature, where)
    one_of(settings.views, VIEWS, "views")


def _check_optimisation(settings: PretrainSettings, where: str) -> None:
    if settings.steps < 1:
        raise UserError(f"cannot pretrain for {settings.steps} steps", where, "use at least 1")
    if not 0 <= settings.warmup_steps <= settings.steps:
        raise UserError(
            f"a warm-up of {settings.warmup_steps} steps does not fit {settings.steps} steps",
            where,
            "warm up for at most as many steps as there are",
        )
    one_of(settings.schedule, SCHEDULES, "schedule")
    one_of(settings.precision, PRECISIONS, "precision")
    for name in ("lr", "power", "trust_coefficient"):
        _require_positive(name, getattr(settings, name), where)
    if not (0 <= settings.momentum < 1 and 0 <= settings.weight_decay < math.inf):
        raise UserError("momentum must lie in [0, 1), weight decay cannot be negative", where)
    if not settings.projection or min(settings.projection) < 1:
        raise UserError(f"a projection head has no widths {settings.projection}", where)


def _require_positive(name: str, value: float, where: str) -> None:
    if not (math.isfinite(value) and value > 0):
        raise UserError(f"{name} must be a number above 0, not {value}", where)
