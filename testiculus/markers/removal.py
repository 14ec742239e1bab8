"""Finding rings and crosses by their shape and filling them from around: `remove_markers`.

The released pretraining removes markers by template matching in one of its two views. This is ours:
normalised cross-correlation with the stamps that `apply_markers` draws, all images at once.
"""

import torch
from torch.nn.functional import avg_pool2d, conv2d, max_pool2d, pad

from testiculus.markers.stamps import stamp

KINDS = ("ring", "cross")  # what the released code puts in, and is small and alike everywhere
ALIKE = 0.7  # correlation from which a place counts as a marker; ours: on phantom views of 32 to
# 256 px it leaves about a fifth of what was drawn and touches less than 0.01 % of unmarked pixels
CONTRAST = 0.2  # how much brighter than its surround a marker is; ours, likewise


def remove_markers(images: torch.Tensor, alike: float = ALIKE) -> torch.Tensor:
    """Return images with their rings and crosses filled from the pixels around them.

    Args:
        images: float (n, 1, h, w) in [0, 1]; never written to.
        alike: the least correlation with a marker's picture that counts as one, in (0, 1].

    Only what has the size of a marker on such an image is found, and it takes some tissue that
    happens to look like one.
    """
    for kind in KINDS:
        cover, shade = (part.to(images) for part in stamp(kind, *images.shape[-2:]))
        marked = _found(images, cover, shade, alike)
        rows = marked.flatten(1).any(dim=1)  # few images of a set have any
        around = _surround(images[rows], marked[rows], cover.shape[0])
        images = images.clone()
        images[rows] = torch.where(marked[rows], around, images[rows])
    return images


def _found(images: torch.Tensor, cover, shade, alike: float) -> torch.Tensor:
    """Return the pixels, bool (n, 1, h, w), of the places that look like a stamp."""
    picture = pad(cover * shade, (1, 1, 1, 1))[None, None]
    ground = pad(cover, (1, 1, 1, 1))[None, None]
    # A ring is known by its hole and its surround; of a cross only what it covers is known.
    weight = torch.ones_like(ground) if bool((shade == 1).all()) else (ground > 0).to(images)
    weight = weight / weight.sum()
    ideal = picture - (weight * picture).sum()
    spread = (weight * ideal.square()).sum()
    reach = picture.shape[-1] // 2
    framed = pad(images, (reach, picture.shape[-1] - 1 - reach) * 2)
    mean, both = conv2d(framed, torch.cat([weight, weight * ideal])).split(1, dim=1)
    square = conv2d(framed.square(), weight)
    correlation = both / (spread * (square - mean.square()).clamp(min=1e-6)).sqrt()
    near = 2 * reach - 1  # no two markers are closer than this
    highest = max_pool2d(correlation, (near, 1), 1, (reach - 1, 0))
    highest = max_pool2d(highest, (1, near), 1, (0, reach - 1))
    hit = (correlation == highest) & (correlation > alike) & (both / spread > CONTRAST)
    marked = torch.zeros_like(framed, dtype=torch.bool)
    image, row, column = (part[:, None] for part in hit[:, 0].nonzero(as_tuple=True))
    down, right = ground[0, 0].nonzero(as_tuple=True)
    marked[image, 0, row + down, column + right] = True
    height, width = images.shape[-2:]
    return marked[..., reach : reach + height, reach : reach + width]


def _surround(images: torch.Tensor, marked: torch.Tensor, size: int) -> torch.Tensor:
    """Return the mean of the unmarked pixels in a window twice a marker's size about each pixel."""
    known = (~marked).to(images)
    parts = torch.cat([images * known, known], dim=1)
    for window, margin in (((2 * size + 1, 1), (size, 0)), ((1, 2 * size + 1), (0, size))):
        parts = avg_pool2d(parts, window, 1, margin)
    total, share = parts.split(1, dim=1)
    return total / share.clamp(min=1e-6)
