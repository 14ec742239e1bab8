"""Text and tables as Markdown: what a reader sees is what was there."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from testiculus.execute.markdown import escaped, escaped_inside, table, table_of_html

WORDS = st.text(string.ascii_letters + string.digits + " .,*_|<>$`[]#~", max_size=20)


def shown(text):
    """Return the plain text that a Markdown renderer makes of one line."""
    (block,) = [t for t in MarkdownIt().parse(text) if t.type == "inline"]
    return "".join(each.content for each in block.children)


@given(WORDS.map(str.strip).filter(bool))
def test_escaped_text_is_shown_as_it_is(words):
    assert shown(f"a {escaped(words)}") == f"a {words}"


@given(WORDS)
def test_the_blanks_around_a_part_of_a_text_stay(words):
    inner = escaped_inside(words)

    assert inner.replace("\\", "") == words.replace("\\", "")
    assert escaped(words) == inner.strip()


@given(st.lists(st.lists(WORDS.map(escaped), min_size=3, max_size=3), max_size=4))
def test_a_table_has_a_line_for_each_row_and_a_cell_for_each_column(rows):
    lines = table(["a", "b", "c"], rows, right=[2]).splitlines()

    assert len(lines) == 2 + len(rows) and lines[1] == "|---|---|---:|"
    html = MarkdownIt().enable("table").render("\n".join(lines))
    assert html.count("<td") == 3 * len(rows) and html.count("<th") - html.count("<thead") == 3


HTML = """<table class="dataframe"><caption>Of a_b &amp; c</caption>
<thead><tr><th style="text-align:left">row</th><th style="text-align:right">F1</th></tr></thead>
<tbody><tr><td style="text-align:left">a|b</td><td style="text-align:right">1<br>2</td></tr>
<tr><td>alone</td></tr></tbody></table>
<p><small>A note &lt; all.</small></p>"""


def test_a_notebooks_table_keeps_caption_cells_sides_and_notes():
    text = table_of_html(HTML)

    assert text.startswith("*Of a\\_b & c*\n\n| row | F1 |\n|---|---:|\n")
    assert "| a\\|b | 1<br>2 |\n| alone |  |" in text
    assert text.endswith("\n\nA note \\< all.\n")


@pytest.mark.parametrize("html", ["", "<p>only words</p>", "<img src='x'>"])
def test_what_is_no_table_gives_nothing(html):
    assert table_of_html(html) == ""


def test_a_table_of_the_reports_is_read_whole():
    import pandas as pd

    from testiculus.report.render import Table

    frame = pd.DataFrame({"claim": ["UD > none", "two\nlines"], "here": ["+1 [0, 2]", "–"]})
    text = table_of_html(Table(frame, "Claims", ("One.", "Two."), right=("here",))._repr_html_())

    assert text.splitlines()[2:4] == ["| claim | here |", "|---|---:|"]
    assert "| UD \\> none | +1 \\[0, 2\\] |" in text and "| two<br>lines | – |" in text
    assert text.endswith("One.\n\nTwo.\n")
