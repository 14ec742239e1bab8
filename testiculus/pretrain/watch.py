"""How a representation fares while it is trained: alignment, uniformity, and whether it collapsed.

Main class: `Watch`. It looks at a fixed set of images through two fixed views each, in evaluation
mode, and leaves training as it was: no draw, no statistic, no mode is changed.
"""

from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional

from testiculus.base.devices import generator
from testiculus.base.errors import UserError
from testiculus.pretrain.interface import PretrainSettings
from testiculus.pretrain.model import normalise, to_float
from testiculus.pretrain.views import draw_views, make_view
from testiculus.representation.geometry import alignment, uniformity

IMAGES = 256  # looked at
POINTS = 10  # times after the start
COLLAPSED = 1e-2  # of spread; a random ResNet-18 has 0.4 on the phantom, a training one above 0.2


class Measured(NamedTuple):
    """One look, of features scaled to length 1.

    alignment, uniformity: Wang & Isola 2020; NaN where nothing has a direction yet. spread: root
    mean squared distance of a feature from the mean of all, 0 (all images look the same to the
    encoder) to 1.
    """

    step: int
    alignment: float
    uniformity: float
    spread: float


def measured_steps(steps: int) -> list[int]:
    """Return after how many steps to look: at the start, the end, and evenly between.

    >>> measured_steps(150)
    [0, 15, 30, 45, 60, 75, 90, 105, 120, 135, 150]
    """
    return sorted({round(steps * point / POINTS) for point in range(POINTS + 1)})


class Watch:
    """Fixed images, chosen by the seed, and two views of each; normalised, on the device."""

    def __init__(self, pixels: torch.Tensor, settings: PretrainSettings):
        random = generator("watched images", settings.seed)
        chosen = torch.randperm(len(pixels), generator=random)[:IMAGES]
        images = to_float(pixels.index_select(0, chosen.to(pixels.device)))
        draws = draw_views(settings.views, len(images), images.shape[-2:], random)
        self.settings = settings
        self.views = [normalise(make_view(images, drawn.to(pixels.device))) for drawn in draws]

    def measure(self, encoder: nn.Module, step: int) -> Measured:
        """Look at the encoder after `step` steps; it is given back in training mode.

        Raises `UserError` if features are not finite, or all alike although training has begun.
        """
        encoder.eval()
        with torch.inference_mode():
            a, b = (functional.normalize(encoder(view).float()) for view in self.views)
        encoder.train()
        spread = float((a - a.mean(dim=0)).square().sum(dim=1).mean().sqrt())
        if step:
            require_alive(spread, step, self.settings)
        directed = a.any(dim=1) & b.any(dim=1)  # an image of one grey may have no features at first
        a, b = a[directed], b[directed]
        if len(a) < 2:
            return Measured(step, float("nan"), float("nan"), spread)
        return Measured(step, alignment(a, b), (uniformity(a) + uniformity(b)) / 2, spread)


def require_alive(spread: float, step: int, settings: PretrainSettings) -> None:
    """Raise `UserError` for a spread that is 0 but for rounding, or not a number."""
    if spread > COLLAPSED:
        return
    if spread <= COLLAPSED:
        raise UserError(
            f"the representation has collapsed after step {step} of {settings.steps}: "
            "the encoder gives every image the same features",
            where=f"pretraining: {settings}",
            remedy="lower the learning rate, warm up longer, or keep the contrastive loss on "
            "with a larger batch",
        )
    raise diverged(step, settings)


def diverged(step: int, settings: PretrainSettings) -> UserError:
    """Return the error for a number that is not finite in `step`."""
    return UserError(
        f"pretraining diverged: not a finite number in step {step} of {settings.steps}",
        where=f"pretraining: {settings}",
        remedy="lower the learning rate, warm up longer, or train in fp32",
    )
