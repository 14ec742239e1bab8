from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from testiculus.base.errors import InputWarning, UserError
from testiculus.base.files import write_tensors
from testiculus.base.store import Store
from testiculus.claims.schema import PROBE_COLUMNS, RESULT_COLUMNS
from testiculus.experiments import crossval, table2
from testiculus.experiments.crossval import Start
from testiculus.models import build_classifier

ROWS = ["none", "UD testes only", "UD thyroids only", "UD", "procedural images"]
EXCLUDED = "UD without test patients"


@pytest.fixture(scope="module")
def found(tmp_path_factory, fakes):
    """Table 2 run whole, once: its outcome and its store."""
    with pytest.MonkeyPatch.context() as patch:
        runs = tmp_path_factory.mktemp("runs")
        fakes.use(patch, runs)
        yield table2.run(table2.plan(**fakes.TINY)), runs


@pytest.fixture
def plan(monkeypatch, tmp_path, fakes):
    fakes.use(monkeypatch, tmp_path / "runs")
    return table2.plan(**fakes.TINY)


def test_every_row_is_fine_tuned_on_both_kinds_of_labels_and_probed(found):
    outcome, _ = found
    assert list(outcome.results["row"].unique()) == [*ROWS, EXCLUDED]
    counts = outcome.results.groupby(["row", "metric"]).size().unstack()
    for suffix in ("", "_original", "_truth", "_clean"):
        assert (counts[f"f1{suffix}"] == 3).all()
        probed = counts[[f"probe_auc{suffix}", f"knn_accuracy{suffix}"]]
        assert (probed.loc[ROWS] == 6).all(axis=None)
        assert (probed.loc[EXCLUDED] == 3).all()  # of its own folds' partition only
    assert tuple(outcome.results) == RESULT_COLUMNS
    assert outcome.results["value"].between(0, 1).all()


def test_probes_of_further_pretraining_seeds_stand_apart(found):
    outcome, _ = found
    assert tuple(outcome.probes) == PROBE_COLUMNS
    seeds = outcome.probes.groupby("row")["pretraining_seed"].nunique()
    assert seeds["UD"] == seeds["none"] == 2 and seeds["UD testes only"] == 1
    assert "scanner_auc" in set(outcome.probes["metric"])
    assert "scanner_auc" not in set(outcome.results["metric"])


def test_flags_turn_the_labels_that_are_learnt_and_scored(found):
    predictions = found[0].predictions
    turned = predictions["label"] != predictions["curated_label"]
    assert set(predictions.loc[turned, "image"]) == {0, 6}
    assert set(predictions["trained_on"]) == {"flipped", "true"}
    assert found[0].flags_note == "Flags were given."


def test_history_encoders_and_map_say_what_was_pretrained(found):
    outcome, runs = found
    encoders = outcome.encoders
    assert encoders["row"].tolist() == [*ROWS[1:3], "UD", "UD", ROWS[4], *[EXCLUDED] * 3]
    assert encoders["fold"].tolist() == [-1] * 5 + [0, 1, 2]
    organ_loss = encoders.groupby("row")["organ_loss"].max()
    assert organ_loss["UD"] == 0.2 and organ_loss.drop(["UD", EXCLUDED]).eq(0).all()
    assert (runs / encoders["key"][0] / "encoder.safetensors").is_file()
    assert encoders["steps"].eq(2).all()
    one = outcome.history.query("row == 'UD' and pretraining_seed == 0")
    assert one["step"].tolist() == [0, 1, 2] and one["organ"].notna().sum() == 2
    assert not outcome.history.duplicated(["row", "pretraining_seed", "step"]).any()
    assert list(outcome.map) == ["x", "y", "organ", "device", "label", "true_label"]
    assert len(outcome.map) == 44 and outcome.map["label"].notna().sum() == 24


def test_a_second_run_trains_nothing_and_finds_the_same(found, monkeypatch, fakes):
    outcome, runs = found
    fakes.use(monkeypatch, runs)
    planned = table2.plan(**fakes.TINY)
    cost = planned.estimate()
    assert (cost["pretrainings"], cost["runs"], cost["seconds"]) == (0, 0, 0)
    assert "nothing to train" in planned.summary()
    again = table2.run(planned)
    assert again.cost["reused_runs"] == again.cost["runs"] == outcome.cost["runs"]
    pd.testing.assert_frame_equal(again.results, outcome.results)
    pd.testing.assert_frame_equal(again.probes, outcome.probes)


