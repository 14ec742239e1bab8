"""Table 1: noisy labels. Train, flag, curate, train again, score three ways (article, section 3).

`plan` turns a notebook's parameters into a `Plan`, `run` turns that into an `Outcome`, and
`Outcome.write` puts it where the results contract says.
"""

import time
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from testiculus.audits import (
    acquisition_control,
    acquisition_features,
    features_after_cropping,
)
from testiculus.base.devices import peak_memory
from testiculus.base.files import write_csv, write_json
from testiculus.base.places import runs_folder
from testiculus.base.store import Store
from testiculus.claims import judge_table1
from testiculus.classification_metrics import scores
from testiculus.data.images import ImageSet
from testiculus.experiments.crossval import RowRun, finish_rows
from testiculus.experiments.scoring import RESULT_COLUMNS, prediction_frame, score_rows
from testiculus.experiments.table1_plan import EXPERIMENT, Plan, plan
from testiculus.noise import (
    COMPARED_OCCASIONS,
    LossRecord,
    flag_table,
    images_flagged_at_least,
)

__all__ = ["Outcome", "Plan", "plan", "run"]


@dataclass(frozen=True)
class Outcome:
    """All that Table 1's page is made of.

    `results` is tidy (experiment, row, seed, fold, metric, value); `predictions` has one line per
    scored image; `flags` one per image; `flag_counts` the images flagged in at least n evaluations
    per number of occasions; `records` the per-sample losses of the noise runs; `control` the scores
    of a classifier that sees acquisition only (None where all images were taken alike).
    """

    plan: Plan
    results: pd.DataFrame
    verdicts: pd.DataFrame
    predictions: pd.DataFrame
    flags: pd.DataFrame
    flag_counts: pd.DataFrame
    records: list[tuple[LossRecord, np.ndarray]]
    control: pd.DataFrame | None
    cost: dict[str, float]

    @property
    def images(self) -> ImageSet:
        """The labelled images the table was made from."""
        return self.plan.images

    def write(self, results: str | Path) -> Path | None:
        """Write the tables under `results`/<data>/<profile>/table1 and return that folder.

        An empty `results` writes nothing: that is what a notebook run by hand does.
        """
        if not str(results):
            return None
        folder = Path(results) / self.images.name / self.plan.profile / EXPERIMENT
        for name in ("results", "verdicts", "predictions", "flags", "flag_counts", "control"):
            frame = getattr(self, name)
            if frame is not None:
                write_csv(folder / f"{name}.csv", frame)
        write_json(folder / "provenance.json", self.about())
        return folder

    def about(self) -> dict:
        """Return settings, data and cost as plain values, for provenance."""
        return {
            "settings": self.plan.settings(),
            "not_run": self.plan.not_run,
            "data": self.images.name,
            "data_fingerprint": self.images.fingerprint,
            "data_settings": self.images.settings,
            "cost": self.cost,
        }


def run(planned: Plan, executor: Executor | None = None) -> Outcome:
    """Run the noise protocol and the three rows; finished runs are taken from the store."""
    start = time.perf_counter()
    store = Store(runs_folder())
    noise = [
        finish_rows(store, jobs, f"noise runs from {name}", executor)
        for name, jobs in zip(planned.initialisations, planned.noise_jobs, strict=True)
    ]
    records = [record for runs in noise for record in map(loss_record, runs)]
    flags = flags_frame(planned, records)
    curated = curated_labels(planned.images.labels(), flags["suspicious"].to_numpy())
    rows = list(noise[0])  # Complete reuses the first initialisation's noise runs
    for name in ("Filtered", "Flipped"):
        labels = curated[name]
        kept, labels = labels >= 0, np.where(labels >= 0, labels, planned.images.labels())
        jobs = planned.row(name, planned.initialisations[0], labels, kept)
        rows += finish_rows(store, jobs, f"{name} from {planned.initialisations[0]}", executor)
    predictions = prediction_frame(rows, planned.images, curated)
    results = score_rows(predictions, EXPERIMENT, baseline="Complete")
    everything = rows + [done for runs in noise[1:] for done in runs]
    return Outcome(
        plan=planned,
        results=results,
        verdicts=judge_table1(results, predictions, flags, planned.conditions),
        predictions=predictions,
        flags=flags,
        flag_counts=flag_count_frame(flags),
        records=records,
        control=control_frame(planned),
        cost=cost(everything, time.perf_counter() - start),
    )


