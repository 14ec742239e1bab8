"""At which layer of a network a map is taken, and how many cells it has there.

Main functions: `layer_grid` lists the layers that can be asked, `resolve_layer` chooses one. The
sources name no layer. Grad-CAM++ is usually taken at the last stage, which at 224 px has 7 x 7
cells; at 64 px it has 2 x 2, too coarse to point at anything.
"""

import warnings
from copy import deepcopy

import torch
from torch import nn

from testiculus.base.devices import generator
from testiculus.base.errors import InputWarning, UserError, one_of

GRID = 7  # cells a side: what ResNet-18's last stage has at 224 px, the article's image size
STAGE = "layer"  # how a ResNet's residual stages are called: layer1 to layer4

Size = int | tuple[int, int]


def layer_grid(model: nn.Module, size: Size) -> dict[str, tuple[int, int]]:
    """Return the layers of which a map can be asked, in order, and each map's rows and columns.

    These are the parts of `model.encoder` (of the model itself, if it has none) that run once and
    give maps (n, channels, rows, columns) without a value below zero. Grad-CAM++ divides by
    2 g^2 + g^3 sum A, which an activation A below zero could bring to nothing; so a ResNet's
    `conv1`, ahead of its ReLU, is none of them and `act1` is. Found by running the model on two
    noise images, in evaluation mode; it is left as it was.

    Args:
        model: maps images (n, 1, h, w) to logits.
        size: rows and columns of its images in pixels, or one number for both.

    Raises:
        UserError: for a model that cannot take such images, and for one without such maps.
    """
    height, width = sides(size)
    noise = torch.randn(2, 1, height, width, generator=generator("explain", "layers"))
    try:
        seen = _seen(model, noise)
    except RuntimeError as error:
        what = f"the model cannot take one-channel images of {height} x {width} pixels"
        raise UserError(f"{what}: {str(error).splitlines()[0]}") from error
    # A part that runs twice in one pass has two maps.
    grids = {name: maps[0] for name, maps in seen.items() if len(maps) == 1 and maps[0]}
    if not grids:
        raise UserError(
            "Grad-CAM++ needs a model with convolutional maps, and no part of this one gives any "
            "(images x channels x rows x columns, none below zero)",
            where=type(model).__name__,
            remedy="explain a convolutional network, such as this project's ResNet-18",
        )
    return grids


def resolve_layer(model: nn.Module, size: Size, name: str | None = None) -> str:
    """Return the layer to take maps at: `name` if the model has it, by default a fine deep one.

    The default is the deepest residual stage (`layer1` to `layer4`) whose map has at least 7 x 7
    cells, `GRID`: layer4 at 224 px, layer2 at 64 px, layer1 at 32 px. A model without such stages
    is searched through all its layers. Where no map is that fine, the finest is taken, with an
    `InputWarning`.

    Args:
        model, size: see `layer_grid`.
        name: a layer by the name that `layer_grid` gives it.

    Raises:
        UserError: for a name that does not exist, listing those that do; and as `layer_grid`.
    """
    grids = layer_grid(model, size)
    if name is not None:
        return one_of(name, tuple(grids), "layer")
    stages = {name: grid for name, grid in grids.items() if name.startswith(STAGE)} or grids
    deepest_first = list(stages)[::-1]
    fine = [name for name in deepest_first if min(stages[name]) >= GRID]
    if fine:
        return fine[0]
    finest = max(deepest_first, key=lambda name: min(stages[name]))
    rows, columns = stages[finest]
    warnings.warn(
        f"no stage has {GRID} x {GRID} cells at images of this size: maps are taken at {finest}, "
        f"which has {rows} x {columns}",
        InputWarning,
        stacklevel=2,
    )
    return finest


def sides(size: Size) -> tuple[int, int]:
    """Return rows and columns; raises `UserError` for what is no image's size.

    >>> sides(64), sides((48, 64))
    ((64, 64), (48, 64))
    """
    height, width = (size, size) if isinstance(size, int) else size
    if height < 1 or width < 1:
        raise UserError(f"an image has at least one pixel a side, not {height} x {width}")
    return int(height), int(width)


def frozen_copy(model: nn.Module) -> nn.Module:
    """Return a copy in evaluation mode whose parameters ask for no gradient."""
    return deepcopy(model).eval().requires_grad_(False)


def device_of(model: nn.Module) -> torch.device:
    """Return where the model's parameters are; the CPU if it has none."""
    return next(model.parameters(), torch.empty(0)).device


def _seen(model: nn.Module, images: torch.Tensor) -> dict[str, list[tuple[int, int] | None]]:
    """Run the model; return the grid of each part's output, once for every time that it ran."""
    modes = [(module, module.training) for module in model.modules()]
    seen, hooks = {}, []
    try:
        for name, part in getattr(model, "encoder", model).named_children():
            hooks.append(part.register_forward_hook(_noting(seen.setdefault(name, []))))
        with torch.no_grad():
            model.eval()(images.to(device_of(model)))
    finally:
        for hook in hooks:
            hook.remove()
        for module, mode in modes:
            module.training = mode  # not .train(), which would also switch the modules inside
    return seen


def _noting(maps: list):
    """Return a hook that adds the grid of a part's output, or None where that is no such map."""

    def note(module, inputs, output):
        is_map = isinstance(output, torch.Tensor) and output.ndim == 4
        maps.append(tuple(output.shape[2:]) if is_map and not (output < 0).any() else None)

    return note