def test_what_is_written_is_what_the_contract_names(found, tmp_path):
    folder = found[0].write(tmp_path / "results")
    assert folder == tmp_path / "results" / "made-up" / "smoke" / "table2"
    names = {"results", "verdicts", "predictions", "probes", "history", "map", "encoders"}
    assert {path.stem for path in folder.glob("*.csv")} == names
    about = (folder / "provenance.json").read_text()
    assert "Flags were given." in about and str(found[1]) not in about
    assert found[0].write("") is None


def test_none_on_the_flipped_labels_shares_table_1s_flipped_runs(plan):
    """Table 1's Flipped row from scratch-A: all images kept, suspicious labels turned."""
    labels, flags = plan.images.labels(), plan.flags.suspicious
    flipped = np.where(flags, 1 - labels, labels)
    everyone = np.ones(len(labels), dtype=bool)
    of_table1 = crossval.row_jobs(
        "Flipped", plan.images, flipped, everyone, "scratch-A",
        plan.protocol, crossval.fold_table(plan.images, plan.protocol), plan.device,
    )  # fmt: skip
    own = plan.row_jobs(
        "none", Start(plan.starts["none"]), plan.learnt_labels(plan.flags)["flipped"]
    )
    assert [job.job.key for job in own] == [job.job.key for job in of_table1]


def test_the_fine_tuning_protocol_is_table_1s_at_the_same_sizes(plan):
    from testiculus.experiments import table1

    same = {"epochs": 1, "encoder_lr": 1e-3, "head_lr": 1e-3}
    own = table1.plan(profile="smoke", device="cpu", patients=9, pixels=16, **same)
    assert plan.protocol == own.protocol


def test_a_pretraining_without_a_folds_patients_sees_none_of_them(plan):
    patients = plan.unlabelled.frame["patient"].to_numpy()
    first = plan.folds[plan.protocol.seeds[0]]
    excluded = [wanted for wanted in plan.pretrainings if wanted.row == EXCLUDED]
    assert [wanted.fold for wanted in excluded] == [0, 1, 2]
    for wanted in excluded:
        chosen = wanted.pictures.args[0]
        test = set("made-up:" + plan.images.frame["patient"][first == wanted.fold])
        assert not set(patients[chosen]) & test
        assert set(patients[~chosen]) == test  # and nobody else is left out
        jobs = plan.row_jobs(EXCLUDED, Start("scratch-A"), plan.images.labels(), wanted.fold)
        assert [(job.seed, job.fold) for job in jobs] == [(0, wanted.fold)]


def test_an_excluded_row_is_probed_only_where_folds_are_those_left_out(plan, fakes):
    assert plan.excluded_partition == 0
    assert replace(plan, protocol=replace(plan.protocol, seeds=(5,))).excluded_partition is None
    assert table2.plan(**fakes.TINY, seeds=[1]).excluded_partition == 1


def test_without_exclude_test_the_row_is_not_there(plan, fakes):
    assert EXCLUDED not in table2.plan(**fakes.TINY, exclude_test=0).rows


def test_weights_that_are_missing_are_named_with_their_place(plan):
    assert set(plan.not_run) == {"ImageNet", "USCL"}
    assert "put a file at" in plan.not_run["USCL"] and "not run: USCL" in plan.summary()
    assert plan.conditions.not_run == plan.not_run


def test_weights_that_are_there_make_a_row(monkeypatch, tmp_path, fakes):
    fakes.use(monkeypatch, tmp_path / "runs")
    monkeypatch.setenv("TESTICULUS_WEIGHTS", str(tmp_path))
    encoder = build_classifier("scratch-A", 0).encoder
    write_tensors(tmp_path / "uscl_resnet18.safetensors", encoder.state_dict())
    assert table2.plan(**fakes.TINY).rows[:2] == ("none", "USCL")


def test_several_other_organs_are_told_apart(monkeypatch, tmp_path, fakes):
    fakes.use(monkeypatch, tmp_path, organs=("thyroid", "liver"))
    others = next(w for w in table2.plan(**fakes.TINY).pretrainings if w.row == "UD thyroids only")
    assert others.organs == ("liver", "thyroid") and others.settings.organ_weight == 0.2


