"""A convolution that is fast on a CPU where its output is a few pixels: `ConvolutionOnSmallMaps`.

The last stage of a ResNet-18 sees 2 x 2 pixels of a 64 px image. There PyTorch's CPU convolution,
above all its backward pass in bf16, takes three times as long as the matrix product that it is.
What that does to a whole training step stands in benchmarks/results/convolution-cpu.md (`make
bench`).
"""

import torch
from torch import nn
from torch.nn import functional

SMALL = 4  # output pixels up to which the product is faster; at 16 both are alike, above it is not


class ConvolutionOnSmallMaps(nn.Conv2d):
    """A `Conv2d` with the same parameters and the same result, as one matrix product if that pays.

    That is on a CPU, with an output of at most `SMALL` pixels, zero padding, and neither groups nor
    dilation; anywhere else it is PyTorch's own.
    """

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the convolution of (n, c, h, w)."""
        size = self._output_size(images)
        plain = self.groups == 1 and self.dilation == (1, 1) and self.padding_mode == "zeros"
        if images.device.type != "cpu" or size[0] * size[1] > SMALL or not plain:
            return super().forward(images)
        # n x h x w x (rows of the kernel x its columns x c): for every output pixel, what it sees.
        seen = torch.cat(list(self._taps(images, size)), dim=3)
        kernel = self.weight.permute(0, 2, 3, 1).flatten(1)  # no copy where it is channels-last
        return functional.linear(seen, kernel, self.bias).permute(0, 3, 1, 2)

    def _output_size(self, images: torch.Tensor) -> tuple[int, int]:
        sides = zip(images.shape[-2:], self.kernel_size, self.stride, self.padding, strict=True)
        height, width = ((side + 2 * pad - k) // step + 1 for side, k, step, pad in sides)
        return height, width

    def _taps(self, images: torch.Tensor, size: tuple[int, int]):
        """Yield what each place of the kernel multiplies, (n, h, w, c)."""
        (down, right), (up, left) = self.stride, self.padding
        framed = functional.pad(images.permute(0, 2, 3, 1), (0, 0, left, left, up, up))
        for row in range(self.kernel_size[0]):
            for column in range(self.kernel_size[1]):
                rows = slice(row, row + down * (size[0] - 1) + 1, down)
                columns = slice(column, column + right * (size[1] - 1) + 1, right)
                yield framed[:, rows, columns]


def faster_on_small_maps(model: nn.Module) -> nn.Module:
    """Let every plain convolution of `model` choose; parameters and their names stay."""
    for module in model.modules():
        if type(module) is nn.Conv2d and isinstance(module.padding, tuple):
            module.__class__ = ConvolutionOnSmallMaps
    return model