def loss_record(done: RowRun) -> tuple[LossRecord, np.ndarray]:
    """Return a run's recorded losses and the images it was trained on."""
    arrays = done.run.arrays
    return LossRecord(arrays["sample"], arrays["loss"]), done.plan.train_index


def curated_labels(labels: np.ndarray, suspicious: np.ndarray) -> dict[str, np.ndarray]:
    """Return each row's labels, int64 of length N; -1 where the row leaves the image out.

    >>> curated = curated_labels(np.array([0, 1]), suspicious=np.array([True, False]))
    >>> {row: labels.tolist() for row, labels in curated.items()}
    {'Complete': [0, 1], 'Filtered': [-1, 1], 'Flipped': [1, 1]}
    """
    return {
        "Complete": labels,
        "Filtered": np.where(suspicious, -1, labels),
        "Flipped": np.where(suspicious, 1 - labels, labels),
    }


def flags_frame(planned: Plan, records: Sequence[tuple[LossRecord, np.ndarray]]) -> pd.DataFrame:
    """Return one line per image: how often it was flagged, and whether it counts as suspicious."""
    images = planned.images
    table = flag_table(
        records,
        len(images),
        planned.loss_threshold,
        planned.occasions,
        planned.occasion,
        planned.evaluations,
        also=COMPARED_OCCASIONS,
    )
    about = images.frame[["image", "patient", "label", "true_label"]].reset_index(drop=True)
    table[f"times_flagged_{planned.occasions}"] = table["times_flagged"]
    return about.join(table).assign(data_fingerprint=images.fingerprint)


def flag_count_frame(flags: pd.DataFrame) -> pd.DataFrame:
    """Return, per number of occasions, how many images were flagged in at least n evaluations."""
    most = int(flags["evaluations"].max())
    parts = []
    for k in COMPARED_OCCASIONS:
        counts = images_flagged_at_least(flags[f"times_flagged_{k}"].to_numpy(), most)
        at_least = np.arange(1, most + 1)
        part = pd.DataFrame({"occasions": k, "evaluations": at_least, "images": counts})
        parts.append(part.assign(share=part["images"] / len(flags)))
    return pd.concat(parts, ignore_index=True)


def control_frame(planned: Plan) -> pd.DataFrame | None:
    """Score classifiers that see acquisition only, on the table's own labels, seeds and folds."""
    images, labels = planned.images, planned.images.labels()
    seen = {
        "Acquisition only": acquisition_features(images.frame),
        "Left after cropping": features_after_cropping(images.frame),
    }
    lines = []
    for row, features in seen.items():
        for seed, folds in planned.folds.items():
            probabilities = acquisition_control(features, labels, folds, seed)
            for fold in np.unique(folds) if probabilities is not None else ():
                test = folds == fold
                found = scores(labels[test], probabilities[test])
                lines += [
                    (EXPERIMENT, row, seed, int(fold), f"{metric}_original", value)
                    for metric, value in found.items()
                ]
    return pd.DataFrame(lines, columns=RESULT_COLUMNS) if lines else None


def cost(runs: Sequence[RowRun], wall_seconds: float) -> dict[str, float]:
    """Return what the trainings cost, counting each run of the store once."""
    once = {done.run.key: done.run for done in runs}.values()
    return {
        "runs": len(once),
        "reused_runs": sum(found.reused for found in once),
        "training_seconds": round(sum(found.seconds for found in once), 1),
        "wall_seconds": round(wall_seconds, 1),
        "peak_memory_gib": round(peak_memory() / 2**30, 2),
    }
