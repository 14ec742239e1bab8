"""Where the models of Fig. 5 look, on every test image: one run of the store per model.

Main functions: `map_jobs` plans what is measured of some models under some conditions,
`finish_maps` does it with a bar to watch and returns the frame of the measures, `blind_measures`
gives the same of maps that ignore the picture. How a map is measured is in `explained_maps`, whose
code the store's keys cover.
"""

import hashlib
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version

import numpy as np
import pandas as pd
import torch

from testiculus.base.devices import derive_seed, device_class
from testiculus.base.progress import progress
from testiculus.base.store import Job, Run, Store
from testiculus.claims.attention import (
    ALL_KINDS,
    CENTRE_MAP,
    MEASURE_COLUMNS,
    NO_STRENGTH,
    RANDOM_MAP,
    UNMARKED,
)
from testiculus.data.image_cache import sha256
from testiculus.data.images import ImageSet
from testiculus.experiments.explained_maps import (
    REGIONS,
    VALUES,
    Maps,
    View,
    differs,
    entries_of,
    measure_maps,
    measure_model,
)
from testiculus.experiments.explained_runs import ExplainedModel
from testiculus.experiments.inserted_markers import Insertion, unmarked
from testiculus.explain import blurred_random_maps, centred_maps, gradcam_plus_plus
from testiculus.finetune.training import normalise, to_float

MODULE = "testiculus.experiments.explained_maps"  # the code that decides what is measured
EVERY_LAYER = (UNMARKED, ALL_KINDS)  # conditions that are looked at in all layers, not the first


@dataclass(frozen=True)
class MapSettings:
    """What tells one run of measures from another, beside its data.

    `model` is the model's key, `entries` the conditions and their layers, `library` the version of
    grad-cam.
    """

    model: str
    entries: tuple[tuple[str, str], ...]
    library: str


@dataclass(frozen=True, eq=False)
class MapJob:
    """What is measured of one model, the job that does it, and how many maps that takes."""

    model: ExplainedModel
    job: Job
    maps: int


def map_jobs(
    models: Sequence[ExplainedModel],
    images: ImageSet,
    shown: Sequence[Insertion],
    layers: Sequence[str],
    device: torch.device,
) -> list[MapJob]:
    """Return the runs that measure each model's maps of its test images.

    Args:
        models: of `trained_model` and `untrained_models`.
        images: N images, with their masks.
        shown: the conditions; the images as they are come first, among them or not.
        layers: the layer that decides, then others, at which `EVERY_LAYER` is measured too.
        device: where the models are.
    """
    conditions = _with_unmarked(images, shown)
    return [_map_job(model, images, conditions, layers, device) for model in models]


def _with_unmarked(images: ImageSet, shown: Sequence[Insertion]) -> list[Insertion]:
    return [unmarked(images), *[one for one in shown if one.name != UNMARKED]]


def _map_job(
    model: ExplainedModel,
    images: ImageSet,
    conditions: Sequence[Insertion],
    layers: Sequence[str],
    device: torch.device,
) -> MapJob:
    views = _views(conditions, model.test_index, layers)
    regions = _regions(images, model.test_index)
    entries = tuple(entries_of(views))
    compute = partial(measure_model, model.build, views, regions, device)
    settings = MapSettings(model.key, entries, version("grad-cam"))
    job = Job(settings, _fingerprint(views, regions), MODULE, device_class(device), compute)
    return MapJob(model, job, _number_of_maps(views))


def _views(conditions: Sequence[Insertion], index: np.ndarray, layers: Sequence[str]) -> list[View]:
    rows, layers = torch.from_numpy(index), tuple(dict.fromkeys(layers))
    return [
        View(
            shown.name,
            shown.pixels[rows],
            None if shown.name == UNMARKED else shown.mask[rows],
            layers if shown.name in EVERY_LAYER else layers[:1],
        )
        for shown in conditions
    ]


def _number_of_maps(views: Sequence[View]) -> int:
    """Count the maps to be made: of an image that a view leaves as it is there is one already."""
    first, *others = views
    new = sum(int(differs(view, first).sum()) * len(view.layers) for view in others)
    return len(first.pixels) * len(first.layers) + new


def _regions(images: ImageSet, index: np.ndarray) -> dict[str, torch.Tensor]:
    return {name: images.masks[name][index] for name in REGIONS if name in images.masks}


def _fingerprint(views: Sequence[View], regions: Mapping[str, torch.Tensor]) -> str:
    """Return the sha256 (hex) of all pixels and masks that a run of measures reads."""
    parts = {f"pixels {view.condition}": view.pixels for view in views}
    parts |= {f"markers {view.condition}": view.mask for view in views if view.mask is not None}
    parts |= {f"mask {name}": mask for name, mask in regions.items()}
    told = [f"{name} {tuple(part.shape)} {sha256(part)}" for name, part in parts.items()]
    return hashlib.sha256("|".join(told).encode()).hexdigest()


