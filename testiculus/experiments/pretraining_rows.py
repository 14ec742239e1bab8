"""From a plan of pretrainings to a table: pretrain, fine-tune, score, probe, judge.

`run` turns the `Plan` of Table 2, 3 or 4 into an `Outcome`, and `Outcome.write` puts it where the
results contract says.
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd

from testiculus.base.errors import UserError
from testiculus.base.files import write_csv, write_json
from testiculus.base.places import runs_folder
from testiculus.base.store import Store
from testiculus.claims import judge_pretraining
from testiculus.claims.schema import CLEAN, RESULT_COLUMNS
from testiculus.data.images import ImageSet
from testiculus.experiments.cost import cost
from testiculus.experiments.crossval import RowRun, Start, finish_rows
from testiculus.experiments.flags import computed_flags
from testiculus.experiments.pretraining_plan import Plan
from testiculus.experiments.probing import Frozen, feature_map, probe_encoders
from testiculus.experiments.row_encoders import (
    NO_FOLD,
    Pretrained,
    encoder_frame,
    finish_pretrainings,
    history_frame,
)
from testiculus.experiments.scoring import prediction_frame, score_rows
from testiculus.experiments.table1 import SHARED_SETTINGS

FRAMES = ("results", "verdicts", "predictions", "probes", "history", "map", "encoders")
First = Callable[[Plan, Store, Executor | None], tuple[Plan, Sequence]]
Tuned = dict[str, list[RowRun]]  # by the labels that were learnt: "flipped" or "true"


@dataclass(frozen=True, eq=False)
class Outcome:
    """All that the page of Table 2, 3 or 4 is made of.

    `results` is tidy (experiment, row, seed, fold, metric, value): fine-tunings and the probes of
    pretraining seed 0; `predictions` has one line per scored image of a fine-tuning; `probes` the
    probes of all pretraining seeds; `history` the losses over the steps; `map` the 2-D picture of
    UD's features; `encoders` one line per pretraining. `flags_note` says whose flags turned labels,
    `flags_fingerprint` which labels these were.
    """

    plan: Plan
    results: pd.DataFrame
    verdicts: pd.DataFrame
    predictions: pd.DataFrame
    probes: pd.DataFrame
    history: pd.DataFrame
    map: pd.DataFrame
    encoders: pd.DataFrame
    cost: dict[str, float]
    flags_note: str
    flags_fingerprint: str

    FRAMES: ClassVar[tuple[str, ...]] = FRAMES

    @property
    def images(self) -> ImageSet:
        """The labelled images the table was made from."""
        return self.plan.images

    def write(self, results: str | Path) -> Path | None:
        """Write the tables under `results`/<data>/<profile>/<experiment> and return that folder.

        An empty `results` writes nothing: that is what a notebook run by hand does.
        """
        if not str(results):
            return None
        folder = Path(results) / self.images.name / self.plan.profile / self.plan.experiment
        for name in self.FRAMES:
            write_csv(folder / f"{name}.csv", getattr(self, name))
        write_json(folder / "provenance.json", self.about())
        return folder

    def about(self) -> dict:
        """Return settings, data and cost as plain values, for provenance; see Table 1's."""
        told = self.images.settings
        return {
            "settings": self.plan.settings(),
            "not_run": self.plan.not_run,
            "flags": self.flags_note,
            "flags_fingerprint": self.flags_fingerprint,
            "data": self.images.name,
            "data_fingerprint": self.images.fingerprint,
            "data_settings": {name: told[name] for name in SHARED_SETTINGS if name in told},
            "unlabelled": self.plan.unlabelled_counts(),
            "unlabelled_sets": self.plan.unlabelled.sources,
            "cost": self.cost,
        }


