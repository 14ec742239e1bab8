"""The computation of one model's maps and of what they hold: what the store's key of it covers.

The maps themselves are not kept: each is measured against the masks and against the map of the same
image without markers, and let go. Main functions: `measure_model`, and `measure_maps`, which does
the same with maps that come from no model. Thesis, section 6.4; article, section 5, Fig. 5.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.functional import max_pool2d

from testiculus.base.store import Checkpoint
from testiculus.explain import (
    GRID,
    area_share,
    energy_share,
    gradcam_plus_plus,
    map_change,
    pointing_game,
)
from testiculus.finetune.training import normalise, to_float
from testiculus.models import Classifier

REGIONS = ("parenchyma", "lesion")
VALUES = (
    *("probability", "map"),
    *("energy_parenchyma", "area_parenchyma", "point_parenchyma"),
    *("energy_lesion", "area_lesion", "point_lesion"),
    *("energy_markers", "area_markers", "there_markers", "point_markers", "map_change"),
    *("energy_clear", "change_between"),
)
CHUNK = 512  # images whose maps are in memory at a time

Maps = tuple[np.ndarray, np.ndarray]  # float (k, h, w), not negative, and probabilities (k,)
Look = Callable[[torch.Tensor, str, np.ndarray], Maps]


@dataclass(frozen=True, eq=False)
class View:
    """What one condition shows of n test images, and at which layers it is looked at.

    `pixels` uint8 (n, 1, h, w); `mask` bool (n, 1, h, w), the markers; None of images as they are.
    """

    condition: str
    pixels: torch.Tensor
    mask: torch.Tensor | None
    layers: tuple[str, ...]


def measure_model(
    build: Callable[[], Classifier],
    views: Sequence[View],
    regions: Mapping[str, torch.Tensor],
    device: torch.device,
    checkpoint: Checkpoint | None = None,
    on_images: Callable[[int], None] | None = None,
) -> dict[str, np.ndarray]:
    """Return `values` of a model's Grad-CAM++ maps of the positive class; see `measure_maps`.

    `build` returns the model on `device`. A run is short: it starts again after a kill.
    """
    model = build()

    def look(pixels: torch.Tensor, layer: str, index: np.ndarray) -> Maps:
        shown = normalise(to_float(pixels[torch.from_numpy(index)].to(device)))
        return gradcam_plus_plus(model, shown, layer, target=1)

    return {"values": measure_maps(look, views, regions, on_images)}


def measure_maps(
    look: Look,
    views: Sequence[View],
    regions: Mapping[str, torch.Tensor],
    on_images: Callable[[int], None] | None = None,
) -> np.ndarray:
    """Return what the maps of n images hold, float64 (entries, n, len(VALUES)).

    An entry is one view at one layer, in the order of `entries_of(views)`. Values are shares in
    [0, 1]; NaN where a number is not defined: no mask, an empty mask, a map that is all zero.

    Args:
        look: given a view's pixels, a layer and which of its images (k,), returns their maps and
            probabilities. It is asked about images that differ from those as they are, only.
        views: the first is the images as they are, at every layer that another is looked at.
        regions: masks, uint8 or bool (n, 1, h, w), by the names in `REGIONS`; one may be absent.
        on_images: called with the number of maps that were just made.
    """
    n = len(views[0].pixels)
    chunks = [np.arange(start, min(start + CHUNK, n)) for start in range(0, n, CHUNK)]
    return np.concatenate([_chunk(look, views, regions, on_images, k) for k in chunks], axis=1)


def _chunk(
    look: Look,
    views: Sequence[View],
    regions: Mapping[str, torch.Tensor],
    on_images: Callable[[int], None] | None,
    index: np.ndarray,
) -> np.ndarray:
    """Return the values of the images at `index`, (entries, k, len(VALUES))."""
    within = {name: _plain(mask[index]) for name, mask in regions.items()}
    unmarked, values = {}, []  # by layer, the maps of the images as they are
    for view, layer in _entries(views):
        if layer not in unmarked:
            new, found = index, look(view.pixels, layer, index)
            unmarked[layer] = found
        else:
            new = index[differs(view, views[0])[index]]
            found = _with_new(unmarked[layer], look, view, layer, new, index)
        marks = None if view.mask is None else _plain(view.mask[index])
        values.append(_measured(*found, within, marks, unmarked[layer][0]))
        if on_images is not None:
            on_images(len(new))
    return np.stack(values)


def _with_new(
    unmarked: Maps, look: Look, view: View, layer: str, new: np.ndarray, index: np.ndarray
) -> Maps:
    """Return the maps and probabilities of the images as they are, those in `new` looked at."""
    maps, probability = (part.copy() for part in unmarked)
    if len(new):
        place = new - index[0]
        maps[place], probability[place] = look(view.pixels, layer, new)
    return maps, probability


def differs(view: View, plain: View) -> np.ndarray:
    """Return which images a view shows otherwise than the view `plain` does, bool (n,)."""
    return (view.pixels != plain.pixels).flatten(1).any(dim=1).cpu().numpy()


def entries_of(views: Sequence[View]) -> list[tuple[str, str]]:
    """Return condition and layer of every entry, in the order of `measure_maps`."""
    return [(view.condition, layer) for view, layer in _entries(views)]


def _entries(views: Sequence[View]) -> Iterator[tuple[View, str]]:
    return ((view, layer) for view in views for layer in view.layers)


def _measured(
    maps: np.ndarray,
    probability: np.ndarray,
    within: Mapping[str, np.ndarray],
    marks: np.ndarray | None,
    before: np.ndarray,
) -> np.ndarray:
    """Return the values of k maps, (k, len(VALUES))."""
    found = {"probability": probability, "map": maps.any(axis=(1, 2))}
    for name, mask in within.items():
        found[f"energy_{name}"] = energy_share(maps, mask)
        found[f"area_{name}"] = area_share(mask)
        found[f"point_{name}"] = pointing_game(maps, mask)
    if marks is not None:
        found["energy_markers"] = energy_share(maps, marks)
        found["area_markers"] = area_share(marks)
        found["there_markers"] = energy_share(before, marks)
        found["point_markers"] = pointing_game(maps, marks)
        found["map_change"] = map_change(maps, before)
        if "parenchyma" in within:
            found["energy_clear"] = energy_share(maps, within["parenchyma"] & ~near(marks))
    elif (
        len(maps) > 1
    ):  # an image's map beside that of one half the images away: no view of its own
        found["change_between"] = map_change(maps, np.roll(maps, len(maps) // 2, axis=0))
    missing = np.full(len(maps), np.nan)
    return np.stack([np.asarray(found.get(name, missing), float) for name in VALUES], axis=1)


def near(marks: np.ndarray) -> np.ndarray:
    """Return the pixels at most a cell of a 7 x 7 map away from a marker, bool (k, h, w)."""
    reach = [math.ceil(side / GRID) for side in marks.shape[1:]]
    window = [2 * r + 1 for r in reach]
    wide = max_pool2d(torch.from_numpy(marks).float()[:, None], window, 1, reach)
    return wide[:, 0].numpy() > 0


def _plain(mask: torch.Tensor) -> np.ndarray:
    """Return a mask (k, 1, h, w) as bool (k, h, w)."""
    return mask[:, 0].cpu().numpy().astype(bool)
