"""A table of strings that prints aligned in a terminal and shows as HTML in a notebook."""

from dataclasses import dataclass, field
from html import escape
from textwrap import fill, wrap

import pandas as pd

from testiculus.claims.schema import Conditions

GAP = "  "
ABSENT = "–"  # en dash: nothing to show here
NARROWEST = 8  # characters that a wrapped column keeps at least
TERMINAL_WIDTH = 100


@dataclass(frozen=True)
class Table:
    """A frame of strings with a caption and notes.

    `right` names the columns that align to the right; `wrapping` those that may be wrapped where
    the table is wider than the terminal (the widest is narrowed first). Shown by `str` as text, by
    Jupyter as HTML.
    """

    frame: pd.DataFrame
    caption: str = ""
    notes: tuple[str, ...] = ()
    right: tuple[str, ...] = ()
    wrapping: tuple[str, ...] = field(default=())

    def __str__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return self.html()

    def text(self, width: int = TERMINAL_WIDTH) -> str:
        """Return the table as lines of at most `width` characters, where wrapping allows it."""
        widths = self._widths(width)
        rule = GAP.join("-" * w for w in widths.values())
        lines = [fill(self.caption, width), ""] if self.caption else []
        lines += [*self._line(list(self.frame.columns), widths), rule]
        for cells in self.frame.itertuples(index=False, name=None):
            lines += self._line(list(cells), widths)
        lines += [rule] if self.notes else []
        lines += [fill(note, width, subsequent_indent="  ") for note in self.notes]
        return "\n".join(line.rstrip() for line in lines)

    def html(self) -> str:
        """Return the table as HTML: a caption, the cells (escaped), the notes below."""
        head = "".join(self._cell("th", name, name) for name in self.frame.columns)
        rows = [
            "".join(
                self._cell("td", name, cell)
                for name, cell in zip(self.frame.columns, row, strict=True)
            )
            for row in self.frame.itertuples(index=False, name=None)
        ]
        body = "\n".join(f"<tr>{row}</tr>" for row in rows)
        caption = f"<caption>{escape(self.caption)}</caption>" if self.caption else ""
        notes = "".join(f"<p><small>{escape(note)}</small></p>\n" for note in self.notes)
        return (
            f'<table class="dataframe">\n{caption}\n<thead><tr>{head}</tr></thead>\n'
            f"<tbody>\n{body}\n</tbody></table>\n{notes}"
        )

    def markdown(self) -> str:
        """Return the table in GitHub's Markdown, caption above and notes below."""
        names = list(self.frame.columns)
        marks = ["---:" if name in self.right else "---" for name in names]
        rows = [names, marks, *self.frame.itertuples(index=False, name=None)]
        lines = ["| " + " | ".join(_marked(str(c)) for c in row) + " |" for row in rows]
        caption = [f"{self.caption}", ""] if self.caption else []
        notes = [part for note in self.notes for part in ("", note)]
        return "\n".join([*caption, *lines, *notes])

    def _cell(self, tag: str, name: str, cell: str) -> str:
        side = "right" if name in self.right else "left"
        inner = escape(str(cell)).replace("\n", "<br>")
        return f'<{tag} style="text-align:{side}">{inner}</{tag}>'

    def _widths(self, width: int) -> dict[str, int]:
        """Return each column's width; wrapping columns are narrowed until the table fits."""
        widths = {
            name: max(len(line) for cell in [name, *self.frame[name]] for line in _lines(cell))
            for name in self.frame.columns
        }
        spare = width - len(GAP) * (len(widths) - 1) - sum(widths.values())
        while spare < 0:
            widest = max(self.wrapping, key=lambda name: widths[name], default=None)
            if widest is None or widths[widest] <= NARROWEST:
                break
            widths[widest] -= 1
            spare += 1
        return widths

    def _line(self, cells: list[str], widths: dict[str, int]) -> list[str]:
        """Return one row as lines, as many as its tallest cell needs."""
        columns = []
        for (name, width), cell in zip(widths.items(), cells, strict=True):
            parts = [p for line in _lines(cell) for p in wrap(line, width) or [""]]
            columns.append(
                [p.rjust(width) if name in self.right else p.ljust(width) for p in parts]
            )
        height = max(len(column) for column in columns)
        padded = [
            column + [" " * w] * (height - len(column))
            for column, w in zip(columns, widths.values(), strict=True)
        ]
        return [GAP.join(parts) for parts in zip(*padded, strict=True)]


def _lines(cell: str) -> list[str]:
    return str(cell).split("\n") or [""]


def _marked(cell: str) -> str:
    """Return a cell that Markdown leaves as it is."""
    return cell.replace("|", "\\|").replace("\n", "<br>")


def reached_on(conditions: Conditions) -> str:
    """Return what a figure or a verdict was reached on, in words: data set, profile, start."""
    start = f", from {conditions.initialisation}" if conditions.initialisation else ""
    return f"{conditions.data}, profile {conditions.profile}{start}"


def without_repeats(frame: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Return the frame with `columns` blank where they, and those before them, repeat."""
    if frame.empty:
        return frame
    shown = frame.copy()
    for i, name in enumerate(columns):
        key = frame[columns[: i + 1]].astype(str).agg("\0".join, axis=1)
        shown[name] = frame[name].where(key != key.shift(), "")
    return shown


def percent(value: float, digits: int = 2) -> str:
    """Return a fraction in percent: 0.8151 as "81.51"; a missing one as a dash."""
    return ABSENT if pd.isna(value) else f"{100 * value:.{digits}f}"


def points(value: float, digits: int = 2) -> str:
    """Return a difference of fractions in signed percentage points; a missing one as a dash.

    >>> points(0.0664), points(-0.004, 1)
    ('+6.64', '-0.4')
    """
    return ABSENT if pd.isna(value) else f"{100 * value:+.{digits}f}"


def bracket(low: float, high: float, digits: int = 1) -> str:
    """Return an interval in signed percentage points: "[-1.2, +3.4]"; a missing one as a dash."""
    if pd.isna(low) or pd.isna(high):
        return ABSENT
    return f"[{points(low, digits)}, {points(high, digits)}]"


def mean_and_std(values: pd.Series) -> str:
    """Return "81.51 ± 2.78" of fractions: sample standard deviation, omitted for one run."""
    values = values.dropna()
    if values.empty:
        return ABSENT
    spread = f" ± {percent(values.std(ddof=1))}" if len(values) > 1 else ""
    return percent(values.mean()) + spread
