import numpy as np
import pandas as pd
import pytest

from testiculus.report.render import (
    ABSENT,
    Table,
    bracket,
    mean_and_std,
    percent,
    points,
    without_repeats,
)

FRAME = pd.DataFrame({"row": ["Complete", "Filtered"], "here": ["1.0", "-12.5"]})


def test_columns_line_up_and_figures_align_to_the_right():
    lines = Table(FRAME, right=("here",)).text().splitlines()

    assert lines == ["row        here", "--------  -----", "Complete    1.0", "Filtered  -12.5"]


def test_a_wide_table_wraps_only_where_it_may():
    wide = FRAME.assign(verdict="a long verdict that has to be wrapped somewhere")
    text = Table(wide, right=("here",), wrapping=("verdict",)).text(width=40)

    assert max(map(len, text.splitlines())) <= 40
    assert "Complete    1.0  a long" in text


def test_notes_and_caption_fit_the_width():
    table = Table(FRAME, caption="word " * 40, notes=("note " * 40,))

    assert max(map(len, table.text(60).splitlines())) <= 60


def test_html_escapes_what_it_shows():
    table = Table(pd.DataFrame({"<b>": ["a < b\nc"]}), caption="x & y", notes=("<i>",))
    html = table._repr_html_()

    assert "a &lt; b<br>c" in html and "x &amp; y" in html and "&lt;i&gt;" in html
    assert "<b>" not in html and "<i>" not in html


def test_markdown_has_one_line_a_row():
    lines = Table(FRAME.assign(note="a|b\nc"), right=("here",)).markdown().splitlines()

    assert lines[1] == "| --- | ---: | --- |"
    assert lines[2] == "| Complete | 1.0 | a\\|b<br>c |"


def test_repeats_are_blank_only_within_the_column_before():
    frame = pd.DataFrame({"a": ["x", "x", "y"], "b": ["1", "1", "1"], "c": ["p", "q", "r"]})

    shown = without_repeats(frame, ["a", "b"])

    assert shown["a"].tolist() == ["x", "", "y"] and shown["b"].tolist() == ["1", "", "1"]


def test_figures_are_percent_and_missing_ones_are_dashes():
    assert percent(0.8151) == "81.51" and percent(np.nan) == ABSENT
    assert points(0.0664) == "+6.64" and points(np.nan) == ABSENT
    assert bracket(-0.012, 0.034) == "[-1.2, +3.4]" and bracket(np.nan, 0.1) == ABSENT


@pytest.mark.parametrize(
    ("values", "shown"),
    [([0.8, 0.9], "85.00 ± 7.07"), ([0.8], "80.00"), ([], ABSENT), ([0.8, np.nan], "80.00")],
)
def test_mean_and_spread_say_what_there_is(values, shown):
    assert mean_and_std(pd.Series(values, dtype=float)) == shown
