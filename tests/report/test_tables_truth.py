import pytest

from testiculus.noise import separation
from testiculus.report import circularity_table, flags_table, three_way_table


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
    assert "–: no true labels are known" in circularity_table(run.gains, run.conditions).notes


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
