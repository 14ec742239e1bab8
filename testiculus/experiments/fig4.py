"""Fig. 4: how good generated images are, what the filter does to them, and whether they copy.

`plan` turns a notebook's parameters into a `Fig4Plan`, `run` turns that into a `Fig4Outcome`, and
`Fig4Outcome.write` puts it where the results contract says (article, section 4.2; thesis, sections
4.2 to 4.4).
"""

import time
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import torch

from testiculus.base.files import write_csv, write_json
from testiculus.base.places import runs_folder
from testiculus.base.store import Store
from testiculus.claims.generation import judge_fig4
from testiculus.claims.schema import RESULT_COLUMNS
from testiculus.data.images import ImageSet
from testiculus.experiments.copy_study import CopyStudy
from testiculus.experiments.cost import cost
from testiculus.experiments.fidelity import BEFORE, FILTERED, REAL, fidelity_frame, references
from testiculus.experiments.fidelity_measures import Space
from testiculus.experiments.fidelity_replicates import replicate_frame
from testiculus.experiments.fig4_plan import EXPERIMENT, Fig4Plan
from testiculus.experiments.fig4_plan import plan as plan
from testiculus.experiments.fig4_spaces import extractors, space_of, study_copies
from testiculus.experiments.filter_study import Filtered, filtered_frame, sweep_frame
from testiculus.experiments.generation import Generated, finish_generation
from testiculus.experiments.row_encoders import Pretrained, finish_pretrainings
from testiculus.experiments.table1 import SHARED_SETTINGS

__all__ = ["Fig4Outcome", "Fig4Plan", "plan", "run"]

FRAMES = (
    *("results", "verdicts", "fidelity", "sweep", "replicates"),
    *("copies", "nearest", "filtered", "history"),
)
SUBJECTS = {"generated": BEFORE, "filtered": FILTERED, "held-out real": REAL}


@dataclass(frozen=True, eq=False)
class Fig4Outcome:
    """All that the page of Fig. 4 is made of.

    `results` is tidy (experiment, row, seed, fold, metric, value): fractions alone, of the features
    that decide. `fidelity` has every figure against every reference and in all features, `sweep`
    the figures against k, `replicates` the paired replicates that intervals are made of, `copies`
    and `nearest` the search for copies, `filtered` one line per generated image, `history` the
    losses over the steps (empty where images were brought). `chosen` is the filter on all labelled
    images; `spaces` hold the features, the first decides.
    """

    plan: Fig4Plan
    results: pd.DataFrame
    verdicts: pd.DataFrame
    fidelity: pd.DataFrame
    sweep: pd.DataFrame
    replicates: pd.DataFrame
    filtered: pd.DataFrame
    history: pd.DataFrame
    study: CopyStudy
    generation: Generated
    chosen: Filtered
    spaces: tuple[Space, ...]
    cost: dict[str, float]

    @property
    def images(self) -> ImageSet:
        """The labelled images: the generator's training set."""
        return self.plan.images

    @property
    def training(self) -> torch.Tensor:
        """The labelled images' pixels, uint8 (n, 1, h, w)."""
        return self.images.pixels

    @property
    def generated(self) -> torch.Tensor:
        """The generated images, uint8 (m, 1, h, w)."""
        return self.generation.pixels

    @property
    def kept(self) -> np.ndarray:
        """Which generated images the filter keeps: bool (m,)."""
        return self.chosen.kept

    @property
    def copies(self) -> pd.DataFrame:
        """Who copies how often, see `copy_study`."""
        return self.study.copies

    @property
    def nearest(self) -> pd.DataFrame:
        """The pairs that are nearest to one another, see `copy_study`."""
        return self.study.nearest

    @property
    def snapshots(self) -> tuple[np.ndarray, np.ndarray]:
        """The steps (S,) and the samples drawn after them, uint8 (S, 16, 1, h, w)."""
        if self.generation.generator is None:
            side = self.images.pixels.shape[-1]
            return np.empty(0, np.int64), np.empty((0, 16, 1, side, side), np.uint8)
        arrays = self.generation.generator.arrays
        return arrays["snapshot_step"], arrays["snapshots"]

    def write(self, results: str | Path) -> Path | None:
        """Write the tables under `results`/<data>/<profile>/fig4 and return that folder.

        An empty `results` writes nothing: that is what a notebook run by hand does.
        """
        if not str(results):
            return None
        folder = Path(results) / self.images.name / self.plan.profile / EXPERIMENT
        for name in FRAMES:
            write_csv(folder / f"{name}.csv", getattr(self, name))
        write_json(folder / "provenance.json", self.about())
        return folder

    def about(self) -> dict:
        """Return settings, data and cost as plain values, for provenance; see Table 1's."""
        told = self.images.settings
        return {
            "settings": self.plan.settings(),
            "not_run": self.plan.not_run,
            "generated": {
                "from": self.generation.name,
                "images": len(self.kept),
                "kept": int(self.kept.sum()),
                "k": self.chosen.k,
                "features": self.spaces[0].words,
            },
            "score": {space.id: space.classes for space in self.spaces},
            "data": self.images.name,
            "data_fingerprint": self.images.fingerprint,
            "data_settings": {name: told[name] for name in SHARED_SETTINGS if name in told},
            "unlabelled_sets": self.plan.unlabelled.sources,
            "cost": self.cost,
        }


