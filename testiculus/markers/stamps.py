"""Pictures of the markers, drawn by code at the size of an image: `stamp`.

A shape is described on a plane in pixels and sampled 8 x 8 times a pixel, which smooths its edges.
Sizes are the released code's, in pixels on a view of 300, scaled to the image and rounded to whole
pixels, so that straight edges stay sharp; what would become thinner than a pixel stays one pixel.
"""

from functools import lru_cache

import torch
from torch.nn.functional import avg_pool2d

from testiculus.base.errors import one_of

KINDS = (
    "ring",
    "dot",
    "cross",
    "long_dash",
    "small_dash",
    "grey_bar",
    "depth_ruler",
    "calipers",
)
VIEW = 300  # pixels; the side of a released view, which the sizes refer to
SIZES = {  # width and height in pixels on such a view; released code
    "ring": (10, 10),
    "dot": (2, 2),
    "cross": (18, 18),
    "long_dash": (10, 5),
    "small_dash": (5, 5),
    "grey_bar": (18, 125),
    "depth_ruler": (20, 300),
}
SMALLEST = {"ring": 3, "cross": 5, "depth_ruler": 6, "grey_bar": 2}  # pixels across, to be legible
STROKE = 1.5 / 10  # of a ring's diameter; ours
ARM = 2 / 18  # of a cross: the thickness of its bright line and of its dark outline; ours
SAMPLES = 8  # a pixel is sampled so many times along each side

DIGITS = 5  # 0 to 4
TICKS = 4  # to a unit of the ruler; ours
# The strokes of a digit in a box of 1 x 2 with y downwards: from (x, y) to (x, y).
STROKES = {
    0: ((0, 0, 1, 0), (1, 0, 1, 2), (0, 2, 1, 2), (0, 0, 0, 2)),
    1: ((0.5, 0, 0.5, 2),),
    2: ((0, 0, 1, 0), (1, 0, 1, 1), (0, 1, 1, 1), (0, 1, 0, 2), (0, 2, 1, 2)),
    3: ((0, 0, 1, 0), (1, 0, 1, 2), (0, 1, 1, 1), (0, 2, 1, 2)),
    4: ((0, 0, 0, 1), (0, 1, 1, 1), (1, 0, 1, 2)),
}


@lru_cache(maxsize=64)
def stamp(kind: str, height: int, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return how a marker covers pixels and how bright it is, for images of height x width.

    Both float32 in [0, 1] of the stamp's height x width: `cover` is 0 where the image shows
    through, `shade` is 1 where the marker is white. Never larger than the image. Do not write to
    them: they are kept. Raises `UserError` for an unknown kind ("calipers" are made of crosses and
    dots and have no stamp).
    """
    one_of(kind, SIZES, "marker")
    scale = min(height, width) / VIEW
    across, along = (side * scale for side in SIZES[kind])
    if kind in ("grey_bar", "depth_ruler"):  # as tall on an oblong view as on a square one
        along = SIZES[kind][1] * height / VIEW
    cover, shade = DRAWN[kind](across, along)
    return cover[:height, :width].contiguous(), shade[:height, :width].contiguous()


def _ring(across: float, along: float) -> tuple[torch.Tensor, torch.Tensor]:
    size = max(round(across), SMALLEST["ring"])
    x, y = _plane(size, size)
    radius = torch.hypot(x - size / 2, y - size / 2)
    # However small, the hole holds a whole pixel with its corners: a ring is never a dot.
    hole = max(size / 2 - max(1.0, STROKE * size), 0.71)
    return _bright(_covered((radius <= size / 2) & (radius >= hole)))


def _cross(across: float, along: float) -> tuple[torch.Tensor, torch.Tensor]:
    line = max(1, round(ARM * across))
    # Line and size both even or both odd: the line lies on whole pixels, in the middle.
    size = max(line + 2 * round((across - line) / 2), SMALLEST["cross"])
    x, y = (part - size / 2 for part in _plane(size, size))

    def arms(thick: float, reach: float) -> torch.Tensor:
        upright = (x.abs() < thick / 2) & (y.abs() < reach)
        return _covered(upright | (x.abs() < reach) & (y.abs() < thick / 2))

    return arms(3 * line, size / 2), arms(line, size / 2 - line)


def _block(across: float, along: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw a dot or a dash: a white rectangle."""
    return _bright(torch.ones(max(1, round(along)), max(1, round(across))))


def _grey_bar(across: float, along: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw white at the top to black at the bottom."""
    height, width = max(2, round(along)), max(SMALLEST["grey_bar"], round(across))
    return torch.ones(height, width), torch.linspace(1, 0, height)[:, None].repeat(1, width)


def _depth_ruler(across: float, along: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw ticks at the left, longer at a whole unit, and beside those the digits 0 to 4."""
    height, width = max(2, round(along)), max(SMALLEST["depth_ruler"], round(across))
    x, y = _plane(height, width)
    line = max(1, round(width / 12))
    digit_width, digit_height = max(3, round(0.4 * width)), max(5, round(0.65 * width))
    reach = width - digit_width - line  # of a long tick
    unit = height / DIGITS
    inside = torch.zeros(height * SAMPLES, width * SAMPLES, dtype=torch.bool)
    for tick in range(DIGITS * TICKS - TICKS + 1):
        top = round((tick / TICKS + 0.5) * unit - line / 2)
        length = reach if tick % TICKS == 0 else max(1, reach // 2)
        inside |= (x < length) & (y >= top) & (y < top + line)
    for digit in range(DIGITS):
        top = round((digit + 0.5) * unit - digit_height / 2)
        box = (width - digit_width, top, digit_width, digit_height)
        inside |= _digit(digit, x, y, box, line)
    return _bright(_covered(inside))


def _digit(digit: int, x: torch.Tensor, y: torch.Tensor, box: tuple, line: int) -> torch.Tensor:
    """Return where a digit's strokes of thickness `line` are, inside a box of whole pixels."""
    left, top, width, height = box
    inside = torch.zeros(y.shape[0], x.shape[1], dtype=torch.bool)
    for x0, y0, x1, y1 in STROKES[digit]:
        # Strokes run inside the box, their edges on whole pixels.
        a, b = (left + round(v * (width - line)) for v in (x0, x1))
        c, d = (top + round(v * (height - line) / 2) for v in (y0, y1))
        inside |= (x >= a) & (x < b + line) & (y >= c) & (y < d + line)
    return inside


def _plane(height: int, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return where the samples lie, in pixels: x (1 x samples) and y (samples x 1)."""
    x = (torch.arange(width * SAMPLES) + 0.5) / SAMPLES
    y = (torch.arange(height * SAMPLES) + 0.5) / SAMPLES
    return x[None, :], y[:, None]


def _covered(inside: torch.Tensor) -> torch.Tensor:
    """Return the share of each pixel's samples that lie inside."""
    return avg_pool2d(inside.float()[None], SAMPLES)[0]


def _bright(cover: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return cover, torch.ones_like(cover)


DRAWN = {
    "ring": _ring,
    "dot": _block,
    "cross": _cross,
    "long_dash": _block,
    "small_dash": _block,
    "grey_bar": _grey_bar,
    "depth_ruler": _depth_ruler,
}
