"""Pictures of nothing: grey noise to pretrain on, in place of images.

Main function: `on_noise`, which plans such a pretraining beside a table's own.
"""

from functools import lru_cache, partial

import numpy as np
import torch

from testiculus.base.devices import generator
from testiculus.experiments.row_encoders import Pretraining
from testiculus.experiments.unlabelled import Unlabelled
from testiculus.pretrain import PretrainSettings

CHUNK = 1024  # images drawn at a time: bounds the memory
SEED = 0


def grey_noise(n: int, side: int, mean: float, std: float, seed: int = SEED) -> torch.Tensor:
    """Return `n` pictures whose pixels are independent Gaussian grey levels, uint8 (n, 1, h, w).

    `mean` and `std` are in grey levels; what lies beyond 0 to 255 is black or white. Same seed,
    same pictures, and the first of many are those of few.
    """
    random, drawn = (
        generator("grey noise", seed),
        [torch.empty(0, 1, side, side, dtype=torch.uint8)],
    )
    for _ in range(0, n, CHUNK):
        grey = torch.randn(CHUNK, 1, side, side, generator=random).mul_(std).add_(mean)
        drawn.append(grey.round_().clamp_(0, 255).to(torch.uint8))
    return torch.cat(drawn)[:n]


def grey_levels(pixels: torch.Tensor) -> tuple[float, float]:
    """Return mean and standard deviation of all grey levels of uint8 images, in grey levels."""
    counts = torch.zeros(256, dtype=torch.int64)
    for some in pixels.split(CHUNK):
        counts += torch.bincount(some.reshape(-1).cpu(), minlength=256)
    share, level = counts.double() / counts.sum(), torch.arange(256, dtype=torch.float64)
    mean = (share * level).sum()
    return float(mean), float((share * (level - mean) ** 2).sum().sqrt())


def on_noise(
    row: str, ud: Unlabelled, settings: PretrainSettings, device: torch.device
) -> Pretraining:
    """Return a pretraining on as many pictures of noise as UD has images.

    They carry UD's organs, in UD's numbers, and have its mean and spread of grey levels: what is
    missing is what the images show.
    """
    return Pretraining(
        row=row,
        settings=settings,
        organs=ud.organs,
        images=len(ud),
        pictures=partial(_pictures, ud),
        device=device,
        data="grey noise",
    )


def _pictures(ud: Unlabelled) -> tuple[torch.Tensor, np.ndarray]:
    names = {organ: number for number, organ in enumerate(ud.organs)}
    organs = np.array([names[organ] for organ in ud.frame["organ"]], dtype=np.int64)
    return noise_like(ud), organs


@lru_cache(maxsize=1)
def noise_like(ud: Unlabelled) -> torch.Tensor:
    """Return the noise that stands for UD, uint8 N x 1 x h x w."""
    mean, std = grey_levels(ud.pixels)
    return grey_noise(len(ud), int(ud.pixels.shape[-1]), mean, std)