def test_one_organ_is_refused_with_the_explanation_unless_nothing_is_to_tell_apart(
    monkeypatch, tmp_path, fakes
):
    fakes.use(monkeypatch, tmp_path, organs=())
    with pytest.raises(UserError, match=r"tells organs apart.*testis(?s:.*)ORGAN_WEIGHT"):
        table2.plan(**fakes.TINY)
    alone = table2.plan(**fakes.TINY, organ_weight=0)
    assert "UD thyroids only" in alone.not_run and "UD" in alone.rows
    keys = {w.row: w.wanted.key for w in alone.pretrainings if w.settings.seed == 0}
    assert keys["UD"] == keys["UD testes only"]  # the same images and the same loss: one run


def test_without_truth_nothing_is_learnt_from_it(monkeypatch, tmp_path, fakes):
    fakes.use(monkeypatch, tmp_path, truth=False)
    assert set(table2.plan(**fakes.TINY).learnt_labels(None)) == {"flipped"}


def test_labels_that_leave_a_fold_one_class_are_refused_before_anything_is_trained(plan, tmp_path):
    one_class = plan.images.labels() == 1
    bad = replace(plan, flags=replace(plan.flags, suspicious=one_class))
    with pytest.raises(UserError, match="flipped labels, seed 0, fold 0 would train on one class"):
        table2.run(bad)
    assert not list((tmp_path / "runs").glob("*"))


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"organ_weight": -0.1}, "ORGAN_WEIGHT is -0.1"),
        ({"organ_weight": "much"}, "ORGAN_WEIGHT is 'much'"),
        ({"organ_weight": float("nan")}, "ORGAN_WEIGHT is nan"),
        ({"pretrain_batch": 20}, "20 is larger than the 12 images of the row 'UD thyroids only'"),
        ({"pretrain_batch": 1}, "PRETRAIN_BATCH"),
        ({"steps": 0}, "STEPS"),
        ({"temperature": 0}, "TEMPERATURE"),
        ({"pretrain_lr": -1}, "PRETRAIN_LR"),
        ({"views": "many"}, "article, released"),
        ({"exclude_test": 2}, "EXCLUDE_TEST"),
        ({"shared_draw": "yes"}, "SHARED_DRAW"),
        ({"pretraining_seeds": 0}, "PRETRAINING_SEEDS"),
        ({"partitions": 0}, "PARTITIONS"),
        ({"thyroid_patients": -1}, "THYROID_PATIENTS"),
        ({"patients": 1.5}, "PATIENTS"),
        ({"folds": 1}, "folds"),
        ({"seeds": "x"}, "SEEDS"),
        ({"variant": "book"}, "article, thesis, released"),
        ({"profile": "big"}, "smoke, demo, lite, paper"),
        ({"organ_wieght": 1}, "organ_weight"),
    ],
)
def test_a_parameter_that_cannot_be_is_refused_by_name(monkeypatch, tmp_path, wrong, says, fakes):
    fakes.use(monkeypatch, tmp_path)
    with pytest.raises(UserError, match=says):
        table2.plan(**fakes.TINY | wrong)


def test_the_released_variant_draws_once_a_batch_and_doubles_the_organ_loss(
    monkeypatch, tmp_path, fakes
):
    fakes.use(monkeypatch, tmp_path)
    settings = table2.plan(**fakes.TINY, variant="released").pretraining
    assert (settings.views, settings.shared_draw, settings.doubled_organ_loss) == (
        "released", True, True,
    )  # fmt: skip


def test_sizes_of_the_phantom_change_nothing_on_a_manifest(monkeypatch, tmp_path, fakes):
    fakes.use(monkeypatch, tmp_path)
    with pytest.warns(InputWarning, match="THYROID_PATIENTS: sizes of the phantom"):
        table2.plan(**fakes.TINY, data="some.csv", thyroid_patients=3)


def test_a_killed_table_goes_on_with_what_is_missing(found, monkeypatch, tmp_path, fakes):
    """One encoder is lost: it alone is pretrained again."""
    outcome, runs = found
    fakes.use(monkeypatch, runs)
    planned = table2.plan(**fakes.TINY)
    lost = next(w for w in planned.pretrainings if w.row == "UD testes only")
    (runs / lost.wanted.key / "run.json").unlink()
    assert planned.estimate()["pretrainings"] == 1
    again = table2.run(table2.plan(**fakes.TINY))
    assert again.cost["runs"] - again.cost["reused_runs"] == 1  # its fine-tunings fit: same bits
    pd.testing.assert_frame_equal(again.results, outcome.results)
    assert Store(runs).has(lost.wanted)


def test_the_made_up_sets_agree(fakes):
    images, ud = fakes.made_up()
    assert np.array_equal(ud.pixels[: len(images)], images.pixels)
