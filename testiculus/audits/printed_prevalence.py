"""What share of positives a printed row implies, and what that says about its label set.

`implied_prevalences` is the audit: rows scored on one label set must agree. `flips_to_positive`
turns a prevalence into how many of the flipped labels became positive ones.
"""

from itertools import product
from math import sqrt

import pandas as pd

from testiculus.audits.printed import DIGITS, by_row, half_unit
from testiculus.audits.printed_spread import METRICS, fold_spread
from testiculus.base.errors import UserError
from testiculus.classification_metrics import implied_prevalence

COLUMNS = ("row", "prevalence", "low", "high", "runs_low", "runs_high", "f1", "f1_most", "f1_fits")


def implied_prevalences(
    table: pd.DataFrame, images: float, runs: int, digits: int = DIGITS
) -> pd.DataFrame:
    """Return the prevalence that each row with precision and recall implies, and its F1's ceiling.

    Columns: row; prevalence (closed form, from the printed means); low, high (the same at the
    worst rounding); runs_low, runs_high (allowing also for the means being averages over `runs`
    runs on folds of `images`, see `averaged_prevalence`); f1 (printed); f1_most (the harmonic mean
    of the printed precision and recall, which no average of runs' F1 can exceed, since the
    harmonic mean is concave); f1_fits (bool, rounding allowed for).
    """
    half, lines = half_unit(digits), []
    for row, figures in by_row(table).iterrows():
        means = figures["mean"].dropna().to_dict()
        if not set(METRICS) <= means.keys() or min(means["precision"], means["recall"]) <= 0:
            continue
        stds = figures["std"].dropna().to_dict()
        a, p, r = means["accuracy"], means["precision"], means["recall"]
        rounded = rounding_interval(a, p, r, digits)
        averaged = averaged_prevalence(means, stds, images, runs, digits)
        most = 2 * p * r / (p + r)
        fits = means["f1"] - half <= most + half
        value = implied_prevalence(a, p, r)
        lines.append((row, value, *rounded, *averaged, means["f1"], most, fits))
    return pd.DataFrame(lines, columns=list(COLUMNS))


def rounding_interval(
    accuracy: float, precision: float, recall: float, digits: int = DIGITS
) -> tuple[float, float]:
    """Return the lowest and highest prevalence of all figures that round to the printed ones.

    The closed form is monotone in each of its three arguments, so its corners are its extremes.

    >>> low, high = rounding_interval(0.8678, 0.6784, 0.8027)
    >>> round(low, 4), round(high, 4)
    (0.2287, 0.2289)
    """
    half = half_unit(digits)
    corners = product(*((x - half, x + half) for x in (accuracy, precision, recall)))
    found = [implied_prevalence(*corner) for corner in corners]
    return min(found), max(found)


def averaged_prevalence(
    means: dict[str, float], stds: dict[str, float], images: float, runs: int, digits: int = DIGITS
) -> tuple[float, float]:
    """Return the lowest and highest prevalence that means over `runs` runs leave open.

    Each run obeys 1 - A = q (R / P - 2R + 1), but the mean of R / P is not the ratio of the means.
    With standard deviations s_P, s_R over the runs, and no P below P_min = mean - sqrt(n - 1) s_P,

        mean(R) / mean(P) - c <= mean(R / P)
            <= mean(R) (1 + s_P^2 / (mean(P) P_min)) / mean(P) + c,  c = s_R s_P / P_min^2.

    A printed ± may be over means of runs, so each s is the larger of the printed one and a fold's
    noise (`fold_spread`). The worst rounding is taken. All of [0, 1] where P_min is not positive.
    """
    half, noise = half_unit(digits), fold_spread(means, images)
    of_p, of_r = (max(stds.get(m, 0) + half, noise[m]) for m in ("precision", "recall"))
    p, r, error = means["precision"], means["recall"], 1 - means["accuracy"]
    lowest = p - half - sqrt(runs - 1) * of_p
    if lowest <= 0:
        return 0.0, 1.0
    shared = of_r * of_p / lowest**2
    most = (r + half) / (p - half) * (1 + of_p**2 / ((p - half) * lowest)) + shared
    least = (r - half) / (p + half) - shared
    below = least - 2 * (r + half) + 1
    low = (error - half) / (most - 2 * (r - half) + 1)
    return max(0.0, low), min(1.0, (error + half) / below) if below > 0 else 1.0


def common_interval(prevalences: pd.DataFrame) -> tuple[float, float] | None:
    """Return the prevalences open to all rows of `implied_prevalences`, or None: no common one."""
    low, high = prevalences["runs_low"].max(), prevalences["runs_high"].min()
    return (float(low), float(high)) if low <= high else None


def flips_to_positive(prevalence: float, before: float, images: int, flipped: int) -> float:
    """Return how many of `flipped` labels went from negative to positive, by the prevalences.

    a labels became positive and flipped - a negative, so images x (prevalence - before) is
    2a - flipped. Not rounded; outside [0, flipped] the prevalences do not fit the flips. Raises
    UserError for no images or a negative number of flips.

    >>> round(flips_to_positive(0.2273, before=0.2, images=880, flipped=72))
    48
    """
    if images < 1 or flipped < 0:
        raise UserError(f"{flipped} flipped labels of {images} images are none to reckon with")
    return (flipped + images * (prevalence - before)) / 2
