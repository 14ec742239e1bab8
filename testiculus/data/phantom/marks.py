"""Burnt-in measuring marks: bright crosses and rings over the finished picture, with their mask.

They stand for the calipers that a reader leaves on a frame, and can be tied to the label, as
readers measure what they find. Off by default.
"""

import numpy as np
import torch

from testiculus.data.phantom.draws import VIEWS, Draws
from testiculus.data.phantom.settings import PhantomSettings
from testiculus.data.phantom.shapes import Plane, Scene

ARM_MM = 1.5  # half a cross, or a ring's radius
STROKE_MM = 0.25  # half the thickness of a line
SHADE = 250  # grey level, above most tissue


def marker_rate(settings: PhantomSettings, label: int) -> float:
    """Return the probability that a view with this `label` carries marks.

    With q = markers and b = marker_bias: q + b (1 - q) where the label is 1, q (1 - b) where it
    is 0. So b = 0 unties marks and label, and b = 1 makes them one.
    """
    q, b = settings.markers, settings.marker_bias
    return q + b * (1 - q) if label else q * (1 - b)


def marked(settings: PhantomSettings, draws: Draws, labels: np.ndarray) -> torch.Tensor:
    """Return V x 1 x 1 of 1.0 where a view carries marks.

    The tie goes with the label that was written down, not with the truth. A thyroid has no label:
    its views carry marks at the plain rate.
    """
    if settings.organ == "thyroid":
        rates = [settings.markers] * VIEWS
    else:
        rates = [marker_rate(settings, int(label)) for label in labels]
    limit = torch.tensor(rates, device=draws.device).view(VIEWS, 1, 1)
    return (draws.uniform(0, 1) < limit).float()


def draw_marks(
    draws: Draws, pictures: torch.Tensor, plane: Plane, scene: Scene, wears: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw a pair of marks at two ends of the gland on the views that `wears` says.

    pictures: uint8 V x H x W. Returns them with marks, and the marks' mask, bool V x H x W.
    """
    ring = draws.chance(0.3)
    spread = draws.uniform(0.25, 0.45)
    slant = draws.uniform(-0.3, 0.3)
    centre, extent = _gland(scene.parenchyma, plane)
    rows, columns = _pixels(plane)
    mask = torch.zeros_like(scene.parenchyma, dtype=torch.bool)
    for end in (-1, 1):
        dx = columns - centre[0] - end * spread * extent
        dy = rows - centre[1] - end * slant * extent * 0.5
        mask |= (ring * _ring(dx, dy) + (1 - ring) * _cross(dx, dy)) > 0.5
    mask &= wears > 0.5
    return torch.where(mask, torch.full_like(pictures, SHADE), pictures), mask


def _pixels(plane: Plane) -> tuple[torch.Tensor, torch.Tensor]:
    """Return depth (V x H x 1) and lateral position (V x 1 x W) of the pixels in mm, unbent."""
    steps = (torch.arange(plane.size, device=plane.step.device) + 0.5) * plane.step
    return steps.transpose(1, 2), steps - plane.field / 2


def _gland(
    mask: torch.Tensor, plane: Plane
) -> tuple[tuple[torch.Tensor, torch.Tensor], torch.Tensor]:
    """Return centre (x, z) and width of the gland in mm, V x 1 x 1 each."""
    rows, columns = _pixels(plane)
    weight = mask / mask.sum((1, 2), keepdim=True).clamp(min=1)
    x = (weight * columns).sum((1, 2), keepdim=True)
    z = (weight * rows).sum((1, 2), keepdim=True)
    spread = (weight * (columns - x).square()).sum((1, 2), keepdim=True).sqrt()
    return (x, z), 4 * spread  # an ellipse's standard deviation is a quarter of its width


def _cross(dx: torch.Tensor, dy: torch.Tensor) -> torch.Tensor:
    upright = (dx.abs() < STROKE_MM) & (dy.abs() < ARM_MM)
    level = (dy.abs() < STROKE_MM) & (dx.abs() < ARM_MM)
    return (upright | level).float()


def _ring(dx: torch.Tensor, dy: torch.Tensor) -> torch.Tensor:
    return (((dx.square() + dy.square()).sqrt() - ARM_MM).abs() < STROKE_MM).float()
