"""How far images are from one another as pictures, whichever way round and a little displaced.

Main functions: `pixel_blocks`, the distances of many pairs, and `planted`, copies to test a search
with. A pair is compared as a template is sought: the inner part of one image is laid on the other
at every shift, mirrored or not, and the best correlation counts. All images are compared at one
coarse size, slightly blurred: what remains is the anatomy and the coarse pattern of the echo, which
a copy shares, and not the grain, which a noisy copy does not.
"""

from collections.abc import Iterator

import torch

from testiculus.augment import Augmentations, affine_maps, apply
from testiculus.base.errors import UserError, one_of
from testiculus.data.resize import resize_square

# Fixed on the phantom with planted copies, before any generator was trained. At 32 px without blur
# a noisy copy loses too much of its correlation; a larger blur makes all images alike.
SIDE = 64  # px: larger images are averaged down, smaller ones stretched
BLUR = 2.0  # standard deviation in px of SIDE: one pixel of a 32 px image
REACH = 4  # px of SIDE: shifts by whole px in both directions, up to one sixteenth of the side
MARGIN = (
    8  # px of SIDE left out around the inner part: the shift, and what blur brings from outside
)
STEP = 4  # px between the points that are compared: a blurred image holds little more than these
ROWS_AT_ONCE = 1024

PLANTED = ("exact", "flipped", "shifted", "brighter", "noisy", "turned")
SHIFT = 1 / 16  # of the side, at most, each way
GAIN = 1.25  # grey levels above 255 saturate
NOISE = 0.05 * 255  # standard deviation in grey levels
TURN = 3.0  # degrees, either way


def checked_pixels(pixels: torch.Tensor, what: str) -> torch.Tensor:
    """Return pixels on the CPU; `UserError` unless they are uint8 (n, 1, h, w) with n > 0."""
    shape = tuple(getattr(pixels, "shape", ()))
    if getattr(pixels, "dtype", None) != torch.uint8 or len(shape) != 4 or shape[1] != 1:
        raise UserError(f"{what} must be pixels of type uint8 and shape n x 1 x h x w, not {shape}")
    if 0 in shape:
        raise UserError(f"{what} are none", remedy="there must be at least one image")
    return pixels.cpu()


def pixel_blocks(
    images: torch.Tensor, training: torch.Tensor
) -> Iterator[tuple[slice, torch.Tensor]]:
    """Yield the distances of images to all training images, some rows at a time.

    The distance is 1 - r, with r the largest correlation (over the points of the inner part,
    both normalised to mean 0 and variance 1 there) over horizontal flip and all shifts of up to
    `REACH` px each way: 0 for a copy, 1 for unrelated images, at most 2. A part without any
    contrast has r = 0 with everything. It is computed as one matrix product per flip and shift, in
    float32, to about 1e-6.

    Args:
        images: uint8 (m, 1, h, w), sought in
        training: uint8 (n, 1, h', w').

    Yields:
        rows of `images` and their distances, float32 (len(rows), n).

    Raises:
        UserError: for other pixels, or none.
    """
    images = _coarse(checked_pixels(images, "images"))
    training = _coarse(checked_pixels(training, "training images"))
    inner = slice(MARGIN, SIDE - MARGIN, STEP)
    for start in range(0, len(images), ROWS_AT_ONCE):
        rows = slice(start, min(start + ROWS_AT_ONCE, len(images)))
        parts = _normalised(images[rows, inner, inner])
        best = torch.full((len(parts), len(training)), -1.0)
        for places in _places(training):
            torch.maximum(best, parts @ _normalised(places).T, out=best)
        yield rows, (1 - best).clamp_(min=0)


def _places(training: torch.Tensor) -> Iterator[torch.Tensor]:
    """Yield the part of every image that the inner part is laid on, for each flip and shift."""
    shifts = [
        slice(MARGIN + shift, SIDE - MARGIN + shift, STEP) for shift in range(-REACH, REACH + 1)
    ]
    for images in (training, training.flip(-1)):
        for down in shifts:
            for right in shifts:
                yield images[:, down, right]


def _coarse(pixels: torch.Tensor) -> torch.Tensor:
    """Return images at SIDE x SIDE, blurred, float32 (n, SIDE, SIDE) in grey levels."""
    reach = int(3 * BLUR + 0.5)
    kernel = torch.exp(-(torch.arange(-reach, reach + 1) ** 2) / (2 * BLUR**2))
    kernel /= kernel.sum()
    images = resize_square(pixels, SIDE).float()
    padded = torch.nn.functional.pad(images, [reach] * 4, mode="replicate")
    across = torch.nn.functional.conv2d(padded, kernel.view(1, 1, 1, -1))
    return torch.nn.functional.conv2d(across, kernel.view(1, 1, -1, 1))[:, 0]


def _normalised(parts: torch.Tensor) -> torch.Tensor:
    """Return parts of images (n, h, w) as rows of mean 0 and length 1, or 0 without contrast."""
    rows = parts.flatten(1)
    rows = rows - rows.mean(1, keepdim=True)
    lengths = rows.norm(dim=1, keepdim=True)
    flat = lengths < 1e-3 * rows.shape[1] ** 0.5  # a thousandth of a grey level: rounding
    return torch.where(flat, 0.0, rows / lengths.clamp(min=1e-6))


def planted(training: torch.Tensor, kind: str, rng: torch.Generator) -> torch.Tensor:
    """Return copies of images, each changed a little as `kind` says, uint8 (n, 1, h, w).

    exact: not at all. flipped: left and right. shifted: by whole pixels, up to a sixteenth of the
    side each way, black coming in. brighter: grey levels times 1.25, saturating. noisy: normal
    noise of 5 % of the full scale. turned: 3 degrees about the centre, either way.

    Args:
        training: uint8 (n, 1, h, w).
        kind: one of `PLANTED`.
        rng: CPU generator of shifts, noise and directions.

    Raises:
        UserError: for an unknown kind, and for other pixels, or none.
    """
    one_of(kind, PLANTED, "planted copy")
    images = checked_pixels(training, "images to copy").float()
    n, size = len(images), images.shape[-2:]
    if kind == "flipped":
        images = images.flip(-1)
    elif kind == "brighter":
        images = images * GAIN
    elif kind == "noisy":
        images = images + NOISE * torch.randn(images.shape, generator=rng)
    elif kind == "shifted":
        right, down = SHIFT * (2 * torch.rand(2, n, generator=rng) - 1)
        images = _moved(images, affine_maps(torch.zeros(n), _no(n), right, down, size))
    elif kind == "turned":
        angle = TURN * (2.0 * (torch.rand(n, generator=rng) < 0.5) - 1)
        images = _moved(images, affine_maps(angle, _no(n), torch.zeros(n), torch.zeros(n), size))
    return images.round().clamp(0, 255).to(torch.uint8)


def _no(n: int) -> torch.Tensor:
    return torch.zeros(n, dtype=torch.bool)


def _moved(images: torch.Tensor, theta: torch.Tensor) -> torch.Tensor:
    return apply(images, Augmentations(theta, None, 0.0))
