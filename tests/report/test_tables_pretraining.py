import numpy as np
import pandas as pd
import pytest

from testiculus.base.errors import UserError
from testiculus.claims import Conditions
from testiculus.paper import reported
from testiculus.report import (
    clean_table,
    named_rows,
    pretraining_table,
    pretraining_verdicts_table,
    row_name,
)

BOTH = pytest.mark.parametrize("experiment", ["table2", "table4"])


def lines_of(table, row):
    """The lines of a row, whose name stands on the first of them alone."""
    names = table.frame["starts from"].str.partition("\n")[0]  # below it, the paper's images
    frame = table.frame.assign(of=names.replace("", np.nan).ffill())
    return frame[frame["of"] == row].set_index("metric")


def shown(run, experiment):
    return pretraining_table(experiment, run.results, run.verdicts, run.conditions)


def all_tables(run, experiment):
    frames = (run.results, run.verdicts, run.conditions)
    yield pretraining_table(experiment, *frames)
    yield clean_table(experiment, run.results, run.conditions)
    yield pretraining_verdicts_table(experiment, *frames[1:])


@BOTH
def test_every_row_shows_paper_here_and_difference_with_the_probe_below(fakes, experiment):
    run = fakes(experiment)
    printed = reported(experiment).set_index(["row", "metric"])
    row = "UD" if experiment == "table2" else "lambda 0.2"
    mine = run.results.query("row == @row and metric == 'f1'")["value"]
    probe = run.results.query("row == @row and metric == 'probe_auc'")

    lines = lines_of(shown(run, experiment), row)

    paper = printed.loc[(row, "f1")]
    assert lines.loc["F1", "paper"] == f"{100 * paper['mean']:.2f} ± {100 * paper['std']:.2f}"
    assert lines.loc["F1", "here"] == f"{100 * mine.mean():.2f} ± {100 * mine.std():.2f} (3)"
    assert lines.loc["F1", "difference"] == f"{100 * (mine.mean() - paper['mean']):+.2f}"
    means = probe.groupby("seed")["value"].mean()  # of a partition's three folds
    expected = f"{100 * means.mean():.2f} ± {100 * means.std():.2f} (10)"
    assert lines.loc["probe AUC", "here"] == expected
    assert lines.loc["probe AUC", "paper"] == "–"


@BOTH
def test_the_papers_metrics_stand_in_its_order(fakes, experiment):
    table = shown(fakes(experiment), experiment)
    printed = list(dict.fromkeys(reported(experiment)["metric"]))

    names = list(table.frame["metric"].iloc[: len(printed) + 1])
    assert [name.lower() for name in names] == [*printed, "probe auc"]


def test_rows_that_were_not_run_keep_the_papers_figures_and_say_what_to_do(fakes):
    table = shown(fakes("table2"), "table2")
    lines = lines_of(table, "ImageNet")

    assert set(lines["here"]) == {"not run"} and lines.loc["F1", "paper"] == "67.89 ± 1.85"
    assert "probe AUC" not in lines.index and set(lines["verdict"]) == {"–"}
    assert "weights/resnet18_imagenet.safetensors" in table.text()


def test_rows_of_ours_come_last_under_their_own_names_without_a_paper(fakes):
    table = shown(fakes("table2"), "table2")
    rows = [row for row in table.frame["starts from"] if row]

    assert rows[-2:] == ["procedural images (ours)", "UD without test patients (ours)"]
    assert set(lines_of(table, rows[-1])["paper"]) == {"–"}


def test_a_weight_that_the_paper_does_not_have_is_a_row_of_ours(fakes):
    run = fakes("table4")
    other = run.results.query("row == 'lambda 0.4'").assign(row="lambda 1.0")
    results = pd.concat([run.results, other])
    table = pretraining_table("table4", results, run.verdicts, run.conditions)

    assert table.frame["starts from"].replace("", np.nan).dropna().iloc[-1] == "lambda 1.0 (ours)"


def test_verdicts_of_the_probe_and_of_the_fine_tunings_stand_beside_their_figures(fakes):
    run = fakes("table2")
    words = run.verdicts.set_index("claim")["verdict"]
    lines = lines_of(shown(run, "table2"), "UD")

    assert f"> none: {words['ud-beats-scratch']}" in lines.loc["probe AUC", "verdict"]
    assert f"> none: {words['ud-beats-scratch-finetuned']}" in lines.loc["F1", "verdict"]
    assert lines.loc["accuracy", "verdict"] == "–"


def test_on_other_data_rows_are_called_after_their_organs(fakes):
    run = fakes("table2", data="liver")

    for table in all_tables(run, "table2"):
        assert "UD liver only" in str(table.frame) and "testes only" not in table.text()
    assert "UD lung, nerve only" in shown(run, "table2").html()


