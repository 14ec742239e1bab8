"""From trainings to scores, and from scores to curated labels that rows are trained on again.

`ranked` reads all rules from a condition's trainings, `curated_jobs` plans the rows whose labels
were filtered or flipped by each rule's flags, all at the same budget.
"""

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from testiculus.base.devices import derive_seed
from testiculus.base.errors import InputWarning
from testiculus.base.store import Store
from testiculus.claims.peers_schema import (
    CORRECTED,
    CURATIONS,
    FLIPPED,
    SCORE_COLUMNS,
    curated_row,
)
from testiculus.experiments.crossval import RowJob, RowRun, finish_rows
from testiculus.experiments.curation import loss_records
from testiculus.noise import known_wrong
from testiculus.noise.peers import RULES, flagged, score_table

if TYPE_CHECKING:
    from testiculus.experiments.peers_plan import Noisy, PeersPlan


def ranked(planned: "PeersPlan", noisy: "Noisy", runs: Sequence[RowRun]) -> pd.DataFrame:
    """Return the scores of every image under a condition, from its trainings: `SCORE_COLUMNS`.

    Held-out probabilities are averaged over the seeds and starts: each of them predicts every image
    once, by the model of the fold that did not train on it.
    """
    probabilities = held_out(runs, len(planned.images))
    scores = score_table(loss_records(runs), noisy.labels, probabilities, planned.rule)
    frame = planned.images.frame[["image", "patient", "true_label"]].reset_index(drop=True)
    told = {"condition": noisy.name, "kind": noisy.kind, "rate": noisy.rate}
    frame = frame.assign(**told, label=noisy.labels).join(scores)
    return frame[list(SCORE_COLUMNS)]


def held_out(runs: Sequence[RowRun], n: int) -> np.ndarray:
    """Return each image's mean probability of the positive class from models that left it out."""
    total, count = np.zeros(n), np.zeros(n)
    for done in runs:
        total[done.plan.test_index] += done.run.arrays["probabilities"]
        count[done.plan.test_index] += 1
    return total / count


def finished_scores(planned: "PeersPlan", noisy: "Noisy", store: Store) -> pd.DataFrame:
    """Return `ranked` of a condition whose trainings the store holds."""
    runs = finish_rows(store, planned.noise_jobs[noisy.name], f"reading {noisy.name}")
    return ranked(planned, noisy, runs)


def curated(planned: "PeersPlan", scores: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return the retrained rows' labels, int64 (N,), -1 where the row leaves the image out.

    Every rule flags as many images as there are wrong labels; a lot, the same for all rules,
    decides among images of equal score. The last row has the true labels, where all are known.
    """
    labels = planned.retrained.labels
    known, wrong = known_wrong(scores)
    seed = derive_seed("peers", "lots")
    rows = {}
    for rule in RULES:
        lots = np.random.default_rng(seed)
        chosen = flagged(scores[rule].to_numpy(), int(wrong.sum()), lots)
        for curation in CURATIONS:
            other = 1 - labels if curation == FLIPPED else -1
            rows[curated_row(rule, curation)] = np.where(chosen, other, labels)
    if known.all():
        rows[CORRECTED] = scores["true_label"].to_numpy(dtype=np.int64)
    return rows


def curated_jobs(
    planned: "PeersPlan", scores: pd.DataFrame, quiet: bool = False
) -> dict[str, list[RowJob]]:
    """Return the trainings of the curated rows, by row.

    A row of which a fold would train on one class only is left out, with a warning unless `quiet`.
    """
    found = {}
    for name, wanted in curated(planned, scores).items():
        kept = wanted >= 0
        labels = np.where(kept, wanted, planned.retrained.labels)
        jobs = planned.row(name, labels, kept, planned.start, planned.protocol.seeds)
        if all(len(np.unique(labels[job.train_index])) == 2 for job in jobs):
            found[name] = jobs
        elif not quiet:
            message = f"{name} was not run: a fold would train on one class only"
            warnings.warn(message, InputWarning, stacklevel=2)
    return found
