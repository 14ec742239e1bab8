"""The audits of the protocol as tables, as an answer in words, and in a terminal."""

import importlib.util
import json
from pathlib import Path

import pandas as pd
import pytest

from testiculus.base.errors import UserError
from testiculus.claims import Conditions
from testiculus.claims.audits import effects_frame, judge_audits
from testiculus.claims.audits_readings import AUDITS
from testiculus.claims.audits_schema import UNGROUPED
from testiculus.report import (
    as_text,
    protocol_answer,
    protocol_audits_table,
    protocol_readings_table,
    protocol_verdicts_table,
)

SPEC = importlib.util.spec_from_file_location("fakes", Path(__file__).with_name("fake_audits.py"))
FAKES = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(FAKES)
REASON = "every patient has one image"
CONDITIONS = Conditions("phantom", "demo", "scratch-A", not_run={UNGROUPED: REASON})
SMOKE = Conditions("phantom", "smoke")
ERRORS = [audit.error for audit in AUDITS]


@pytest.fixture(scope="module")
def results():
    rows = tuple(row for row in FAKES.LEVELS if row != UNGROUPED)
    return FAKES.fake_audits(rows=rows)


@pytest.fixture(scope="module")
def effects(results):
    others = FAKES.fake_others()
    del others["table3"]
    return effects_frame(results, FAKES.no_predictions(), others, CONDITIONS)


@pytest.fixture(scope="module")
def verdicts(effects):
    return judge_audits(effects, CONDITIONS)


def block(table, error):
    """Return the lines of an error, by what they are read on."""
    named = table.frame["error"].replace("", None).ffill()
    return table.frame[named == error].set_index("read on")


def test_every_error_has_its_place_its_size_its_direction_and_its_results(effects):
    table = protocol_audits_table(effects, CONDITIONS)

    assert [error for error in table.frame["error"] if error] == ERRORS
    line = block(table, "Left testes have the right one's label").loc["as reported"]
    size = effects.query("audit == 'wrong side' and scored_on == 'as reported'").set_index("metric")
    f1 = 100 * size.loc["f1", ["effect", "ci_low", "ci_high"]].astype(float)
    shown = f"F1 {f1['effect']:+.1f} [{f1['ci_low']:+.1f}, {f1['ci_high']:+.1f}]"
    assert line["points [95 %]"].startswith(f"{shown}\nAUC -")
    assert line["in the sources"] == "released code (point 6)" and line["from"] == "here"
    assert line["pushes the figure"] == "understates"
    one_draw = block(table, "One augmentation draw for a whole batch").iloc[0]
    assert one_draw["in the sources"] == "released code (points 17, 18)"
    curated = block(table, "Flipped labels of the test folds are scored on")
    assert set(curated["from"]) == {"table1"} and len(curated) == 3


def test_what_has_no_figure_says_why_once(effects):
    table = protocol_audits_table(effects, CONDITIONS)

    single = block(table, "Folds split single views, not patients")
    assert set(single["pushes the figure"]) == {"cannot be tested here"}
    assert set(single["points [95 %]"]) == {"–"}
    text = " ".join(table.text().split())
    assert text.count(f"Cannot be tested here: {REASON}.") == 1
    assert text.count("Not run: table3 was not run: make reproduce-table3 PROFILE=demo") == 1


def test_metrics_that_disagree_are_told_apart(effects):
    mixed = effects.copy()
    chosen = (mixed["audit"] == "wrong side") & (mixed["scored_on"] == "as reported")
    mixed.loc[chosen & (mixed["metric"] == "auc"), "direction"] = "not resolved"

    table = protocol_audits_table(mixed, CONDITIONS)
    line = block(table, "Left testes have the right one's label").loc["as reported"]
    assert line["pushes the figure"] == "F1: understates\nAUC: not resolved"


def test_all_readings_hold_more_than_those_of_claims(effects):
    short = protocol_audits_table(effects, CONDITIONS).frame
    full = protocol_readings_table(effects, CONDITIONS).frame

    shown = set(short["points [95 %]"])
    assert len(full) > len(short) and shown <= set(full["points [95 %]"])
    assert "the share of wrong labels +15.0" in set(full["points [95 %]"]) - shown


def test_claims_show_their_interval_and_verdict(effects, verdicts):
    table = protocol_verdicts_table(verdicts, CONDITIONS)
    column = table.frame.columns[0]

    assert len(table.frame) == len(verdicts)
    line = table.frame.set_index(column).loc[
        "One augmentation draw for a whole batch makes the score worse: F1, as reported."
    ]
    assert line["verdict"] == "supported" and line["here [95 %]"].startswith("-")
    assert (table.frame["here [95 %]"] == "–").sum() == verdicts["effect"].isna().sum() > 0


def test_the_answer_names_what_flatters_and_what_does_not(effects):
    text = protocol_answer(effects, CONDITIONS)

    flatter, worse, rest = (
        text.index(words) for words in ("These flatter", "look worse", "Neither is resolved")
    )
    assert flatter < text.index("the epoch is chosen on the test fold (F1 +6") < worse
    assert worse < text.index("left testes have the right one's label (F1 -1") < rest
    assert rest < text.index("the organ loss counts twice") < text.index("Without a figure here")
    assert text.endswith(
        "Without a figure here: folds split single views, not patients; generator, filter and "
        "pretraining see the test patients' images."
    )


def test_smoke_claims_nothing(effects, verdicts):
    ways = set(protocol_audits_table(effects, SMOKE).frame["pushes the figure"])

    assert ways == {"not claimed (smoke)", "not run", "cannot be tested here"}
    assert set(protocol_verdicts_table(verdicts, SMOKE).frame["verdict"]) == {"not claimed (smoke)"}
    assert protocol_answer(effects, SMOKE).startswith("The smoke profile tests")


def test_a_results_folder_prints_all_of_it_within_a_terminal(results, effects, verdicts, tmp_path):
    folder = tmp_path / "audits"
    folder.mkdir()
    for name, frame in {"results": results, "effects": effects, "verdicts": verdicts}.items():
        frame.to_csv(folder / f"{name}.csv", index=False)
    settings = {"profile": "demo", "initialisations": ["scratch-A", "scratch-B"]}
    (folder / "provenance.json").write_text(json.dumps({"data": "phantom", "settings": settings}))

    text = as_text(folder)

    assert text.startswith(protocol_audits_table(effects, CONDITIONS).text())
    answer = " ".join(protocol_answer(effects, CONDITIONS).split())
    assert " ".join(text.split()).endswith(answer)
    assert max(map(len, text.splitlines())) <= 100


def test_a_frame_without_its_columns_is_refused(effects):
    with pytest.raises(UserError, match="scored_on"):
        protocol_audits_table(effects.drop(columns="scored_on"), CONDITIONS)
    assert protocol_audits_table(effects.head(0), CONDITIONS).frame.empty
    assert isinstance(protocol_answer(pd.DataFrame(columns=effects.columns), CONDITIONS), str)
