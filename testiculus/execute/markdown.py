"""Markdown for generated pages: plain text, tables, and tables out of a notebook's HTML."""

from collections.abc import Iterable, Sequence
from html.parser import HTMLParser


def escaped(text: object) -> str:
    r"""Return plain text that Markdown shows as it is.

    >>> print(escaped("lambda * L_sup < $1"))
    lambda \* L\_sup \< \$1
    """
    return "".join(f"\\{c}" if c in "\\`*_{}[]<>#$~^@|" else c for c in str(text).strip())


def table(head: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[int] = ()) -> str:
    """Return a table of cells that are Markdown already; columns numbered `right` align there.

    >>> print(table(["a", "b"], [["1", "2"]], right=[1]))
    | a | b |
    |---|---:|
    | 1 | 2 |
    <BLANKLINE>
    """
    marks = "|".join("---:" if number in right else "---" for number in range(len(head)))
    lines = [f"| {' | '.join(cells)} |" for cells in (head, *rows)]
    return "\n".join([lines[0], f"|{marks}|", *lines[1:], ""])


def table_of_html(html: str) -> str:
    """Return one HTML table as Markdown: caption above, notes below; "" where there is none.

    It reads what `testiculus.report.Table` shows in a notebook: one row of headings, cells of text,
    notes in paragraphs after the table. Text is escaped, a line break inside a cell stays one.
    """
    found = _Table()
    found.feed(html)
    if not found.rows:
        return ""
    head, *rows = found.rows
    rows = [row + [""] * (len(head) - len(row)) for row in rows]
    parts = [found.caption, table(head, rows, found.right), *found.notes]
    return "\n\n".join(part.strip() for part in parts if part.strip()) + "\n"


class _Table(HTMLParser):
    """Collects the caption, the rows of the first table, and the paragraphs."""

    def __init__(self) -> None:
        super().__init__()
        self.caption, self.rows, self.notes, self.right = "", [], [], []
        self._text: list[str] | None = None

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self.rows.append([])
        elif tag == "br" and self._text is not None:
            self._text.append("<br>")
        elif tag in ("th", "td", "caption", "p"):
            self._text = []
            style = dict(attributes).get("style") or ""
            if tag == "th" and len(self.rows) == 1 and "right" in style:
                self.right.append(len(self.rows[0]))

    def handle_data(self, data: str) -> None:
        if self._text is not None:
            self._text.append(escaped_inside(data))

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("th", "td", "caption", "p") or self._text is None:
            return
        text, self._text = "".join(self._text).strip(), None
        if tag == "caption":
            self.caption = f"*{text}*"
        elif tag == "p":
            self.notes.append(text)
        elif self.rows:
            self.rows[-1].append(text)


def escaped_inside(text: str) -> str:
    r"""Return a part of a text, escaped, its outer blanks kept and its line breaks as blanks.

    >>> escaped_inside(" a_b\n")
    ' a\\_b '
    """
    flat = " ".join(text.splitlines()) + (" " if text.endswith("\n") else "")
    inner = escaped(flat)
    before = flat[: len(flat) - len(flat.lstrip())]
    after = flat[len(flat.rstrip()) :] if flat.strip() else ""
    return before + inner + after
