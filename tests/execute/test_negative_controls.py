"""Negative controls and audits beside a table: shown where they have run, and nothing elsewhere."""

import json

import pytest

from testiculus.claims.controls_schema import CONTROL_COLUMNS
from testiculus.execute.negative_controls import audits_line, beside, controls_section
from testiculus.execute.table_pages import notebook_page

LINE = dict.fromkeys(CONTROL_COLUMNS, "")
PROBE = LINE | {"table": "table2", "control": "permuted labels", "row": "UD", "metric": "probe_auc"}
PROBE |= {"value": 0.512, "ci_low": 0.47, "ci_high": 0.55, "n": 30, "chance": 0.5}
PROBE |= {"beside": "UD", "beside_value": 0.818, "verdict": "supported"}
KEPT = LINE | {"table": "fig4", "control": "untrained generator", "metric": "kept_share"}
KEPT |= {"value": 0.985, "ci_low": 0.97, "ci_high": 0.99}
FAR = LINE | {"table": "fig4", "metric": "frechet_whole", "value": 51.234, "n": 1000}


@pytest.fixture
def controls(make_result):
    return make_result("controls", controls=[PROBE, KEPT, FAR])


def test_a_control_stands_with_its_interval_chance_and_the_real_row(controls):
    text = controls_section("table2", controls)

    assert text.startswith("## Negative controls\n") and "1 min 30 s" in text
    assert "| UD, permuted labels | probe AUC | 51.2 [47.0, 55.0] | 30 | 50.0 |" in text
    assert "| 50.0 | UD: 81.8 | supported |" in text
    assert text.count("\n| ") == 2  # the heading and this table's own line


def test_a_distance_is_no_percentage(controls):
    text = controls_section("fig4", controls)

    assert "| kept share | 98.5 [97.0, 99.0] |" in text
    assert "| Fréchet distance, whole | 51.23 | 1,000 |" in text


def test_where_no_control_has_run_nothing_is_said(controls, make_result):
    other = make_result("table2", profile="lite")

    assert controls_section("table1", controls) == controls_section("table2", None) == ""
    assert beside(other, [controls]) == ""  # of another profile


def test_the_audits_are_pointed_to_from_the_tables_that_they_are_about(make_result):
    audits = make_result("audits")

    assert "audits_phantom_demo" in audits_line("table1", audits)
    assert audits_line("fig5", audits) == audits_line("table1", None) == ""


def test_on_a_page_they_stand_below_the_notebook_and_above_where_it_comes_from(
    controls, make_result, tmp_path
):
    run = make_result("table2")
    cells = json.loads(notebook_page(run, tmp_path, [run, controls]))["cells"]

    assert [cell.get("id") for cell in cells[-2:]] == ["page-controls", "page-provenance"]
