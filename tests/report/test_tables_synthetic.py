import json

import numpy as np
import pytest

from testiculus.base.errors import UserError
from testiculus.claims.synthetic import TABLE3_EXCLUDED, TABLE3_ROWS, THYROIDS_FILTERED
from testiculus.intervals import corrected_resampled_interval
from testiculus.paper import claim_texts, reported
from testiculus.report import (
    as_text,
    clean_table,
    excluded_table,
    generated_table,
    pretraining_table,
    pretraining_verdicts_table,
    row_name,
)


def shown(run):
    return pretraining_table("table3", run.results, run.verdicts, run.conditions)


def lines_of(table, row):
    names = table.frame["starts from"].str.partition("\n")[0].replace("", np.nan).ffill()
    return table.frame[names == row].set_index("metric")


@pytest.mark.parametrize("data", ["phantom", "liver"])
def test_tables_fit_a_terminal_and_name_data_and_profile(table3s, data):
    run = table3s(data)
    tables = (
        shown(run),
        clean_table("table3", run.results, run.conditions),
        pretraining_verdicts_table("table3", run.verdicts, run.conditions),
        generated_table(run.generated, run.conditions),
        excluded_table(run.results, run.conditions, "table3"),
    )
    for table in tables:
        text = table.text()
        assert max(map(len, text.splitlines())) <= 100
        assert f"{data}, profile demo" in " ".join(text.splitlines()[:2])


def test_the_papers_six_rows_come_first_in_its_order_with_its_figures(table3s):
    run = table3s()
    table = shown(run)
    rows = [row for row in table.frame["starts from"] if row]
    f1 = reported("table3").query("metric == 'f1'").set_index("row")["mean"]

    assert rows[:6] == list(TABLE3_ROWS)
    for row in TABLE3_ROWS:
        assert lines_of(table, row).loc["F1", "paper"].startswith(f"{100 * f1[row]:.2f}")


def test_rows_that_table_2_prints_have_its_figures_and_say_so(table3s):
    table = shown(table3s())

    assert {"none\n(paper: Table 2)", "real thyroids\n(paper: Table 2)"} <= set(
        table.frame["starts from"]
    )
    assert lines_of(table, "real thyroids").loc["F1", "paper"] == "63.92 ± 2.46"
    imagenet = lines_of(table, "ImageNet")
    assert set(imagenet["here"]) == {"not run"} and imagenet.loc["F1", "paper"] == "67.89 ± 1.85"


def test_the_random_filter_is_a_row_of_ours(table3s):
    rows = set(shown(table3s()).frame["starts from"])

    assert "synthetic, random filter (ours)" in rows


def test_verdicts_on_accuracy_stand_beside_accuracy_and_not_beside_f1(table3s):
    run = table3s()
    words = run.verdicts.set_index("claim")["verdict"]
    lines = lines_of(shown(run), "synthetic filtered")

    wanted = words["filtered-beats-unfiltered-accuracy-finetuned"]
    assert lines.loc["accuracy", "verdict"] == f"> synthetic: {wanted}"
    for metric, id in (("F1", "-finetuned"), ("probe AUC", "")):
        cell = lines.loc[metric, "verdict"]
        assert cell.count("> synthetic:") == 1
        assert f"> synthetic: {words['filtered-beats-unfiltered' + id]}" in cell
        assert f"≳ real testes: {words['filtered-stands-in-for-testes' + id]}" in cell


def test_every_claim_is_shown_under_every_reading_that_it_has(table3s):
    run = table3s()
    table = pretraining_verdicts_table("table3", run.verdicts, run.conditions)
    possible = run.verdicts[run.verdicts["effect"].notna()]
    frame = table.frame[table.frame["read on"] != "all"]

    assert list(frame["verdict"]) == list(possible["verdict"])
    assert {"accuracy", "precision, clean", "fine-tuned", "probe"} <= set(frame["read on"])
    assert "≳: can stand in for" in table.text()


def test_other_data_names_the_real_organs_everywhere(table3s):
    run = table3s("liver")
    words = [row_name(text.better, run.conditions) for text in claim_texts("table3")]

    assert "real liver + real lung, nerve" in words
    for table in (shown(run), pretraining_verdicts_table("table3", run.verdicts, run.conditions)):
        assert "testes" not in str(table.frame.to_numpy()) and "thyroid" not in table.text()


def test_the_same_generator_is_what_all_intervals_are_conditional_on(table3s):
    text = shown(table3s()).text()

    assert "share one generator" in text and "Generator and filter learnt" in text


def test_leaving_test_patients_out_is_compared_run_by_run(table3s):
    run = table3s()
    table = excluded_table(run.results, run.conditions, "table3")
    f1 = run.results.query("metric == 'f1'").pivot_table("value", ["seed", "fold"], "row")
    found = corrected_resampled_interval(f1[THYROIDS_FILTERED] - f1[TABLE3_EXCLUDED], ratio=0.5)

    cell = table.frame.set_index("metric").loc["fine-tuned F1", "difference [95 %]"]
    assert cell.startswith(f"{100 * found.effect:+.1f} [{100 * found.low:+.1f}, ")
    assert THYROIDS_FILTERED in table.caption and "the generator and the filter" in table.text()


def test_where_it_was_not_run_the_table_says_how_to(table3s):
    run = table3s()
    without = run.results[run.results["row"] != TABLE3_EXCLUDED]
    text = excluded_table(without, run.conditions, "table3").text()

    assert "not run" in text and "EXCLUDE_TEST=1 trains a generator" in text


def test_a_table_without_such_a_row_is_refused(table3s):
    run = table3s()

    with pytest.raises(UserError, match="table4"):
        excluded_table(run.results, run.conditions, "table4")


def test_each_generator_says_how_many_images_were_kept_with_which_k(table3s):
    run = table3s()
    frame = generated_table(run.generated, run.conditions).frame

    assert list(frame["generator"])[1:] == ["without fold 0", "without fold 1", "without fold 2"]
    assert frame["kept"].iloc[0] == "464 (46.4 %)" and frame["k"].iloc[0] == "50 of 880"
    assert frame["minutes"].iloc[0] == "8.5"


def test_images_that_were_brought_have_no_steps(table3s):
    run = table3s()
    brought = run.generated.head(1).assign(steps=np.nan, seconds=np.nan)

    line = generated_table(brought, run.conditions).frame.iloc[0]
    assert line["steps"] == "–" and line["minutes"] == "–"


@pytest.mark.parametrize("data", ["phantom", "liver"])
def test_a_results_folder_prints_what_was_generated_the_claims_and_the_table(
    table3s, tmp_path, data
):
    run, folder = table3s(data), tmp_path / "table3"
    folder.mkdir()
    for name in ("results", "verdicts", "encoders", "generated"):
        getattr(run, name).to_csv(folder / f"{name}.csv", index=False)
    about = {
        "data": data,
        "settings": {"profile": "demo"},
        "not_run": dict(run.conditions.not_run),
    }
    (folder / "provenance.json").write_text(json.dumps(about))

    text = as_text(folder)

    assert text.startswith("Generated images of Table 3") and text.endswith(shown(run).text())
    assert "Claims of Table 3" in text
