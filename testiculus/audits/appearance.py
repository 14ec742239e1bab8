"""How a picture looks apart from what it shows: grey levels, sharpness, size, tint.

Main function: `appearance`, of one picture at its own resolution. Grey levels and sharpness are the
scanner's and its settings', but tissue has a part in them too: what they tell about a label is no
proof of a confound. Size and tint cannot come from tissue.
"""

import numpy as np

from testiculus.data.views import BLACK_TOLERANCE

GREY = ("black", "grey_10", "grey_50", "grey_90", "grey_mean", "grey_spread", "white")
SHARP = ("sharp_down", "sharp_across", "grain", "grain_ratio")
WHITE = 250  # grey level from which a pixel is saturated


def appearance(grey: np.ndarray) -> dict[str, float]:
    """Return the measures `GREY` and `SHARP` of a picture, uint8 H x W.

    black and white: shares of pixels of at most 3 and at least 250. grey_*: deciles, mean and
    standard deviation of the other pixels. sharp_*: mean absolute difference of neighbours down
    and across, over the standard deviation. grain: the same of the second difference, both ways;
    grain_ratio: grain down over grain across. A picture without two lit neighbours has zeros.
    """
    lit = grey > BLACK_TOLERANCE
    found = dict.fromkeys((*GREY, *SHARP), 0.0)
    found["black"], found["white"] = float(1 - lit.mean()), float((grey >= WHITE).mean())
    if not lit.any():
        return found
    inside = grey[lit]
    found |= {f"grey_{q}": float(np.percentile(inside, q)) for q in (10, 50, 90)}
    found |= {"grey_mean": float(inside.mean()), "grey_spread": float(inside.std())}
    values, spread = grey.astype(np.float32), max(float(inside.std()), 1.0)
    down, across = _steps(values, lit, 0, 1), _steps(values, lit, 1, 1)
    grain = [_steps(values, lit, axis, 2) for axis in (0, 1)]
    found |= {"sharp_down": down / spread, "sharp_across": across / spread}
    found |= {"grain": sum(grain) / 2 / spread, "grain_ratio": grain[0] / max(grain[1], 1e-6)}
    return found


def _steps(values: np.ndarray, lit: np.ndarray, axis: int, order: int) -> float:
    """Return the mean absolute difference of `order` along `axis`, between lit pixels."""
    differences = np.abs(np.diff(values, n=order, axis=axis))
    known = lit
    for _ in range(order):
        known = np.logical_and(*_neighbours(known, axis))
    return float(differences[known].mean()) if known.any() else 0.0


def _neighbours(array: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    size = array.shape[axis]
    return array.take(range(1, size), axis), array.take(range(size - 1), axis)
