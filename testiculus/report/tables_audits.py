"""The audits of the sources' printed numbers as tables, for a notebook or a terminal.

One function an audit; each audits the sources' own tables unless it is given others of that shape
(row, metric, mean, std, in fractions).
"""

from collections.abc import Mapping, Sequence

import pandas as pd

from testiculus.claims.printed_counting import counts_sheet
from testiculus.claims.printed_rows import identical_sheet, prevalence_sheet, spread_sheet
from testiculus.claims.printed_sheet import Sheet
from testiculus.claims.printed_texts import statements_sheet, sums_sheet
from testiculus.paper.printed import StatedSum
from testiculus.paper.statements import Statement
from testiculus.report.render import Table

Tables = Mapping[str, pd.DataFrame]


def identical_table(tables: Tables | None = None) -> Table:
    """Return the rows that are printed with the same figures, with what each starts from."""
    return _table(identical_sheet(tables))


def prevalence_table(tables: Tables | None = None) -> Table:
    """Return the share of positives that each row implies, and F1's ceiling."""
    return _table(prevalence_sheet(tables))


def counts_table(tables: Tables | None = None) -> Table:
    """Return which printed accuracies can be means of counts, under three ways of counting."""
    return _table(counts_sheet(tables))


def spread_table(tables: Tables | None = None) -> Table:
    """Return the printed standard deviations beside a test fold's noise and beside one another."""
    return _table(spread_sheet(tables))


def sums_table(sums: Sequence[StatedSum] | None = None) -> Table:
    """Return every total that is printed with its parts, and whether they give it."""
    return _table(sums_sheet(sums))


def statements_table(
    said: Sequence[Statement] | None = None, figures: pd.DataFrame | None = None
) -> Table:
    """Return the statements of the texts with what the printed figures say of each."""
    return _table(statements_sheet(said, figures))


def _table(sheet: Sheet) -> Table:
    """Return a sheet as a table; plain text knows no emphasis."""
    frame = sheet.frame.map(lambda cell: cell.replace("**", ""))
    notes = tuple(note.replace("*", "") for note in sheet.notes)
    return Table(frame, sheet.caption, notes, sheet.right, sheet.wrapping)
