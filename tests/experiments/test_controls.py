"""The negative controls, whole: made-up images, a tiny encoder, the real code."""

import json

import numpy as np
import pandas as pd
import pytest
import torch

from testiculus.base.errors import UserError
from testiculus.claims.controls_lines import LINES
from testiculus.claims.controls_schema import (
    CONTROL_COLUMNS,
    FIGURE_COLUMNS,
    NOISE,
    PERMUTED,
    RANDOM_WEIGHTS,
    UNTRAINED,
    row_name,
)
from testiculus.claims.schema import RESULT_COLUMNS, VERDICT_COLUMNS
from testiculus.experiments import controls, table1_plan, table2, table3_plan
from testiculus.experiments.controls_plan import TWINS, first_of

SMALL = {"generated": 12, "sampler_steps": 2, "epochs": 1}
COMPLETE, FLIPPED = (row_name("table1", row, PERMUTED) for row in ("Complete", "Flipped"))
PROBED = row_name("table2", "UD", PERMUTED)


def use(patch, runs, fakes):
    """Run on made-up images, from a store at `runs`, with no results of the tables beside."""
    fakes.use(patch, runs)
    patch.setenv("TESTICULUS_RESULTS", str(runs / "no results"))
    patch.setattr(table1_plan, "load_source", lambda *a, **k: fakes.made_up()[0])
    return fakes.TINY | SMALL


@pytest.fixture(scope="module")
def found(tmp_path_factory, fakes):
    with pytest.MonkeyPatch.context() as patch:
        runs = tmp_path_factory.mktemp("runs")
        plan = controls.plan(**use(patch, runs, fakes))
        before = plan.estimate()
        outcome = controls.run(plan)
        again = controls.plan(**use(patch, runs, fakes))
        yield plan, before, outcome, again.estimate(), controls.run(again)


def test_every_control_of_every_table_leaves_its_row(found):
    rows = set(found[2].results["row"])

    assert rows == {
        COMPLETE,
        FLIPPED,
        *(row_name("table2", row) for row in (RANDOM_WEIGHTS, NOISE, "UD")),
        *(row_name("table3", row) for row in (RANDOM_WEIGHTS, UNTRAINED)),
        PROBED,
        row_name("table3", "real testes + real thyroids", PERMUTED),
        row_name("fig4", UNTRAINED),
    }
    assert found[2].results["value"].dropna().between(0, 1).all()


def test_a_figure_is_shown_for_every_line_that_is_listed(found):
    shown = found[2].controls

    assert [*zip(shown.table, shown.control, shown.row, shown.metric, strict=True)] == [
        (line.table, line.control, line.row, line.metric) for line in LINES
    ]
    assert shown["beside"].eq("").all() and shown["beside_value"].isna().all()
    assert set(found[2].missing) == {"table1", "table2", "table3", "table4", "fig4"}


def test_table_1_is_trained_on_the_labels_that_were_dealt_out(found):
    plan, _, outcome, *_ = found
    dealt, own = plan.meaningless, plan.images.labels()
    told = outcome.predictions[outcome.predictions["row"] == COMPLETE]

    assert dealt.sum() == own.sum() and not np.array_equal(dealt, own)
    assert np.array_equal(told["label"], dealt[told["image"]])
    assert np.array_equal(told["curated_label"], told["label"])
    job = plan.permuted_jobs("Complete", dealt)[0]
    assert np.array_equal(job.job.compute.args[1], dealt)
    turned = outcome.predictions[outcome.predictions["row"] == FLIPPED].drop_duplicates("image")
    assert (turned["label"] != turned["curated_label"]).sum() == outcome.facts["flagged"]
    assert outcome.facts["evaluations"] == 4  # two starts, a seed, two of three folds


def test_chance_is_that_of_each_runs_own_predictions(found):
    outcome = found[2]
    run = ["row", "seed", "fold"]
    told = outcome.results[outcome.results["metric"] == "f1_chance"].set_index(run)["value"]
    for key, part in outcome.predictions.groupby(run):
        p = part["curated_label"].astype(float).mean()
        q = (part["probability"] > 0.5).mean()
        wanted = 2 * p * q / (p + q) if p + q else 0
        assert told[key] == pytest.approx(wanted)


