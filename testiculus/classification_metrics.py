"""Scores of a two-class classifier, as the thesis defines them, and the baselines it compares with.

Main function: `scores`. The positive class is 1 ("inhomogeneous"); a prediction is positive where
its probability is above one half, which is where argmax over two classes picks it.
"""

import numpy as np

from testiculus.base.errors import UserError

METRICS = ("accuracy", "precision", "recall", "f1", "auc")


def scores(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, float | np.ndarray]:
    """Return accuracy, precision, recall, F1 and AUC (thesis, equations 5.10 to 5.13).

    Args:
        labels: integers 0 or 1, shape (..., n).
        probabilities: the positive class's, in [0, 1], shape (..., n). The two shapes broadcast,
            so that many predictions (runs, resamples) are scored in one call.

    Returns:
        Each metric as a fraction in [0, 1]: a float for one-dimensional input, else an array of
        the leading shape. Precision, recall and F1 are 0 where they divide by zero; AUC, the
        chance that a positive outranks a negative (ties count half), is nan where only one class
        is present.

    Raises:
        UserError: for no samples, shapes that do not fit, or values out of range.

    >>> scores(np.array([0, 0, 1, 1]), np.array([0.1, 0.6, 0.7, 0.8]))["accuracy"]
    0.75
    """
    truth, chance = _checked(labels, probabilities)
    predicted = chance > 0.5
    hits = (truth & predicted).sum(-1)
    positives, claimed, n = truth.sum(-1), predicted.sum(-1), truth.shape[-1]
    table = {
        "accuracy": (n - positives - claimed + 2 * hits) / n,
        "precision": _ratio(hits, claimed),
        "recall": _ratio(hits, positives),
        "f1": _ratio(2 * hits, positives + claimed),
        "auc": _auc(truth, chance),
    }
    return {name: float(v) if np.ndim(v) == 0 else v for name, v in table.items()}


def prevalence_baselines(prevalence: float) -> dict[str, dict[str, float]]:
    """Return what knowing nothing but the prevalence scores (thesis 5.4, equation 5.14).

    "always negative" never says positive; "prevalence guess" says positive at random, as often as
    positives occur, and its entries are the ratios of expected counts. `prevalence` is the fraction
    of positives in [0, 1]; raises `UserError` outside it.

    >>> round(prevalence_baselines(0.2)["prevalence guess"]["accuracy"], 2)
    0.68
    """
    if not 0 <= prevalence <= 1:
        raise UserError(f"a prevalence lies between 0 and 1, not at {prevalence}")
    p = float(prevalence)
    never = {"accuracy": 1 - p, "precision": 0.0, "recall": 0.0, "f1": 0.0, "auc": 0.5}
    guess = {"accuracy": p**2 + (1 - p) ** 2, "precision": p, "recall": p, "f1": p, "auc": 0.5}
    return {"always negative": never, "prevalence guess": guess}


def implied_prevalence(accuracy: float, precision: float, recall: float) -> float:
    """Return the fraction of positives that a printed row of metrics implies.

    Errors are missed positives, q (1 - R), and false alarms, q R (1 - P) / P; together they are
    1 - A, which solves for q. All arguments are fractions, `precision` above 0 (else `UserError`).

    >>> round(implied_prevalence(0.8678, 0.6784, 0.8027), 3)
    0.229
    """
    if precision <= 0:
        raise UserError("a precision of 0 implies no prevalence")
    return (1 - accuracy) / (recall * (1 - precision) / precision + 1 - recall)


def _checked(labels: np.ndarray, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    truth, chance = np.asarray(labels), np.asarray(probabilities, dtype=np.float64)
    if truth.ndim == 0 or chance.ndim == 0 or truth.shape[-1] != chance.shape[-1]:
        raise UserError(
            f"labels of shape {truth.shape} do not fit probabilities of shape {chance.shape}",
            remedy="give one label and one probability per image",
        )
    if truth.shape[-1] == 0:
        raise UserError("nothing to score: no images")
    if not np.isin(truth, (0, 1)).all():
        raise UserError("labels to score must be 0 or 1")
    if not ((chance >= 0) & (chance <= 1)).all():  # also false for nan
        raise UserError("probabilities must lie between 0 and 1")
    truth, chance = np.broadcast_arrays(truth.astype(bool), chance)
    return truth, chance


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.where(whole > 0, part / np.maximum(whole, 1), 0.0)


def _auc(truth: np.ndarray, chance: np.ndarray) -> np.ndarray:
    """Mann-Whitney: the positives' rank sum, less its smallest value, over all pairs."""
    from scipy.stats import rankdata

    positives = truth.sum(-1)
    pairs = positives * (truth.shape[-1] - positives)
    above = (rankdata(chance, axis=-1) * truth).sum(-1) - positives * (positives + 1) / 2
    return np.where(pairs > 0, above / np.maximum(pairs, 1), np.nan)
