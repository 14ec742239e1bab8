"""The two kinds of standard deviation: do the printed spreads of one row fit one another?

A ± over runs (folds x seeds) holds the noise of which images a fold tests on; a ± over the means
per seed does not, because each seed tests on every image. `spread_ratios` puts each printed ± in
units of that noise. `spread_bounds` asks something stricter: accuracy, recall and F1 of one run
determine one another, so their spreads over the same runs are bound together.
"""

from math import inf, sqrt

import pandas as pd

from testiculus.audits.printed import DIGITS, by_row, half_unit
from testiculus.classification_metrics import implied_prevalence

METRICS = ("accuracy", "f1", "precision", "recall")


def fold_spread(means: dict[str, float], images: float) -> dict[str, float]:
    """Return the standard deviation of each metric from drawing one test fold of `images`.

    The images of a fold are taken as independent draws with the printed rates, to first order
    (delta method). Accuracy 1 - e and F1 = 2t / (2t + e) fix the rate of true positives t; recall
    and precision, if both are there, the positives. Views of one testis are alike, which only
    widens a fold's noise. Keys are those of `means` (fractions) that can be told.

    >>> round(fold_spread({"accuracy": 0.8, "f1": 0.6}, 100)["accuracy"], 3)
    0.04
    """
    error, f1 = 1 - means["accuracy"], means["f1"]
    found = {"accuracy": sqrt(error * (1 - error) / images), "f1": 0.0}
    if 0 < f1 < 1:
        hits = f1 * error / (2 * (1 - f1))
        by_hits = 2 * error / (2 * hits + error) ** 2
        by_error = -2 * hits / (2 * hits + error) ** 2
        variance = by_hits**2 * hits * (1 - hits) + by_error**2 * error * (1 - error)
        variance -= 2 * by_hits * by_error * hits * error  # a multinomial's covariance
        found["f1"] = sqrt(variance / images)
    if _known(means, "precision") and _known(means, "recall"):
        precision, recall = means["precision"], means["recall"]
        positives = implied_prevalence(means["accuracy"], precision, recall)
        found["recall"] = sqrt(recall * (1 - recall) / (positives * images))
        calls = positives * recall / precision * images
        found["precision"] = sqrt(precision * (1 - precision) / calls)
    return found


def spread_ratios(table: pd.DataFrame, images: float) -> pd.DataFrame:
    """Return every printed ± beside the noise of one test fold: row, metric, std, fold, ratio.

    `images` is the size of a fold. A ± over runs comes to about 1 or more; one well below 1 is
    what means over whole seeds give, or luck. Raises UserError for a table without accuracy or F1.
    """
    lines = []
    for row, figures in by_row(table).iterrows():
        noise = fold_spread(figures["mean"].dropna().to_dict(), images)
        for metric in METRICS:
            if metric in noise and noise[metric] > 0:
                std = figures["std"][metric]
                lines.append((row, metric, std, noise[metric], std / noise[metric]))
    return pd.DataFrame(lines, columns=["row", "metric", "std", "fold", "ratio"])


def largest_accuracy_spread(
    means: dict[str, float], stds: dict[str, float], runs: int, digits: int = DIGITS
) -> float:
    """Return the largest standard deviation of accuracy that those of recall and F1 allow.

    For one prevalence q in all `runs`, a run's error is e = 2 q R h(F) with h(F) = (1 - F) / F.
    None of n values lies farther than sqrt(n - 1) standard deviations from their mean, so F stays
    above some F_min, and by the triangle inequality

        sd(e) / mean(e) <= (h(F_min) sd(R) + mean(R) sd(h)) / (mean(R) h(mean F) - sd(R) sd(h)),

    where sd(h) <= sd(F) / F_min^2. The worst rounding of every figure is taken. The bound is no
    approximation, and holds whether the printed standard deviations divide by n or n - 1. It is
    infinite where the spreads are too wide to say anything.
    """
    half = half_unit(digits)
    recall, f1 = means["recall"], means["f1"]
    of_recall, of_f1 = stds["recall"] + half, stds["f1"] + half
    lowest = f1 - half - sqrt(runs - 1) * of_f1
    if lowest <= 0:
        return inf
    of_h = of_f1 / lowest**2
    most = (1 - lowest) / lowest * of_recall + (recall + half) * of_h
    least = (recall - half) * (1 - f1 - half) / (f1 + half) - of_recall * of_h
    return (1 - means["accuracy"] + half) * most / least if least > 0 else inf


def prevalence_spread_needed(
    means: dict[str, float], stds: dict[str, float], runs: int, digits: int = DIGITS
) -> float:
    """Return how much the prevalence of the test folds must vary for the spreads to fit, at least.

    A standard deviation (a fraction); 0 where one prevalence will do. With g = R h(F) and the
    names of `largest_accuracy_spread`, sd(e) <= 2 (max(g) sd(q) + q sd(g)).
    """
    half = half_unit(digits)
    room = sqrt(runs - 1)
    lowest = means["f1"] - half - room * (stds["f1"] + half)
    if lowest <= 0:
        return 0.0
    h = (1 - lowest) / lowest
    of_h = (stds["f1"] + half) / lowest**2
    spread = h * (stds["recall"] + half) + (means["recall"] + half) * of_h
    highest = min(1.0, means["recall"] + half + room * (stds["recall"] + half)) * h
    prevalence = implied_prevalence(means["accuracy"], means["precision"], means["recall"])
    return max(0.0, ((stds["accuracy"] - half) / 2 - prevalence * spread) / highest)


def spread_bounds(table: pd.DataFrame, runs: int, digits: int = DIGITS) -> pd.DataFrame:
    """Return, by row, accuracy's printed ± and the largest that recall's and F1's allow.

    Columns: row, std, largest, fits (bool, rounding allowed for), needed (the spread of the folds'
    prevalence that would make them fit, 0 where they do). Rows without precision and recall are
    left out. A table made from `runs` runs on folds of one prevalence always fits.
    """
    lines = []
    for row, figures in by_row(table).iterrows():
        means, stds = figures["mean"].dropna().to_dict(), figures["std"].dropna().to_dict()
        if all(_known(means, metric) and metric in stds for metric in METRICS):
            largest = largest_accuracy_spread(means, stds, runs, digits)
            fits = stds["accuracy"] - half_unit(digits) <= largest
            needed = 0.0 if fits else prevalence_spread_needed(means, stds, runs, digits)
            lines.append((row, stds["accuracy"], largest, fits, needed))
    return pd.DataFrame(lines, columns=["row", "std", "largest", "fits", "needed"])


def _known(means: dict[str, float], metric: str) -> bool:
    return means.get(metric, 0) > 0
