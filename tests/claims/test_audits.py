"""The protocol's audits on made-up results of known effect, and on the committed tables."""

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from testiculus.base.errors import UserError
from testiculus.claims import Conditions
from testiculus.claims.audits import BY_SEED, NO_FRESH, effects_frame, judge_audits
from testiculus.claims.audits_claims import CLAIMS, MARGIN, claim_readings, exceeds, moves
from testiculus.claims.audits_claims import understates as falls
from testiculus.claims.audits_flags import beside_chance, flag_interval
from testiculus.claims.audits_readings import AUDITS
from testiculus.claims.audits_schema import (
    AS_REPORTED,
    AS_WRITTEN,
    BEST,
    BEST_FRESH,
    DROPPED,
    DROPPED_SPREAD,
    EFFECT_COLUMNS,
    FLATTERS,
    FRESH,
    LOWERS,
    NOT_RUN,
    ONE_DRAW,
    ONE_DRAW_UD,
    RAISES,
    UNDERSTATES,
    UNGROUPED,
    UNRESOLVED,
    WRONG_SIDE,
)
from testiculus.claims.pretraining import CONDITIONAL
from testiculus.claims.verdicts import CONTRADICTED, NOT_RESOLVED, SUPPORTED, UNTESTABLE
from testiculus.intervals import Interval
from testiculus.paper import contradictions
from testiculus.paper.ledger import ledger

ROOT = Path(__file__).parents[2]
SPEC = importlib.util.spec_from_file_location("fakes", ROOT / "tests" / "report" / "fake_audits.py")
FAKES = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(FAKES)
PHANTOM = Conditions("phantom", "demo", "scratch-A")
COMMITTED = {
    table: path
    for table in ("table1", "table2", "table3", "table4")
    if (path := ROOT / "results" / "phantom" / "demo" / table / "results.csv").is_file()
}


def measured(results=None, others=None, conditions=PHANTOM, **told):
    """Return the effects by audit, metric and what they are scored on."""
    told = {"predictions": FAKES.no_predictions(), "draws": 200} | told
    results = FAKES.fake_audits() if results is None else results
    return effects_frame(results, others=others or {}, conditions=conditions, **told)


def indexed(effects):
    return effects.set_index(["audit", "metric", "scored_on"]).sort_index()


@pytest.fixture(scope="module")
def effects():
    return measured(others=FAKES.fake_others())


def runs(results, row, metric):
    """Return a metric of a row as a dict by (seed, fold)."""
    chosen = results[(results["row"] == row) & (results["metric"] == metric)]
    return {(line.seed, line.fold): line.value for line in chosen.itertuples()}


def plain_interval(values, ratio=0.5):
    """Nadeau & Bengio's interval, written from its formula."""
    values = np.asarray(values)
    n = len(values)
    half = stats.t.ppf(0.975, n - 1) * np.sqrt(values.var(ddof=1) * (1 / n + ratio))
    return values.mean(), values.mean() - half, values.mean() + half


def test_rows_of_the_same_folds_are_paired_run_by_run(effects):
    results = FAKES.fake_audits()
    with_error, without = (runs(results, row, "f1") for row in (ONE_DRAW, AS_WRITTEN))
    expected = plain_interval([with_error[run] - without[run] for run in without])

    line = indexed(effects).loc[("one draw", "f1", "as reported")]
    assert line[["effect", "ci_low", "ci_high"]].tolist() == pytest.approx(expected)
    assert line["n"] == 12 and line["direction"] == LOWERS and line["note"] == ""
    assert line["resolvable"] == pytest.approx(expected[0] - expected[1])


def test_rows_of_other_folds_are_paired_by_seed_after_their_folds_are_averaged(effects):
    results = FAKES.fake_audits()
    with_error, without = (runs(results, row, "auc") for row in (UNGROUPED, AS_WRITTEN))
    by_seed = [
        np.mean([with_error[seed, fold] for fold in range(3)])
        - np.mean([without[seed, fold] for fold in range(3)])
        for seed in range(4)
    ]

    line = indexed(effects).loc[("single views", "auc", "as reported")]
    found = line[["effect", "ci_low", "ci_high"]].tolist()
    assert found == pytest.approx(plain_interval(by_seed))
    assert line["n"] == 4 and line["note"] == BY_SEED


