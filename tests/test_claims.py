import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import f1_score

from testiculus.base.errors import UserError
from testiculus.claims import (
    CONTRADICTED,
    NOT_RESOLVED,
    SUPPORTED,
    UNTESTABLE,
    VERDICT_COLUMNS,
    Claim,
    Conditions,
    Contrast,
    Term,
    circularity,
    judge,
    judge_table1,
    verdict_of,
)
from testiculus.claims.contrasts import beats
from testiculus.claims.table1 import gain_contrasts
from testiculus.claims.verdicts import untestable
from testiculus.intervals import Interval

CONDITIONS = Conditions("phantom", "demo", "scratch-A")


def fake():
    path = Path(__file__).parent / "report" / "fake.py"
    spec = importlib.util.spec_from_file_location("fake", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


FAKE = fake()


@pytest.fixture(scope="module")
def table1():
    """Results, predictions and flags of a made-up Table 1 with two seeds."""
    return FAKE.fake_table1(patients=60, seeds=2)[:3]


@pytest.fixture(scope="module")
def verdicts(table1):
    return judge_table1(*table1, CONDITIONS, draws=10)


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.01, 0.03, SUPPORTED),
        (-0.03, -0.01, CONTRADICTED),
        (-0.01, 0.03, NOT_RESOLVED),
        (0.0, 0.03, NOT_RESOLVED),
        (np.nan, np.nan, NOT_RESOLVED),
    ],
)
def test_the_interval_decides(low, high, verdict):
    assert verdict_of(Interval(0.5, low, high, 12, 0.1)) == verdict


def test_the_frame_begins_with_the_columns_of_the_contract(verdicts):
    assert tuple(verdicts.columns[:7]) == VERDICT_COLUMNS
    assert verdicts["claim"].is_unique and len(verdicts) == 6 * 3 + 3
    assert (verdicts["data"] == "phantom").all() and (verdicts["profile"] == "demo").all()


def test_training_claims_are_judged_on_three_scorings_and_the_paper_on_one(verdicts):
    by_id = verdicts.set_index("claim")

    for scoring in ("", "-original", "-truth"):
        assert f"flipped-beats-filtered-f1{scoring}" in by_id.index
    assert by_id.loc["flipped-beats-filtered-f1", "paper"] == pytest.approx(0.0458)
    assert by_id.loc[["flipped-beats-filtered-f1-truth"], "paper"].isna().all()


def test_a_claim_is_the_corrected_t_interval_of_paired_differences(table1, verdicts):
    wide = table1[0].pivot(index=["seed", "fold"], columns=["row", "metric"], values="value")
    d = wide[("Filtered", "f1_truth")] - wide[("Complete", "f1_truth")]
    half = stats.t.ppf(0.975, 5) * np.sqrt(d.var(ddof=1) * (1 / 6 + 1 / 2))

    found = verdicts.set_index("claim").loc["filtered-beats-complete-f1-truth"]

    assert found["effect"] == pytest.approx(d.mean()) and found["n"] == 6
    assert found["ci_low"] == pytest.approx(d.mean() - half)
    assert found["resolvable"] == pytest.approx(half)


@pytest.mark.parametrize("metric", ["accuracy", "f1", "precision", "recall"])
@pytest.mark.parametrize("part", ["reported", "rescoring", "real", "circular"])
def test_predictions_and_results_tell_the_same_effect(table1, metric, part):
    results, predictions, _ = table1
    contrast = gain_contrasts("Filtered", metric)[part]

    from_results = contrast.interval(results, CONDITIONS).effect
    from_predictions = contrast.bootstrap(predictions, seed=0, draws=2).effect

    assert from_predictions == pytest.approx(from_results)


def test_the_bootstrap_equals_a_naive_loop_over_patients(table1):
    _, predictions, _ = table1
    found = beats("Flipped", "Complete", "f1").bootstrap(predictions, seed=4, draws=8)

    names = sorted(predictions["patient"].unique())
    naive = []
    for counts in np.random.default_rng(4).multinomial(60, np.full(60, 1 / 60), size=8):
        weight = predictions["patient"].map(dict(zip(names, counts, strict=True)))
        weighted = predictions.assign(weight=weight).dropna(subset="curated_label")
        score = {
            row: np.mean([weighted_f1(run) for _, run in part.groupby(["seed", "fold"])])
            for row, part in weighted.groupby("row")
        }
        naive.append(score["Flipped"] - score["Complete"])
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(naive, [0.025, 0.975])))


def weighted_f1(run):
    labels, called = run["curated_label"].astype(int), run["probability"] > 0.5
    return f1_score(labels, called, sample_weight=run["weight"], zero_division=0)


def test_the_order_of_the_rows_changes_nothing(table1, verdicts):
    shuffled = [frame.sample(frac=1, random_state=1) for frame in table1]

    again = judge_table1(*shuffled[:2], table1[2], CONDITIONS, draws=10)

    pd.testing.assert_frame_equal(again, verdicts)


