"""Several profiles of one table on its page: the best first, and every address as it was."""

import json

import pytest

from testiculus.execute.profile_tabs import best_profile, of_profiles, shown_tables, tabs
from testiculus.execute.table_pages import missing_page, notebook_page, profiles_of

CALLS = {
    "report.table1_table(results)": "the table",
    "report.three_way_table(results)": "another table",
    "display(report.verdicts_table(v))": "the verdicts",
}


@pytest.fixture
def runs(make_result, table_cell):
    """Return Table 1 in demo, paper and lite, and a smoke run and a liver run beside it."""
    cells = [table_cell(call, text) for call, text in CALLS.items()]
    made = [make_result(profile=p, cells=cells) for p in ("demo", "smoke", "paper", "lite")]
    return [*made, make_result(data="liver", profile="lite")]


def test_the_best_profile_is_the_largest_that_ran(runs):
    assert [r.profile for r in of_profiles(runs, "table1", "phantom")] == ["paper", "lite", "demo"]
    assert best_profile(runs, "table1", "phantom") == "paper"
    assert best_profile(runs, "table1", "liver") == "lite"
    assert best_profile(runs, "table2", "phantom") == ""


def test_a_notebook_gives_its_main_table_and_its_verdicts(runs):
    table, verdicts = shown_tables(runs[0].notebook)

    assert "the table" in table and "the verdicts" in verdicts


def test_the_tabs_hold_table_verdicts_price_and_the_way_to_each_run(runs):
    text = tabs(of_profiles(runs, "table1", "phantom"), "demo")

    assert [line[14:] for line in text.splitlines() if line.startswith(":::{tab-item}")] == [
        "paper", "lite", "demo",
    ]  # fmt: skip
    assert text.count("the verdicts") == 3 and text.count("Price: 1 min 30 s") == 3
    assert "(/book/generated/runs/table1_phantom_lite)" in text
    assert "the rest of this page" in text and "smoke" not in text
    lines = text.splitlines()
    assert lines.count(":::") == 3 and lines.count("::::") == 1  # each fence closes


def test_one_profile_alone_needs_no_tabs(runs):
    assert tabs(of_profiles(runs[:1], "table1", "phantom"), "demo") == ""


def test_the_page_of_a_table_keeps_its_own_run_below_the_tabs(runs, tmp_path):
    cells = json.loads(notebook_page(runs[0], tmp_path, runs))["cells"]
    ids = [cell.get("id") for cell in cells]

    assert ids[1:3] == ["page-about", "page-profiles"] and ids[-1] == "page-provenance"
    assert cells[3]["source"] == [next(iter(CALLS))]


def test_other_runs_pages_have_no_tabs(runs):
    assert profiles_of("table1", "phantom", "lite", runs) == ""
    assert profiles_of("table1", "phantom", "demo", runs[:1]) == ""


def test_where_demo_has_not_run_its_page_shows_what_has(runs):
    page = missing_page("table1", "phantom", "demo", runs[2:])

    assert page.index("{tab-item} paper") < page.index("Not run")
    assert "The run of `demo` is not there:" in page
    assert "tab-item" not in missing_page("table1", "phantom", "demo")
