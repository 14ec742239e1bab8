"""What the claims on generated images rest on: figures of fidelity, and their paired replicates.

`Evidence` picks the figures that a claim compares and says in words what they were taken on;
`replicate_interval` is the interval of a difference from its replicates.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from testiculus.claims.verdicts import NAN, joined
from testiculus.intervals import CONFIDENCE, Interval

FIDELITY_COLUMNS = (
    *("features", "space", "is_fid", "reference", "row", "batch", "metric", "value"),
    *("n_real", "n_generated"),
)
REPLICATE_COLUMNS = ("reference", "row", "metric", "replicate", "value")
COPY_COLUMNS = ("subject", "space", "n", "copies")
LOWER_IS_BETTER = ("frechet", "copy_rate")
MIN_REPLICATES = 40  # fewer leave less than one replicate beyond each bound at 95 %


@dataclass(frozen=True)
class Evidence:
    """What the claims are judged on; `space` is the first, in which the filter chose."""

    fidelity: pd.DataFrame
    replicates: pd.DataFrame
    copies: pd.DataFrame

    @property
    def spaces(self) -> list[str]:
        """The spaces of the features, the filter's own first."""
        return list(dict.fromkeys(self.fidelity["space"]))

    @property
    def is_fid(self) -> bool:
        """Whether the filter's features are Inception's, so that a distance is an FID."""
        return bool(len(self.fidelity)) and bool(self.fidelity["is_fid"].iloc[0])

    def chosen(self, row: str, measure: str, reference: str, space: str = "") -> pd.DataFrame:
        """Return the lines of one row, measure, reference and space (the first if not named)."""
        of = self.fidelity
        of = of[(of["space"] == (space or next(iter(self.spaces), ""))) & (of["row"] == row)]
        return of[(of["metric"] == measure) & (of["reference"] == reference)]

    def difference(
        self, better: str, worse: str, measure: str, reference: str, space: str = ""
    ) -> pd.Series:
        """Return better - worse (of a distance worse - better) for each batch or split of both."""
        sign = -1 if measure in LOWER_IS_BETTER else 1
        parts = [
            self.chosen(row, measure, reference, space).fillna({"batch": 0}).groupby("batch")
            for row in (better, worse)
        ]
        above, below = (part["value"].mean() for part in parts)
        return sign * (above - below).dropna()

    def about(self, rows: tuple[str, ...], measure: str, reference: str, space: str = "") -> str:
        """Return which features, which reference and how many images a verdict rests on."""
        lines = {row: self.chosen(row, measure, reference, space) for row in rows}
        first = lines[rows[0]]
        numbers = ", ".join(f"{_number(line['n_generated'])} {row}" for row, line in lines.items())
        batches = first["batch"].nunique()
        where = {
            "batch": f"{batches} disjoint batches of {_number(first['n_real'])} labelled images",
            "whole": f"all {_number(first['n_real'])} labelled images",
            "heldout": f"{_number(first['n_real'])} labelled images of patients that the filter "
            f"has not seen, {batches} splits",
        }
        return joined(first["features"].iloc[0], f"reference: {where[reference]}", numbers)


def _number(counts: pd.Series) -> str:
    """Return a number of images as text; the mean, where splits differ."""
    return f"{round(counts.mean()):,}"


def replicate_differences(
    replicates: pd.DataFrame, better: str, worse: str, measure: str, reference: str
) -> np.ndarray:
    """Return better - worse (of a distance worse - better) of each replicate that both have."""
    of = replicates[(replicates["metric"] == measure) & (replicates["reference"] == reference)]
    wide = of.pivot_table(index="replicate", columns="row", values="value")
    if not {better, worse} <= set(wide):
        return np.empty(0)
    sign = -1 if measure in LOWER_IS_BETTER else 1
    return (sign * (wide[better] - wide[worse])).dropna().to_numpy()


def replicate_interval(
    effect: float, differences: np.ndarray, n: int, confidence: float = CONFIDENCE
) -> Interval:
    """Return `effect` with the percentiles of the paired replicate `differences` about it.

    The percentiles are moved by effect - median. A replicate holds half of the patients and of the
    images, which widens the balls of a manifold and raises a distance, in rows of different sizes
    by different amounts: the spread of the replicates is kept, their shift is not. What the
    interval covers is therefore the figure at this number of images. `n` is what the interval is
    said to rest on. With fewer than `MIN_REPLICATES` the bounds are NaN, with a note.

    >>> found = replicate_interval(0.10, np.linspace(0.14, 0.16, 201), 880)
    >>> round(found.low, 4), round(found.high, 4)
    (0.0905, 0.1095)
    """
    if len(differences) < MIN_REPLICATES:
        note = f"{len(differences)} replicates, an interval takes {MIN_REPLICATES}"
        return Interval(effect, NAN, NAN, n, NAN, note)
    tail = (1 - confidence) / 2
    low, middle, high = np.quantile(differences, [tail, 0.5, 1 - tail])
    half, note = float(high - low) / 2, f"{len(differences)} paired replicates"
    shift = float(middle) - effect
    if abs(shift) > half:
        note = joined(note, f"replicates shift the difference by {shift:+.3g}, taken out")
    return Interval(
        effect, effect + float(low - middle), effect + float(high - middle), n, half, note
    )
