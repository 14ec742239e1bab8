"""What goes into a generator's training and sampling and what comes out: settings, result, checks.

The defaults of `DiffusionSettings` are the article's, the thesis's where it has none, and last the
released code's.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch

from testiculus.base.devices import PRECISIONS
from testiculus.base.errors import UserError, one_of

MAPS = "the maps of this network have sides of {} px"


@dataclass(frozen=True)
class DiffusionSettings:
    """What decides one training, beside its data.

    `width` channels times `multipliers` make the U-Net's stages, each of half the side of the one
    before, with `blocks` residual blocks on the way down and one more on the way up. `attention`
    lists the sides, in px, of the maps with self-attention (`heads` heads), in both halves; where
    `decoder_attention` is given, it is the upper half's list. The middle of the network has
    attention whatever they say, as in ADM. `chain` is T, `vlb_weight` weighs the variational bound
    of the hybrid loss, in bits per dimension. `flip`: mirror left and right with probability 1/2.
    `precision` is "fp32", "bf16" or "auto" (bf16 where the device multiplies it in hardware).
    `snapshots`: how many times a small grid of samples is drawn, evenly over the training, the last
    at its end.
    """

    steps: int
    batch_size: int = 16  # article
    lr: float = 1e-4  # released code
    chain: int = 1000  # released code
    vlb_weight: float = 0.001  # released code; Nichol & Dhariwal 2021
    width: int = 128  # thesis, section 4.1
    multipliers: tuple[int, ...] = (1, 1, 2, 2, 4, 4)  # thesis, section 4.1
    blocks: int = 2  # thesis, section 4.1
    attention: tuple[int, ...] = (
        16,
        8,
    )  # thesis; both halves in the released code [19]
    heads: int = 4  # released code
    ema_decay: float = 0.9999  # released code
    flip: bool = True  # released code
    precision: str = "fp32"
    seed: int = 0
    snapshots: int = 6
    decoder_attention: tuple[int, ...] | None = None  # thesis text: 16 and 32 [19]

    def __str__(self) -> str:
        return f"{self.steps} steps of {self.batch_size} images, seed {self.seed}"

    def sides(self, pixels: int) -> list[int]:
        """Return the sides of the stages' maps, in px, for images of a side of `pixels`.

        >>> DiffusionSettings(steps=1).sides(256)
        [256, 128, 64, 32, 16, 8]
        """
        return [pixels >> stage for stage in range(len(self.multipliers))]

    def upper_attention(self) -> tuple[int, ...]:
        """Return the sides of the decoder's maps with attention."""
        return self.attention if self.decoder_attention is None else self.decoder_attention


@dataclass(frozen=True)
class DiffusionResult:
    """What one training leaves behind, beside the generator.

    simple: float32 (steps,), L_simple of each step's batch before that step, the mean squared error
        of the noise (1 where nothing is known).
    vlb: float32 (steps,), the same batch's estimate of the variational bound: T times the mean of
        its terms, in bits per dimension, without the term that nothing can change (L_T).
    snapshot_step: int64 (S,), the steps done when samples were drawn, the last of them all steps.
    snapshots: uint8 (S, 16, 1, h, w), drawn by the average model from the same noise each time, in
        a chain of 25 steps.
    seconds: wall time, all attempts together.
    """

    simple: np.ndarray
    vlb: np.ndarray
    snapshot_step: np.ndarray
    snapshots: np.ndarray
    seconds: float

    def history(self) -> dict[str, np.ndarray]:
        """Return all arrays by name."""
        return {name: value for name, value in vars(self).items() if name != "seconds"}


@dataclass(frozen=True)
class SamplerSettings:
    """What decides a drawn image, beside the generator and the image's number.

    `steps` of the chain are walked, evenly spaced; all of them where it equals `chain`, that of the
    training. `batch_size` changes speed and memory, and an image by at most one grey level.
    """

    steps: int
    chain: int = 1000
    seed: int = 0
    batch_size: int = 64
    precision: str = "fp32"


def checked_inputs(pixels: torch.Tensor, settings: DiffusionSettings) -> None:
    """Raise `UserError` for what no generator can be trained on.

    That is: images that are not uint8 N x 1 x side x side, fewer than 2 of them, a side that the
    stages cannot halve, attention at a side that no stage has, and settings out of range. A batch
    may be larger than the data: images are drawn with replacement.
    """
    where = f"training a generator: {settings}"
    _check_numbers(settings, where)
    _check_images(pixels, where)
    check_shape(settings, pixels.shape[-1], where)


