"""Sheets of the audits: whole, in words, and deciding nothing by themselves."""

import pytest

from testiculus.base.errors import UserError
from testiculus.claims.printed import SHEETS, printed_sheet
from testiculus.claims.printed_counting import counting_schemes
from testiculus.claims.printed_rows import identical_sheet, spread_sheet
from testiculus.claims.printed_sheet import rows_once, source_tables, table_words
from testiculus.claims.printed_texts import statements_sheet, sums_sheet
from testiculus.paper.printed import StatedSum, printed_figures
from testiculus.paper.statements import statements

EACH = {name: printed_sheet(name) for name in SHEETS}


@pytest.mark.parametrize("name", SHEETS)
def test_a_sheet_is_of_strings_and_its_columns_are_there(name):
    sheet = EACH[name]

    assert sheet.caption and sheet.notes and len(sheet.frame)
    assert sheet.frame.map(lambda cell: isinstance(cell, str)).all(axis=None)
    assert {*sheet.right, *sheet.wrapping} <= set(sheet.frame.columns)


def test_a_row_that_is_printed_four_times_is_shown_once():
    words = [table for table, _ in rows_once(source_tables())]

    assert words.count("Tables 1, 2, 3, 4") == 1 and len(words) == 17
    assert table_words(["table2", "table3"]) == "Tables 2, 3"


def test_an_other_start_is_told_where_there_is_one_and_only_there():
    tables = {name: frame for name, frame in source_tables().items() if name != "table1"}

    assert list(EACH["identical"].frame["finding"]).count("other start") == 1
    without = identical_sheet(tables)
    assert set(without.frame["finding"]) == {"same"} and len(without.notes) == 1


def test_the_ways_of_counting_follow_the_protocol():
    whole, once, dropped = counting_schemes().values()

    assert whole == 3 * 4 * 4 * 73 * 74 and once == 880 * 4 and dropped == 12 * 256


def test_the_sentence_on_chance_follows_the_figures():
    assert "which is more than chance" in EACH["counts"].notes[2]
    shifted = {
        name: frame.assign(mean=(frame["mean"] + 0.0007).round(4))
        for name, frame in source_tables().items()
    }
    assert "which is not clearly more than chance" in SHEETS["counts"](shifted).notes[2]


def test_tables_whose_spreads_fit_are_not_said_to_exceed_a_bound():
    narrow = {
        name: frame.assign(std=frame["std"].where(frame["metric"] != "accuracy", 0.001))
        for name, frame in source_tables().items()
    }

    assert "0 of 10 rows exceed it" in spread_sheet(narrow).notes[1]
    assert set(spread_sheet(narrow).frame["needs"]) <= {"", "–"}


def test_a_sum_that_is_changed_changes_its_finding():
    stated = StatedSum("s", "things", "article", "here", "sum", (1, 2), 3)
    wrong = StatedSum("s", "things", "article", "here", "sum", (1, 2), 4, reading="A slip.")
    lines = [sums_sheet([one]).frame.iloc[0] for one in (stated, wrong)]

    assert lines[0]["finding"] == "adds up" and lines[0]["a fair reading"] == "–"
    assert "does not add up" in lines[1]["finding"] and lines[1]["a fair reading"] == "A slip."


def test_a_statement_follows_the_figures():
    figures = printed_figures()
    (said,) = [s for s in statements() if s.id == "filtered-is-always-better"]
    cells = figures["table"].eq("table3") & figures["row"].eq("synthetic")
    lower = figures.assign(mean=figures["mean"].where(~cells, 0.5))

    part = statements_sheet([said], figures).frame.iloc[0]
    whole = statements_sheet([said], lower).frame.iloc[0]

    assert part["figures"] == "6 of 8" and "accuracy -0.16, precision -0.77" in part["but"]
    assert whole["figures"] == "8 of 8" and (whole["finding"], whole["but"]) == ("borne out", "–")


def test_an_unknown_audit_is_refused():
    with pytest.raises(UserError, match="audit of printed numbers"):
        printed_sheet("digits")
