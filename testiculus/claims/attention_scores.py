"""Accuracy, F1 and AUC of one trained model on resampled patients, many resamples at once."""

import numpy as np

from testiculus.claims.attention_schema import SCORES


def run_scores(
    weights: np.ndarray, patients: np.ndarray, labels: np.ndarray, probabilities: np.ndarray
) -> np.ndarray:
    """Return `SCORES` of one run's test images on every draw, float64 (len(SCORES), draws).

    `weights` is float64 draws x patients: how often a patient is in a draw. `patients` (integers,
    columns of `weights`), `labels` (0 or 1) and `probabilities` (0 to 1, the positive class's) are
    of the n test images. F1 is 0 where it divides by zero; accuracy and F1 are NaN where no image
    is in the draw, AUC where one class alone is.

    >>> two = np.ones((1, 2))
    >>> run_scores(two, np.array([0, 0, 1]), np.array([0, 1, 1]), np.array([0.2, 0.9, 0.1])).T
    array([[0.66666667, 0.66666667, 0.5       ]])
    """
    positive, called = labels == 1, probabilities > 0.5  # argmax of two classes
    cells = (positive & called, ~positive & called, positive & ~called, ~positive & ~called)
    tp, fp, fn, tn = (_number(weights, patients[cell]) for cell in cells)
    total = tp + fp + fn + tn
    claimed = 2 * tp + fp + fn
    f1 = np.divide(2 * tp, claimed, out=np.zeros_like(tp), where=claimed > 0)
    auc = weighted_auc(weights, patients, positive, probabilities)
    found = {"accuracy": _share(tp + tn, total), "f1": np.where(total > 0, f1, np.nan), "auc": auc}
    return np.stack([found[score] for score in SCORES])


def weighted_auc(
    weights: np.ndarray, patients: np.ndarray, positive: np.ndarray, probabilities: np.ndarray
) -> np.ndarray:
    """Return the AUC on every draw, float64 (draws,), NaN where one class alone is drawn.

    Arguments as of `run_scores`; `positive` is boolean. It is the weighted share of pairs of a
    positive and a negative image in which the positive ranks higher, ties counting half. The pairs
    are summed for each pair of patients once, so that a draw costs two small matrix products.
    """
    above = probabilities[positive]
    below = probabilities[~positive]
    if not len(above) or not len(below):
        return np.full(len(weights), np.nan)
    wins = (above[:, None] > below).astype(np.float64) + 0.5 * (above[:, None] == below)
    owners, of_above = _sums(patients[positive])
    others, of_below = _sums(patients[~positive])
    w, v = weights[:, owners], weights[:, others]
    won = ((w @ (of_above @ wins @ of_below.T)) * v).sum(axis=1)
    return _share(won, (w @ of_above.sum(axis=1)) * (v @ of_below.sum(axis=1)))


def _sums(patients: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return which patients there are, and a 0/1 matrix, these x images, that sums over them."""
    there, codes = np.unique(patients, return_inverse=True)
    return there, (codes.ravel() == np.arange(len(there))[:, None]).astype(np.float64)


def _number(weights: np.ndarray, patients: np.ndarray) -> np.ndarray:
    """Return how many images of these `patients`, one entry an image, are in each draw."""
    there, number = np.unique(patients, return_counts=True)
    return weights[:, there] @ number.astype(np.float64)


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0)
