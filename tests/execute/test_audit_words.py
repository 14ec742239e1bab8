"""The audits of printed numbers as pieces of a page: every table whole, and all text escaped."""

import re
from pathlib import Path

import pandas as pd

from testiculus.claims.printed import SHEETS
from testiculus.claims.printed_sheet import Sheet
from testiculus.execute.audit_words import audit_pieces, sheet_markdown
from testiculus.execute.pages import escaped

ROOT = Path(__file__).resolve().parents[2]
PIECES = audit_pieces(escaped)


def test_every_audit_has_a_piece_and_the_page_includes_each():
    page = (ROOT / "book" / "printed_numbers.md").read_text(encoding="utf-8")
    included = re.findall(r"```\{include\} generated/(\S+)\n", page)

    assert sorted(included) == sorted(PIECES) == sorted(f"include/printed_{n}.md" for n in SHEETS)


def test_every_line_of_a_table_has_the_same_cells():
    for text in PIECES.values():
        lines = [line for line in text.splitlines() if line.startswith("|")]
        assert len(lines) > 3
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) == 1


def test_text_is_escaped_and_only_a_whole_cell_is_bold():
    frame = pd.DataFrame({"a_b": ["1 < 2 | 3", "**no**"], "c": ["x * y", "two\nlines"]})
    text = sheet_markdown(Sheet(frame, "C", ("A *note*.",), ("c",)), escaped)

    assert text.splitlines() == [
        r"| a\_b | c |",
        "| --- | ---: |",
        r"| 1 \< 2 \| 3 | x \* y |",
        "| **no** | two lines |",
        "",
        "A *note*.",
    ]


def test_the_page_types_no_result():
    """Its prose has no figures of a table: no decimals outside its example of code."""
    page = (ROOT / "book" / "printed_numbers.md").read_text(encoding="utf-8")
    prose = re.sub(r"```.*?```", "", page, flags=re.DOTALL)

    assert not re.search(r"\d+\.\d|\d+ (?:of|%)", prose)
