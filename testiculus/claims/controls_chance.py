"""What chance scores, and scores of resampled patients: the yardsticks of the negative controls.

`chance_scores` is the closed form of predictions that do not depend on the labels;
`patient_interval` resamples patients and leaves the trained models as they are.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from testiculus.claims.controls_schema import CHANCE_AUC
from testiculus.claims.schema import CURATED, ORIGINAL
from testiculus.intervals import BOOTSTRAP_DRAWS, Interval, patient_bootstrap

LABELS = {CURATED: "curated_label", ORIGINAL: "label"}
SEED = 0  # of the bootstrap


def chance_scores(prevalence: float, claimed: float) -> dict[str, float]:
    """Return what predictions score on average that do not depend on the labels, as fractions.

    `prevalence` p is the share of positive labels, `claimed` q that of positive predictions. Of
    labels dealt out at random p q of all images are hits on average, and F1 is 2 p q / (p + q),
    exactly: it is linear in the hits. 0 where it divides by zero.

    >>> round(chance_scores(0.2, 0.5)["f1"], 4), chance_scores(0.2, 0.0)["f1"]
    (0.2857, 0.0)
    """
    p, q = float(prevalence), float(claimed)
    return {
        "accuracy": p * q + (1 - p) * (1 - q),
        "precision": p if q else 0.0,
        "recall": q if p else 0.0,
        "f1": 2 * p * q / (p + q) if p + q else 0.0,
        "auc": CHANCE_AUC,
    }


def weighted_auc(labels: np.ndarray, chances: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the AUC of every draw, float64 (draws,): ties count half, NaN without both classes.

    `labels` bool (n,), `chances` float (n,), `weights` float draws x n, how often an image counts.
    """
    order = np.argsort(chances, kind="stable")
    first = np.flatnonzero(np.append(True, np.diff(chances[order]) != 0))
    ranked, truth = weights[:, order], labels[order]
    high = np.add.reduceat(ranked * truth, first, axis=1)
    low = np.add.reduceat(ranked * ~truth, first, axis=1)
    won = (high * (np.cumsum(low, axis=1) - low / 2)).sum(axis=1)
    pairs = high.sum(axis=1) * low.sum(axis=1)
    return np.divide(won, pairs, out=np.full(len(weights), np.nan), where=pairs > 0)


def weighted_f1(labels: np.ndarray, chances: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the F1 of every draw, float64 (draws,), 0 where it divides by zero; see above."""
    hits, both = _counts(labels, chances, weights)
    return np.divide(2 * hits, both, out=np.zeros(len(weights)), where=both > 0)


def weighted_f1_gap(labels: np.ndarray, chances: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return how far the F1 of every draw lies above its `chance_scores`, float64 (draws,)."""
    called = chances > 0.5
    total = weights.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        p, q = (weights @ labels) / total, (weights @ called) / total
        chance = np.where(p + q > 0, 2 * p * q / (p + q), 0.0)
    return weighted_f1(labels, chances, weights) - chance


def _counts(labels, chances, weights) -> tuple[np.ndarray, np.ndarray]:
    called = chances > 0.5
    return weights @ (labels & called), weights @ labels + weights @ called


MEASURES: dict[str, Callable[..., np.ndarray]] = {
    "f1": weighted_f1,
    "f1_gap": weighted_f1_gap,
    "auc": weighted_auc,
    "auc_gap": lambda *given: weighted_auc(*given) - CHANCE_AUC,
}


def patient_interval(
    predictions: pd.DataFrame,
    measure: str,
    scoring: str = CURATED,
    draws: int = BOOTSTRAP_DRAWS,
    seed: int = SEED,
) -> Interval:
    """Return a measure of one row's models, averaged over the runs, with its patient bootstrap.

    `predictions` hold one row's lines; images without a label under `scoring` are left out. The
    models are held fixed, so that patients alone decide: where labels mean nothing, a fixed model's
    score differs from chance by the labels that its test patients happen to carry, and by nothing
    else.
    """
    column = LABELS[scoring]
    there = predictions[predictions[column].notna()]
    patients = there.groupby("image")["patient"].first()
    runs = [
        (
            patients.index.get_indexer(run["image"]),
            run[column].to_numpy(dtype=np.int64).astype(bool),
            run["probability"].to_numpy(dtype=np.float64),
        )
        for _, run in there.groupby(["seed", "fold"], sort=True)
    ]

    def statistic(weights: np.ndarray) -> np.ndarray:
        found = [MEASURES[measure](labels, p, weights[:, at]) for at, labels, p in runs]
        return _mean(np.stack(found))

    return patient_bootstrap(statistic, patients.astype(str).to_numpy(), seed=seed, draws=draws)


def _mean(values: np.ndarray) -> np.ndarray:
    """Return the mean over runs (runs x draws), of those that have a value."""
    known = ~np.isnan(values)
    number = known.sum(axis=0)
    total = np.where(known, values, 0.0).sum(axis=0)
    return np.divide(total, number, out=np.full(values.shape[1], np.nan), where=number > 0)
