import numpy as np
import pandas as pd
import pytest

from testiculus.claims import (
    CONTRADICTED,
    IMAGENET,
    NONE,
    NOT_RESOLVED,
    SUPPORTED,
    TABLE3_EXCLUDED,
    TABLE3_EXTRA_ROWS,
    TABLE3_ROWS,
    UNTESTABLE,
    Conditions,
    judge_pretraining,
)
from testiculus.claims.schema import CONTROL, PRETRAINING_PREDICTION_COLUMNS
from testiculus.claims.synthetic import (
    RANDOM_FILTER,
    REAL_BOTH,
    REAL_OTHERS,
    REAL_OWN,
    SYNTHETIC,
    SYNTHETIC_FILTERED,
    THYROIDS_FILTERED,
    THYROIDS_RANDOM,
    THYROIDS_SYNTHETIC,
)
from testiculus.paper import claim_texts, reported

CONDITIONS = Conditions("phantom", "demo", folds=3)
NOTHING = pd.DataFrame(columns=PRETRAINING_PREDICTION_COLUMNS)
LEVELS = {  # as the sources would have them
    SYNTHETIC: 0.62,
    SYNTHETIC_FILTERED: 0.66,
    REAL_OWN: 0.665,
    THYROIDS_SYNTHETIC: 0.70,
    THYROIDS_FILTERED: 0.745,
    REAL_BOTH: 0.76,
    NONE: 0.55,
    IMAGENET: 0.70,
    REAL_OTHERS: 0.69,
    RANDOM_FILTER: 0.60,
    THYROIDS_RANDOM: 0.68,
    CONTROL: 0.56,
    TABLE3_EXCLUDED: 0.74,
}


def results_of(levels, metrics=("probe_auc", "f1", "accuracy", "precision", "recall")):
    """Ten partitions and three folds of every metric, with a scatter that is no drift."""
    scatter = np.random.default_rng(0).normal(0, 0.002, (10, 3))
    scatter -= scatter.mean()
    lines = [
        ("table3", row, seed, fold, metric, level + scatter[seed, fold] * (1 + number / 9))
        for number, (row, level) in enumerate(levels.items())
        for metric in metrics
        for seed in range(10)
        for fold in range(3)
    ]
    return pd.DataFrame(lines, columns=["experiment", "row", "seed", "fold", "metric", "value"])


def verdicts_of(levels, conditions=CONDITIONS):
    found = judge_pretraining("table3", results_of(levels), NOTHING, conditions, draws=20)
    return found.set_index("claim")


def test_the_papers_rows_are_those_whose_figures_are_kept_and_in_its_order():
    assert list(TABLE3_ROWS) == list(reported("table3")["row"].unique())
    assert not set(TABLE3_ROWS) & set(TABLE3_EXTRA_ROWS)
    assert set(LEVELS) == {*TABLE3_ROWS, *TABLE3_EXTRA_ROWS}


def test_results_as_the_sources_have_them_support_every_claim():
    found = verdicts_of(LEVELS)

    tested = found[found["effect"].notna()]
    assert (tested["verdict"] == SUPPORTED).all()
    read = {claim.id for claim in claim_texts("table3") if claim.metric == "f1"}
    assert read <= set(tested.index)


def test_claims_on_other_figures_than_f1_are_read_on_fine_tunings_alone():
    found = verdicts_of(LEVELS)

    read = found.index[found.index.str.startswith("filtered-beats-unfiltered-recall")]
    assert list(read) == [
        "filtered-beats-unfiltered-recall-finetuned",
        "filtered-beats-unfiltered-recall-finetuned-clean",
    ]
    first = found.loc[read[0]]
    assert first["text"].endswith("by fine-tuned recall on the flipped labels.")
    assert first["paper"] == pytest.approx(0.0299) and first["effect"] == pytest.approx(0.04)
    assert np.isnan(found.loc[read[1], "paper"])


@pytest.mark.parametrize(
    ("level", "verdict"),
    [(0.72, SUPPORTED), (0.65, SUPPORTED), (0.63, CONTRADICTED)],
)
def test_filtered_images_stand_in_for_real_ones_if_they_are_not_worse_by_the_margin(level, verdict):
    found = verdicts_of(LEVELS | {SYNTHETIC_FILTERED: level})
    read = found.loc["filtered-stands-in-for-testes"]

    assert read["verdict"] == verdict
    assert "standing in means at most 2.5 points worse" in read["note"]


def test_a_difference_near_the_margin_leaves_open_whether_one_stands_in():
    found = verdicts_of(LEVELS | {SYNTHETIC_FILTERED: LEVELS[REAL_OWN] - 0.025})
    assert found.loc["filtered-stands-in-for-testes", "verdict"] == NOT_RESOLVED


@pytest.mark.parametrize(("control", "verdict"), [(0.60, SUPPORTED), (0.67, NOT_RESOLVED)])
def test_nothing_stands_in_for_images_that_gain_nothing_over_pictures_of_none(control, verdict):
    found = verdicts_of(LEVELS | {CONTROL: control})
    read = found.loc["filtered-stands-in-for-testes"]

    assert read["verdict"] == verdict
    assert ("leaves nothing to lose" in read["note"]) == (verdict == NOT_RESOLVED)


def test_failing_to_stand_in_stays_contradicted_whatever_the_control_reaches():
    found = verdicts_of(LEVELS | {SYNTHETIC_FILTERED: 0.63, CONTROL: 0.70})
    assert found.loc["filtered-stands-in-for-testes", "verdict"] == CONTRADICTED


def test_standing_in_says_where_the_control_was_not_run():
    found = verdicts_of({row: level for row, level in LEVELS.items() if row != CONTROL})
    assert "what real testes gain is not known" in found["note"]["filtered-stands-in-for-testes"]


def test_verdicts_on_generated_images_name_the_one_generator_they_hold_for():
    notes = verdicts_of(LEVELS)["note"]

    assert "on one generator" in notes["filtered-beats-unfiltered"]
    assert "on one generator" in notes["imagenet-beats-filtered"]


def test_a_filter_that_is_no_better_than_chance_is_seen():
    found = verdicts_of(LEVELS | {RANDOM_FILTER: 0.67})

    assert found.loc["filter-beats-random", "verdict"] == CONTRADICTED
    assert found.loc["filter-beats-random-beside-thyroids", "verdict"] == SUPPORTED


def test_rows_that_were_not_run_say_what_would_run_them():
    ran = {row: level for row, level in LEVELS.items() if row not in (TABLE3_EXCLUDED, REAL_OTHERS)}
    found = verdicts_of(ran, Conditions("liver", "demo", not_run={REAL_OTHERS: "one organ"}))

    excluded = found.loc["filtered-equals-filtered-without-test-patients"]
    assert excluded["verdict"] == UNTESTABLE and "EXCLUDE_TEST=1" in excluded["note"]
    assert found.loc["thyroids-beat-filtered", "note"].endswith("was not run: one organ")


def test_rows_on_the_same_images_are_not_compared():
    results = results_of(LEVELS)
    same = results[results["row"] == SYNTHETIC].assign(row=SYNTHETIC_FILTERED)
    results = pd.concat([results[results["row"] != SYNTHETIC_FILTERED], same])
    found = judge_pretraining("table3", results, NOTHING, CONDITIONS, draws=20).set_index("claim")

    read = found.loc["filtered-beats-unfiltered"]
    assert read["verdict"] == UNTESTABLE and "the same images" in read["note"]
    assert found.loc["filtered-beats-scratch", "verdict"] == SUPPORTED