def test_the_parts_add_up(table1):
    gains = circularity(table1[0], CONDITIONS)
    effect = gains.pivot(index=["row", "metric"], columns="part", values="effect")

    assert np.allclose(effect["reported"], effect["rescoring"] + effect["retraining"])
    assert np.allclose(effect["reported"], effect["real"] + effect["circular"])


def test_a_gain_by_rescoring_alone_is_seen_as_circular():
    """All rows share one set of models; the curation drops what these get wrong."""
    results, predictions = rescored_only()

    gains = circularity(results, CONDITIONS, predictions, metrics=("accuracy",), draws=50)
    part = gains[gains["row"] == "Filtered"].set_index("part")

    assert part.loc["reported", "effect"] > 0.05 and part.loc["reported", "ci_low"] > 0
    assert part.loc["rescoring", "effect"] == pytest.approx(part.loc["reported", "effect"])
    assert part.loc["circular", "effect"] == pytest.approx(part.loc["reported", "effect"])
    for name in ("retraining", "real", "original"):
        assert part.loc[name, ["effect", "ci_low", "ci_high"]].eq(0).all()
        assert part.loc[name, ["boot_low", "boot_high"]].eq(0).all()


def rescored_only():
    """Return results and predictions in which nothing but the scoring differs between the rows."""
    generator = np.random.default_rng(0)
    results, frames = [], []
    for seed in range(2):
        for fold in range(3):
            label = generator.integers(0, 2, 60)
            right = generator.random(60) < 0.8
            part = pd.DataFrame({"seed": seed, "fold": fold, "image": np.arange(60) + 60 * fold})
            part["patient"] = part["image"].astype(str)
            part["label"] = part["true_label"] = label
            part["probability"] = np.where(right, label, 1 - label) * 0.8 + 0.1
            kept = part["label"].where(right | (generator.random(60) < 0.3))
            flipped = part["label"].where(right, 1 - part["label"])
            curated = {"Complete": part["label"], "Filtered": kept, "Flipped": flipped}
            for row, labels in curated.items():
                own = part.assign(row=row, curated_label=labels, on_f=kept, on_l=flipped)
                on = {"_on_filtered": "on_f", "_on_flipped": "on_l"} if row == "Complete" else None
                values = FAKE.score_run(own, on)
                results += [("table1", row, seed, fold, m, v) for m, v in values.items()]
                frames.append(own)
    columns = ["experiment", "row", "seed", "fold", "metric", "value"]
    return pd.DataFrame(results, columns=columns), pd.concat(frames)


def test_where_truth_is_unknown_claims_on_it_cannot_be_tested():
    frames = FAKE.fake_table1(patients=40, seeds=1, truth=False)[:3]
    by_id = judge_table1(*frames, CONDITIONS, draws=20).set_index("claim")
    gains = circularity(frames[0], CONDITIONS).set_index("part")

    told = {
        "filtered-beats-complete-f1-truth": "true labels are missing",
        "three-occasions-beat-four": "no true labels are known",
    }
    for claim, note in told.items():
        assert by_id.loc[claim, "verdict"] == UNTESTABLE
        assert by_id.loc[claim, "note"] == note
    assert by_id.loc["filtered-beats-complete-f1", "verdict"] != UNTESTABLE
    assert gains.loc["real", "effect"].isna().all()
    assert gains.loc["rescoring", "effect"].notna().all()


def test_a_row_that_was_not_run_makes_its_claims_untestable(table1):
    results, predictions, flags = table1
    without = [frame[frame["row"] != "Flipped"] for frame in (results, predictions)]

    by_id = judge_table1(*without, flags, CONDITIONS, draws=20).set_index("claim")

    assert by_id.loc["flipped-beats-complete-f1", "verdict"] == UNTESTABLE
    assert by_id.loc["flipped-beats-complete-f1", "note"] == "row Flipped was not run"
    assert by_id.loc["filtered-beats-complete-f1", "verdict"] != UNTESTABLE


def test_runs_that_only_one_row_has_are_not_paired(table1):
    results, predictions, _ = table1
    lost = (results["row"] == "Flipped") & (results["seed"] == 1) & (results["fold"] == 2)
    gone = (predictions["row"] == "Flipped") & (predictions["seed"] == 1)
    contrast = beats("Flipped", "Complete", "f1")

    assert contrast.interval(results[~lost], CONDITIONS).n == 5
    paired = contrast.interval(results[results["seed"] == 0], CONDITIONS)
    boot = contrast.bootstrap(predictions[~gone], seed=0, draws=5)
    assert boot.effect == pytest.approx(paired.effect)


