"""Geometry in millimetres: the plane of a view, smooth random fields, ellipses, layers, a scene.

Everything is a soft-edged map V x H x W over the views of one patient, so that a picture varies
smoothly with every length and a finer grid shows the same anatomy.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import torch

from testiculus.data.phantom.draws import VIEWS, Draws

EDGE_MM = 0.18  # softness of a boundary
FIELDS_MM = (39.0, 53.0)  # no view shows less or more across


@dataclass
class Plane:
    """The plane of each view: where its pixels lie.

    x, z: V x H x W, mm to the right of the centre line and mm below the skin, bent by a smooth
    displacement so that no shape drawn in them is exact. step: V x 1 x 1, mm per pixel. field:
    V x 1 x 1, mm across and down the picture.
    """

    x: torch.Tensor
    z: torch.Tensor
    step: torch.Tensor
    field: torch.Tensor

    @property
    def size(self) -> int:
        """Pixels down (and across) the picture."""
        return self.x.shape[-1]


@dataclass
class Scene:
    """What lies in each view, as maps V x H x W.

    echo: backscatter in dB, 0 = testicular parenchyma. loss: attenuation in dB / (cm MHz).
    mirror: amplitude of coherent echoes. parenchyma, lesion: soft masks in [0, 1].
    """

    echo: torch.Tensor
    loss: torch.Tensor
    mirror: torch.Tensor
    parenchyma: torch.Tensor
    lesion: torch.Tensor

    def paint(
        self, mask: torch.Tensor, echo: torch.Tensor | float, loss: torch.Tensor | float
    ) -> None:
        """Lay a tissue over what is there, where `mask` (0 to 1) is."""
        self.echo += mask * (echo - self.echo)
        self.loss += mask * (loss - self.loss)
        self.mirror *= 1 - mask

    def brighten(self, mask: torch.Tensor, echo: torch.Tensor | float) -> None:
        """Raise (or lower) the echo by `echo` dB where `mask` is."""
        self.echo += mask * echo


def empty_scene(plane: Plane, echo: torch.Tensor, loss: float) -> Scene:
    """Return a scene of one tissue: echo V x H x W or V x 1 x 1 in dB, loss in dB / (cm MHz)."""
    shape = plane.x.shape
    zeros = torch.zeros(shape, device=plane.x.device)
    return Scene(
        echo=zeros + echo,
        loss=zeros + loss,
        mirror=zeros.clone(),
        parenchyma=zeros.clone(),
        lesion=zeros.clone(),
    )


def make_plane(draws: Draws, field: torch.Tensor, size: int, bend_mm: float) -> Plane:
    """Return the plane of views of `field` mm (V x 1 x 1) at size x size pixels.

    bend_mm: standard deviation of the displacement that makes outlines irregular.
    """
    field = field.clamp(*FIELDS_MM)
    step = field / size
    pixels = torch.arange(size, device=field.device, dtype=torch.float32) + 0.5
    across = pixels.view(1, 1, size) * step - field / 2
    down = pixels.view(1, size, 1) * step
    bend = smooth_fields(draws, 2, 5, size) * bend_mm
    return Plane(x=across + bend[0], z=down + bend[1], step=step, field=field)


def smooth_fields(draws: Draws, count: int, cells: int, size: int) -> torch.Tensor:
    """Return `count` stationary Gaussian random fields, count x V x size x size.

    cells: how many independent values across a picture; the field is their sum under Gaussians
    of that spacing, scaled to mean 0 and variance 1 at every pixel.
    """
    basis = _basis(cells, size).to(draws.device)
    knots = draws.noise(count, VIEWS, basis.shape[1], basis.shape[1])
    return basis @ knots @ basis.T


@lru_cache(maxsize=32)
def _basis(cells: int, size: int) -> torch.Tensor:
    """Return the size x (cells + 4) weights of the knots at each pixel, rows of unit energy."""
    pixels = (torch.arange(size, dtype=torch.float64) + 0.5) * (cells / size)
    knots = torch.arange(-2, cells + 2, dtype=torch.float64) + 0.5
    weights = torch.exp(-0.5 * ((pixels[:, None] - knots) / 0.75) ** 2)
    return (weights / weights.square().sum(1, keepdim=True).sqrt()).float()


def turned(
    x: torch.Tensor, z: torch.Tensor, angle: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the coordinates (u, v) along axes turned by `angle` radians."""
    cos, sin = torch.cos(angle), torch.sin(angle)
    return cos * x + sin * z, cos * z - sin * x


def ellipse_distance(
    u: torch.Tensor, v: torch.Tensor, a: torch.Tensor, b: torch.Tensor
) -> torch.Tensor:
    """Return about the distance in mm to the ellipse of semi-axes a and b, negative inside.

    To first order (r - 1) / |grad r| with r^2 = (u/a)^2 + (v/b)^2, exact on the outline.
    """
    p, q = (u / a).square(), (v / b).square()
    radius = (p + q + 1e-6).sqrt()
    slope = (p / a**2 + q / b**2 + 1e-9).sqrt() / radius
    return (radius - 1) / slope


def inside(distance: torch.Tensor, edge: torch.Tensor | float = EDGE_MM) -> torch.Tensor:
    """Return 1 where a signed distance is negative and 0 where positive, over `edge` mm."""
    return torch.sigmoid(distance * (-1.0 / edge))


def line(distance: torch.Tensor, width: torch.Tensor | float) -> torch.Tensor:
    """Return a ridge of height 1 and sigma `width` mm where the signed distance is zero."""
    exponent = (distance / width).square() * -0.5
    return exponent.clamp_(min=-30).exp_()  # denormal numbers would be several times as slow


def capsule_distance(
    u: torch.Tensor, v: torch.Tensor, length: torch.Tensor, wide: torch.Tensor, thin: torch.Tensor
) -> torch.Tensor:
    """Return the distance in mm to a wedge from (0, 0) to (length, 0), negative inside.

    wide, thin: its half-widths in mm at the two ends; equal ones make a rounded bar.
    """
    along = u.clamp(min=0).minimum(length)
    half = wide + (thin - wide) * (along / length)
    return ((u - along).square() + v.square() + 1e-6).sqrt() - half


def squareness(u: torch.Tensor, v: torch.Tensor, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Return cos^4 of the angle between the beam and the ellipse's normal at (u, v), 0 to 1.

    A smooth wall throws its echo back only where it is met square on; `a`, `b` as in
    `ellipse_distance`, the beam runs along v.
    """
    across, along = (u / a**2).square(), (v / b**2).square()
    return (along / (across + along + 1e-9)).square()


def degrees(angle: torch.Tensor) -> torch.Tensor:
    """Return an angle given in degrees in radians."""
    return angle * (math.pi / 180)
