"""The audits of printed numbers as pieces of a page, so that none of their figures is typed.

`audit_pieces` returns them; the page on printed numbers includes them.
"""

from collections.abc import Callable

import pandas as pd

from testiculus.claims.printed import SHEETS, printed_sheet
from testiculus.claims.printed_sheet import Sheet

STRONG = "**"


def audit_pieces(escaped: Callable[[object], str]) -> dict[str, str]:
    """Return each audit's table and notes as Markdown, by its name below `book/generated/`.

    `escaped` makes plain text safe for Markdown; a cell that is wholly between two pairs of
    asterisks is shown in bold.
    """
    return {
        f"include/printed_{name}.md": sheet_markdown(printed_sheet(name), escaped)
        for name in SHEETS
    }


def sheet_markdown(sheet: Sheet, escaped: Callable[[object], str]) -> str:
    """Return a sheet as Markdown: its table, then a paragraph a note (notes are Markdown)."""
    names = list(sheet.frame.columns)
    marks = ["---:" if name in sheet.right else "---" for name in names]
    cells = sheet.frame.map(lambda cell: _cell(cell, escaped))
    lines = [[escaped(name) for name in names], marks, *_rows(cells)]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return "\n\n".join([table, *sheet.notes]) + "\n"


def _rows(cells: pd.DataFrame) -> list[list[str]]:
    return [list(row) for row in cells.itertuples(index=False, name=None)]


def _cell(cell: str, escaped: Callable[[object], str]) -> str:
    if len(cell) > 2 * len(STRONG) and cell.startswith(STRONG) and cell.endswith(STRONG):
        return f"{STRONG}{escaped(cell.strip('*'))}{STRONG}"
    return escaped(cell).replace("\n", " ")
