import pandas as pd
import pytest

from testiculus.claims import ROWS
from testiculus.report import table1_frame, table1_table, verdicts_table
from testiculus.report.tables import NOT_CLAIMED


def test_every_row_names_its_initialisation_and_shows_paper_here_and_difference(run):
    frame = table1_frame(run.results, run.verdicts, run.conditions)
    mine = run.results.query("row == 'Filtered' and metric == 'f1'")["value"]
    line = frame[(frame["row"] == "Filtered") & (frame["metric"] == "F1")].iloc[0]

    assert line["initialisation"] == "scratch-A"
    assert line["paper"] == "68.59 ± 3.30"
    assert line["here"] == f"{100 * mine.mean():.2f} ± {100 * mine.std():.2f} (6)"
    assert line["difference"] == f"{100 * (mine.mean() - 0.6859):+.2f}"


def test_a_rows_verdicts_are_those_of_the_claims_it_should_win(run):
    frame = table1_frame(run.results, run.verdicts, run.conditions)
    frame = frame[frame["here"] != "not run"].set_index(["row", "metric"])
    verdict = run.verdicts.set_index("claim")["verdict"]

    assert frame.loc[("Flipped", "F1"), "verdict"].splitlines() == [
        f"Complete: {verdict['flipped-beats-complete-f1']}",
        f"Filtered: {verdict['flipped-beats-filtered-f1']}",
    ]
    assert frame.loc[("Complete", "accuracy"), "verdict"] == "–"


def test_rows_without_their_weights_are_not_run_and_say_what_to_do(run):
    frame = table1_frame(run.results, run.verdicts, run.conditions)
    missing = frame[frame["initialisation"] == "imagenet"]

    assert missing["row"].tolist() == list(ROWS) and (missing["here"] == "not run").all()
    assert "uscl" not in set(frame["initialisation"])  # no row of Table 1 starts from it
    text = table1_table(run.results, run.verdicts, run.conditions).text()
    assert "weights/resnet18_imagenet.safetensors" in text and "weights/uscl.pth" in text


def test_a_row_missing_from_the_results_is_not_run(run):
    without = run.results[run.results["row"] != "Flipped"]
    frame = table1_frame(without, run.verdicts, run.conditions).set_index("row")

    assert (frame.loc["Flipped", "here"] == "not run").all()


def test_the_smoke_profile_shows_no_verdict(smoke_run):
    run = smoke_run
    frame = table1_frame(run.results, run.verdicts, run.conditions)
    table = verdicts_table(run.verdicts, run.conditions)

    assert set(frame["verdict"]) == {NOT_CLAIMED, "–"}
    assert set(table.frame["verdict"]) == {"not claimed (smoke)"}


@pytest.mark.parametrize("name", ["run", "run_without_truth", "smoke_run"])
def test_tables_fit_a_terminal_and_name_data_and_profile(name, request):
    run = request.getfixturevalue(name)
    tables = (
        table1_table(run.results, run.verdicts, run.conditions),
        verdicts_table(run.verdicts, run.conditions),
    )

    for table in tables:
        lines = table.text().splitlines()
        assert max(map(len, lines)) <= 100
        assert f"{run.conditions.data}, profile {run.conditions.profile}" in lines[0]


def test_every_claim_shows_its_effect_interval_and_verdict(run):
    frame = verdicts_table(run.verdicts, run.conditions).frame
    found = run.verdicts.set_index("claim").loc["filtered-beats-complete-accuracy"]

    assert len(frame) == len(run.verdicts)
    assert frame.loc[0, "here [95 %]"].startswith(f"{100 * found['effect']:+.1f} [")
    assert frame.loc[0, "paper"] == "+6.6" and frame.loc[0, "verdict"] == found["verdict"]


def test_what_cannot_be_tested_says_why(run_without_truth):
    text = verdicts_table(run_without_truth.verdicts, run_without_truth.conditions).text()

    assert "Cannot be tested here: no true labels are known." in text
    assert "Cannot be tested here: true labels are missing." in text


def test_where_no_image_was_flagged_the_table_says_once_what_that_means(run):
    nothing = run.flags.assign(suspicious=False)
    told = "No image was flagged: the three rows are the same models."
    frames = (run.results, run.verdicts, run.conditions)

    assert table1_table(*frames, nothing).text().count(told) == 1
    assert told not in table1_table(*frames, run.flags).text()
    assert told not in table1_table(*frames).text()


def test_resolvable_differences_are_left_out_where_there_are_none(run):
    nothing = run.verdicts.assign(resolvable=float("nan"))

    assert "resolvable" not in verdicts_table(nothing, run.conditions).text()
    assert "resolvable" in verdicts_table(pd.DataFrame(run.verdicts), run.conditions).text()


def with_auc(run, values):
    """Return the results with these AUCs (original and true labels) for Complete's runs."""
    there = run.results
    accuracy = there[(there["row"] == "Complete") & (there["metric"] == "accuracy")]
    added = [accuracy.assign(metric=f"auc_{by}", value=values) for by in ("truth", "original")]
    return pd.concat([there[~there["metric"].str.startswith("auc")], *added])


@pytest.mark.parametrize(
    ("values", "said"),
    [([0.45, 0.55, 0.5, 0.48, 0.53, 0.49], True), ([0.85, 0.9, 0.8, 0.88, 0.91, 0.84], False)],
)
def test_models_that_are_not_shown_to_beat_chance_are_said_to_have_learnt_nothing(
    run, values, said
):
    table = table1_table(with_auc(run, values), run.verdicts, run.conditions)
    assert any("not shown to have learnt" in note for note in table.notes) is said
