import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import f1_score

from testiculus.base.errors import UserError
from testiculus.claims import (
    CONTRADICTED,
    CONTROL,
    EXCLUDED,
    IMAGENET,
    NONE,
    NOT_RESOLVED,
    OTHER_ORGANS,
    OWN_ORGAN,
    READINGS,
    SUPERVISED,
    SUPPORTED,
    UD,
    UNTESTABLE,
    USCL,
    VERDICT_COLUMNS,
    VERDICT_EXTRAS,
    Conditions,
    judge_pretraining,
    lambda_row,
)
from testiculus.claims.pretraining import CONDITIONAL
from testiculus.paper import claim_texts

CONDITIONS = Conditions("phantom", "demo", folds=3)
TABLE2 = {  # mean probe AUC of each row
    NONE: 0.60,
    IMAGENET: 0.75,
    USCL: 0.65,
    OWN_ORGAN: 0.720,
    OTHER_ORGANS: 0.715,
    UD: 0.80,
    CONTROL: 0.62,
    EXCLUDED: 0.795,
}
TABLE4 = {lambda_row(w / 10): 0.8 - 0.03 * abs(w - 2) for w in range(5)} | {SUPERVISED: 0.7}
PROBES = ("probe_auc", "probe_auc_clean", "probe_auc_truth")
SUFFIXES = [reading.suffix for reading in READINGS]
NOTHING = pd.DataFrame(
    columns=["row", "trained_on", "seed", "fold", "image", "patient", "label"]
    + ["curated_label", "true_label", "probability"]
)


def lines(level, metric, rows=None, scatter=0.002, seeds=10):
    """Results of `metric` whose means are those of `level`, with a scatter that is no drift."""
    generator = np.random.default_rng(0)
    found = []
    for row in rows or level:
        noise = generator.normal(0, 1, (seeds, 3))
        noise = (noise - noise.mean()) * scatter
        found += [
            ("made up", row, seed, fold, metric, level[row] + noise[seed, fold])
            for seed in range(seeds)
            for fold in range(3)
        ]
    return pd.DataFrame(found, columns=["experiment", "row", "seed", "fold", "metric", "value"])


def probe_results(level, **options):
    return pd.concat([lines(level, metric, **options) for metric in PROBES])


def verdicts_of(table, results, conditions=CONDITIONS, predictions=NOTHING):
    found = judge_pretraining(table, results, predictions, conditions, draws=20)
    return found.set_index("claim")


def test_every_claim_has_a_verdict_for_every_reading():
    frame = judge_pretraining("table2", probe_results(TABLE2), NOTHING, CONDITIONS)

    assert tuple(frame.columns) == (*VERDICT_COLUMNS, *VERDICT_EXTRAS)
    expected = [claim.id + suffix for claim in claim_texts("table2") for suffix in SUFFIXES]
    assert list(frame["claim"]) == expected
    assert SUFFIXES == ["", "-clean", "-truth", "-finetuned", "-finetuned-clean"]
    assert (frame["data"] == "phantom").all() and frame["text"].str.endswith(".").all()


def test_clear_differences_support_every_claim_of_table_2():
    found = verdicts_of("table2", probe_results(TABLE2))

    for claim in claim_texts("table2"):
        for suffix in ("", "-clean", "-truth"):
            assert found.loc[claim.id + suffix, "verdict"] == SUPPORTED, claim.id
            assert found.loc[claim.id + suffix, "n"] == 30


def test_the_opposite_order_contradicts_the_claims_and_leaves_the_equal_ones():
    turned = {row: 1 - value for row, value in TABLE2.items()}
    found = verdicts_of("table2", probe_results(turned))

    for claim in claim_texts("table2"):
        verdict = SUPPORTED if claim.kind == "equal" else CONTRADICTED
        assert found.loc[claim.id, "verdict"] == verdict, claim.id


def test_wide_scatter_resolves_nothing():
    found = verdicts_of("table2", probe_results(TABLE2, scatter=0.3))

    assert (found.loc[found["effect"].notna(), "verdict"] == NOT_RESOLVED).all()


def test_single_organs_that_differ_by_more_than_the_margin_are_not_equal():
    found = verdicts_of("table2", probe_results(TABLE2 | {OTHER_ORGANS: 0.65}))
    equal = found.loc["testes-only-equals-thyroids-only"]

    assert equal["verdict"] == CONTRADICTED and equal["effect"] == pytest.approx(0.07)
    assert "equal means within 2.5 points" in equal["note"]
    assert "equal means" not in found.loc["ud-beats-scratch", "note"]


def test_a_verdict_is_the_corrected_t_interval_of_differences_paired_over_partitions():
    results = probe_results(TABLE2, scatter=0.05)
    wide = results[results["metric"] == "probe_auc"].pivot(
        index=["seed", "fold"], columns="row", values="value"
    )
    d = wide[UD] - wide[NONE]
    half = stats.t.ppf(0.975, 29) * np.sqrt(d.var(ddof=1) * (1 / 30 + 1 / 2))

    found = verdicts_of("table2", results).loc["ud-beats-scratch"]

    assert found["effect"] == pytest.approx(d.mean())
    assert found["ci_low"] == pytest.approx(d.mean() - half)
    assert found["resolvable"] == pytest.approx(half)