def finish_maps(
    store: Store,
    jobs: Sequence[MapJob],
    images: ImageSet,
    desc: str = "maps",
    executor: Executor | None = None,
) -> pd.DataFrame:
    """Measure (or find) what is planned, showing progress in maps; return the measures.

    One row per model, entry and test image, the columns `MEASURE_COLUMNS`, in the order planned;
    the images of a model are in the same order under every condition.
    """
    runs = _runs(store, jobs, desc, executor)
    parts = [
        _frame(plan.model, plan.job.settings.entries, run.arrays["values"], images)
        for plan, run in zip(jobs, runs, strict=True)
    ]
    return pd.concat(parts, ignore_index=True)


def _runs(store: Store, jobs: Sequence[MapJob], desc: str, executor: Executor | None) -> list[Run]:
    if executor is not None:
        futures = [executor.submit(store.finish, plan.job) for plan in jobs]
        return [future.result() for future in progress(futures, total=len(jobs), desc=desc)]
    runs = []
    with progress(total=sum(plan.maps for plan in jobs), desc=desc, unit="map") as bar:
        for number, plan in enumerate(jobs, 1):
            bar.set_postfix_str(f"model {number}/{len(jobs)}", refresh=False)
            before = bar.n
            compute = partial(plan.job.compute, on_images=bar.update)
            runs.append(store.finish(replace(plan.job, compute=compute)))
            bar.update(before + plan.maps - bar.n)  # all of them, where they were stored
    return runs


def _frame(
    model: ExplainedModel,
    entries: Sequence[tuple[str, str]],
    values: np.ndarray,
    images: ImageSet,
) -> pd.DataFrame:
    about = images.frame.iloc[model.test_index][["image", "patient", "label"]]
    about = about.assign(true_label=_true_labels(images)[model.test_index])
    named = dict(row=model.row, strength=model.strength, seed=model.seed, fold=model.fold)
    parts = []
    for (condition, layer), found in zip(entries, values, strict=True):
        part = about.reset_index(drop=True).assign(condition=condition, layer=layer, **named)
        parts.append(part.join(pd.DataFrame(found, columns=list(VALUES))))
    frame = pd.concat(parts, ignore_index=True)
    frame["map"] = frame["map"].astype(bool)
    return frame[list(MEASURE_COLUMNS)]


def _true_labels(images: ImageSet) -> pd.Series:
    """Return the true labels, Int8 with gaps: a manifest need not have the column."""
    known = images.frame.get("true_label")
    return pd.Series(pd.NA, index=images.frame.index, dtype="Int8") if known is None else known


def blind_measures(
    images: ImageSet,
    folds: Mapping[int, np.ndarray],
    shown: Sequence[Insertion],
    grids: Mapping[str, tuple[int, int]],
) -> pd.DataFrame:
    """Return the measures of maps that ignore the picture, as `finish_maps` does.

    The rows are "blurred random map" (one map for each image, seed and layer) and "centred map";
    their maps under a condition in `shown` are those of the images as they are, and they have no
    probability. `folds` is that of `crossval.fold_table`, `grids` the cells of each layer that is
    looked at (`explain.layer_grid`), that which decides first.
    """
    size = tuple(images.pixels.shape[-2:])
    sources = {
        RANDOM_MAP: lambda n, grid, seed: blurred_random_maps(n, size, grid, seed),
        CENTRE_MAP: lambda n, grid, seed: centred_maps(n, size),
    }
    conditions, parts = _with_unmarked(images, shown), []
    for row, source in sources.items():
        for seed, assigned in folds.items():
            for fold in np.unique(assigned):
                index = np.flatnonzero(assigned == fold)
                views = _views(conditions, index, list(grids))
                draw = derive_seed("blind", seed, int(fold))
                maps = {layer: source(len(index), grid, draw) for layer, grid in grids.items()}
                values = measure_maps(_blind(maps), views, _regions(images, index))
                model = ExplainedModel(row, NO_STRENGTH, seed, int(fold), index, row, _no_model)
                parts.append(_frame(model, entries_of(views), values, images))
    return pd.concat(parts, ignore_index=True)


def _blind(maps: Mapping[str, np.ndarray]):
    """Return what looks at no picture: these maps, and no probability."""

    def look(pixels: torch.Tensor, layer: str, index: np.ndarray) -> Maps:
        chosen = maps[layer][index]
        return chosen, np.full(len(chosen), np.nan)

    return look


def _no_model():
    raise RuntimeError("these maps come from no model")


def seconds_per_map(model: ExplainedModel, images: ImageSet, layer: str, maps: int = 64) -> float:
    """Time some maps of a model, after some that warm up; return the seconds one costs."""
    classifier = model.build()
    device = next(classifier.parameters()).device
    index = np.resize(np.arange(len(images)), maps)
    shown = normalise(to_float(images.pixels[index].to(device)))
    gradcam_plus_plus(classifier, shown[:2], layer)
    start = time.perf_counter()
    gradcam_plus_plus(classifier, shown, layer)
    return (time.perf_counter() - start) / maps
