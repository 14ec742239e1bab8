from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from testiculus.noise import Rule, flag_table, separation
from testiculus.report import (
    circularity_table,
    control_table,
    flags_table,
    three_way_table,
)

SUFFIXES = ("_original", "_truth")


def test_each_row_has_three_scorings_and_complete_two_more(run):
    frame = three_way_table(run.results, run.conditions).frame
    value = run.results.query("row == 'Flipped' and metric == 'accuracy_truth'")["value"].mean()

    assert list(frame.columns) == ["metric", "row", "curated", "original", "truth"]
    assert len(frame) == 2 * (3 + 2)
    assert frame.loc[2, "truth"].startswith(f"{100 * value:.2f} ±")
    assert frame.loc[3, "row"] == "Complete, on Filtered's labels"


def test_without_truth_the_column_is_empty_and_the_gain_says_why(run_without_truth):
    run = run_without_truth

    assert set(three_way_table(run.results, run.conditions).frame["truth"]) == {"–"}
    assert "–: true labels are missing" in circularity_table(run.gains, run.conditions).notes


def test_gains_are_one_line_a_part(run):
    frame = circularity_table(run.gains, run.conditions).frame.set_index("gain")
    effect = run.gains.set_index(["row", "metric", "part"]).loc[
        ("Filtered", "f1", "real"), "effect"
    ]

    assert list(frame.index) == list(run.gains["part"].unique())
    assert frame.loc["real", "Filtered, F1"].startswith(f"{100 * effect:+.1f} [")


def test_flags_are_set_against_the_wrong_labels_and_the_released_counts(run):
    table = flags_table(run.flags, run.conditions, draws=20)
    frame = table.frame.set_index("loss > 1")
    wrong = run.flags["label"] != run.flags["true_label"]
    found = separation(run.flags["times_flagged"], wrong, run.flags["suspicious"])

    line = frame.loc["at least 3"]
    assert line["recall"] == f"{100 * found['recall']:.1f}"
    assert line["AP [95 %]"].startswith(f"{100 * found['average_precision']:.1f} [")
    assert line["released"] == "72 (8.2 %)"
    assert frame.loc["at least 1", "released"] == "–"
    assert f"{wrong.sum()} of 240 labels are wrong" in table.text()


def test_the_rule_in_use_is_scored_on_exactly_what_was_curated(run):
    rule = Rule(loss_threshold=0.7, occasions=2, occasion="epoch", evaluations=3)
    table = flag_table(run.records, len(run.flags), 0.7, 2, "epoch", 3)
    flags = run.flags[["image", "patient", "label", "true_label"]].join(table)
    wrong = flags["label"] != flags["true_label"]

    shown = flags_table(flags, replace(run.conditions, rule=rule), draws=20)

    line = shown.frame.set_index("loss > 0.7").iloc[0]
    assert line.name == "rule in use"
    assert line["precision"] == f"{100 * wrong[flags['suspicious']].mean():.1f}"
    assert line["recall"] == f"{100 * flags['suspicious'][wrong].mean():.1f}"
    assert line["images"].startswith(f"{flags['suspicious'].sum()} (")
    words = " ".join(shown.text().split())
    assert rule.in_words() in words and "At least k: at so many epochs" in words


def test_images_of_unknown_truth_are_left_out_and_counted(run):
    unknown = np.arange(len(run.flags)) % 4 == 0
    partly = run.flags.assign(true_label=run.flags["true_label"].where(~unknown))

    found = flags_table(partly, run.conditions, draws=20)
    expected = flags_table(run.flags[~unknown], run.conditions, draws=20)

    assert "The true label of 60 images is not known" in " ".join(found.text().split())
    scores = ["precision", "recall", "AP [95 %]"]
    assert found.frame[scores].equals(expected.frame[scores])


def test_where_nothing_was_flagged_the_flags_say_so(run):
    table = flags_table(run.flags.assign(suspicious=False), run.conditions, draws=5)

    assert "No image was flagged" in table.text()


def test_the_control_has_mean_and_spread_under_original_and_true_labels(run):
    networks = run.results[run.results["row"] == "Complete"]
    auc = [networks.query("metric == 'accuracy'").assign(metric=f"auc{s}") for s in SUFFIXES]
    results = pd.concat([run.results, *auc])
    control = results[results["row"] == "Complete"].assign(row="Acquisition only")
    values = networks.query("metric == 'f1_truth'")["value"]

    frame = control_table(results, control, run.conditions).frame

    assert frame["row"].tolist() == ["Complete (network)", "", "Acquisition only", ""]
    assert frame["labels"].tolist() == ["original", "truth"] * 2
    assert frame.loc[3, "F1"] == f"{100 * values.mean():.2f} ± {100 * values.std():.2f}"
    assert "±" in frame.loc[2, "AUC"]


def test_the_control_without_truth_has_one_line_a_row(run_without_truth):
    run = run_without_truth
    control = run.results[run.results["row"] == "Complete"].assign(row="Left after cropping")

    frame = control_table(run.results, control, run.conditions).frame

    assert frame["row"].tolist() == ["Complete (network)", "Left after cropping"]


def test_flags_without_truth_are_counted_only(run_without_truth):
    table = flags_table(run_without_truth.flags, run_without_truth.conditions, draws=5)

    assert set(table.frame["precision"]) == {"–"}
    assert "True labels are not known" in table.text()


@pytest.mark.parametrize("name", ["run", "run_without_truth"])
def test_tables_fit_a_terminal(name, request):
    run = request.getfixturevalue(name)
    tables = (
        three_way_table(run.results, run.conditions),
        circularity_table(run.gains, run.conditions),
        flags_table(run.flags, run.conditions, draws=5),
    )

    assert all(max(map(len, table.text().splitlines())) <= 100 for table in tables)
