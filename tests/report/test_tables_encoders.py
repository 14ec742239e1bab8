import pytest

from testiculus.intervals import corrected_resampled_interval
from testiculus.report import (
    encoders_table,
    excluded_table,
    pretraining_seeds_table,
    probes_table,
)

BOTH = pytest.mark.parametrize("experiment", ["table2", "table4"])


@BOTH
def test_the_tables_fit_a_terminal_and_name_data_and_profile(fakes, experiment):
    run = fakes(experiment, data="liver")
    conditions = run.conditions
    tables = (
        probes_table(run.results, conditions),
        pretraining_seeds_table(run.probes, conditions),
        excluded_table(run.results, conditions),
        encoders_table(run.encoders, conditions),
    )

    for table in tables:
        lines = table.text().splitlines()
        assert max(map(len, lines)) <= 100 and "liver, profile demo" in lines[0]


def test_probes_are_averaged_over_folds_and_spread_over_partitions(fakes):
    run = fakes("table2")
    frame = probes_table(run.results, run.conditions).frame.set_index("starts from")
    values = run.results.query("row == 'UD' and metric == 'knn_accuracy'")["value"]
    means = values.to_numpy().reshape(10, 3).mean(axis=1)

    assert (
        frame.loc["UD", "kNN accuracy"]
        == f"{100 * means.mean():.2f} ± {100 * means.std(ddof=1):.2f}"
    )
    assert frame.loc["UD", "partitions"] == "10"
    assert "ImageNet" not in frame.index


def test_pretraining_seeds_show_each_encoder_and_the_paired_difference(fakes):
    run = fakes("table2")
    frame = pretraining_seeds_table(run.probes, run.conditions).frame.set_index("probe AUC")
    probe = run.probes.query("metric == 'probe_auc'")
    means = probe.groupby(["row", "pretraining_seed"])["value"].mean()
    gain = means["UD"] - means["none"]

    assert list(frame.index) == ["none", "UD", "UD - none"]
    assert frame.loc["UD", "seed 1"] == f"{100 * means['UD', 1]:.2f}"
    assert frame.loc["UD - none", "seed 2"] == f"{100 * gain[2]:+.2f}"
    spread = f"{100 * gain.mean():+.2f} ± {100 * gain.std():.2f}"
    assert frame.loc["UD - none", "over seeds"] == spread


def test_a_row_with_one_pretraining_has_no_spread_to_show(fakes):
    run = fakes("table2")
    alone = run.probes[run.probes["pretraining_seed"] == 0]

    table = pretraining_seeds_table(alone, run.conditions)
    assert list(table.frame["probe AUC"]) == ["not run"] and "PRETRAINING_SEEDS" in table.text()


def test_leaving_the_test_patients_out_is_compared_run_by_run(fakes):
    run = fakes("table2")
    frame = excluded_table(run.results, run.conditions).frame.set_index("metric")
    f1 = run.results.query("metric == 'f1'").pivot_table("value", ["seed", "fold"], "row")
    interval = corrected_resampled_interval(f1["UD"] - f1["UD without test patients"], ratio=0.5)

    bounds = [f"{100 * v:+.1f}" for v in (interval.effect, interval.low, interval.high)]
    cell = frame.loc["fine-tuned F1", "difference [95 %]"]
    assert cell == f"{bounds[0]} [{bounds[1]}, {bounds[2]}]"
    assert frame.loc["fine-tuned F1", "pairs"] == "3" and frame.loc["probe AUC", "pairs"] == "30"


def test_where_it_was_not_done_the_table_says_how_to_do_it(fakes):
    run = fakes("table2")
    without = run.results[run.results["row"] != "UD without test patients"]
    text = excluded_table(without, run.conditions).text()

    assert "not run" in text and "EXCLUDE_TEST=1" in text


@BOTH
def test_every_encoder_names_its_organs_steps_and_losses(fakes, experiment):
    run = fakes(experiment)
    frame = encoders_table(run.encoders, run.conditions).frame

    assert list(frame["organs"]) == list(run.encoders["organs"])
    assert list(frame["steps"]) == ["150"] * len(run.encoders)
    assert ("fold out" in frame) is (experiment == "table2")
    if experiment == "table4":
        wanted = ["contrastive", *(f"contrastive + {w} organ" for w in (0.1, 0.2, 0.2, 0.2))]
        assert list(frame["losses"][:5]) == wanted and frame["losses"].iloc[-1] == "organ alone"


def test_an_encoder_that_never_saw_a_folds_patients_names_the_fold(fakes):
    run = fakes("table2")
    frame = encoders_table(run.encoders, run.conditions).frame

    assert list(frame["fold out"])[-3:] == ["0", "1", "2"] and set(frame["fold out"][:-3]) == {"–"}