def run(planned: Fig4Plan, executor: Executor | None = None) -> Fig4Outcome:
    """Train, draw, filter, measure, look for copies; finished runs are taken from the store."""
    start, store = time.perf_counter(), Store(runs_folder())
    wanted = [encoder.pretraining for encoder in planned.encoders]
    pretrained = finish_pretrainings(store, wanted, executor)
    generated = planned.brought or finish_generation(store, planned.generation, executor)
    networks = extractors(planned, pretrained)
    spaces = [space_of(store, network, planned, generated.pixels) for network in networks]
    names = planned.labelled_patients
    v = planned.values
    against = references(
        spaces[0], names, at_880=v["filter_neighbours"], splits=v["splits"],
        batch=v["reference_batch"], batches=v["reference_batches"],
    )  # fmt: skip
    chosen = against[0].filtered
    study = study_copies(store, planned, networks, generated.pixels, chosen.kept)
    fidelity = pd.concat([fidelity_frame(space, against) for space in spaces], ignore_index=True)
    further = planned.unlabelled.frame.loc[planned.further, "patient"].to_numpy()
    replicates = replicate_frame(spaces[0], against, names, further, v["replicates"])
    sweeps = [sweep_frame(space, v["filter_neighbours"]) for space in spaces]
    return Fig4Outcome(
        plan=planned,
        results=_results(fidelity, study.copies, chosen, spaces[0].id),
        verdicts=judge_fig4(fidelity, replicates, study.copies, planned.conditions),
        fidelity=fidelity,
        sweep=pd.concat(sweeps, ignore_index=True),
        replicates=replicates,
        filtered=filtered_frame(spaces[0], chosen),
        history=_history(generated),
        study=study,
        generation=generated,
        chosen=chosen,
        spaces=tuple(spaces),
        cost=_cost(pretrained, generated, time.perf_counter() - start),
    )


def _history(generated: Generated) -> pd.DataFrame:
    """Return both losses of every step: step, simple, vlb (bits per dimension)."""
    if generated.generator is None:
        return pd.DataFrame(columns=["step", "simple", "vlb"])
    arrays = generated.generator.arrays
    frame = pd.DataFrame({name: arrays[name] for name in ("simple", "vlb")})
    frame.insert(0, "step", np.arange(1, len(frame) + 1))
    return frame


def _results(
    fidelity: pd.DataFrame, copies: pd.DataFrame, chosen: Filtered, space: str
) -> pd.DataFrame:
    """Return the fractions as tidy results; `seed` is the number of the batch or split."""
    shown = fidelity[(fidelity["space"] == space) & fidelity["value"].notna()]
    shown = shown[shown["metric"].isin(("precision", "recall"))]
    parts = [
        pd.DataFrame(
            {
                "row": shown["row"],
                "seed": shown["batch"],
                "metric": shown["metric"] + "_" + shown["reference"],
                "value": shown["value"],
            }
        )
    ]
    parts.append(_one(FILTERED, "kept_share", float(chosen.kept.mean())))
    for line in copies.itertuples():
        row = next((r for name, r in SUBJECTS.items() if line.subject.startswith(name)), None)
        if row is not None and line.n:
            parts.append(_one(row, f"copy_rate_{line.space}", line.rate))
    frame = pd.concat(parts, ignore_index=True).assign(experiment=EXPERIMENT, fold=0)
    return frame[list(RESULT_COLUMNS)]


def _one(row: str, metric: str, value: float) -> pd.DataFrame:
    return pd.DataFrame({"row": [row], "seed": [0], "metric": [metric], "value": [value]})


def _cost(pretrained: Sequence[Pretrained], generated: Generated, wall: float) -> dict[str, float]:
    drawn = [SimpleNamespace(run=run) for run in generated.runs]
    return cost([*pretrained, *drawn], wall)
