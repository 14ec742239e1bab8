"""Grad-CAM++ maps of many images.

Main function: `gradcam_plus_plus`. It takes hooks, weights and the weighted sum from the grad-cam
library, and differs from a plain call of it in three ways.

(1) The library subtracts each map's minimum before it divides by the maximum. The equations do not,
and where a map's energy lies is what is measured here: so a map is divided by its maximum and
nothing else. It matters: on phantoms at 64 px (a ResNet-18 after seven epochs, layer2) the minimum
is half the maximum in the median, and the share of energy on the parenchyma is 0.28 without the
subtraction, 0.22 with it, the parenchyma's share of the area being 0.31.
(2) The library adds 1e-6 to a denominator, which is much beside gradients of 1e-3: there it moved
0.8% of a map's energy, and at 224 px (random weights) 1.3%. Here gradients and activations come in
units in which it is nothing (`UNIT`); the map does not depend on them.
(3) Nothing below the layer is differentiated, and no parameter.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from testiculus.base.errors import UserError
from testiculus.explain.layers import Size, device_of, frozen_copy, resolve_layer, sides

# What the largest gradient of an image is brought to before the library sees it; its square then
# is 1e14 times the 1e-6 that the library adds to the denominator of alpha.
UNIT = 1e4


def gradcam_plus_plus(
    model: nn.Module,
    images: torch.Tensor,
    layer: str | None = None,
    *,
    target: int = 1,
    batch_size: int = 64,
    on_batch: Callable[[int, int], None] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return each image's Grad-CAM++ map, and the probability of the class it is a map of.

    With A the maps of `layer` and g = dS/dA the gradient of the class's logit S (Chattopadhyay et
    al. 2018, "Grad-CAM++", WACV; arXiv:1710.11063, equation 19; the factor of their Y = exp S
    cancels):

        alpha = g^2 / (2 g^2 + g^3 sum A),   w = sum alpha relu(g),   L = relu(sum w A)

    the first two sums over a channel's cells, the last over the channels. Weights and sum are those
    of the grad-cam library; the module's text says where this differs from calling it. An image's
    map does not depend on the images beside it, but for rounding.

    Args:
        model: maps images to logits (n, classes). It is left as it was: a copy does the work, in
            evaluation mode, in fp32, on the model's device.
        images: float (n, 1, h, w), as the encoder expects them: (x - 0.5) / 0.25 with x in [0, 1].
            On any device.
        layer: a name in `layer_grid`; by default what `resolve_layer` takes.
        target: the class, by its place among the logits; 1 is the positive class.
        batch_size: images at a time; decides memory, and nothing else but rounding.
        on_batch: called after each batch with (images done, images).

    Returns:
        (maps, probabilities): float32 arrays (n, h, w) in [0, 1] and (n,). A map is enlarged from
        the layer's cells (bilinear) and its largest value is 1; it is all zero where nothing in the
        layer speaks for the class.

    Raises:
        UserError: for images that are not float (n, 1, h, w), an unknown layer or class, a model
            without convolutional maps, and maps that are not finite.
    """
    _check(images, batch_size)
    size = tuple(images.shape[-2:])
    layer = resolve_layer(model, size, layer)
    maps = np.empty((len(images), *size), np.float32)
    probabilities = np.empty(len(images), np.float32)
    # Whatever surrounds the call: gradients are needed, and no half precision.
    with (
        torch.inference_mode(False),
        torch.enable_grad(),
        torch.autocast(device_of(model).type, enabled=False),
    ):
        explainer = _Explainer(model, layer, target)
        for start in range(0, len(images), batch_size):
            rows = slice(start, min(start + batch_size, len(images)))
            cells, probabilities[rows] = explainer(images[rows])
            maps[rows] = enlarge(cells, size)
            if on_batch is not None:
                on_batch(rows.stop, len(images))
    return maps, probabilities


def enlarge(cells: np.ndarray, size: Size) -> np.ndarray:
    """Return maps at an image's size, (n, h, w), float32 in [0, 1], from (n, rows, columns) >= 0.

    Bilinear, the cells' centres in place (not their corners), then each map divided by its largest
    value. A map of zeros stays one; a map of one cell is the same everywhere.

    >>> enlarge(np.array([[[0.0, 4.0]]]), (1, 4))
    array([[[0.  , 0.25, 0.75, 1.  ]]], dtype=float32)
    """
    small = torch.as_tensor(cells).double()[:, None]  # so that what is flat stays exactly flat
    maps = functional.interpolate(small, sides(size), mode="bilinear", align_corners=False)
    largest = maps.amax(dim=(1, 2, 3), keepdim=True)
    return (maps / torch.where(largest > 0, largest, 1))[:, 0].float().numpy()


def _check(images: torch.Tensor, batch_size: int) -> None:
    if images.ndim != 4 or images.shape[1] != 1 or not images.is_floating_point():
        raise UserError(
            "maps need normalised images of a floating type and shape n x 1 x h x w, not "
            f"{images.dtype} and {tuple(images.shape)}"
        )
    if len(images) == 0 or batch_size < 1:
        raise UserError(f"maps need images and a batch of at least 1: {len(images)}, {batch_size}")


class _Explainer:
    """A copy of a model with the library's hooks on one layer, asked for maps batch by batch."""

    def __init__(self, model: nn.Module, layer: str, target: int):
        from pytorch_grad_cam import GradCAMPlusPlus

        self.target = target
        model = frozen_copy(model).to(memory_format=torch.channels_last)
        self.device = device_of(model)
        self.part = getattr(model, "encoder", model).get_submodule(layer)
        # Ahead of the library's own hooks: what lies below the layer is not differentiated.
        self.part.register_forward_hook(lambda *seen: seen[-1].detach().requires_grad_())
        self.library = GradCAMPlusPlus(model, [self.part])

    def __call__(self, images: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
        """Return L of the layer's cells, (n, rows, columns), and the probabilities, (n,)."""
        n, noted = len(images), self.library.activations_and_grads
        # One image alone, of 32 pixels or less, can come out of the last layers as NaN on a CPU
        # (see `finetune.predict`): it goes in twice.
        shown = (images.repeat(2, 1, 1, 1) if n == 1 else images).to(self.device).float()
        logits = noted(shown.contiguous(memory_format=torch.channels_last))
        if not 0 <= self.target < logits.shape[1]:
            raise UserError(f"there is no class {self.target}: the model has {logits.shape[1]}")
        logits[:, self.target].sum().backward()
        cells = self._cells(noted.activations[0].numpy(), noted.gradients[0].numpy())[:n]
        probabilities = logits.detach().softmax(dim=1)[:n, self.target].cpu().numpy()
        if not (np.isfinite(cells).all() and np.isfinite(probabilities).all()):
            raise UserError(
                "the model's maps are not finite",
                remedy="the model has diverged or its file is damaged: train it again",
            )
        return cells, probabilities

    def _cells(self, activations: np.ndarray, gradients: np.ndarray) -> np.ndarray:
        """Return relu(sum w A), by the library: what is in A's unit it gets divided by `unit`."""
        largest = np.abs(gradients).max(axis=(1, 2, 3), keepdims=True)
        unit = (UNIT / np.where(largest > 0, largest, UNIT)).astype(np.float32)
        weighted = self.library.get_cam_image(
            None, self.part, None, activations / unit, gradients * unit
        )
        return np.maximum(weighted, 0)
