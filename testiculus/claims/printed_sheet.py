"""What the audits of printed numbers are shown as: a sheet of words, and the tables they are of.

A `Sheet` is a frame of strings with a caption and notes; `testiculus.report` makes a table of it
and `testiculus.execute` a piece of a page.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pandas as pd

from testiculus.audits.printed import identical_rows
from testiculus.paper import TABLES, reported

ABSENT = "–"  # en dash: nothing to show here
# What Table 3 calls the sources of Table 2's rows.
SAME_START = {"real testes + real thyroids": "UD", "real testes": "UD testes only"}


@dataclass(frozen=True)
class Sheet:
    """A frame of strings, its caption, notes below it, and columns that align right or may wrap."""

    frame: pd.DataFrame
    caption: str
    notes: tuple[str, ...] = ()
    right: tuple[str, ...] = ()
    wrapping: tuple[str, ...] = ()


def source_tables() -> dict[str, pd.DataFrame]:
    """Return the article's four tables by their names, as `testiculus.paper.reported` has them."""
    return {table: reported(table) for table in TABLES}


def table_words(names: Iterable[str]) -> str:
    """Return the tables' names as they are cited.

    >>> table_words(["table2"]), table_words(["table2", "table3"]), table_words(["mine"])
    ('Table 2', 'Tables 2, 3', 'mine')
    """
    names = list(names)
    if not all(name in TABLES for name in names):
        return ", ".join(names)
    numbers = ", ".join(name.removeprefix("table") for name in names)
    return f"Table {numbers}" if len(names) == 1 else f"Tables {numbers}"


def rows_once(tables: Mapping[str, pd.DataFrame]) -> list[tuple[str, pd.DataFrame]]:
    """Return every row's figures once, with the tables it is in: (words, frame of one row).

    Of rows that are printed alike the one with the most metrics stands for all.
    """
    groups = identical_rows(tables)
    keys = groups[["table", "row"]].itertuples(index=False, name=None)
    group_of = dict(zip(keys, groups["group"], strict=True))
    found: dict[object, tuple[list[str], pd.DataFrame]] = {}
    for table, frame in tables.items():
        for row, part in frame.groupby("row", sort=False):
            key = group_of.get((table, row), (table, row))
            names, best = found.get(key, ([], part.iloc[:0]))
            found[key] = ([*names, table], part if len(part) > len(best) else best)
    return [(table_words(names), part) for names, part in found.values()]


def per_cent(value: float, digits: int = 2) -> str:
    """Return a fraction in percent: 0.8151 as "81.51"; a missing one as a dash."""
    return ABSENT if pd.isna(value) else f"{100 * value:.{digits}f}"


def between(low: float, high: float, digits: int = 2) -> str:
    """Return two fractions in percent as a range: "22.39 to 22.53"."""
    return f"{per_cent(low, digits)} to {per_cent(high, digits)}"


def number(value: float) -> str:
    """Return a figure as it would be typed: no trailing zeros, thousands apart.

    >>> number(25792), number(25.79), number(0.68)
    ('25,792', '25.79', '0.68')
    """
    return f"{value:,.10g}"
