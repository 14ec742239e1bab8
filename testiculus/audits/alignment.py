"""How alike two pictures are once one is laid on the other: `coarse_blocks`, then `refined`.

Images of one organ from one machine are alike by nature: the same field, the same anatomy. What two
copies share and two patients do not is the fine pattern of the echo. So pictures are compared in a
band: without their slow changes (brightness, shadows, the field), each place weighed by its own
contrast, without the finest grain (noise, compression). A copy may be mirrored, displaced, and cut
out of a larger picture, its height and width stretched each on its own.
"""

from collections.abc import Iterator

import torch
import torch.nn.functional as F

from testiculus.data.resize import resize_square

SIDE, FINE_SIDE = 64, 128  # px: of the search over all pairs, and of the comparison of a few
BLUR, SURROUND = 1.0, 4.0  # px, standard deviations: the band lies between the two
FLOOR = 4.0  # grey levels: contrast below this is no pattern
MARGIN, REACH, STEP, POINT = 12, 8, 2, 3  # px of SIDE: left out, shift, its step, between points
ZOOMS = (1.0, 1.12, 1.25)  # how much larger a cut-out shows the same things
ROWS_AT_ONCE, PAIRS_AT_ONCE, IMAGES_AT_ONCE = 1024, 32, 16  # small enough for a cache
ROUNDS = ((SIDE, 5), (FINE_SIDE, 3))  # sides and steps of the Gauss-Newton search
LEAST_OVERLAP = 0.4  # of the picture: less is no copy of it
SCALES = (0.6, 1.6)  # of a stretch: outside, the search has gone astray


def band(pixels: torch.Tensor, side: int) -> torch.Tensor:
    """Return the band of images, uint8 n x 1 x h x w, as float32 n x side x side; about 1 at most.

    (blurred - its surround) / (local standard deviation + 4 grey levels).
    """
    parts = [_band(part, side) for part in pixels.split(IMAGES_AT_ONCE)]
    return torch.cat([torch.zeros(0, side, side), *parts])


def _band(pixels: torch.Tensor, side: int) -> torch.Tensor:
    picture = _blurred(resize_square(pixels, side).float(), BLUR)
    pattern = picture - _blurred(picture, SURROUND)
    contrast = _blurred(pattern.square(), SURROUND).sqrt()
    return (pattern / (contrast + FLOOR))[:, 0]


def _blurred(images: torch.Tensor, sigma: float) -> torch.Tensor:
    reach = int(3 * sigma + 0.5)
    kernel = torch.exp(-(torch.arange(-reach, reach + 1) ** 2) / (2 * sigma**2))
    kernel /= kernel.sum()
    padded = F.pad(images, [reach] * 4, mode="replicate")
    return F.conv2d(F.conv2d(padded, kernel.view(1, 1, 1, -1)), kernel.view(1, 1, -1, 1))


def coarse_blocks(
    images: torch.Tensor, others: torch.Tensor
) -> Iterator[tuple[slice, torch.Tensor, torch.Tensor]]:
    """Yield how well the inner part of images fits anywhere on other images, some rows at a time.

    For each pair the largest correlation over both mirrorings, the zooms `ZOOMS` of the other image
    and shifts by up to an eighth of the side; one matrix product each.

    Args:
        images: uint8 m x 1 x h x w.
        others: uint8 n x 1 x h' x w'.

    Yields:
        rows of `images`; correlations, float32 (rows, n); and places, int16 (rows, n), which
        `where` turns into flip, scale and shift.
    """
    inner = slice(MARGIN, SIDE - MARGIN, POINT)
    parts = _normalised(band(images, SIDE)[:, inner, inner])
    zoomed = [band(_zoomed(others, zoom), SIDE) for zoom in ZOOMS]
    for start in range(0, len(parts), ROWS_AT_ONCE):
        rows = slice(start, min(start + ROWS_AT_ONCE, len(parts)))
        best = torch.full((rows.stop - start, len(others)), -1.0)
        place = torch.zeros(best.shape, dtype=torch.int16)
        found, better = torch.empty_like(best), torch.empty(best.shape, dtype=torch.bool)
        for number, (zoom, flip, down, right) in enumerate(_PLACES):
            whole = zoomed[zoom].flip(-1) if flip else zoomed[zoom]
            part = whole[:, _moved(down), _moved(right)]
            torch.mm(parts[rows], _normalised(part).T, out=found)
            place.masked_fill_(torch.gt(found, best, out=better), number)
            torch.maximum(best, found, out=best)
        yield rows, best, place


_SHIFTS = range(-REACH, REACH + 1, STEP)
_PLACES = [
    (z, flip, down, right)
    for z in range(len(ZOOMS))
    for flip in (0, 1)
    for down in _SHIFTS
    for right in _SHIFTS
]


def _moved(shift: int) -> slice:
    return slice(MARGIN + shift, SIDE - MARGIN + shift, POINT)