def test_optimism_is_what_a_run_reports_above_its_own_models_on_fresh_patients(effects):
    results = FAKES.fake_audits()
    above = {
        row: [runs(results, row, "f1")[run] - runs(results, row, "f1" + FRESH)[run] for run in told]
        for row in (UNGROUPED, AS_WRITTEN)
        for told in [runs(results, row, "f1")]
    }
    line = indexed(effects).loc[("single views", "f1", "above fresh patients")]
    assert line["effect"] == pytest.approx(np.mean(above[UNGROUPED]) - np.mean(above[AS_WRITTEN]))

    best = {
        name: list(runs(results, AS_WRITTEN, "f1" + name).values())
        for name in (AS_REPORTED, FRESH, BEST, BEST_FRESH)
    }
    gained = np.subtract(best[BEST], best[BEST_FRESH])
    each = gained - np.subtract(best[AS_REPORTED], best[FRESH])
    line = indexed(effects).loc[("best epoch", "f1", "above fresh patients")]
    assert line[["effect", "ci_low", "ci_high"]].tolist() == pytest.approx(plain_interval(each))


def predicted(rows, folds_of):
    """Made-up predictions of 24 images of 12 patients: right more often where the row is better."""
    chance, lines = np.random.default_rng(3), []
    for row in rows:
        for seed in range(4):
            fold = folds_of(row, seed)
            for image in range(24):
                label = image % 3 == 0
                probability = np.clip(0.35 + 0.3 * label + chance.normal(0, 0.2), 0, 1)
                named = (row, seed, fold[image], image, f"p{image // 2:02d}", label, label, label)
                lines.append((*named, probability))
    columns = FAKES.no_predictions().columns
    return pd.DataFrame(lines, columns=columns).astype(
        {"label": int, "curated_label": int, "true_label": int}
    )


