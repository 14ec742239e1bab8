"""Contrasts: a signed sum of mean scores, judged over paired runs and over resampled patients.

"Filtered's F1 minus Complete's F1, both on the truth" is a contrast of two terms. Its corrected
resampled t interval comes from the tidy results, its patient bootstrap from the predictions.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from testiculus.claims.schema import (
    CLEAN,
    CURATED,
    ORIGINAL,
    RESCORED,
    TRUTH,
    Conditions,
    runs_of,
)
from testiculus.intervals import (
    BOOTSTRAP_DRAWS,
    Interval,
    corrected_resampled_interval,
    patient_bootstrap,
)

LABEL_COLUMN = {CURATED: "curated_label", ORIGINAL: "label", TRUTH: "true_label"}
LABEL_COLUMN[CLEAN] = LABEL_COLUMN[TRUTH]
UNKNOWN_TRUTH = "true labels are missing"  # of some images or all: scores on the truth need all
BOOTSTRAPPED_METRICS = ("accuracy", "f1", "precision", "recall")


@dataclass(frozen=True)
class Term:
    """`sign` times the mean score of `row`'s models under `scoring` (a suffix of `schema`)."""

    sign: int
    row: str
    scoring: str = CURATED


@dataclass(frozen=True)
class Contrast:
    """A signed sum of one `metric` over `terms`."""

    metric: str
    terms: tuple[Term, ...]

    def missing(self, results: pd.DataFrame) -> str:
        """Return the first row or scoring that the results lack, in words; "" if all are there."""
        for term in self.terms:
            if not (results["row"] == term.row).any():
                return f"row {term.row} was not run"
            if not runs_of(results, term.row, self.metric + term.scoring).notna().any():
                needs_truth = LABEL_COLUMN.get(term.scoring) == LABEL_COLUMN[TRUTH]
                unknown = needs_truth and len(runs_of(results, term.row, self.metric))
                return UNKNOWN_TRUTH if unknown else f"no {self.metric + term.scoring}"
        return ""

    def differences(self, results: pd.DataFrame) -> pd.Series:
        """Return the contrast of each run that all terms have, indexed by (seed, fold)."""
        parts = [t.sign * runs_of(results, t.row, self.metric + t.scoring) for t in self.terms]
        return pd.concat(parts, axis=1, join="inner").sum(axis=1, skipna=False)

    def interval(self, results: pd.DataFrame, conditions: Conditions) -> Interval:
        """Return the corrected resampled t interval over the paired runs."""
        differences = self.differences(results)
        return corrected_resampled_interval(differences.to_numpy(), ratio=conditions.ratio)

    def bootstrap(
        self, predictions: pd.DataFrame, *, seed: int, draws: int = BOOTSTRAP_DRAWS
    ) -> Interval:
        """Return the patient bootstrap of the same mean contrast, the trained models held fixed.

        Every draw weighs patients, scores each run's test images with these weights, and averages
        over the runs that all terms have. Raises ValueError for a metric that is not bootstrapped.
        """
        if self.metric not in BOOTSTRAPPED_METRICS:
            raise ValueError(f"no patient bootstrap for {self.metric!r}")
        images, runs = _axes(predictions, {_labels_of(t)[0] for t in self.terms} | self._rows())
        counts = [(t.sign, _counts(predictions, t, images.index, runs)) for t in self.terms]

        def statistic(weights: np.ndarray) -> np.ndarray:
            return sum(sign * _mean_score(weights, c, self.metric) for sign, c in counts)

        return patient_bootstrap(statistic, images.to_numpy(), seed=seed, draws=draws)

    def _rows(self) -> set[str]:
        return {term.row for term in self.terms}


def beats(better: str, worse: str, metric: str, scoring: str = CURATED) -> Contrast:
    """Return the contrast better - worse of `metric` under `scoring`."""
    return Contrast(metric, (Term(1, better, scoring), Term(-1, worse, scoring)))


def _labels_of(term: Term) -> tuple[str, str]:
    """Return whose predictions rows, and which of their columns, hold the term's labels."""
    if term.scoring in RESCORED:
        return RESCORED[term.scoring], LABEL_COLUMN[CURATED]
    return term.row, LABEL_COLUMN[term.scoring]


def _axes(predictions: pd.DataFrame, rows: set[str]) -> tuple[pd.Series, pd.MultiIndex]:
    """Return the patient of each image that `rows` predict, and the (seed, fold) all share."""
    of_rows = {row: predictions[predictions["row"] == row] for row in sorted(rows)}
    images = pd.concat(of_rows.values()).groupby("image")["patient"].first()
    shared = [pd.MultiIndex.from_frame(f[["seed", "fold"]]).unique() for f in of_rows.values()]
    runs = shared[0]
    for other in shared[1:]:
        runs = runs.intersection(other)
    return images, runs.sort_values()


def _counts(predictions, term: Term, images: pd.Index, runs: pd.MultiIndex) -> np.ndarray:
    """Return true and false positives and negatives (tp, fp, fn, tn), float64 4 x images x runs."""
    label_row, column = _labels_of(term)
    probability = _matrix(predictions, term.row, "probability", images, runs)
    label = _matrix(predictions, label_row, column, images, runs)
    scored = ~(np.isnan(probability) | np.isnan(label))
    called, positive = probability > 0.5, label == 1  # argmax of two classes
    cells = (called & positive, called & ~positive, ~called & positive, ~called & ~positive)
    return np.stack([(cell & scored).astype(np.float64) for cell in cells])


def _matrix(
    predictions, row: str, column: str, images: pd.Index, runs: pd.MultiIndex
) -> np.ndarray:
    """Return a column of a row's predictions, float64 images x runs, NaN where there is none."""
    chosen = predictions[predictions["row"] == row]
    at_image = images.get_indexer(chosen["image"])
    at_run = runs.get_indexer(pd.MultiIndex.from_frame(chosen[["seed", "fold"]]))
    values = pd.to_numeric(chosen[column], errors="coerce").to_numpy("float64", na_value=np.nan)
    matrix, kept = np.full((len(images), len(runs)), np.nan), at_run >= 0
    matrix[at_image[kept], at_run[kept]] = values[kept]
    return matrix


def _mean_score(weights: np.ndarray, counts: np.ndarray, metric: str) -> np.ndarray:
    """Return the mean over runs of the weighted metric, (draws,); zero_division is 0.

    A run whose test images all have weight zero in a draw has no score there and is left out.
    """
    tp, fp, fn, tn = (weights @ cell for cell in counts)
    parts = {
        "accuracy": (tp + tn, tp + fp + fn + tn),
        "f1": (2 * tp, 2 * tp + fp + fn),
        "precision": (tp, tp + fp),
        "recall": (tp, tp + fn),
    }
    above, below = parts[metric]
    score = np.divide(above, below, out=np.zeros_like(above), where=below > 0)
    tested = (tp + fp + fn + tn) > 0
    total = np.where(tested, score, 0.0).sum(axis=1)
    number = tested.sum(axis=1)
    return np.divide(total, number, out=np.full(len(total), np.nan), where=number > 0)
