"""From recorded losses to curated labels: which images are suspicious, and what the rows train on.

Article, section 3: a suspicious image is left out ("Filtered") or its label turned ("Flipped").
"""

import hashlib
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from testiculus.base.errors import InputWarning
from testiculus.experiments.crossval import RowJob, RowRun
from testiculus.noise import COMPARED_OCCASIONS, LossRecord, flag_table

if TYPE_CHECKING:
    from testiculus.experiments.table1_plan import Plan

Records = list[tuple[LossRecord, np.ndarray]]
CURATED_ROWS = {"Filtered": "left out", "Flipped": "turned"}


def loss_records(runs: Sequence[RowRun]) -> Records:
    """Return each run's recorded losses, with the images it was trained on."""
    return [
        (LossRecord(done.run.arrays["sample"], done.run.arrays["loss"]), done.plan.train_index)
        for done in runs
    ]


def flags_frame(planned: "Plan", records: Records) -> pd.DataFrame:
    """Return one line per image: how often it was flagged, and whether it is suspicious.

    `labels_fingerprint` names the images and their labels whatever the resolution, so that another
    table can flip by these flags; `data_fingerprint` names the pixels they were made from.
    """
    images, rule = planned.images, planned.rule
    table = flag_table(
        records,
        len(images),
        rule.loss_threshold,
        rule.occasions,
        rule.occasion,
        rule.evaluations,
        also=COMPARED_OCCASIONS,
    )
    about = images.frame[["image", "patient", "label", "true_label"]].reset_index(drop=True)
    return about.join(table).assign(
        data_fingerprint=images.fingerprint, labels_fingerprint=labels_fingerprint(about)
    )


def labels_fingerprint(frame: pd.DataFrame) -> str:
    """Return the sha256 (hex) of image names, patients and labels, in the order of the rows."""
    text = frame[["image", "patient", "label"]].to_csv(index=False, lineterminator="\n")
    return hashlib.sha256(text.encode()).hexdigest()


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


def curated_jobs(planned: "Plan", curated: dict[str, np.ndarray]) -> dict[str, list[RowJob]]:
    """Return the runs of Filtered and Flipped, from the plan's first initialisation.

    A row whose curation leaves some training part with one class only cannot be trained: it is left
    out, with a warning.
    """
    rows = {}
    for name, what in CURATED_ROWS.items():
        kept = curated[name] >= 0
        labels = np.where(kept, curated[name], planned.images.labels())
        jobs = planned.row(name, planned.initialisations[0], labels, kept)
        bare = [job for job in jobs if len(np.unique(labels[job.train_index])) < 2]
        if bare:
            warnings.warn(
                f"{name} was not run: with the suspicious images {what}, seed {bare[0].seed}, "
                f"fold {bare[0].fold} would train on one class only",
                InputWarning,
                stacklevel=2,
            )
        else:
            rows[name] = jobs
    return rows
