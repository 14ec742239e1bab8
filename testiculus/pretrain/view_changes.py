"""What a view does to the pixels: a black square, one resampling, jitter, sharpness, noise.

Each function takes float images (n, 1, h, w) in [0, 1] and one value per image, on one device, does
the whole batch in a few tensor operations, and never writes to what it is given.
"""

from functools import cache

import torch
from torch.nn import functional

from testiculus.augment import sampling_grid
from testiculus.base.devices import generator

NOISE_VALUES = 2**22  # 16 MB: 64 times an image of 256 px, 1,024 times one of 64 px


def blacken_square(images: torch.Tensor, corner: torch.Tensor, side: float) -> torch.Tensor:
    """Return the images with a black square each, wholly inside the image.

    Args:
        images: float (n, 1, h, w).
        corner: (n, 2), where the square lies across and down, from 0 (left, top) to 1 (right,
            bottom).
        side: the square's, as a fraction of the image's shorter side; rounded to whole pixels.
    """
    height, width = images.shape[-2:]
    pixels = round(side * min(height, width))
    inside = []
    for place, length in zip(corner.T, (width, height), strict=True):
        start = torch.round(place * (length - pixels))[:, None]
        number = torch.arange(length, device=images.device)
        inside.append((number >= start) & (number < start + pixels))  # n x length
    across, down = inside
    square = down[:, None, :, None] & across[:, None, None, :]
    return images.masked_fill(square, 0.0)


def resample(images: torch.Tensor, theta: torch.Tensor, black_outside: bool) -> torch.Tensor:
    """Return the images read at the positions of their affine maps, bilinearly.

    Args:
        images: float (n, 1, h, w).
        theta: (n, 2, 3), from output to input positions in grid_sample's coordinates.
        black_outside: what lies outside the image is black (as its surround is); else it repeats
            the edge, which for a crop keeps the outermost line of pixels from fading to black.
    """
    grid = sampling_grid(theta, images.shape[-2:])
    padding = "zeros" if black_outside else "border"
    result = functional.grid_sample(images, grid, padding_mode=padding, align_corners=False)
    return result.clamp_(0, 1)  # a rounding error may pass white


def jitter(
    images: torch.Tensor, factors: torch.Tensor, contrast_first: torch.Tensor
) -> torch.Tensor:
    """Return the images with brightness and contrast changed, in an order of their own.

    Both pull a grey level away from a pivot, x -> pivot + factor (x - pivot), cut to [0, 1]: black
    for the brightness, the image's own mean at that moment for the contrast (as torchvision's).

    Args:
        images: float (n, 1, h, w).
        factors: (n, 2), of the first and of the second change; 1 changes nothing.
        contrast_first: bool (n,), whether the first change is the contrast's.
    """
    for factor, contrast in zip(factors.T, (contrast_first, ~contrast_first), strict=True):
        rest = (1 - factor) * contrast * images.mean(dim=(1, 2, 3))
        images = torch.addcmul(_per_image(rest), images, _per_image(factor)).clamp_(0, 1)
    return images


def sharpen(images: torch.Tensor, factor: torch.Tensor) -> torch.Tensor:
    """Return the images with their sharpness changed as torchvision (and Pillow) change it.

    Args:
        images: float (n, 1, h, w).
        factor: (n,); 0 smooths, 1 changes nothing, 2 doubles the difference to the smooth image.

    The smooth image weighs a pixel 5 and its eight neighbours 1, over 13, so that its difference
    to the image is 9/13 of the difference to the mean of the nine. The outermost line stays.
    """
    result = images.clone()
    inner = result[..., 1:-1, 1:-1]
    if not inner.numel():
        return result
    # Sums of three rows, then of three columns: 1.4 times as fast as pooling on a CPU.
    rows = images[..., :-2, :] + images[..., 1:-1, :] + images[..., 2:, :]
    nine = rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:]
    inner.addcmul_(inner - nine / 9, _per_image((factor - 1) * (9 / 13)))
    return result.clamp_(0, 1)


def add_noise(images: torch.Tensor, amount: torch.Tensor, stretch: torch.Tensor) -> torch.Tensor:
    """Return the images with Gaussian noise added, cut to [0, 1].

    Args:
        images: float (n, 1, h, w).
        amount: (n,), the noise's standard deviation; full white is 1.
        stretch: (n,), from 0 to 1: which stretch of a fixed sequence of normal values is added.

    Every pixel's noise thus follows from its image's own draw: the same on every device, alone or
    in a batch, without a value per pixel to be drawn on the CPU and carried to the GPU. Two images'
    stretches may overlap, displaced against each other.
    """
    pixels = images[0].numel()
    values = normal_values(images.device, max(NOISE_VALUES, 2 * pixels))
    start = (stretch * (len(values) - pixels)).long()
    noise = values.unfold(0, pixels, 1)[start].view_as(images)
    return torch.addcmul(images, noise, _per_image(amount)).clamp_(0, 1)


@cache
def normal_values(device: torch.device, count: int) -> torch.Tensor:
    """Return the sequence of standard normal values that `add_noise` cuts its noise from."""
    return torch.randn(count, generator=generator("noise of views")).to(device)


def _per_image(values: torch.Tensor) -> torch.Tensor:
    return values[:, None, None, None]