def _zoomed(pixels: torch.Tensor, zoom: float) -> torch.Tensor:
    """Return the middle of the images, 1 / zoom of each side, at their former size."""
    if zoom == 1:
        return pixels
    sides = [round(side / zoom / 2) * 2 for side in pixels.shape[-2:]]
    top, left = ((whole - side) // 2 for whole, side in zip(pixels.shape[-2:], sides, strict=True))
    return pixels[..., top : top + sides[0], left : left + sides[1]].contiguous()


def _normalised(parts: torch.Tensor) -> torch.Tensor:
    """Return parts (n, h, w) as rows of mean 0 and length 1, or 0 where there is no pattern."""
    rows = parts.flatten(1)
    rows = rows - rows.mean(1, keepdim=True)
    return rows / rows.norm(dim=1, keepdim=True).clamp(min=1e-3)


def where(places: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what places mean: whether mirrored, bool (k,), and a map (k, 4).

    A map holds stretches and shifts (x and y of each, in half sides): the point (x, y) of the image
    in [-1, 1] lies at (map_0 x + map_2, map_1 y + map_3) of the other.
    """
    chosen = torch.tensor(_PLACES)[places.long()]
    scale = 1 / torch.tensor(ZOOMS)[chosen[:, 0]]
    right, down = (2 * chosen[:, i] / SIDE * scale for i in (3, 2))
    return chosen[:, 1] > 0, torch.stack([scale, scale, right, down], dim=1)


def fine_bands(pixels: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Return the bands that `refined` compares, one tensor per size of `ROUNDS`."""
    return tuple(band(pixels, side) for side, _ in ROUNDS)


def refined(
    images: tuple[torch.Tensor, ...],
    others: tuple[torch.Tensor, ...],
    flips: torch.Tensor,
    maps: torch.Tensor,
    pairs: tuple[torch.Tensor, torch.Tensor],
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the correlation of pairs of images where they fit best, float32 (k,), and the maps.

    Stretches and shifts are improved by Gauss-Newton steps on the squared difference of the bands,
    first at `SIDE`, then at `FINE_SIDE`; the correlation is over what overlaps there. 0 where less
    than 0.4 of the picture does, or where a stretch leaves `SCALES`.

    Args:
        images, others: as `fine_bands` gives them.
        flips: bool (k,), whether the other is mirrored.
        maps: float32 (k, 4), as `where` gives them.
        pairs: the positions (k,) among `images` and among `others`.
    """
    likeness, found = [torch.zeros(0)], [maps[:0]]
    for start in range(0, len(maps), PAIRS_AT_ONCE):
        rows = slice(start, start + PAIRS_AT_ONCE)
        near, mirrored = maps[rows], flips[rows, None, None]
        for size, (_, steps) in enumerate(ROUNDS):
            image, other = images[size][pairs[0][rows]], others[size][pairs[1][rows]]
            other = torch.where(mirrored, other.flip(-1), other)
            for _ in range(steps):
                near = near + _step(image, other, near)
        likeness.append(_likeness(image, other, near))
        found.append(near)
    return torch.cat(likeness), torch.cat(found)


def _plane(side: int) -> torch.Tensor:
    """Return the points of a picture, side x side x 2, x before y, from -1 to 1."""
    line = torch.linspace(-1, 1, side)
    return torch.stack(torch.meshgrid(line, line, indexing="xy"), dim=-1)


def _laid(bands: torch.Tensor, maps: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return bands (k, c, s, s) where the maps lay them, and where they are, bool (k, s, s)."""
    points = _plane(bands.shape[-1]) * maps[:, None, None, :2] + maps[:, None, None, 2:]
    laid = F.grid_sample(bands, points, mode="bilinear", align_corners=True)
    return laid, (points.abs() < 1).all(-1)


def _step(images: torch.Tensor, others: torch.Tensor, maps: torch.Tensor) -> torch.Tensor:
    """Return one Gauss-Newton step of the maps, at most 0.05 each."""
    side = images.shape[-1]
    across = F.pad(others[:, :, 2:] - others[:, :, :-2], (1, 1)) * (side - 1) / 4
    down = F.pad(others[:, 2:] - others[:, :-2], (0, 0, 1, 1)) * (side - 1) / 4
    laid, inside = _laid(torch.stack([others, across, down], dim=1), maps)
    value, across, down = (laid * inside[:, None]).unbind(1)
    residual = ((images - value) * inside).flatten(1)
    x, y = _plane(side).unbind(-1)
    slopes = torch.stack([across * x, down * y, across, down], dim=1).flatten(2)
    normal = slopes @ slopes.mT
    damping = 1e-3 * normal.diagonal(dim1=1, dim2=2).mean(1).clamp(min=1e-3)
    normal = normal + damping[:, None, None] * torch.eye(4)
    step = torch.linalg.solve(normal, slopes @ residual[..., None])[..., 0]
    return step.clamp(-0.05, 0.05)


def _likeness(images: torch.Tensor, others: torch.Tensor, maps: torch.Tensor) -> torch.Tensor:
    laid, inside = _laid(others[:, None], maps)
    weight = inside.float()
    area = weight.sum((1, 2))
    rows = [_centred(bands, weight, area) for bands in (images, laid[:, 0])]
    lengths = rows[0].norm(dim=(1, 2)) * rows[1].norm(dim=(1, 2))
    correlation = (rows[0] * rows[1]).sum((1, 2)) / lengths.clamp(min=1e-3)
    low, high = SCALES
    plausible = ((maps[:, :2] > low) & (maps[:, :2] < high)).all(1)
    plausible &= area / weight[0].numel() > LEAST_OVERLAP
    return torch.where(plausible, correlation, 0.0)


def _centred(bands: torch.Tensor, weight: torch.Tensor, area: torch.Tensor) -> torch.Tensor:
    mean = (bands * weight).sum((1, 2)) / area.clamp(min=1)
    return (bands - mean[:, None, None]) * weight
