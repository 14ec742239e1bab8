"""Do parts give the total that is printed beside them: sums, products and averages.

Figures are compared as the decimals they are printed as. Where parts were rounded before they were
printed, a total that they miss may still be right: that is an outcome of its own.
"""

from collections.abc import Sequence
from fractions import Fraction
from math import prod

import pandas as pd

from testiculus.base.errors import UserError

AS_PRINTED = "adds up"
BEFORE_ROUNDING = "may add up before rounding"
NOT = "does not add up"
OUTCOMES = (AS_PRINTED, BEFORE_ROUNDING, NOT)
KINDS = ("sum", "product", "mean", "same")


def combined(kind: str, parts: Sequence[float]) -> Fraction:
    """Return the exact sum, product or mean of printed parts; "same" takes one.

    >>> float(combined("mean", [84.2, 83.3, 67.2, 93.0, 88.1]))
    83.16
    """
    exact = [_decimal(part) for part in parts]
    if kind not in KINDS or not exact or (kind == "same" and len(exact) > 1):
        raise UserError(
            f"{len(exact)} parts make no {kind!r}", remedy=f"one of {', '.join(KINDS)}, with parts"
        )
    if kind == "product":
        return prod(exact, start=Fraction(1))
    return sum(exact, Fraction(0)) / (len(exact) if kind == "mean" else 1)


def adds_up(
    kind: str, parts: Sequence[float], total: float, step: float = 0, part_step: float = 0
) -> str:
    """Return which of `OUTCOMES` holds for a printed `total` and its printed `parts`.

    `step` is what the total was rounded to and `part_step` what the parts were, in the figures'
    own unit; 0 for figures printed in full, which must agree exactly. Halfway rounds either way.
    A product of rounded parts is taken to first order.

    >>> adds_up("sum", [1664, 24126], 25792)
    'does not add up'
    >>> adds_up("mean", [84.2, 83.3, 67.2, 93.0, 88.1], 83.1, step=0.1, part_step=0.1)
    'may add up before rounding'
    """
    value, allowed = combined(kind, parts), _decimal(step) / 2
    off = abs(value - _decimal(total))
    if off <= allowed:
        return AS_PRINTED
    return BEFORE_ROUNDING if off <= allowed + _slack(kind, parts, part_step) else NOT


def _slack(kind: str, parts: Sequence[float], part_step: float) -> Fraction:
    """Return how far the rounding of the parts can move what they make."""
    half = _decimal(part_step) / 2
    exact = [_decimal(part) for part in parts]
    if kind == "product":
        whole = prod(exact, start=Fraction(1))
        return sum((abs(whole / part) * half for part in exact if part), Fraction(0))
    return half * (1 if kind == "mean" else len(exact))


def average_rows(
    table: pd.DataFrame, parts: Sequence[str], total: str, step: float
) -> pd.DataFrame:
    """Return, for every row of a table, whether metric `total` is the average of `parts`.

    All figures of the table (row, metric, mean) are rounded to `step`. Columns: row, value (the
    mean of the printed parts), printed, outcome. Raises UserError where a row lacks a figure.
    """
    wide = table.pivot(index="row", columns="metric", values="mean")
    wide = wide.reindex(table["row"].drop_duplicates())
    names = [*parts, total]
    if not set(names) <= set(wide) or wide[names].isna().any(axis=None):
        raise UserError(f"not every row has {', '.join(names)}")
    lines = []
    for row, figures in wide.iterrows():
        values = [figures[name] for name in parts]
        outcome = adds_up("mean", values, figures[total], step, step)
        lines.append((row, float(combined("mean", values)), figures[total], outcome))
    return pd.DataFrame(lines, columns=["row", "value", "printed", "outcome"])


def _decimal(value: float) -> Fraction:
    """Return a number as the decimal it is printed as: 0.1 is one tenth."""
    return Fraction(repr(float(value)))