def test_the_papers_figure_stands_beside_fine_tuned_f1_only():
    results = pd.concat([probe_results(TABLE2), lines(TABLE2, "f1", seeds=2)])
    found = verdicts_of("table2", results)

    assert found.loc["ud-beats-imagenet-finetuned", "paper"] == pytest.approx(0.0528)
    assert found.loc["ud-beats-procedural-finetuned", ["paper"]].isna().all()
    others = [f"ud-beats-imagenet{suffix}" for suffix in SUFFIXES if suffix != "-finetuned"]
    assert found.loc[others, "paper"].isna().all()


def test_probe_verdicts_say_on_what_they_are_conditional_and_have_no_bootstrap():
    found = verdicts_of("table2", probe_results(TABLE2))
    tested = found[found["effect"].notna()]

    assert tested["note"].str.contains(CONDITIONAL).all()
    assert tested[["boot_low", "boot_high"]].isna().all().all()


def test_a_row_without_weights_is_untestable_and_names_the_file():
    conditions = Conditions(
        "phantom",
        "demo",
        not_run={"USCL": "put best_model.pth in weights/", "imagenet": "put resnet18 in weights/"},
    )
    rows = [row for row in TABLE2 if row not in (USCL, IMAGENET, EXCLUDED)]
    found = verdicts_of("table2", probe_results(TABLE2, rows=rows), conditions)

    assert found.loc["imagenet-beats-uscl", "verdict"] == UNTESTABLE
    assert found.loc["imagenet-beats-uscl", "note"] == (
        "row ImageNet was not run: put resnet18 in weights/; "
        "row USCL was not run: put best_model.pth in weights/"
    )
    assert found.loc["ud-beats-imagenet", "note"].endswith("put resnet18 in weights/")
    best = found.loc["imagenet-best-single-source"]
    assert best["verdict"] == UNTESTABLE and best["note"].count("ImageNet") == 1
    kept = found.loc["ud-equals-ud-without-test-patients"]
    assert kept["verdict"] == UNTESTABLE and "EXCLUDE_TEST=1" in kept["note"]
    assert found.loc["ud-beats-scratch", "verdict"] == SUPPORTED


def test_a_missing_rival_does_not_hide_one_that_is_better():
    rows = [row for row in TABLE2 if row != USCL]
    level = TABLE2 | {OWN_ORGAN: 0.79}
    found = verdicts_of("table2", probe_results(level, rows=rows))

    best = found.loc["imagenet-best-single-source"]
    assert best["verdict"] == CONTRADICTED and best["effect"] == pytest.approx(-0.04)
    assert "against UD testes only" in best["note"] and "row USCL was not run" in best["note"]


def test_where_truth_is_unknown_readings_on_it_cannot_be_tested():
    found = verdicts_of("table2", lines(TABLE2, "probe_auc"))

    assert found.loc["ud-beats-scratch", "verdict"] == SUPPORTED
    for suffix in ("-clean", "-truth"):
        assert found.loc[f"ud-beats-scratch{suffix}", "verdict"] == UNTESTABLE
        assert found.loc[f"ud-beats-scratch{suffix}", "note"] == "true labels are missing"
    assert found.loc["ud-beats-scratch-finetuned", "note"] == "no f1"


def test_rows_that_share_no_run_cannot_be_compared():
    results = probe_results(TABLE2)
    results.loc[results["row"] == UD, "seed"] += 100

    found = verdicts_of("table2", results).loc["ud-beats-scratch"]

    assert found["verdict"] == UNTESTABLE and "no run in common" in found["note"]


def test_pretraining_without_test_patients_is_compared_on_the_runs_it_has():
    results = probe_results(TABLE2)
    results = results[(results["row"] != EXCLUDED) | (results["seed"] == 0)]

    found = verdicts_of("table2", results).loc["ud-equals-ud-without-test-patients"]

    assert found["n"] == 3 and found["effect"] < 0.01


def test_lambda_02_is_best_only_if_it_beats_each_other_lambda():
    best = verdicts_of("table4", probe_results(TABLE4)).loc["lambda-0.2-is-best"]
    close = TABLE4 | {lambda_row(0.3): 0.799}
    tied = verdicts_of("table4", probe_results(close, scatter=0.01)).loc["lambda-0.2-is-best"]
    above = TABLE4 | {lambda_row(0.4): 0.85}
    beaten = verdicts_of("table4", probe_results(above)).loc["lambda-0.2-is-best"]

    assert best["verdict"] == SUPPORTED and best["effect"] == pytest.approx(0.03)
    assert tied["verdict"] == NOT_RESOLVED and tied["effect"] == pytest.approx(0.001)
    assert "smallest against lambda 0.3" in tied["note"]
    assert beaten["verdict"] == CONTRADICTED and beaten["effect"] == pytest.approx(-0.05)
    assert "contradicted against lambda 0.4" in beaten["note"]


