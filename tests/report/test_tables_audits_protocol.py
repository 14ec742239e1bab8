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
    assert line["what it does"] == "lowers the figure"
    one_draw = block(table, "One augmentation draw for a whole batch of fine-tuning").iloc[0]
    assert one_draw["in the sources"].startswith("released code: in pretraining; planted here in")
    assert one_draw["in the sources"].endswith("(point 17)")
    curated = block(table, "Flipped labels of the test folds are scored on")
    assert set(curated["from"]) == {"table1 †"} and len(curated) == 3


def test_what_was_known_before_its_claim_was_written_is_marked(effects, verdicts):
    table = protocol_audits_table(effects, CONDITIONS)
    marked = table.frame.assign(error=table.frame["error"].replace("", None).ffill())
    marked = marked[marked["from"].str.endswith("†")]
    assert set(marked["error"]) == {audit.error for audit in AUDITS if audit.known}
    assert set(marked["from"]) == {"table1 †", "table2 †", "table4 †"}

    claims = protocol_verdicts_table(verdicts, CONDITIONS).frame.iloc[:, 0]
    known = [r for a in AUDITS if a.known for r in a.readings if r.claim]
    assert claims.str.endswith(" †").sum() == len(known)
    assert verdicts["note"].str.contains("written when these results were there").sum() == len(
        known
    )


def test_what_is_so_by_construction_is_said_beside_the_direction_and_the_verdict(effects, verdicts):
    table = protocol_audits_table(effects, CONDITIONS)
    best = block(table, "The epoch is chosen on the test fold")["what it does"]
    assert best["as reported"] == "F1: flatters, by construction\nAUC: flatters"
    assert best["above fresh patients"] == "flatters"
    told = " ".join(table.text().split())
    assert told.count("Best epoch: by construction: the highest of all epochs") == 1

    shown = protocol_verdicts_table(verdicts, CONDITIONS).frame.set_index(
        "claim, in no source: ours"
    )["verdict"]
    dropped = shown[shown.index.str.startswith("Leaving out the last incomplete test batch moves")]
    assert len(dropped) == 2 and dropped.str.endswith(", nearly by construction").all()


def test_what_is_not_resolved_says_what_would_have_been(effects, verdicts):
    line = effects.query("audit == 'doubled loss' and metric == 'probe_auc'").iloc[0]
    table = protocol_audits_table(effects, CONDITIONS)
    words = block(table, "The organ loss counts twice").loc["flipped labels", "what it does"]

    assert words == f"not resolved (±{100 * line['resolvable']:.1f})"
    told = verdicts.set_index("claim").loc["wrong-side-labels-lower-flag-precision"]
    assert told["verdict"] == "not resolved" and told["resolvable"] != told["resolvable"]
    shown = protocol_verdicts_table(verdicts, CONDITIONS).frame
    assert "not resolved" in set(shown["verdict"])  # without an interval there is no such width


def test_a_lift_is_shown_as_a_ratio(effects):
    table = protocol_readings_table(effects, CONDITIONS)
    sizes = table.frame.set_index("read on")["points [95 %]"]

    lift = 0.6 / 0.25 - 0.9 / 0.10  # precision over the share of wrong labels, of the made-up flags
    assert sizes["the flags' lift"] == f"{lift:+.1f} times"
    assert "wrong labels: 25.0 % with the error, 10.0 % without" in " ".join(table.text().split())


def test_what_the_phantom_sets_is_said_of_the_phantom_alone(effects):
    ward = Conditions("ward", "demo")
    words = "draws the disease of the left and of the right testis independently"

    assert words in " ".join(protocol_audits_table(effects, CONDITIONS).text().split())
    assert words not in " ".join(protocol_audits_table(effects, ward).text().split())


def test_what_has_no_figure_says_why_once(effects):
    table = protocol_audits_table(effects, CONDITIONS)

    single = block(table, "Folds split single views, not patients")
    assert set(single["what it does"]) == {"cannot be tested here"}
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
    width = 100 * mixed[chosen & (mixed["metric"] == "auc")]["resolvable"].item()
    assert line["what it does"] == f"F1: lowers the figure\nAUC: not resolved (±{width:.1f})"


def test_all_readings_hold_more_than_those_of_claims(effects):
    short = protocol_audits_table(effects, CONDITIONS).frame
    full = protocol_readings_table(effects, CONDITIONS).frame

    shown = set(short["points [95 %]"])
    assert len(full) > len(short) and shown <= set(full["points [95 %]"])
    wrong = full.set_index("read on").loc["the share of wrong labels"]
    assert wrong["points [95 %]"] == "+15.0" and "+15.0" not in shown


def test_claims_show_their_interval_and_verdict(effects, verdicts):
    table = protocol_verdicts_table(verdicts, CONDITIONS)
    column = table.frame.columns[0]

    assert len(table.frame) == len(verdicts)
    line = table.frame.set_index(column).loc[
        "One augmentation draw for a whole batch of fine-tuning makes the score worse: F1, as "
        "reported."
    ]
    assert line["verdict"] == "supported" and line["here [95 %]"].startswith("-")
    assert (table.frame["here [95 %]"] == "–").sum() == verdicts["effect"].isna().sum() > 0


def test_the_answer_names_what_flatters_and_what_does_not(effects):
    text = protocol_answer(effects, CONDITIONS)

    flatter, worse, rest = (
        text.index(words)
        for words in ("These flatter", "These understate", "Neither is resolved of")
    )
    assert flatter < text.index("the epoch is chosen on the test fold (F1 +") < worse
    assert worse < text.index("left testes have the right one's label (F1 -1") < rest
    assert rest < text.index("the organ loss counts twice") < text.index("By construction, or a")
    assert text.endswith(
        "By construction, or a spread alone: the last incomplete test batch is left out. "
        "Without a figure here: folds split single views, not patients; generator, filter and "
        "pretraining see the test patients' images, and so more testis images."
    )


def test_the_answer_rests_on_f1_that_is_not_so_by_construction(effects):
    def changed(audit, metric, scored_on, way):
        frame = effects.copy()
        named = {"audit": audit, "metric": metric, "scored_on": scored_on}
        chosen = (frame[list(named)] == pd.Series(named)).all(axis=1)
        assert chosen.sum() == 1
        frame.loc[chosen, "direction"] = way
        return protocol_answer(frame, CONDITIONS)

    before = protocol_answer(effects, CONDITIONS)
    assert changed("best epoch", "auc", "above fresh patients", "understates") == before
    assert changed("best epoch", "f1", "as reported", "understates") == before
    both = changed("wrong side", "f1", "above fresh patients", "flatters")
    told = both[both.index("These do both") :].partition(". ")[0]
    assert "left testes have the right one's label (F1 +" in told or "(F1 -" in told
    assert "above fresh patients: flatters; F1 -" in told
    assert "left testes" not in both[: both.index("These do both")]


def test_the_answer_counts_the_intervals_of_which_one_in_twenty_misses_by_chance(effects):
    text = protocol_answer(effects, CONDITIONS)

    decisive = effects["metric"].isin(["f1", "probe_auc"]) & effects["ci_low"].notna()
    claimed = [
        (audit.id, r.metric, r.scored_on)
        for audit in AUDITS
        for r in audit.readings
        if r.claim and not r.given and r.kind in ("figure", "moved")
    ]
    keys = effects[decisive].set_index(["audit", "metric", "scored_on"]).index
    assert f"of the {keys.isin(claimed).sum()} intervals read here about 1 in 20" in text


def test_smoke_claims_nothing(effects, verdicts):
    ways = set(protocol_audits_table(effects, SMOKE).frame["what it does"])

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
