"""A sentence against the table it speaks of: which of its comparisons the printed figures bear out.

`judge` decides for one statement (`testiculus.paper.statements`) and any frame of printed figures.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from testiculus.audits.printed import DIGITS
from testiculus.base.errors import UserError, one_of
from testiculus.paper.statements import RELATIONS, Comparison, Statement

Cells = Mapping[tuple[str, str, str], Mapping[str, float]]  # (table, row, metric): mean, std
BORNE_OUT, IN_PART, NOT = "borne out", "in part", "not borne out"


@dataclass(frozen=True)
class Judgement:
    """What printed figures say of a statement.

    `comparisons` and `fair` are frames with the columns of `compare`, one line a comparison: of
    the statement as it reads, and of its charitable reading (empty where that is none).
    """

    statement: Statement
    comparisons: pd.DataFrame
    fair: pd.DataFrame

    @property
    def outcome(self) -> str:
        """ "borne out" by every comparison, "in part" by some, "not borne out" by none."""
        return outcome_of(self.comparisons)

    @property
    def fair_outcome(self) -> str:
        """The same of the charitable reading; "" where it is no comparison."""
        return outcome_of(self.fair) if len(self.fair) else ""


def outcome_of(compared: pd.DataFrame) -> str:
    """Return how many of the comparisons hold, as one of three words."""
    return BORNE_OUT if compared["holds"].all() else IN_PART if compared["holds"].any() else NOT


def judge(statement: Statement, figures: pd.DataFrame, digits: int = DIGITS) -> Judgement:
    """Return what `figures` (table, row, metric, mean, std) say of `statement`.

    Raises UserError where a figure or a standard deviation that a comparison needs is missing.
    """
    columns = ["table", "row", "metric", "mean", "std"]
    cells = {
        tuple(place): {"mean": mean, "std": std}
        for *place, mean, std in figures[columns].itertuples(index=False, name=None)
    }
    frames = (
        compare(comparisons, cells, digits)
        for comparisons in (statement.comparisons, statement.fair)
    )
    return Judgement(statement, *frames)


def compare(
    comparisons: tuple[Comparison, ...], cells: Cells, digits: int = DIGITS
) -> pd.DataFrame:
    """Return a line for each comparison: comparison, left, right, difference, spread, holds.

    `left` and `right` are the two figures, `difference` left - right, `spread` the larger of the
    two printed standard deviations (NaN where none is printed, and for figures that are themselves
    differences or standard deviations). `cells` maps (table, row, metric) to mean and std. Figures
    are compared as printed, after the noise of floating point is rounded away.
    """
    lines = []
    for comparison in comparisons:
        _check(comparison, cells)
        left = _figure(comparison, cells, comparison.left, comparison.metric)
        right = _figure(comparison, cells, comparison.right, comparison.other)
        difference, spread = round(left - right, digits + 4), _spread(comparison, cells)
        holds = _holds(comparison, difference, spread)
        lines.append((comparison, left, right, difference, spread, holds))
    names = ["comparison", "left", "right", "difference", "spread", "holds"]
    return pd.DataFrame(lines, columns=names).astype({"holds": bool})


def _figure(comparison: Comparison, cells: Cells, row: tuple[str, str], metric: str) -> float:
    """Return what a comparison compares of a row: a figure, or what it is above another."""
    value = float(cells[(*row, metric)][comparison.of])
    if comparison.over:
        value -= float(cells[(*comparison.over, metric)][comparison.of])
    if comparison.less:
        value -= float(cells[(*row, comparison.less)][comparison.of])
    return value


def _spread(comparison: Comparison, cells: Cells) -> float:
    if comparison.over or comparison.less or comparison.of == "std":
        return np.nan
    places = [(*comparison.left, comparison.metric), (*comparison.right, comparison.other)]
    stds = [float(cells[place]["std"]) for place in places]
    return max((std for std in stds if not np.isnan(std)), default=np.nan)


def _holds(comparison: Comparison, difference: float, spread: float) -> bool:
    relation = one_of(comparison.relation, RELATIONS, "relation")
    if relation in ("clearly above", "about") and np.isnan(spread):
        raise UserError(
            f"{relation!r} needs a printed standard deviation",
            where=f"{', '.join(comparison.left)}, {comparison.metric}",
        )
    return {
        "above": difference > 0,
        "below": difference < 0,
        "at least": difference >= 0,
        "same": difference == 0,
        "clearly above": difference > spread,
        "about": abs(difference) <= spread,
        "by": abs(difference - comparison.amount) <= comparison.step / 2 + 1e-9,
    }[relation]


def _check(comparison: Comparison, cells: Cells) -> None:
    for place in comparison.cells:
        if place not in cells or pd.isna(cells[place][comparison.of]):
            where = ", ".join(place)
            raise UserError("a statement needs a figure that no table prints", where=where)
