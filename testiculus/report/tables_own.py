"""Rows of any tidy results as a table: for rows of one's own beside those of a table.

Main function: `rows_table`. It knows no claims and reaches no verdict: it shows figures, and the
paired difference to one row with its interval.
"""

from collections.abc import Mapping

import pandas as pd

from testiculus.base.errors import UserError, one_of
from testiculus.claims.schema import RESULT_COLUMNS, require_columns, runs_of
from testiculus.intervals import corrected_resampled_interval
from testiculus.paper import FOLDS
from testiculus.report.render import ABSENT, Table, bracket, mean_and_std, points

NOTE = "Percent; mean ± standard deviation over seeds or partitions x folds (number of values)."


def rows_table(
    results: pd.DataFrame,
    metrics: Mapping[str, str],
    against: str = "",
    folds: int = FOLDS,
    caption: str = "",
) -> Table:
    """Return every row of tidy `results` (columns experiment, row, seed, fold, metric, value).

    `metrics` maps a column's title to its metric, whose values are fractions. With `against`, the
    name of a row, a last column shows the difference of each other row's first metric to it,
    paired over the runs that both have, with the corrected resampled t interval (Nadeau & Bengio
    2003) for `folds`-fold cross-validation, in percentage points. Raises
    `UserError` for columns that are missing, no metric, and an `against` that is no row.
    """
    require_columns(results, RESULT_COLUMNS, "results")
    if not metrics:
        raise UserError("no metric to show", remedy='name some, such as {"AUC": "probe_auc"}')
    rows = list(dict.fromkeys(results["row"]))
    if against:
        one_of(against, tuple(rows), "row")
    title = f"{next(iter(metrics))} - {against} [95 %]"
    lines = []
    for row in rows:
        line = {"row": row} | {name: _figure(results, row, m) for name, m in metrics.items()}
        if against:
            first = next(iter(metrics.values()))
            line[title] = _difference(results, row, against, first, 1 / (folds - 1))
        lines.append(line)
    notes = (NOTE, *([_paired_note(against)] if against else []))
    return Table(pd.DataFrame(lines), caption, notes, tuple(lines[0])[1:] if lines else ())


def _paired_note(against: str) -> str:
    return (
        f"Last column: paired difference to {against!r} in points, with its corrected resampled t "
        "interval; an interval that holds zero resolves nothing."
    )


def _figure(results: pd.DataFrame, row: str, metric: str) -> str:
    runs = runs_of(results, row, metric).dropna()
    return f"{mean_and_std(runs)} ({len(runs)})" if len(runs) else ABSENT


def _difference(results: pd.DataFrame, row: str, against: str, metric: str, ratio: float) -> str:
    both = [runs_of(results, name, metric) for name in (row, against)]
    paired = pd.concat(both, axis=1, join="inner").dropna()
    if row == against or paired.empty:
        return ABSENT
    found = corrected_resampled_interval(paired.iloc[:, 0] - paired.iloc[:, 1], ratio=ratio)
    return f"{points(found.effect, 1)} {bracket(found.low, found.high)}"
