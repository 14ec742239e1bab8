"""Which measures tell a trained model from its controls: read from the results, for the book."""

import json

import pandas as pd
import pytest

from testiculus.claims.attention_schema import CONTROL_COLUMNS, CONTROL_MEASURES, MEASURE_NAMES
from testiculus.execute.control_words import controls_told
from testiculus.execute.found import Result, find_results

MEASURE = "energy_parenchyma"


def result(folder, lines):
    """Return a result of Fig. 5 on the phantom with these (measure, control, informative)."""
    names = ["measure", "against", "informative"]
    frame = pd.DataFrame(lines, columns=names).reindex(columns=list(CONTROL_COLUMNS))
    frame["difference"] = 0.1
    folder.mkdir(parents=True, exist_ok=True)
    frame.to_csv(folder / "controls.csv", index=False)
    return Result(folder, "fig5", "phantom", "demo", {})


def cells(table):
    """Return the phantom's column of the table, by the words of its first."""
    lines = [line.strip("| ").split(" | ") for line in table.splitlines()]
    assert {len(line) for line in lines} == {4}
    return {line[0]: line[2] for line in lines[2:]}


def test_every_measure_has_a_line_and_without_results_says_not_run():
    table = controls_told([])

    wanted = [MEASURE_NAMES[m] for measures in CONTROL_MEASURES.values() for m in measures]
    assert list(cells(table)) == wanted
    assert set(cells(table).values()) == {"not run"}
    assert "/book/generated/fig5_phantom_demo" in table.splitlines()[0]


@pytest.mark.parametrize(
    ("informative", "told"),
    [
        ((True, True), "told from every one"),
        ((True, False), "**not told from** random map"),
        ((False, False), "**not told from** random weights, random map"),
    ],
)
def test_a_measure_names_the_controls_that_score_like_the_trained_model(
    tmp_path, informative, told
):
    controls = zip(("random weights", "random map"), informative, strict=True)
    found = result(tmp_path, [(MEASURE, name, value) for name, value in controls])

    assert cells(controls_told([found]))[MEASURE_NAMES[MEASURE]] == told


def test_what_no_outline_allows_is_not_measured(tmp_path):
    found = result(tmp_path, [("map_change", "random weights", True)])

    told = cells(controls_told([found]))

    assert told[MEASURE_NAMES["energy_lesion"]] == "not measured"
    assert told[MEASURE_NAMES["map_change"]] == "told from random weights"  # it has no other


def test_results_as_a_run_leaves_them_are_read_and_other_profiles_are_not(tmp_path):
    for profile in ("demo", "lite"):
        folder = tmp_path / "phantom" / profile / "fig5"
        result(folder, [(MEASURE, "random weights", profile == "lite")])
        (folder / "fig5.ipynb").write_text("{}")
        (folder / "verdicts.csv").write_text("claim,verdict\n")
        (folder / "provenance.json").write_text(json.dumps({}))

    told = cells(controls_told(find_results(tmp_path)))

    assert told[MEASURE_NAMES[MEASURE]] == "**not told from** random weights"