def test_the_combination_is_compared_with_each_of_its_parts():
    found = verdicts_of("table4", probe_results(TABLE4 | {SUPERVISED: 0.9}))

    assert found.loc["combination-beats-contrastive-only", "effect"] == pytest.approx(0.06)
    assert found.loc["combination-beats-contrastive-only", "verdict"] == SUPPORTED
    assert found.loc["combination-beats-supervised-only", "verdict"] == CONTRADICTED
    assert len(found) == 3 * len(READINGS)


def finetuned(quality, seed=0, patients=30):
    """Predictions of one seed and three folds; a higher `quality` of a row makes fewer errors."""
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, 2, patients)
    flipped = np.where(generator.random(patients) < 0.2, 1 - truth, truth)
    parts = []
    for row, right in quality.items():
        for trained_on, taught in {"flipped": flipped, "true": truth}.items():
            correct = generator.random(patients) < right
            part = pd.DataFrame({"image": np.arange(patients), "fold": np.arange(patients) % 3})
            part["patient"] = part["image"].map("p{:02d}".format)
            part = part.assign(row=row, trained_on=trained_on, seed=0, label=truth)
            part["curated_label"], part["true_label"] = flipped, truth
            part["probability"] = np.where(correct, taught, 1 - taught) * 0.8 + 0.1
            parts.append(part)
    return pd.concat(parts)[list(NOTHING.columns)]


def f1_results(predictions):
    """The fine-tuned metrics that belong to the predictions, scored by scikit-learn."""
    found = []
    for (row, trained_on, seed, fold), run in predictions.groupby(
        ["row", "trained_on", "seed", "fold"]
    ):
        metric, column = {"flipped": ("f1", "curated_label"), "true": ("f1_clean", "true_label")}[
            trained_on
        ]
        score = f1_score(run[column], run["probability"] > 0.5, zero_division=0)
        found.append(("made up", row, seed, fold, metric, score))
    return pd.DataFrame(found, columns=["experiment", "row", "seed", "fold", "metric", "value"])


def test_fine_tuned_readings_are_bootstrapped_on_their_own_predictions():
    predictions = finetuned({UD: 0.95, NONE: 0.6})
    results = f1_results(predictions)
    both = verdicts_of("table2", results, predictions=predictions)
    changed = predictions.assign(
        probability=predictions["probability"].where(predictions["trained_on"] == "true", 0.5)
    )

    again = verdicts_of("table2", results, predictions=changed)

    for suffix in ("-finetuned", "-finetuned-clean"):
        found = both.loc[f"ud-beats-scratch{suffix}"]
        assert found["boot_low"] <= found["effect"] <= found["boot_high"]
        assert found["n"] == 3 and CONDITIONAL in found["note"]
    columns = ["boot_low", "boot_high"]
    same = again.loc["ud-beats-scratch-finetuned-clean", columns]
    assert same.equals(both.loc["ud-beats-scratch-finetuned-clean", columns])
    other = again.loc["ud-beats-scratch-finetuned", columns]
    assert not other.equals(both.loc["ud-beats-scratch-finetuned", columns])


@pytest.mark.parametrize(("suffix", "trained_on"), [("", "flipped"), ("-clean", "true")])
def test_predictions_and_results_tell_the_same_fine_tuned_effect(suffix, trained_on):
    predictions = finetuned({UD: 0.9, NONE: 0.7}, seed=3)
    one_patient = predictions.assign(patient="p00")  # cannot be resampled: no interval

    found = verdicts_of("table2", f1_results(predictions), predictions=one_patient)
    scored = f1_results(predictions[predictions["trained_on"] == trained_on])
    mean = scored.groupby("row")["value"].mean()

    row = found.loc[f"ud-beats-scratch-finetuned{suffix}"]
    assert row["effect"] == pytest.approx(mean[UD] - mean[NONE])
    assert pd.isna(row["boot_low"])


def test_the_smoke_profile_claims_nothing():
    found = verdicts_of("table4", probe_results(TABLE4), Conditions("phantom", "smoke"))

    assert (found["verdict"] == UNTESTABLE).all()
    assert found.loc["lambda-0.2-is-best", "effect"] == pytest.approx(0.03)
    assert found["note"].str.contains("smoke").all()


def test_frames_that_lack_columns_are_refused():
    results = probe_results(TABLE4)

    with pytest.raises(UserError, match="predictions lack the columns trained_on"):
        judge_pretraining("table4", results, NOTHING.drop(columns="trained_on"), CONDITIONS)
    with pytest.raises(UserError, match="results lack the columns row"):
        judge_pretraining("table2", results.drop(columns="row"), NOTHING, CONDITIONS)


def test_the_order_of_the_lines_changes_nothing():
    results = probe_results(TABLE2, scatter=0.05)

    shuffled = verdicts_of("table2", results.sample(frac=1, random_state=1))

    pd.testing.assert_frame_equal(shuffled, verdicts_of("table2", results))