def check_shape(settings: DiffusionSettings, side: int, where: str = "") -> None:
    """Raise `UserError` for a network that cannot be built for images of this side, in px."""
    _check_network(settings, where)
    factor = 2 ** (len(settings.multipliers) - 1)
    if side < 1 or side % factor:
        raise UserError(
            f"images of {side} px cannot be halved {len(settings.multipliers) - 1} times",
            where,
            f"use a side that is a multiple of {factor} px, or fewer multipliers",
        )
    sides = settings.sides(side)
    odd = sorted({*settings.attention, *settings.upper_attention()} - set(sides))
    if odd:
        raise UserError(
            f"attention is wanted at {', '.join(map(str, odd))} px, which no stage has",
            where,
            MAPS.format(", ".join(map(str, sides))),
        )
    _check_heads(settings, sides, where)


def checked_sampler(settings: SamplerSettings) -> None:
    """Raise `UserError` for a sampler that cannot draw."""
    where = f"drawing images in {settings.steps} steps"
    if not 1 <= settings.steps <= settings.chain:
        raise UserError(
            f"a sampler of {settings.steps} steps does not fit a chain of {settings.chain}",
            where,
            f"use 1 to {settings.chain} steps",
        )
    if settings.batch_size < 1:
        raise UserError(f"cannot draw batches of {settings.batch_size} images", where)
    one_of(settings.precision, PRECISIONS, "precision")


def snapshot_steps(settings: DiffusionSettings) -> list[int]:
    """Return after how many steps to draw samples: evenly spaced, the last at the end.

    >>> snapshot_steps(DiffusionSettings(steps=3000)), snapshot_steps(DiffusionSettings(steps=2))
    ([500, 1000, 1500, 2000, 2500, 3000], [1, 2])
    """
    steps, times = settings.steps, settings.snapshots
    return sorted({math.ceil(steps * turn / times) for turn in range(1, times + 1)})


def _check_images(pixels: torch.Tensor, where: str) -> None:
    shape = tuple(pixels.shape)
    if pixels.dtype != torch.uint8 or pixels.ndim != 4 or shape[1] != 1 or shape[2] != shape[3]:
        raise UserError(
            f"images must be uint8 N x 1 x side x side, not {pixels.dtype} {shape}", where
        )
    if len(pixels) < 2:
        raise UserError(
            f"cannot train a generator on {len(pixels)} images", where, "use at least 2"
        )


def _check_network(settings: DiffusionSettings, where: str) -> None:
    sizes = (settings.width, settings.blocks, settings.heads, *settings.multipliers)
    if not settings.multipliers or min(sizes) < 1:
        raise UserError("width, multipliers, blocks and heads must be at least 1", where)
    if settings.width % 2:
        raise UserError(f"a width of {settings.width} channels is odd", where, "use an even one")


def _check_heads(settings: DiffusionSettings, sides: list[int], where: str) -> None:
    wanted = {*settings.attention, *settings.upper_attention(), sides[-1]}
    for side, multiplier in zip(sides, settings.multipliers, strict=True):
        channels = settings.width * multiplier
        if side in wanted and channels % settings.heads:
            raise UserError(
                f"{settings.heads} heads do not share the {channels} channels at {side} px", where
            )


def _check_numbers(settings: DiffusionSettings, where: str) -> None:
    for name, least in (("steps", 1), ("batch_size", 1), ("chain", 2), ("snapshots", 1)):
        if getattr(settings, name) < least:
            found = getattr(settings, name)
            raise UserError(f"{name} must be at least {least}, not {found}", where)
    if not (math.isfinite(settings.lr) and settings.lr > 0):
        raise UserError(f"lr must be a number above 0, not {settings.lr}", where)
    if not 0 <= settings.vlb_weight < math.inf:
        raise UserError(f"vlb_weight cannot be {settings.vlb_weight}", where, "0.001 is usual")
    if not 0 <= settings.ema_decay < 1:
        raise UserError(f"ema_decay must lie in [0, 1), not {settings.ema_decay}", where)
    one_of(settings.precision, PRECISIONS, "precision")