def test_the_smoke_profile_claims_nothing(table1):
    verdicts = judge_table1(*table1, Conditions("phantom", "smoke"), draws=20)

    assert (verdicts["verdict"] == UNTESTABLE).all()
    assert verdicts["note"].str.contains("smoke").all()
    assert verdicts["effect"].notna().all()


@pytest.mark.parametrize(("good", "bad", "verdict"), [(3, 4, SUPPORTED), (4, 3, CONTRADICTED)])
def test_occasions_are_judged_by_what_they_separate(good, bad, verdict):
    generator = np.random.default_rng(0)
    wrong = generator.random(200) < 0.2
    noise = generator.integers(0, 17, 200)
    flags = pd.DataFrame({"image": range(200), "patient": np.arange(200) // 2, "label": 0})
    flags["true_label"] = wrong.astype(int)
    flags["evaluations"], flags["suspicious"] = 16, False
    for k in (1, 5):
        flags[f"times_flagged_{k}"] = noise
    flags[f"times_flagged_{good}"] = np.where(wrong, 16, 2)
    flags[f"times_flagged_{bad}"] = noise
    flags["times_flagged"] = flags["times_flagged_3"]

    by_id = judge_table1(*FAKE.fake_table1(20, 1)[:2], flags, CONDITIONS, draws=100)
    found = by_id.set_index("claim").loc["three-occasions-beat-four"]

    assert found["verdict"] == verdict and found["n"] == 100
    assert found["ci_low"] == found["boot_low"]


def test_occasions_are_judged_on_the_images_whose_truth_is_known(table1):
    results, predictions, flags = table1
    unknown = np.arange(len(flags)) % 3 == 0
    partly = flags.assign(true_label=flags["true_label"].where(~unknown))

    found, expected = (
        judge_table1(results, predictions, frame, CONDITIONS, draws=20).set_index("claim")
        for frame in (partly, flags[~unknown])
    )

    for claim in ("three-occasions-beat-one", "three-occasions-beat-four"):
        assert found.loc[claim, "effect"] == expected.loc[claim, "effect"]
        assert found.loc[claim, "ci_low"] == expected.loc[claim, "ci_low"]


def test_a_gain_equal_in_every_run_but_for_rounding_is_not_supported():
    pairs = [(0.9, 0.8), (0.7, 0.6), (0.8, 0.7)]
    rows = [
        ("table1", row, 0, fold, "accuracy", pair[row == "Complete"])
        for fold, pair in enumerate(pairs)
        for row in ("Filtered", "Complete")
    ]
    results = pd.DataFrame(rows, columns=["experiment", "row", "seed", "fold", "metric", "value"])

    interval = beats("Filtered", "Complete", "accuracy").interval(results, CONDITIONS)

    assert interval.effect == pytest.approx(0.1) and verdict_of(interval) == NOT_RESOLVED


def test_without_wrong_labels_occasions_cannot_be_compared(table1):
    results, predictions, flags = table1
    clean = flags.assign(true_label=flags["label"])

    by_id = judge_table1(results, predictions, clean, CONDITIONS, draws=5).set_index("claim")

    assert by_id.loc["three-occasions-beat-five", "note"] == "no label is known to be wrong"


def test_nullable_integers_and_files_give_the_same_verdicts(table1, verdicts, tmp_path):
    kinds = {"label": "Int8", "true_label": "Int8", "curated_label": "Int8"}
    results, predictions, flags = table1
    nullable = [f.astype({k: v for k, v in kinds.items() if k in f}) for f in (predictions, flags)]
    for name, frame in zip(("r", "p", "f"), (results, *nullable), strict=True):
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
    reread = [pd.read_csv(tmp_path / f"{name}.csv") for name in ("r", "p", "f")]

    for frames in ((results, *nullable), reread):
        again = judge_table1(*frames, CONDITIONS, draws=10)
        pd.testing.assert_frame_equal(again, verdicts)


def test_frames_that_lack_columns_or_repeat_runs_are_refused(table1):
    results, predictions, flags = table1

    with pytest.raises(UserError, match="predictions lack the columns patient"):
        judge_table1(results, predictions.drop(columns="patient"), flags, CONDITIONS)
    with pytest.raises(UserError, match="twice"):
        judge_table1(pd.concat([results, results]), predictions, flags, CONDITIONS, draws=2)


def test_a_contrast_refuses_a_metric_it_cannot_bootstrap(table1):
    with pytest.raises(ValueError, match="auc"):
        Contrast("auc", (Term(1, "Complete"),)).bootstrap(table1[1], seed=0)


def test_judge_takes_any_claim_and_keeps_its_reason():
    claim = Claim("c", "A sentence.", "somewhere", 0.1, lambda: untestable("no second centre"))

    row = judge([claim], CONDITIONS).iloc[0]

    assert row["verdict"] == UNTESTABLE and row["note"] == "no second centre"
    assert row["text"] == "A sentence." and row["source"] == "somewhere" and row["paper"] == 0.1