def run(
    planned: Plan,
    map_row: str,
    executor: Executor | None = None,
    first: First | None = None,
) -> Outcome:
    """Run a plan; finished runs are taken from the store.

    The row `map_row`'s encoder draws the 2-D picture. `first` makes what the pretrainings need
    (Table 3's generated images), once the labels are known to be trainable, and returns the plan
    that has them, and its runs.
    """
    start, store = time.perf_counter(), Store(runs_folder())
    flags, trained = planned.flags, []
    if flags is None:
        flags, trained = computed_flags(store, planned.noise, executor)
    learnt = planned.learnt_labels(flags)
    _refuse_untrainable(planned, learnt)
    if first is not None:
        planned, made = first(planned, store, executor)
        trained = [*trained, *made]
    pretrained = finish_pretrainings(store, planned.pretrainings, executor)
    tuned = _fine_tune(planned, store, pretrained, learnt, executor)
    predictions = _predictions(planned, tuned, learnt["flipped"])
    frozen = _frozen(planned, pretrained)
    probes = probe_encoders(
        frozen, planned.images, learnt["flipped"], planned.truth, planned.partitions, planned.device
    )
    results = _results(planned.experiment, predictions, probes)
    verdicts = judge_pretraining(planned.experiment, results, predictions, planned.conditions)
    trained = [*trained, *pretrained, *(done for runs in tuned.values() for done in runs)]
    drawn = next(p for p in pretrained if p.plan.row == map_row and p.plan.settings.seed == 0)
    return Outcome(
        plan=planned,
        results=results,
        verdicts=verdicts,
        predictions=predictions,
        probes=probes,
        history=history_frame(pretrained),
        map=feature_map(drawn, planned.unlabelled, planned.device),
        encoders=encoder_frame(pretrained),
        cost=cost(trained, time.perf_counter() - start),
        flags_note=flags.note,
        flags_fingerprint=flags.fingerprint,
    )


def _refuse_untrainable(planned: Plan, learnt: dict[str, np.ndarray]) -> None:
    """Refuse labels of which a training part has one class only, before hours are spent on it."""
    for name, labels in learnt.items():
        for seed, folds in planned.folds.items():
            for fold in np.unique(folds):
                if len(np.unique(labels[folds != fold])) < 2:
                    raise UserError(
                        f"on the {name} labels, seed {seed}, fold {fold} would train on one class",
                        remedy="use other SEEDS or fewer FOLDS, or label more images of both "
                        "classes",
                    )


def _fine_tune(
    planned: Plan,
    store: Store,
    pretrained: Sequence[Pretrained],
    learnt: dict[str, np.ndarray],
    executor: Executor | None,
) -> Tuned:
    """Fine-tune every row on every kind of label."""
    files = {id(done.plan): done.file for done in pretrained}
    tuned: Tuned = {name: [] for name in learnt}
    for name, labels in learnt.items():
        for row, wanted in planned.fine_tuned():
            start = Start(planned.starts[row]) if wanted is None else Start(row, files[id(wanted)])
            fold = NO_FOLD if wanted is None else wanted.fold
            jobs = planned.row_jobs(row, start, labels, fold)
            tuned[name] += finish_rows(store, jobs, f"{row}, {name} labels", executor)
    return tuned


def _predictions(planned: Plan, tuned: Tuned, flipped: np.ndarray) -> pd.DataFrame:
    parts, curated = [], {row: flipped for row in planned.rows}
    for name, runs in tuned.items():
        part = prediction_frame(runs, planned.images, curated)
        part.insert(1, "trained_on", name)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def _results(experiment: str, predictions: pd.DataFrame, probes: pd.DataFrame) -> pd.DataFrame:
    """Return the fine-tunings' scores, then the probes of pretraining seed 0 but the scanner's."""
    flipped, true = (predictions[predictions["trained_on"] == n] for n in ("flipped", "true"))
    parts = [score_rows(flipped, experiment)]
    if len(true):
        parts.append(score_rows(true, experiment, columns={CLEAN: "true_label"}))
    first = probes[(probes["pretraining_seed"] == 0) & (probes["metric"] != "scanner_auc")]
    parts.append(first.assign(experiment=experiment)[list(RESULT_COLUMNS)])
    return pd.concat(parts, ignore_index=True)


def _frozen(planned: Plan, pretrained: Sequence[Pretrained]) -> list[Frozen]:
    """Return the encoders to probe, in the table's order of rows."""
    found = []
    for row in planned.rows:
        if row in planned.starts:
            seeds = planned.start_seeds.get(row, 1)
            found += [Frozen(row, seed, Start(planned.starts[row])) for seed in range(seeds)]
        for done in (done for done in pretrained if done.plan.row == row):
            start, seed, fold = Start(row, done.file), done.plan.settings.seed, done.plan.fold
            if fold == NO_FOLD:
                found.append(Frozen(row, seed, start))
            elif (number := planned.excluded_partition) is not None:
                found.append(Frozen(row, seed, start, (number,), fold))
    return found
