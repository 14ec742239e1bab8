"""Procedural pictures that are no ultrasound: what a control encoder is pretrained on.

Main function: `procedural`. Half the pictures are dead leaves (overlapping ellipses and rectangles
of random grey, sizes by a power law: edges and occlusion), half are noise whose amplitude falls
with a power of the frequency (texture without edges). Both teach an encoder something about
pictures and nothing about anatomy or scanners (Baradad et al. 2021, "Learning to see by looking at
noise", NeurIPS, pretrain on such pictures). Where an encoder pretrained on ultrasound does no
better than one pretrained on these, ultrasound was not what helped.
"""

import math

import numpy as np
import torch

from testiculus.base.devices import generator
from testiculus.base.errors import UserError
from testiculus.base.progress import progress

LEAVES = 110  # with these radii the leaves cover the picture about three times
RADII = (0.04, 0.40)  # of the picture's side
ASPECTS = (0.4, 1.0)  # shorter over longer half-axis
EXPONENTS = (0.5, 2.0)  # of the frequency, in the noise's amplitude; photographs are near 1
LEVELS = (0.35, 0.65)  # mean grey of a noise picture
SPREADS = (0.10, 0.22)  # its standard deviation; 1 is the whole range from black to white


def procedural(n: int, pixels: int, seed: int) -> torch.Tensor:
    """Return n procedural pictures, uint8 (n, 1, pixels, pixels), on the CPU.

    Even places hold dead leaves, odd places noise. Every picture has a random stream of its own,
    made from the seed and its place: picture k is the same however many are made.

    Raises:
        UserError: for n below 0 or fewer than 8 pixels.

    >>> procedural(3, 16, seed=0).shape, torch.equal(procedural(5, 16, 0)[:3], procedural(3, 16, 0))
    (torch.Size([3, 1, 16, 16]), True)
    """
    if n < 0 or pixels < 8:
        raise UserError(f"cannot make {n} procedural pictures of {pixels} x {pixels} pixels")
    pictures = np.empty((n, 1, pixels, pixels), dtype=np.uint8)
    for k in progress(range(n), desc="procedural pictures", unit="picture"):
        draw = noise_texture if k % 2 else dead_leaves
        grey = draw(pixels, generator("procedural", seed, k))
        pictures[k, 0] = np.rint(255 * grey.clip(0, 1))
    return torch.from_numpy(pictures)


def dead_leaves(pixels: int, random: torch.Generator) -> np.ndarray:
    """Return one picture of overlapping leaves, float32 (pixels, pixels) in [0, 1].

    Radii have density r^-3, which makes the picture look alike at all scales (Lee, Mumford & Huang
    2001); half the leaves are ellipses, half rectangles, turned at random, each of one grey. Later
    leaves lie above earlier ones. Positions are fractions of the side: more pixels show the same
    leaves more sharply.
    """
    unit = torch.rand(LEAVES, 7, generator=random, dtype=torch.float64).numpy()
    small, large = RADII
    long = pixels * small / np.sqrt(1 - unit[:, 0] * (1 - (small / large) ** 2))
    short = long * (ASPECTS[0] + (ASPECTS[1] - ASPECTS[0]) * unit[:, 1])
    centre, angle = pixels * unit[:, 2:4], np.pi * unit[:, 4:5]
    leaves = np.hstack([centre, long[:, None], short[:, None], angle, unit[:, 5:]])
    picture = np.full((pixels, pixels), torch.rand(1, generator=random).item(), dtype=np.float32)
    for x, y, a, b, turn, grey, shape in leaves.tolist():
        _paint(picture, x, y, a, b, turn, grey, is_round=shape < 0.5)
    return picture


def _paint(picture, x, y, a, b, angle, grey, is_round: bool) -> None:
    """Paint one leaf of half-axes a >= b at (x, y), in pixels, its edge one pixel wide."""
    pixels, reach = len(picture), a * (1 if is_round else math.sqrt(2)) + 1
    left, top = max(int(x - reach), 0), max(int(y - reach), 0)
    right, bottom = min(int(x + reach) + 1, pixels), min(int(y + reach) + 1, pixels)
    columns = np.arange(left, right, dtype=np.float32) + (0.5 - x)
    rows = np.arange(top, bottom, dtype=np.float32)[:, None] + (0.5 - y)
    cosine, sine = math.cos(angle), math.sin(angle)
    u = (cosine / a) * columns + (sine / a) * rows
    v = (cosine / b) * rows - (sine / b) * columns
    # 1 on the leaf's edge, 0 at its centre
    outward = np.sqrt(u * u + v * v) if is_round else np.maximum(np.abs(u), np.abs(v))
    cover = np.minimum(np.maximum((b + 0.5) - b * outward, 0), 1)
    part = picture[top:bottom, left:right]
    part += cover * (grey - part)


def noise_texture(pixels: int, random: torch.Generator) -> np.ndarray:
    """Return one picture of filtered noise, float32 (pixels, pixels), nearly all in [0, 1].

    The exponent of `power_law_noise`, the mean grey and the contrast are drawn for the picture.
    """
    exponent, level, spread = (
        low + (high - low) * torch.rand(1, generator=random).item()
        for low, high in (EXPONENTS, LEVELS, SPREADS)
    )
    return level + spread * power_law_noise(pixels, exponent, random)


def power_law_noise(pixels: int, exponent: float, random: torch.Generator) -> np.ndarray:
    """Return Gaussian noise whose amplitude falls as frequency^-exponent, float32 (pixels, pixels).

    Mean 0 and standard deviation 1; opposite edges join. An exponent of 0 is white noise, 1 has the
    spectrum of photographs, 2 looks like clouds.
    """
    white = torch.randn(pixels, pixels, generator=random).numpy()
    frequency = np.hypot(np.fft.fftfreq(pixels)[:, None], np.fft.rfftfreq(pixels))
    frequency[0, 0] = 1
    spectrum = np.fft.rfft2(white) * frequency**-exponent
    spectrum[0, 0] = 0  # the mean
    filtered = np.fft.irfft2(spectrum, s=white.shape)
    return (filtered / filtered.std()).astype(np.float32)
