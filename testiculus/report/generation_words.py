"""What measures of generated images are called, and how their figures are written.

A distance in other features than Inception's is never called FID, nor a score of other classes IS.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from testiculus.base.errors import one_of
from testiculus.report.render import ABSENT

FRACTIONS = ("precision", "recall", "copy_rate")
NAMES = {"frechet": "Fréchet distance", "score": "prediction score"}
INCEPTION_NAMES = {"frechet": "FID", "score": "Inception score"}
SIGNIFICANT, MOST_DECIMALS = 3, 4


@dataclass(frozen=True)
class Features:
    """The features that a measure is taken in: their id, what they are, whether it may be FID."""

    space: str
    words: str
    is_fid: bool = False

    def name(self, metric: str) -> str:
        """Return what a metric is called in these features.

        >>> Features("ud", "features of an encoder").name("frechet")
        'Fréchet distance'
        """
        return (INCEPTION_NAMES if self.is_fid else NAMES).get(metric, metric)

    def in_full(self, score: bool = False) -> str:
        """Return what a distance, and with `score` a score, in these features is, and is not."""
        if self.is_fid:
            also = " and Inception score" if score else ""
            return f"FID{also}: in Inception's features, as the paper's."
        words = f"Fréchet distance in {self.words}: no FID, not to be compared with the paper's."
        also = (
            " The prediction score is no Inception score: its classes are the organs and scanners "
            "of a probe on real images."
        )
        return words + (also if score else "")


def features_of(space: str, fidelity: pd.DataFrame | None) -> Features:
    """Return what fidelity.csv says of a feature space; without it, the id stands for the words.

    Raises `UserError` for a space that the frame does not have.
    """
    if fidelity is None:
        return Features(space, f"features ({space})")
    one_of(space, list(fidelity["space"].unique()), "feature space")
    found = fidelity[fidelity["space"] == space].iloc[0]
    return Features(space, str(found["features"]), truthful(found["is_fid"]))


def first_space(fidelity: pd.DataFrame) -> str:
    """Return the space that decides: the first of the frame."""
    return str(fidelity["space"].iloc[0])


def truthful(value: object) -> bool:
    """Return a flag as a bool, also where it comes as text from a CSV file.

    >>> truthful("False"), truthful(1.0)
    (False, True)
    """
    return str(value).casefold() in ("true", "1", "1.0")


def decimals(metric: str, *values: float) -> int:
    """Return how many decimals figures of a metric need: one of percent, else three digits.

    >>> decimals("precision", 0.8), decimals("frechet", 119.84), decimals("frechet", 0.05, 0.2)
    (1, 0, 3)
    """
    if metric in FRACTIONS:
        return 1
    known = [abs(value) for value in values if np.isfinite(value) and value]
    if not known:
        return 1
    return int(np.clip(SIGNIFICANT - 1 - np.floor(np.log10(max(known))), 0, MOST_DECIMALS))


def figure(metric: str, value: float, digits: int, sign: bool = False) -> str:
    """Return one figure: a fraction in percent, anything else as it is; a missing one as a dash."""
    if pd.isna(value):
        return ABSENT
    return f"{100 * value if metric in FRACTIONS else value:{'+' if sign else ''}.{digits}f}"


def spread(metric: str, values, digits: int, std: float | None = None, sign: bool = False) -> str:
    """Return "79.7 ± 4.8": mean and sample standard deviation, or the `std` that is known."""
    values = np.asarray(values, dtype="float64")
    values = values[~np.isnan(values)]
    if not len(values):
        return ABSENT
    if std is None and len(values) > 1:
        std = float(values.std(ddof=1))
    mean = figure(metric, values.mean(), digits, sign)
    return mean if std is None or np.isnan(std) else f"{mean} ± {figure(metric, std, digits)}"
