"""What a map says in numbers, one per image: how much of it lies where, and how far it moved.

Main functions: `energy_share`, `pointing_game`, `map_change`. A number that an image does not have
(no mask, or a map of zeros) is NaN; means over images are to leave it out and to count it.
"""

import numpy as np

from testiculus.base.errors import UserError


def energy_share(maps: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Return the share of each map's energy within its mask: sum of L in the mask / sum of L.

    In [0, 1]; `area_share` is what a map without preference has. With a mask in the place of their
    box, the "energy-based pointing game" of Wang et al. 2020, "Score-CAM", CVPR workshops.

    Args:
        maps: (n, h, w), finite, not negative; any scale, a map's own.
        masks: bool (n, h, w). An image without a mask has one of False.

    Returns:
        float64 (n,); NaN for an empty mask and for a map of zeros.

    Raises:
        UserError: for shapes that differ, masks that are not bool, and maps with negative or
            non-finite values.

    >>> energy_share([[[3.0, 1.0]], [[0.0, 0.0]]], [[[True, False]], [[True, False]]])
    array([0.75,  nan])
    """
    maps, masks = _checked_maps(maps), _checked_masks(masks)
    _require_same_shape(maps, masks)
    inside = maps.sum(axis=(1, 2), dtype=np.float64, where=masks)
    return _ratio(inside, np.where(masks.any(axis=(1, 2)), _energy(maps), 0.0))


def area_share(masks: np.ndarray) -> np.ndarray:
    """Return the share of each image's pixels that its mask covers, float64 (n,).

    In (0, 1]; NaN for an empty mask: there is nothing to be compared with. Takes bool (n, h, w) and
    raises `UserError` for anything else.

    >>> area_share([[[True, False]], [[False, False]]])
    array([0.5, nan])
    """
    masks = _checked_masks(masks)
    covered = masks.sum(axis=(1, 2), dtype=np.float64)
    return _ratio(covered, np.where(covered > 0, masks[0].size if len(masks) else 1, 0))


def pointing_game(maps: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Return 1 where a map's largest value lies within the mask, else 0 (Zhang et al. 2018).

    "Top-down neural attention by excitation backprop", IJCV; without their margin around the
    object. Where several pixels share the largest value, the share of them within the mask: what
    one of them, drawn at random, would score on average.

    Takes and raises what `energy_share` does. Returns float64 (n,) in [0, 1], NaN for an empty mask
    and for a map of zeros.

    >>> pointing_game([[[3.0, 1.0]], [[2.0, 2.0]]], [[[True, False]], [[True, False]]])
    array([1. , 0.5])
    """
    maps, masks = _checked_maps(maps), _checked_masks(masks)
    _require_same_shape(maps, masks)
    largest = maps.max(axis=(1, 2), keepdims=True, initial=0.0)
    peaks = (maps == largest) & (largest > 0)
    defined = peaks.any(axis=(1, 2)) & masks.any(axis=(1, 2))
    return _ratio((peaks & masks).sum(axis=(1, 2)), np.where(defined, peaks.sum(axis=(1, 2)), 0))


def map_change(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return how much of each map's energy lies elsewhere in the other: total variation distance.

    sum |a / sum a - b / sum b| / 2 over the pixels: 0 for maps that differ by a factor only, 1 for
    maps that share no pixel. It does not depend on which of them comes first.

    Args:
        a, b: two maps of each image, (n, h, w), finite, not negative.

    Returns:
        float64 (n,) in [0, 1]; NaN where one of the two is a map of zeros.

    Raises:
        UserError: for shapes that differ, and for maps with negative or non-finite values.

    >>> map_change([[[3.0, 1.0]]], [[[1.0, 3.0]]])
    array([0.5])
    """
    a, b = _checked_maps(a), _checked_maps(b)
    _require_same_shape(a, b)
    pairs = zip(a, b, _energy(a), _energy(b), strict=True)  # one image at a time bounds the memory
    return np.array([_distance(*pair) for pair in pairs], np.float64)


def _distance(a: np.ndarray, b: np.ndarray, energy_a: float, energy_b: float) -> float:
    if energy_a == 0 or energy_b == 0:
        return np.nan
    return np.abs(a.astype(np.float64) / energy_a - b.astype(np.float64) / energy_b).sum() / 2


def _energy(maps: np.ndarray) -> np.ndarray:
    return maps.sum(axis=(1, 2), dtype=np.float64)


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Return part / whole, NaN where the whole is 0."""
    return np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0)


def _checked_maps(maps: np.ndarray) -> np.ndarray:
    maps = np.asarray(maps)
    if maps.ndim != 3 or not np.issubdtype(maps.dtype, np.floating):
        raise UserError(f"maps must be floats, images x rows x columns, not {_told(maps)}")
    if not (maps >= 0).all() or not np.isfinite(maps).all():
        raise UserError("maps must be finite and not negative")
    return maps


def _checked_masks(masks: np.ndarray) -> np.ndarray:
    masks = np.asarray(masks)
    if masks.ndim != 3 or masks.dtype != bool:
        raise UserError(f"masks must be bool, images x rows x columns, not {_told(masks)}")
    return masks


def _require_same_shape(a: np.ndarray, b: np.ndarray) -> None:
    if a.shape != b.shape:
        raise UserError(f"maps and what they are held against differ: {a.shape} and {b.shape}")


def _told(array: np.ndarray) -> str:
    return f"{array.dtype} {array.shape}"
