"""Fig. 5's maps: which models are asked about which test images, and what was measured of them.

Main function: `measure`. The models of one row, strength and seed, which together see every image
once, are asked after one another, so that the memory it takes does not grow with the rows.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import groupby

import pandas as pd

from testiculus.base.store import Store
from testiculus.claims.attention import NO_STRENGTH, RANDOM_MAP, model_row
from testiculus.experiments.crossval import RowRun
from testiculus.experiments.explained_measures import (
    MapJob,
    blind_measures,
    finish_maps,
    map_jobs,
)
from testiculus.experiments.explained_runs import (
    ExplainedModel,
    trained_model,
    untrained_models,
)
from testiculus.experiments.fig5_plan import Fig5Plan
from testiculus.explain import layer_grid
from testiculus.models import build_classifier


@dataclass(frozen=True, eq=False)
class Measured:
    """What all maps hold (`MEASURE_COLUMNS`), the trained models, and what mapping them took.

    `cost` has `maps`, how many, and `mapping_seconds`, also of those found in the store.
    """

    measures: pd.DataFrame
    models: list[ExplainedModel]
    cost: dict[str, float]


def measure(
    planned: Fig5Plan, trained: Sequence[RowRun], store: Store, executor: Executor | None = None
) -> Measured:
    """Map (or find) every test image of every model under its conditions, and the controls'."""
    models = [trained_model(done, planned.device) for done in trained]
    everything = [*models, *untrained_models(planned.folds, planned.device)]
    parts, maps, seconds = [], 0, 0.0
    for name, jobs in batches(planned, everything):
        parts.append(finish_maps(store, jobs, planned.images, f"maps of {name}", executor))
        maps += sum(job.maps for job in jobs)
        seconds += sum(store.find(job.job).seconds for job in jobs)
    parts.append(_blind(planned))
    return Measured(
        measures=pd.concat(parts, ignore_index=True),
        models=models,
        cost={"maps": maps, "mapping_seconds": round(seconds, 1)},
    )


def batches(
    planned: Fig5Plan, models: Sequence[ExplainedModel]
) -> Iterator[tuple[str, list[MapJob]]]:
    """Yield what is mapped together, one row, strength and seed, under a name for people."""
    for (row, strength, _), some in groupby(models, key=lambda m: (m.row, m.strength, m.seed)):
        shown = planned.shown_to(row, strength)
        layers = planned.layers_for(strength)
        jobs = map_jobs(list(some), planned.images, shown, layers, planned.device)
        yield model_row(row, strength), jobs


def _blind(planned: Fig5Plan) -> pd.DataFrame:
    """Return the measures of maps that ignore the picture, at the layer that decides."""
    size = tuple(planned.images.pixels.shape[-2:])
    grids = layer_grid(build_classifier(planned.initialisation, 0), size)
    shown, grid = planned.shown_to(RANDOM_MAP, NO_STRENGTH), grids[planned.layer]
    return blind_measures(planned.images, planned.folds, shown, {planned.layer: grid})
