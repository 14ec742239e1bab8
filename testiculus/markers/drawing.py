"""From draws to pixels: `apply_markers`, every image with its own markers, in one pass.

Every marker is a stamp put at a whole pixel. For each pixel a canvas of integers keeps the topmost
stamp that covers it (its place in the order, then its cover and its shade in 8 bits each), which
does not depend on the order in which a device works: the same draws give the same image anywhere.
"""

import math
from functools import lru_cache

import torch

from testiculus.markers.draws import MarkerDraws, draw_markers
from testiculus.markers.recipes import Amount, MarkerRecipe
from testiculus.markers.stamps import KINDS, VIEW, stamp

SPACING = 30 / VIEW  # from dot to dot of a caliper line, of the shorter side; released code


def apply_markers(images: torch.Tensor, draws: MarkerDraws) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the images with their markers drawn in, and the mask of the drawn pixels.

    Args:
        images: float (n, 1, h, w) in [0, 1]; never written to.
        draws: the draws of these n images, on the images' device.

    The mask is bool (n, 1, h, w), true wherever a marker covers any part of a pixel. Raises
    ValueError where the numbers of images and draws differ.
    """
    n, _, height, width = images.shape
    if len(draws) != n:
        raise ValueError(f"{len(draws)} draws for {n} images")
    if not draws.kinds:
        return images, torch.zeros_like(images, dtype=torch.bool)
    canvas = torch.zeros(n * height * width, dtype=torch.int32, device=images.device)
    for kind in KINDS:
        if kind in draws.kinds:
            first = draws.kinds.index(kind)
            slots = slice(first, first + draws.kinds.count(kind))
            _put(canvas, kind, draws, slots, (height, width))
    canvas = canvas.view(n, 1, height, width)
    cover = ((canvas >> 8) & 255).to(images.dtype) / 255
    shade = (canvas & 255).to(images.dtype) / 255
    return images * (1 - cover) + shade * cover, canvas > 0


def draw_kind(
    kind: str, images: torch.Tensor, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return images (n, 1, h, w) with one marker of `kind` on each, and the markers' mask.

    For pictures, and for markers inserted at test time. Raises `UserError` for an unknown kind.
    """
    one = MarkerRecipe((Amount(kind, chance=1.0),))
    return apply_markers(images, draw_markers(one, len(images), generator).to(images.device))


def _put(
    canvas: torch.Tensor, kind: str, draws: MarkerDraws, slots: slice, size: tuple[int, int]
) -> None:
    """Put all markers of one kind on the canvas."""
    order = torch.arange(slots.start + 1, slots.stop + 1, device=canvas.device)
    present = draws.present[:, slots]
    rank = torch.where(present, order, 0)  # n x m; 0 is not drawn
    if kind != "calipers":
        picture = _packed(kind, *size, canvas.device)
        _paste(canvas, picture, _corner(draws.start[:, slots], picture, size), rank, size)
        return
    cross, dot = (_packed(part, *size, canvas.device) for part in ("cross", "dot"))
    ends = [_corner(places[:, slots], cross, size) for places in (draws.start, draws.end)]
    _paste(canvas, dot, *_dots(ends, rank, cross, dot, size), size)
    for corner in ends:
        _paste(canvas, cross, corner, rank, size)


def _dots(ends, rank: torch.Tensor, cross, dot, size) -> tuple[torch.Tensor, torch.Tensor]:
    """Return corner (n, m * dots, 2) and rank of the dots on caliper lines, evenly spaced."""
    step = SPACING * min(size)
    most = math.ceil(math.hypot(*size) / step)
    a, b = (corner + (cross.shape[0] - dot.shape[0]) / 2 for corner in ends)
    gaps = torch.round(torch.linalg.vector_norm(b - a, dim=2) / step).clamp(min=1)  # n x m
    number = torch.arange(1, most + 1, device=rank.device)
    along = (number / gaps[:, :, None])[..., None]  # n x m x dots x 1
    corners = torch.round(a[:, :, None] + along * (b - a)[:, :, None])
    rank = torch.where(along[..., 0] < 1, rank[:, :, None], 0)
    return corners.clamp(min=0).flatten(1, 2), rank.flatten(1)


def _corner(places: torch.Tensor, picture: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Return the whole pixel of a stamp's left upper corner, (x, y) as float (n, m, 2)."""
    room = [size[1] - picture.shape[1], size[0] - picture.shape[0]]
    return torch.round(torch.stack([places[..., i] * room[i] for i in (0, 1)], dim=2))


def _paste(
    canvas: torch.Tensor,
    picture: torch.Tensor,
    corner: torch.Tensor,
    rank: torch.Tensor,
    size: tuple[int, int],
) -> None:
    """Keep for each pixel of the canvas the highest of what is there and a picture put on it.

    picture: int32 (a, b), cover and shade; corner: (n, m, 2); rank: (n, m), 0 is not drawn.
    """
    height, width = size
    if corner.device.type == "cpu":  # elsewhere choosing would wait for the device
        image, slot = rank.nonzero(as_tuple=True)
        corner, rank = corner[image, slot], rank[image, slot]
    else:
        image = torch.arange(len(rank), device=rank.device)[:, None]
    down, right = (torch.arange(side, device=canvas.device) for side in picture.shape)
    inside = (down[:, None] * width + right).flatten()
    place = corner.long()
    base = image * height * width + place[..., 1] * width + place[..., 0]
    flat = picture.flatten()
    key = torch.where(flat > 0, (rank.int() << 16)[..., None] + flat, 0)
    key = torch.where(rank[..., None] > 0, key, 0)
    canvas.scatter_reduce_(0, (base[..., None] + inside).flatten(), key.flatten(), "amax")


@lru_cache(maxsize=64)
def _packed(kind: str, height: int, width: int, device: torch.device) -> torch.Tensor:
    """Return a stamp as int32: cover in the second byte, shade in the first, 0 if not covered."""
    cover, shade = stamp(kind, height, width)
    cover, shade = (torch.round(255 * part).int() for part in (cover, shade))
    return torch.where(cover > 0, (cover << 8) + shade, 0).int().to(device)
