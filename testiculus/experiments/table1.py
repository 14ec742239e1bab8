"""Table 1: noisy labels. Train, flag, curate, train again, score three ways (article, section 3).

`plan` turns a notebook's parameters into a `Plan`, `run` turns that into an `Outcome`, and
`Outcome.write` puts it where the results contract says.
"""

import time
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
from testiculus.base.files import write_csv, write_json
from testiculus.base.places import runs_folder
from testiculus.base.store import Store
from testiculus.claims import BASELINE, RESULT_COLUMNS, judge_table1
from testiculus.classification_metrics import scores
from testiculus.data.images import ImageSet
from testiculus.data.manifest import TEXT_SETTINGS
from testiculus.experiments.cost import cost
from testiculus.experiments.crossval import finish_rows
from testiculus.experiments.curation import (
    curated_jobs,
    curated_labels,
    flags_frame,
    loss_records,
)
from testiculus.experiments.scoring import prediction_frame, score_rows
from testiculus.experiments.table1_plan import EXPERIMENT, Plan
from testiculus.experiments.table1_plan import plan as plan
from testiculus.noise import COMPARED_OCCASIONS, LossRecord, images_flagged_at_least

__all__ = ["Outcome", "run"]

# What `about` passes on of the images' settings: those that the manifest, the phantom and the
# importers define.
SHARED_SETTINGS = (
    *TEXT_SETTINGS,
    *("bits", "labelled_rows", "planted_errors", "import", "listed_for_review", "phantom"),
)


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
        """Return settings, data and cost as plain values, for provenance.

        Of the images' settings only those in `SHARED_SETTINGS`: a manifest's settings file may hold
        whatever else a person noted there.
        """
        told = self.images.settings
        return {
            "settings": self.plan.settings(),
            "not_run": self.plan.not_run,
            "data": self.images.name,
            "data_fingerprint": self.images.fingerprint,
            "data_settings": {name: told[name] for name in SHARED_SETTINGS if name in told},
            "cost": self.cost,
        }


def run(planned: Plan, executor: Executor | None = None) -> Outcome:
    """Run the noise protocol and the three rows; finished runs are taken from the store."""
    start, store = time.perf_counter(), Store(runs_folder())
    noise = [
        finish_rows(store, jobs, f"noise runs from {name}", executor)
        for name, jobs in zip(planned.initialisations, planned.noise_jobs, strict=True)
    ]
    everything = [done for runs in noise for done in runs]
    records = loss_records(everything)
    flags = flags_frame(planned, records)
    curated = curated_labels(planned.images.labels(), flags["suspicious"].to_numpy())
    rows = list(noise[0])  # Complete reuses the first initialisation's noise runs
    for name, jobs in curated_jobs(planned, curated).items():
        finished = finish_rows(store, jobs, f"{name} from {planned.initialisations[0]}", executor)
        rows, everything = rows + finished, everything + finished
    predictions = prediction_frame(rows, planned.images, curated)
    results = score_rows(predictions, EXPERIMENT, baseline=BASELINE)
    return Outcome(
        plan=planned,
        results=results,
        verdicts=judge_table1(results, predictions, flags, planned.conditions),
        predictions=predictions,
        flags=flags,
        flag_counts=flag_count_frame(flags, planned.rule.occasions),
        records=records,
        control=control_frame(planned),
        cost=cost(everything, time.perf_counter() - start),
    )


def flag_count_frame(flags: pd.DataFrame, occasions: int) -> pd.DataFrame:
    """Return how many images were flagged in at least n evaluations, for each n.

    For `occasions` (the rule's) and for each number that is compared with it.
    """
    most = int(flags["evaluations"].max())
    parts = []
    for k in sorted({*COMPARED_OCCASIONS, occasions}):
        counts = images_flagged_at_least(flags[f"times_flagged_{k}"].to_numpy(), most)
        at_least = np.arange(1, most + 1)
        part = pd.DataFrame({"occasions": k, "evaluations": at_least, "images": counts})
        parts.append(part.assign(share=part["images"] / len(flags)))
    return pd.concat(parts, ignore_index=True)


def control_frame(planned: Plan) -> pd.DataFrame | None:
    """Score classifiers that see acquisition only, on the table's own labels, seeds and folds."""
    images, labels = planned.images, planned.images.labels()
    scored_by = {"_original": labels}
    if images.frame["true_label"].notna().all():
        scored_by["_truth"] = images.labels("true_label")
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
                for suffix, wanted in scored_by.items():
                    found = scores(wanted[test], probabilities[test])
                    lines += [
                        (EXPERIMENT, row, seed, int(fold), metric + suffix, value)
                        for metric, value in found.items()
                    ]
    return pd.DataFrame(lines, columns=RESULT_COLUMNS) if lines else None