def test_frames_for_plots_take_the_shown_names_too(fakes):
    run = fakes("table2", data="liver")
    rows = list(named_rows(run.history, run.conditions)["row"].unique())

    assert rows[:2] == ["UD liver only", "UD lung, nerve only"] and "UD" in rows
    assert "UD testes only" in set(run.history["row"])  # the frame itself is left alone


def test_on_the_phantom_rows_keep_the_papers_names():
    conditions = Conditions("phantom", "demo")

    assert row_name("UD testes only", conditions) == "UD testes only"
    assert row_name("UD thyroids only", conditions) == "UD thyroids only"


@BOTH
@pytest.mark.parametrize("data", ["phantom", "liver"])
def test_tables_fit_a_terminal_and_name_data_and_profile(fakes, experiment, data):
    for table in all_tables(fakes(experiment, data=data), experiment):
        text = table.text()
        assert max(map(len, text.splitlines())) <= 100
        assert f"{data}, profile demo" in " ".join(text.splitlines()[:2])
        assert table.html().count("<tr>") == len(table.frame) + 1


@BOTH
def test_every_page_says_what_its_intervals_are_conditional_on_and_can_resolve(fakes, experiment):
    run = fakes(experiment)
    text = shown(run, experiment).text()

    assert "conditional on one pretrained encoder" in text
    assert "Smallest differences resolvable here, in points: probe AUC" in text
    assert "labelled images too" in text


def test_the_papers_number_of_images_stands_below_a_rows_name(fakes):
    names = set(shown(fakes("table2"), "table2").frame["starts from"])

    assert {"UD\n(paper: 25.79K images)", "ImageNet\n(paper: 1.28M images)", "none"} <= names
    assert "images)" not in "".join(shown(fakes("table4"), "table4").frame["starts from"])


def test_clean_scores_stand_beside_the_flipped_ones(fakes):
    run = fakes("table2")
    frame = clean_table("table2", run.results, run.conditions).frame
    f1 = frame[frame["metric"].replace("", np.nan).ffill() == "fine-tuned F1"]
    f1 = f1.set_index("starts from")
    for column, metric in {"flipped, truth": "f1_truth", "truth, truth": "f1_clean"}.items():
        values = run.results[(run.results["row"] == "UD") & (run.results["metric"] == metric)]
        values = values["value"]
        assert f1.loc["UD", column].startswith(f"{100 * values.mean():.2f}")


def test_without_true_labels_the_clean_columns_say_so(fakes):
    run = fakes("table2", truth=False)
    table = clean_table("table2", run.results, run.conditions)

    assert set(table.frame["truth, truth"]) == {"–"} and "not known here" in table.text()


@BOTH
def test_every_claim_is_shown_under_every_reading(fakes, experiment):
    run = fakes(experiment)
    table = pretraining_verdicts_table(experiment, run.verdicts, run.conditions)
    possible = run.verdicts[run.verdicts["effect"].notna()]
    frame = table.frame[table.frame["read on"] != "all"]

    assert list(frame["verdict"]) == list(possible["verdict"])
    assert all(
        cell.startswith(f"{100 * effect:+.1f} [")
        for cell, effect in zip(frame["here [95 %]"], possible["effect"], strict=True)
    )


def test_a_claim_that_cannot_be_tested_takes_one_line_and_its_reason_stands_below(fakes):
    run = fakes("table2")
    table = pretraining_verdicts_table("table2", run.verdicts, run.conditions)
    line = table.frame[table.frame["claim"] == "UD > ImageNet"]

    assert line[["read on", "paper", "verdict"]].to_numpy().tolist() == [
        ["all", "+5.3", "cannot be tested here"]
    ]
    reasons = [note for note in table.notes if note.startswith("Cannot be tested here")]
    assert len(reasons) == len(set(reasons)) and "row USCL was not run" in " ".join(reasons)


def test_claims_of_equality_and_of_ours_are_marked(fakes):
    run = fakes("table2")
    claims = set(pretraining_verdicts_table("table2", run.verdicts, run.conditions).frame["claim"])

    assert "UD testes only ≈ UD thyroids only" in claims
    assert "UD > procedural images (ours)" in claims


@BOTH
def test_the_smoke_profile_shows_no_verdict(fakes, experiment):
    run = fakes(experiment, profile="smoke")
    words = {"not claimed (smoke)", "–"}

    assert set(shown(run, experiment).frame["verdict"]) <= words
    table = pretraining_verdicts_table(experiment, run.verdicts, run.conditions)
    assert set(table.frame["verdict"]) == {"not claimed (smoke)"}


def test_a_table_that_is_not_about_pretraining_is_refused(fakes):
    run = fakes("table2")

    with pytest.raises(UserError, match="table1"):
        pretraining_table("table1", run.results, run.verdicts, run.conditions)
