"""The one way pictures and masks change size, so that no size betrays where a picture comes from.

Main functions: `resize_square` for grey, `resize_mask` for 0/1. Both stretch to a square: width and
height are scaled on their own, as the released code does.
"""

import torch
import torch.nn.functional as F


def resize_square(pixels: torch.Tensor, size: int) -> torch.Tensor:
    """Return uint8 N x 1 x H x W as uint8 N x 1 x size x size, on the same device.

    Bilinear with antialiasing (a triangle filter as wide as one target pixel), in torch's 8-bit
    arithmetic, which stays within one grey level of Pillow's. It is always computed on the CPU,
    so that a GPU's rounding makes no difference between simulated pictures and files. At the
    right size already, the very same values come back.
    """
    if pixels.shape[-2:] == (size, size):
        return pixels
    resized = F.interpolate(pixels.cpu(), size=(size, size), mode="bilinear", antialias=True)
    return resized.to(pixels.device)


def resize_mask(mask: torch.Tensor, size: int) -> torch.Tensor:
    """Return a 0/1 mask, uint8 N x 1 x H x W, as 0/1 at size x size: 1 from one half on.

    The same filter as `resize_square` weighs the pixels, so that mask and picture stay aligned.
    """
    return (resize_square(mask * 255, size) > 127).to(torch.uint8)
