"""Maps that never saw the image: what a measure gives for nothing.

Main functions: `blurred_random_maps`, `centred_maps`. A measure on which a model does no better
than these says nothing about the model.
"""

import numpy as np
import torch

from testiculus.base.devices import generator
from testiculus.base.errors import UserError
from testiculus.explain.layers import Size, sides
from testiculus.explain.maps import enlarge

SPREAD = 0.25  # of the centred map: its standard deviation in parts of a side; ours


def blurred_random_maps(n: int, size: Size, grid: Size, seed: int) -> np.ndarray:
    """Return n maps that look anywhere, as smooth as a model's: float32 (n, h, w) in [0, 1].

    Every cell of the layer's grid has a value of its own, uniform in [0, 1); the cells are then
    enlarged as those of a model's map are (`enlarge`), which is the blur. On average a mask gets
    the share of their energy that it has of the area.

    Args:
        n: how many, 0 or more.
        size: rows and columns in pixels, or one number for both.
        grid: rows and columns of the layer's map, as `layer_grid` gives them.
        seed: decides the values, together with the grid.

    Raises:
        UserError: for a negative number of maps, and for a size or grid below 1.
    """
    _require_number(n)
    random = generator("explain", "blurred random map", seed)
    return enlarge(torch.rand(n, *sides(grid), generator=random), size)


def centred_maps(n: int, size: Size) -> np.ndarray:
    """Return n times the map that looks at the middle: float32 (n, h, w) in [0, 1].

    A Gaussian around the image's centre with a standard deviation of a quarter of each side. A view
    is centred on the organ: where the person with the probe looked needs no model.

    Takes and raises what `blurred_random_maps` does.
    """
    _require_number(n)
    rows, columns = (_bell(side) for side in sides(size))
    bump = np.outer(rows, columns)
    return np.tile((bump / bump.max()).astype(np.float32), (n, 1, 1))


def _bell(side: int) -> np.ndarray:
    """Return a Gaussian at the centres of `side` pixels."""
    place = (np.arange(side) + 0.5) / side - 0.5
    return np.exp(-0.5 * (place / SPREAD) ** 2)


def _require_number(n: int) -> None:
    if n < 0:
        raise UserError(f"there are no {n} maps")
