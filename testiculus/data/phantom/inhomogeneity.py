"""How a testis is uneven: the three kinds of inhomogeneity and the mild one of normal texture.

`patterns` gives each view's pattern, 0 to 1; `labels` says how strong it is. A homogeneous testis
shows the same kinds of pattern faintly, so that severity, not presence, makes the difference.
"""

import math

import torch

from testiculus.data.phantom.draws import Draws
from testiculus.data.phantom.shapes import Plane, ellipse_distance, inside, smooth_fields, turned

KINDS = ("patchy", "striated", "focal")
STRENGTH = (0.85, 1.0, 1.0)  # of a change of the same severity; many patches add up
BASE_DB = 0.6  # standard deviation of the slow unevenness of every testis
PATCH_CELLS = 15  # patches of some 5 mm in a 45 mm picture
SLOW_CELLS = 7


def patchy(draws: Draws, plane: Plane) -> torch.Tensor:
    """Return ragged patches of some 5 mm that cover about a third: V x H x W in [0, 1]."""
    field = smooth_fields(draws, 1, PATCH_CELLS, plane.size)[0]
    fine = smooth_fields(draws, 1, 2 * PATCH_CELLS, plane.size)[0]
    return torch.sigmoid((field + 0.4 * fine - 0.45) * 4)


def striated(draws: Draws, plane: Plane, u: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """Return bent, broken stripes 2.8 to 4.2 mm apart, oblique as the fibrous septa are."""
    bend = smooth_fields(draws, 1, SLOW_CELLS, plane.size)[0]
    breaks = smooth_fields(draws, 1, PATCH_CELLS, plane.size)[0]
    slant = draws.sign() * draws.uniform(15, 60) * (math.pi / 180)
    along, _ = turned(u, v, slant)
    period = draws.uniform(2.8, 4.2)
    phase = along * (2 * math.pi / period) + 2.0 * bend
    stripes = torch.sigmoid((torch.cos(phase) - 0.4) * 5)
    return stripes * torch.sigmoid((breaks + 0.7) * 2.5)


def focal(
    plane: Plane, u: torch.Tensor, v: torch.Tensor, centre: tuple, radius: torch.Tensor
) -> torch.Tensor:
    """Return one rounded area at `centre` (u, v in mm) with semi-axes about `radius` mm."""
    distance = ellipse_distance(u - centre[0], v - centre[1], radius * 1.15, radius * 0.87)
    return inside(distance, 0.5)


def patterns(
    draws: Draws,
    plane: Plane,
    u: torch.Tensor,
    v: torch.Tensor,
    centre: tuple,
    radius: torch.Tensor,
    kinds: torch.Tensor,
) -> torch.Tensor:
    """Return each view's pattern, V x H x W from 0 to 1, of the kind that `kinds` asks for.

    u, v: coordinates along and across the testis in mm. kinds: V x 1 x 1 indices into KINDS. All
    three kinds are always drawn, so that one view's kind cannot shift another's draws.
    """
    choices = (
        patchy(draws, plane),
        striated(draws, plane, u, v),
        focal(plane, u, v, centre, radius),
    )
    chosen = choices[0]
    for index in (1, 2):
        chosen = torch.where(kinds == index, choices[index], chosen)
    return chosen


def strength_of(kinds: torch.Tensor) -> torch.Tensor:
    """Return the STRENGTH of each view's kind, the shape of `kinds` (indices into KINDS)."""
    return torch.tensor(STRENGTH, device=kinds.device)[kinds.long()]


def base_variation(draws: Draws, plane: Plane) -> torch.Tensor:
    """Return the slow unevenness in dB, V x H x W, that every testis has."""
    coarse = smooth_fields(draws, 1, 4, plane.size)[0]
    fine = smooth_fields(draws, 1, PATCH_CELLS, plane.size)[0]
    return (coarse + fine) * (BASE_DB * math.sqrt(0.5))
