"""Pictures of the markers: each kind on a view, and views before and after markers went in."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from testiculus.base.devices import generator
from testiculus.markers import (
    KINDS,
    SIZES,
    VIEW,
    MarkerRecipe,
    apply_markers,
    draw_kind,
    draw_markers,
)
from testiculus.report.pictures import image_grid

if TYPE_CHECKING:
    import torch
    from matplotlib.figure import Figure

PIXELS = 120  # side of a view in the grid: about what the book shows of it
CLOSE = 75  # side of what is shown of a view of 300 px to see a small marker
SEED = 226  # of the kinds' places: calipers across the organ, small markers off the edges
LARGE = ("grey_bar", "depth_ruler", "calipers")
NAMES = {
    "ring": "ring",
    "dot": "dot",
    "cross": "caliper cross",
    "long_dash": "long dash",
    "small_dash": "small dash",
    "grey_bar": "grey-scale bar",
    "depth_ruler": "depth ruler",
    "calipers": "pair of calipers",
}


def marker_kinds() -> "Figure":
    """Draw one marker of each kind, with its name and size (after thesis Fig. 5.2).

    On a phantom's view of the size that the released sizes refer to; small markers enlarged.
    """
    view = _views(1, VIEW)
    pictures, titles = [], []
    for kind in KINDS:
        marked, mask = draw_kind(kind, view, generator("marker kinds", SEED, kind))
        size = " x ".join(str(side) for side in SIZES.get(kind, ()))
        pictures.append(_enlarged(marked if kind in LARGE else _close_up(marked, mask)))
        titles.append(f"{NAMES[kind]}, {size} px" if size else NAMES[kind])
    note = f"Simulated views of {VIEW} px; of the small markers' views a window of {CLOSE} px."
    return image_grid(_grey(pictures), titles, note=note)


def marker_grid(
    images: "torch.Tensor | None" = None,
    recipe: str | MarkerRecipe = "article",
    *,
    columns: int = 7,
    seed: int = 0,
) -> "Figure":
    """Draw rows of images, below each row the same images with markers (after thesis Fig. 5.3).

    images: uint8 (n, 1, h, w); without them, two rows of the phantom's views. The last row is
    filled up with black. Raises ValueError for no images and `UserError` for an unknown recipe.
    """
    views = _views(2 * columns, PIXELS) if images is None else images.float() / 255
    columns = max(1, min(columns, len(views)))
    draws = draw_markers(recipe, len(views), generator("marker grid", seed))
    marked, _ = apply_markers(views, draws.to(views.device))
    rows = zip(_rows(views, columns), _rows(marked, columns), strict=True)
    note = "Below each row, the same images with markers."
    note += " Simulated ultrasound, no patient." if images is None else ""
    return image_grid(_grey(part for pair in rows for part in pair), columns=columns, note=note)


def _views(number: int, pixels: int) -> "torch.Tensor":
    """Return the first views of as many of the phantom's patients, float (number, 1, h, w)."""
    from testiculus.data.phantom import PhantomSettings, phantom

    made = phantom(PhantomSettings(pixels=pixels), numbers=range(number))
    return made.pixels[:: len(made) // number].float() / 255


def _close_up(view: "torch.Tensor", mask: "torch.Tensor") -> "torch.Tensor":
    """Return a window of CLOSE pixels about what the mask marks, (1, 1, CLOSE, CLOSE)."""
    middle = mask[0, 0].nonzero().float().mean(dim=0)
    top, left = (int(min(max(0, m - CLOSE / 2), VIEW - CLOSE)) for m in middle)
    return view[:, :, top : top + CLOSE, left : left + CLOSE]


def _enlarged(view: "torch.Tensor") -> "torch.Tensor":
    """Return the view at VIEW pixels, every pixel of a smaller one a square."""
    return view.repeat_interleave(VIEW // view.shape[-1], 2).repeat_interleave(
        VIEW // view.shape[-1], 3
    )


def _rows(views: "torch.Tensor", columns: int) -> "list[torch.Tensor]":
    """Return the views row by row, the last row filled up with black."""
    from torch.nn.functional import pad

    missing = -len(views) % columns
    return list(pad(views, (0, 0, 0, 0, 0, 0, 0, missing)).split(columns))


def _grey(parts: "Iterable[torch.Tensor]") -> "torch.Tensor":
    """Return float views in [0, 1] as one uint8 tensor."""
    import torch

    parts = list(parts)
    if not parts:
        raise ValueError("a marker grid needs at least one image")
    return torch.round(255 * torch.cat(parts)).to(torch.uint8).cpu()
