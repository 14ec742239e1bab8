"""Audits of printed tables: what their numbers say about one another, without any training.

A printed table is a frame with the columns row, metric, mean and std, in fractions, such as
`testiculus.paper.reported` returns; any other of that shape can be audited the same way. This
module checks the shape (`by_row`) and finds rows that are printed twice (`identical_rows`). Its
neighbours ask what prevalence a row implies (`printed_prevalence`), whether a mean can come from
the stated counts (`printed_counts`), whether the spreads fit one another (`printed_spread`),
whether parts give their total (`printed_sums`), and whether a sentence agrees with the figures
(`printed_statements`).

A finding is arithmetic about digits. Rounding is allowed for throughout; what else may explain a
finding is for a reader to judge.
"""

from collections.abc import Mapping
from itertools import combinations

import pandas as pd

from testiculus.base.errors import InputProblems, UserError

COLUMNS = ("row", "metric", "mean", "std")
DIGITS = 4  # decimals of a fraction that is printed in percent with two, as 81.51


def by_row(table: pd.DataFrame) -> pd.DataFrame:
    """Return a printed table with one line a row, in its order, and columns (mean|std, metric).

    Raises UserError for a missing column, a figure given twice, or figures that are no fractions
    (a mean outside [0, 1], a negative standard deviation).

    >>> table = pd.DataFrame({"row": ["a"], "metric": ["f1"], "mean": [0.5], "std": [0.1]})
    >>> float(by_row(table).loc["a", ("mean", "f1")])
    0.5
    """
    missing = [name for name in COLUMNS if name not in table]
    if missing:
        raise UserError(
            f"a printed table needs the column {missing[0]!r}",
            remedy=f"give one line a figure: {', '.join(COLUMNS)}",
        )
    problems = [
        f"{line.row}, {line.metric}: {words}"
        for line in table.itertuples()
        for words in _problems(line.mean, line.std)
    ]
    twice = table.loc[table.duplicated(["row", "metric"]), ["row", "metric"]]
    problems += [f"{line.row}, {line.metric}: given twice" for line in twice.itertuples()]
    if problems:
        headline = f"{len(problems)} problems in a printed table"
        raise InputProblems(headline, problems, "give fractions: 81.51 % is 0.8151")
    wide = table.pivot(index="row", columns="metric", values=["mean", "std"])
    return wide.reindex(table["row"].drop_duplicates())


def _problems(mean: float, std: float) -> list[str]:
    found = [] if 0 <= mean <= 1 else [f"the mean {mean:g} is no fraction"]
    return found + ([f"the standard deviation {std:g} is negative"] if std < 0 else [])


def half_unit(digits: int = DIGITS) -> float:
    """Return half a unit of the last printed decimal: how far rounding can move a fraction.

    >>> half_unit(4)
    5e-05
    """
    return 0.5 * 10.0**-digits


def identical_rows(tables: Mapping[str, pd.DataFrame], least: int = 2) -> pd.DataFrame:
    """Return rows that are printed with the same figures: group, table, row, start, metrics.

    Two rows are identical where they share at least `least` metrics and agree in mean and standard
    deviation on each they share. Rows joined by such pairs have one `group` (1, 2, ...). `start`
    is the table's column initialisation ("" where it has none), `metrics` a row's own, joined by
    commas. The same experiment shown twice is the usual reason; a group whose starts differ is
    worth a look.
    """
    rows = {
        (table, row): figures
        for table, frame in tables.items()
        for row, figures in _figures(frame).items()
    }
    groups: list[set[tuple[str, str]]] = []
    for one, other in combinations(rows, 2):
        shared = rows[one].keys() & rows[other].keys()
        if len(shared) >= least and all(rows[one][m] == rows[other][m] for m in shared):
            joined = [group for group in groups if group & {one, other}]
            groups = [group for group in groups if group not in joined]
            groups.append({one, other}.union(*joined))
    starts = {(name, row): s for name, frame in tables.items() for row, s in _starts(frame).items()}
    order = {key: place for place, key in enumerate(rows)}
    lines = [
        (number, *key, starts[key], ", ".join(rows[key]))
        for number, group in enumerate(sorted(groups, key=lambda g: min(order[k] for k in g)), 1)
        for key in sorted(group, key=order.get)
    ]
    return pd.DataFrame(lines, columns=["group", "table", "row", "start", "metrics"])


def _figures(table: pd.DataFrame) -> dict[str, dict[str, tuple[float, float]]]:
    """Return each row's printed (mean, std) by metric."""
    by_row(table)  # the checks
    found: dict[str, dict[str, tuple[float, float]]] = {}
    for line in table.itertuples():
        found.setdefault(line.row, {})[line.metric] = (line.mean, line.std)
    return found


def _starts(table: pd.DataFrame) -> dict[str, str]:
    if "initialisation" not in table:
        return dict.fromkeys(table["row"], "")
    return dict(zip(table["row"], table["initialisation"], strict=True))