def test_encoders_are_those_of_the_tables(found, monkeypatch, fakes, tmp_path):
    plan = found[0]
    parameters = use(monkeypatch, tmp_path, fakes)
    sizes = {name: parameters[name] for name in fakes.TINY}
    ud = first_of(table2.plan(**sizes), "UD")
    both = first_of(table3_plan.plan(**sizes), "real testes + real thyroids")

    assert plan.ultrasound.wanted.key == ud.wanted.key
    assert plan.both_organs.wanted.key == both.wanted.key
    assert plan.twins == TWINS and plan.not_run == {}


def test_noise_takes_the_place_of_every_image_and_nothing_else_changes(found):
    plan = found[0]
    pixels, organs = plan.noise.pictures()
    real, their_organs = plan.ultrasound.pictures()

    assert plan.noise.settings == plan.ultrasound.settings
    assert plan.noise.organs == plan.ultrasound.organs
    assert np.array_equal(organs, their_organs) and pixels.shape == real.shape
    assert not torch.equal(pixels, real)


def test_every_partition_is_probed_for_a_permutation_of_its_own(found):
    plan, _, outcome, *_ = found
    probed = outcome.results.query("row == @PROBED and metric == 'probe_auc'")

    assert set(zip(probed["seed"], probed["fold"], strict=True)) == {
        (n, fold) for n in plan.table2.partitions for fold in range(3)
    }


def test_the_figures_are_of_as_many_images_as_table_3_draws(found):
    plan, _, outcome, *_ = found
    figures = outcome.figures.set_index("metric")

    assert list(outcome.figures) == list(FIGURE_COLUMNS)
    assert figures.loc["precision_whole", "n"] == figures.loc["kept_share", "n"] == 12
    assert figures.loc["recall_whole", "n"] == len(plan.images)
    assert plan.on_untrained().images == 12 and outcome.drawn.dtype == torch.uint8
    assert figures.drop("frechet_whole").eval("ci_low <= value <= ci_high").all()


def test_nothing_is_trained_twice_and_the_estimate_knows(found):
    _, before, outcome, after, again = found

    assert before["sets"] == 1 and before["pretrainings"] == 5 and before["seconds"] > 0
    assert before["runs"] == 6 + 3 + 3  # from two starts, turned, on noise
    assert [after[n] for n in ("sets", "pretrainings", "runs", "seconds")] == [0, 0, 0, 0]
    assert again.cost["runs"] == again.cost["reused_runs"] == outcome.cost["runs"]
    for name in ("results", "controls", "verdicts", "predictions"):
        pd.testing.assert_frame_equal(getattr(again, name), getattr(outcome, name))


def test_what_is_written_follows_the_contract(found, tmp_path):
    outcome = found[2]
    folder = outcome.write(tmp_path)
    results, verdicts, shown = (
        pd.read_csv(folder / f"{name}.csv") for name in ("results", "verdicts", "controls")
    )
    about = json.loads((folder / "provenance.json").read_text())

    assert folder == tmp_path / "made-up" / "smoke" / "controls"
    assert list(results) == list(RESULT_COLUMNS) and set(results["experiment"]) == {"controls"}
    assert list(verdicts)[:7] == list(VERDICT_COLUMNS) and verdicts["claim"].is_unique
    assert set(verdicts["verdict"]) == {"cannot be tested here"}  # smoke claims nothing
    assert list(shown) == list(CONTROL_COLUMNS)
    assert about["settings"]["labels dealt out"] == "among images"
    assert about["not_beside"]["table3"].startswith("table3 has no results on made-up")
    assert outcome.write("") is None


def test_the_summary_says_what_shares_and_what_it_costs(found, monkeypatch):
    text = found[0].summary()

    assert "table4 with table2; fig4 with table3" in text
    assert "nothing to train" in text


def test_pictures_show_what_was_trained_on(found):
    pictures = found[2].pictures(3)

    assert list(pictures) == ["UD", "noise images", "drawn by an untrained generator"]
    assert all(p.dtype == torch.uint8 and len(p) == 3 for p in pictures.values())


def test_a_number_of_partitions_that_is_none_is_refused_before_anything_is_trained(
    monkeypatch, tmp_path, fakes
):
    parameters = use(monkeypatch, tmp_path, fakes) | {"partitions": 0}
    with pytest.raises(UserError, match="PARTITIONS is 0"):
        controls.plan(**parameters)
    assert not list(tmp_path.iterdir())