def test_the_predictions_tell_whether_two_rows_folds_are_the_same():
    def same(row, seed):
        return [(image // 2 + seed) % 3 for image in range(24)]

    def other(row, seed):
        shift = row == WRONG_SIDE
        return [(image // 2 + seed + shift) % 3 for image in range(24)]

    rows = (AS_WRITTEN, WRONG_SIDE)
    for folds, n, note in ((same, 12, ""), (other, 4, BY_SEED)):
        found = measured(predictions=predicted(rows, folds))
        line = indexed(found).loc[("wrong side", "f1", "as reported")]
        assert (line["n"], line["note"]) == (n, note)


def test_the_patient_bootstrap_beside_is_that_of_the_test_folds_predictions():
    def folds(row, seed):
        return [(image // 2 + seed) % 3 for image in range(24)]

    predictions = predicted((AS_WRITTEN, ONE_DRAW), folds)
    fresh = predictions.assign(patients="fresh", probability=1.0, curated_label=pd.NA)
    told = pd.concat([predictions.assign(patients="test"), fresh], ignore_index=True)

    found = indexed(measured(predictions=told, draws=40))
    line = found.loc[("one draw", "f1", "as reported")]

    weights = np.random.default_rng(0).multinomial(12, np.full(12, 1 / 12), size=40)
    values = []
    for draw in weights:  # a naive loop: F1 of every run, its images counted as often as drawn
        means = {}
        for row, part in predictions.groupby("row"):
            scores = []
            for _, run in part.groupby(["seed", "fold"]):
                weight = draw[run["image"] // 2]
                called, positive = run["probability"] > 0.5, run["label"] == 1
                tp = (weight * (called & positive)).sum()
                errors = (weight * (called != positive)).sum()
                if weight.sum():
                    scores.append(2 * tp / (2 * tp + errors) if 2 * tp + errors else 0.0)
            means[row] = np.mean(scores)
        values.append(means[ONE_DRAW] - means[AS_WRITTEN])
    expected = np.quantile(values, [0.025, 0.975])
    assert [line["boot_low"], line["boot_high"]] == pytest.approx(list(expected))
    assert np.isnan(found.loc[("one draw", "f1", "above fresh patients"), "boot_low"])


def test_known_effects_are_found_with_their_direction(effects):
    found = indexed(effects)["direction"]

    ways = {"single views": (RAISES, FLATTERS), "wrong side": (LOWERS, UNDERSTATES)}
    for error, (figure, promise) in ways.items():
        assert found[(error, "f1", "as reported")] == figure
        assert found[(error, "f1", "above fresh patients")] == promise
    assert found[("one draw in pretraining", "probe_auc", "flipped labels")] == LOWERS
    assert found[("one draw", "f1", "on fresh patients")] == "worse models"
    assert found[("best epoch", "auc", "as reported")] == FLATTERS
    assert found[("dropped batch", "auc", "as reported")] == UNRESOLVED
    assert (
        found[("dropped batch", "f1", "spread of a run over shuffles")]
        == "varies a run by over 1 point"
    )
    assert found[("seen in generation", "f1", "fine-tuned, flipped labels")] == RAISES
    assert found[("doubled loss", "probe_auc", "flipped labels")] == UNRESOLVED


def test_claims_follow_their_direction_and_turn_with_the_effect(effects):
    verdicts = judge_audits(effects, PHANTOM).set_index("claim")

    expected = {
        "single-view-folds-flatter": SUPPORTED,
        "curated-labels-flatter-flipped-gain": SUPPORTED,
        "dropped-batch-moves-no-mean-auc": SUPPORTED,
        "dropped-batch-widens-spread": SUPPORTED,
        "wrong-side-labels-understate-optimism": SUPPORTED,
        "one-draw-costs-score": SUPPORTED,
        "one-draw-in-pretraining-costs-score": SUPPORTED,
        "doubled-organ-loss-moves-headline": CONTRADICTED,  # it lies within a point
        "test-images-in-pretraining-flatter": SUPPORTED,
        "curated-labels-flatter-filtered-truth": CONTRADICTED,
        "wrong-side-labels-lower-flag-precision": NOT_RESOLVED,  # one result has no interval
    }
    assert verdicts["verdict"].reindex(expected).to_dict() == expected
    assert verdicts["paper"].isna().all() and verdicts["source"].str.contains("no source").all()
    turned = effects.assign(
        effect=-effects["effect"], ci_low=-effects["ci_high"], ci_high=-effects["ci_low"]
    )
    other = judge_audits(turned, PHANTOM).set_index("claim")["verdict"]
    assert other["single-view-folds-flatter"] == CONTRADICTED
    assert other["one-draw-costs-score"] == CONTRADICTED
    assert other["doubled-organ-loss-moves-headline"] == CONTRADICTED
    untrained = FAKES.fake_audits(rows=(), flags={})
    moved = measured(untrained, others=FAKES.fake_others(seen=0.0, doubled=-0.05))
    found = judge_audits(moved, PHANTOM).set_index("claim")["verdict"]
    assert found["doubled-organ-loss-moves-headline"] == SUPPORTED
    assert found["test-images-in-pretraining-flatter"] == NOT_RESOLVED


BOUND = st.floats(-0.05, 0.05)


@given(BOUND, BOUND)
def test_the_rules_are_what_they_say(one, two):
    low, high = sorted((one, two))
    interval = Interval((low + high) / 2, low, high, 12, (high - low) / 2)
    inside = -MARGIN < low and high < MARGIN
    outside = low > MARGIN or high < -MARGIN

    assert (moves(interval) == SUPPORTED) == outside
    assert (moves(interval) == CONTRADICTED) == inside
    assert (falls(interval) == SUPPORTED) == (high < 0)
    assert (falls(interval) == CONTRADICTED) == (low > 0)
    assert (exceeds(interval) == SUPPORTED) == (low - MARGIN > 0)
    assert (exceeds(interval) == CONTRADICTED) == (high - MARGIN < 0)


def test_without_bounds_no_rule_reaches_a_verdict():
    single = Interval(0.2, float("nan"), float("nan"), 1, float("nan"))

    assert {rule(single) for rule in (moves, falls, exceeds)} == {NOT_RESOLVED}


def test_tables_that_are_not_there_are_not_run_with_the_command_that_runs_them():
    found = measured()
    table = found[found["source"] != "audits"].set_index("source")

    assert set(table["direction"]) == {NOT_RUN} and table["effect"].isna().all()
    assert "make reproduce-table1 PROFILE=demo" in table.loc["table1", "note"].iloc[0]
    assert "EXCLUDE_TEST=1" in table.loc["table3", "note"].iloc[0]
    untrained = FAKES.fake_audits(rows=(), flags={})
    own = measured(untrained, conditions=Conditions("ward", "lite"))
    assert own["note"].str.contains("PROFILE=lite DATA=...", regex=False).any()
    without = FAKES.fake_others()
    without["table2"] = without["table2"][without["table2"]["row"] == "UD"]
    found = measured(untrained, others={"table2": without["table2"]})
    line = found.query("audit == 'seen in pretraining'").iloc[0]
    assert line["direction"] == NOT_RUN
    assert line["note"] == "row UD without test patients was not run; EXCLUDE_TEST=1 runs it"


def test_one_draw_in_pretraining_is_read_beside_table_2_and_says_why_it_is_not_there(effects):
    line = indexed(effects).loc[("one draw in pretraining", "probe_auc", "flipped labels")]
    means = FAKES.fake_others()["table2"].groupby(["row", "metric"])["value"].mean()
    assert line["effect"] == pytest.approx(
        means[ONE_DRAW_UD, "probe_auc"] - means["UD", "probe_auc"]
    )
    assert line["note"] == CONDITIONAL and line["source"] == "table2"

    untrained, others = FAKES.fake_audits(rows=(), flags={}), FAKES.fake_others()
    others["table2"] = others["table2"][others["table2"]["row"] != ONE_DRAW_UD]
    told = {
        f"row {ONE_DRAW_UD} was not run": {},
        "UD holds one organ": {ONE_DRAW_UD: "UD holds one organ"},
    }
    for note, not_run in told.items():
        conditions = Conditions("phantom", "demo", not_run=not_run)
        found = indexed(measured(untrained, others=others, conditions=conditions))
        line = found.loc[("one draw in pretraining", "probe_auc", "flipped labels")]
        assert (line["direction"], line["note"]) == (NOT_RUN, note)


def test_results_that_were_passed_over_say_so_and_not_that_they_were_not_run():
    conditions = Conditions("phantom", "demo", not_run={"table4": "passed over: of other images"})
    found = measured(FAKES.fake_audits(rows=(), flags={}), conditions=conditions)
    line = found.query("audit == 'doubled loss'").iloc[0]

    assert line["direction"] == NOT_RUN and line["note"] == "table4: passed over: of other images"


def test_what_is_so_by_construction_and_what_was_known_is_in_the_verdicts_note(effects):
    notes = judge_audits(effects, PHANTOM).set_index("claim")["note"]

    assert notes["best-epoch-flatters"].startswith("by construction: the highest")
    assert notes["curated-labels-flatter-flipped"].startswith("nearly by construction")
    assert notes["dropped-batch-moves-no-mean"].startswith("nearly by construction")
    for name in ("best-epoch-flatters-optimism", "curated-labels-flatter-flipped-truth"):
        assert "by construction" not in notes[name]
    for name, known in {
        "doubled-organ-loss-moves-headline": True,
        "best-epoch-flatters": False,
    }.items():
        assert ("written when these results were there" in notes[name]) == known
    assert CONDITIONAL in notes["doubled-organ-loss-moves-headline"]


def test_a_spread_is_held_against_the_margin_and_is_one_runs():
    levels = {AS_WRITTEN: FAKES.LEVELS[AS_WRITTEN] | {DROPPED_SPREAD: 0.004}}
    small = FAKES.fake_audits(levels, rows=(AS_WRITTEN,), flags={}, noise=0.0005)
    line = indexed(measured(small)).loc[("dropped batch", "f1", "spread of a run over shuffles")]

    assert line["ci_low"] > 0 and line["direction"] == "varies a run by under 1 point"
    assert f"on a mean of 12 runs about {100 * line['effect'] / 12**0.5:.1f} points" in line["note"]


def test_what_images_cannot_answer_says_why():
    levels = {AS_WRITTEN: {AS_REPORTED: 0.5, BEST: 0.55}, ONE_DRAW: {AS_REPORTED: 0.4}}
    told = {
        UNGROUPED: "every patient has one image",
        DROPPED: "a test fold is smaller than a batch",
    }
    conditions = Conditions("ward", "demo", not_run=told)
    results = FAKES.fake_audits(levels, rows=tuple(levels), flags={})

    found = measured(results, conditions=conditions)
    lines = indexed(found)

    assert lines.loc[("single views", "f1", "as reported"), "direction"] == UNTESTABLE
    notes = {
        ("single views", "f1", "above fresh patients"): told[UNGROUPED],
        ("dropped batch", "auc", "as reported"): told[DROPPED],
        ("wrong side", "f1", "as reported"): f"row {WRONG_SIDE} was not run",
        ("one draw", "f1", "above fresh patients"): NO_FRESH,
        ("best epoch", "f1", "on fresh patients"): NO_FRESH,
    }
    assert lines["note"].loc[list(notes)].to_dict() == notes
    assert lines.loc[("one draw", "f1", "as reported"), "direction"] == LOWERS
    verdicts = judge_audits(found, conditions).set_index("claim")
    assert verdicts.loc["single-view-folds-flatter", "verdict"] == UNTESTABLE
    assert verdicts.loc["single-view-folds-flatter", "note"] == told[UNGROUPED]
    named = Conditions("ward", "demo", not_run={FRESH: "only the phantom has more patients"})
    line = indexed(measured(results, conditions=named)).loc[("one draw", "f1", "on fresh patients")]
    assert line["note"] == "only the phantom has more patients"


def test_precision_beside_chance_is_none_at_random_and_whole_at_certainty():
    share = np.array([0.0, 0.1, 0.25])
    for precision, above in ((share, 0.0), (np.ones(3), 1.0)):
        found = beside_chance(precision, share)
        assert found["flag_precision_above_chance"] == pytest.approx(above)
        assert np.isnan(found["flag_lift"][0])
        assert found["flag_lift"][1:] == pytest.approx(precision[1:] / share[1:])


def flagged(found_before=8, found_after=8, patients=30):
    """Flags of two rows, four images a patient, one wrong in eight before and one in four after."""
    frame = pd.DataFrame({"image": [f"{i:03d}.png" for i in range(4 * patients)]})
    number = np.arange(len(frame))
    frame["patient"] = [f"p{i // 4}" for i in number]
    parts = []
    for row, every, found in ((AS_WRITTEN, 8, found_before), (WRONG_SIDE, 4, found_after)):
        wrong = number % every == 0
        hit = wrong & (number < every * found)
        flags = hit | (number % 8 == 3)
        parts.append(frame.assign(row=row, true_label=0, label=wrong.astype(int), suspicious=flags))
    return pd.concat(parts, ignore_index=True).assign(times_flagged=lambda f: f["suspicious"] * 4)


def test_flags_are_compared_over_resampled_patients():
    flags = flagged()
    parts = {row: part.reset_index(drop=True) for row, part in flags.groupby("row")}

    def precision(part, weight):
        chosen = weight * part["suspicious"]
        return (chosen * (part["label"] != part["true_label"])).sum() / chosen.sum()

    ones = np.ones(120)
    effect = precision(parts[WRONG_SIDE], ones) - precision(parts[AS_WRITTEN], ones)
    found = flag_interval("flag_precision", WRONG_SIDE, AS_WRITTEN, effect, flags, draws=100)
    codes = np.unique([f"p{i // 4}" for i in range(120)], return_inverse=True)[1]
    weights = np.random.default_rng(0).multinomial(30, np.full(30, 1 / 30), size=100)[:, codes]
    values = [precision(parts[WRONG_SIDE], w) - precision(parts[AS_WRITTEN], w) for w in weights]
    assert [found.low, found.high] == pytest.approx(list(np.quantile(values, [0.025, 0.975])))
    assert found.n == 30

    levels = {
        row: (part["label"].mean(), part["suspicious"].mean(), precision(part, ones), 0.0, 0.0)
        for row, part in parts.items()
    }
    results = FAKES.fake_audits(flags={})
    for row, values in levels.items():
        for metric, value in zip(FAKES.FLAG_NAMES[:3], values, strict=False):
            results.loc[len(results)] = ("audits", row, 0, 0, metric, value)
    line = indexed(measured(results, flags=flags)).loc["wrong side"]
    assert line.loc[("wrong_labels", "flags of all trainings"), "direction"] == "higher"
    assert line.loc[("flag_precision", "flags of all trainings"), "n"] == 30
    note = line.loc[("flag_precision", "flags of all trainings"), "note"]
    assert "wrong labels: 25.0 % with the error, 12.5 % without" in note

    def above(part, weight):
        wrong = (weight * (part["label"] != part["true_label"])).sum() / weight.sum()
        return (precision(part, weight) - wrong) / (1 - wrong)

    values = [above(parts[WRONG_SIDE], w) - above(parts[AS_WRITTEN], w) for w in weights]
    told = {"draws": 100, "seed": 0}
    effect = above(parts[WRONG_SIDE], ones) - above(parts[AS_WRITTEN], ones)
    metric = "flag_precision_above_chance"
    found = flag_interval(metric, WRONG_SIDE, AS_WRITTEN, effect, flags, **told)
    assert [found.low, found.high] == pytest.approx(list(np.quantile(values, [0.025, 0.975])))
    assert line.loc[(metric, "flags of all trainings"), "effect"] == pytest.approx(effect)


def test_flags_of_other_trainings_than_the_results_are_refused():
    with pytest.raises(UserError, match="difference in flag_precision"):
        flag_interval("flag_precision", WRONG_SIDE, AS_WRITTEN, 0.5, flagged(), draws=10)
    with pytest.raises(UserError, match="different images"):
        few = flagged().drop(index=0)
        flag_interval("flag_precision", WRONG_SIDE, AS_WRITTEN, 0.5, few, draws=10)


@pytest.mark.skipif("table1" not in COMMITTED, reason="Table 1 has no committed results")
def test_the_committed_tables_give_the_differences_of_their_own_means():
    others = {
        table: pd.read_csv(path, keep_default_na=False, na_values=[""])
        for table, path in COMMITTED.items()
    }
    found = indexed(measured(FAKES.fake_audits(rows=(), flags={}), others=others))

    means = others["table1"].groupby(["row", "metric"])["value"].mean()
    flipped = found.loc["curated by flipping"]["effect"]
    given = means["Flipped", "f1"] - means["Flipped", "f1_original"]
    assert flipped["f1", "above labels as they came"] == pytest.approx(given)
    gains = [means["Flipped", m] - means["Complete", m] for m in ("auc", "auc_truth")]
    gain = flipped["auc", "gain over Complete, above the one on true labels"]
    assert gain == pytest.approx(gains[0] - gains[1])
    if "table4" in others:
        means = others["table4"].groupby(["row", "metric"])["value"].mean()
        expected = means["lambda 0.4", "probe_auc"] - means["lambda 0.2", "probe_auc"]
        doubled = found.loc[("doubled loss", "probe_auc", "flipped labels")]
        assert doubled["effect"] == pytest.approx(expected) and doubled["n"] == 30


def test_the_frame_and_the_verdicts_survive_a_file(effects, tmp_path):
    effects.to_csv(tmp_path / "effects.csv", index=False)
    read = pd.read_csv(tmp_path / "effects.csv", keep_default_na=False, na_values=[""])

    assert tuple(effects.columns[: len(EFFECT_COLUMNS)]) == EFFECT_COLUMNS
    columns = ["claim", "effect", "verdict"]
    again, before = judge_audits(read, PHANTOM)[columns], judge_audits(effects, PHANTOM)[columns]
    pd.testing.assert_frame_equal(again, before)


def test_smoke_claims_nothing(effects):
    verdicts = judge_audits(effects, Conditions("phantom", "smoke"))

    assert set(verdicts["verdict"]) == {UNTESTABLE} and verdicts["effect"].notna().any()


def test_every_claim_has_readings_and_every_audit_a_claim_and_an_existing_point():
    ids = [name for name, *_ in claim_readings()]
    points = {str(point["number"]) for point in contradictions()}

    assert len(set(ids)) == len(ids)
    assert set(CLAIMS) == {reading.claim for *_, reading in claim_readings()} & set(ids)
    for audit in AUDITS:
        assert any(reading.claim for reading in audit.readings)
        assert set(filter(None, audit.point.split(", "))) <= points
        assert audit.point or "no source" in audit.where
        keys = [(reading.metric, reading.scored_on) for reading in audit.readings]
        assert len(set(keys)) == len(keys)


def test_every_claim_is_named_in_the_ledger_and_every_one_named_is_judged():
    judged_there = {name for name, *_ in claim_readings()}
    named = {t.claim for e in ledger() for t in e.tests if t.experiment == "audits"}

    assert named <= judged_there
    given = {name for name, _, reading in claim_readings() if reading.given}
    assert given and not named & given  # the ledger rests on what could have come out otherwise
    for claim in CLAIMS:
        readings = {n for n in judged_there if n == claim or n.startswith(f"{claim}-")}
        assert readings & named or readings <= given, claim


def test_frames_without_their_columns_are_refused(effects):
    with pytest.raises(UserError, match="value"):
        measured(FAKES.fake_audits().drop(columns="value"))
    with pytest.raises(UserError, match="table2"):
        measured(others={"table2": pd.DataFrame({"row": ["UD"]})})
    with pytest.raises(UserError, match="direction"):
        judge_audits(effects.drop(columns="direction"), PHANTOM)
