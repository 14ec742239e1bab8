"""The audits of the protocol, whole, on made-up trainings of a phantom without pictures."""

import inspect
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from testiculus.base.errors import InputWarning, UserError
from testiculus.base.files import write_csv, write_json
from testiculus.claims.audits_schema import (
    AS_WRITTEN,
    DROPPED,
    EFFECT_COLUMNS,
    FLAG_METRICS,
    FRESH,
    ONE_DRAW,
    ONE_DRAW_UD,
    ROWS,
    SUFFIXES,
    UNGROUPED,
    WRONG_SIDE,
)
from testiculus.claims.schema import PREDICTION_COLUMNS, RESULT_COLUMNS, VERDICT_COLUMNS
from testiculus.data.images import ImageSet
from testiculus.data.phantom import PhantomSettings, truth_table
from testiculus.experiments import (
    audits,
    audits_cost,
    audits_others,
    audits_plan,
    audits_runs,
    crossval,
    table1_plan,
)
from testiculus.experiments.audits_pretraining import OneDrawPlan, OneDrawRows
from testiculus.experiments.protocol import train_audited
from testiculus.experiments.training import train_one

PATIENTS, EPOCHS = 24, 3
LEFT = ("pretrainings", "runs", "seconds", "disk_mib")
SMALL = {"profile": "demo", "device": "cpu", "epochs": EPOCHS, "seeds": 2, "batch_size": 16}


def simulated(seed=0, frame=None):
    settings = PhantomSettings(patients=PATIENTS, pixels=16, seed=seed)
    frame = truth_table(settings) if frame is None else frame
    pixels = torch.full((len(frame), 1, 16, 16), seed, dtype=torch.uint8)
    return ImageSet.build(pixels, frame, "phantom", {"phantom": settings.as_dict()})


def made_up(labels, train_index, test_index, settings):
    """A model that half believes what it was told, and finds every seventh image hard."""
    draw = int(getattr(settings, "draw", "image") == "batch")
    random = np.random.default_rng([settings.seed, settings.fold, draw])
    sample = np.tile(train_index.astype(np.int32), (settings.epochs, 1))
    loss = (random.exponential(0.5, sample.shape) + 2 * (sample % 7 == 0)).astype(np.float32)
    guesses = random.random((settings.epochs, len(test_index)))
    chances = 0.4 * labels[test_index] + 0.6 * guesses
    return {"sample": sample, "loss": loss, "probabilities": chances[-1].astype(np.float32)}


def train(pixels, labels, train_index, test_index, settings, *rest, on_epoch=None, encoder=None):
    return made_up(labels, train_index, test_index, settings)


def audit(pixels, labels, train_index, test_index, settings, *rest, on_epoch=None, fresh=None):
    found = made_up(labels, train_index, test_index, settings)
    random = np.random.default_rng(settings.fold)
    n = 0 if fresh is None else len(fresh)
    found["fresh"] = random.random((settings.looks, n)).astype(np.float32)
    found["test"] = random.random((settings.looks, len(test_index))).astype(np.float32)
    found["test"][-1] = found["probabilities"]
    return found


def planned(patch, folder, images=simulated, **parameters):
    patch.setenv("TESTICULUS_RUNS", str(folder / "runs"))
    patch.setenv("TESTICULUS_RESULTS", str(folder / "results"))
    patch.setattr(audits_others, "project_root", lambda: folder)
    patch.setattr(crossval, "train_one", train)
    patch.setattr(audits_runs, "train_audited", audit)
    patch.setattr(audits_plan, "load_source", lambda *a, **k: images())
    patch.setattr(audits_plan, "phantom", lambda settings, device: simulated(settings.seed))
    return audits.plan(**{**SMALL, **parameters})


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("audits")
        plan = planned(patch, folder)
        before = plan.estimate()
        outcome = audits.run(plan)
        yield plan, before, outcome, plan.estimate(), audits.run(planned(patch, folder))


def test_the_stand_ins_take_what_the_real_trainings_take():
    for stand_in, real in ((train, train_one), (audit, train_audited)):
        told, wanted = (list(inspect.signature(each).parameters) for each in (stand_in, real))
        assert told[:5] == wanted[:5] and set(told[6:]) <= set(wanted)


def test_every_variant_is_trained_over_all_seeds_and_folds(found):
    plan, _, outcome, *_ = found

    assert tuple(plan.variants) == ROWS and plan.untestable == {}
    assert all(len(plan.jobs[row]) == 2 * 3 for row in ROWS)
    last = outcome.results.query("metric == 'f1'")
    assert last.groupby("row").size().to_dict() == dict.fromkeys(ROWS, 6)
    suffixes = {m.removeprefix("f1") for m in outcome.results["metric"] if m.startswith("f1")}
    assert suffixes == set(SUFFIXES)


def test_only_the_articles_protocol_is_looked_at_after_every_epoch(found):
    plan, _, outcome, *_ = found
    looks = {row: {job.job.settings.looks for job in jobs} for row, jobs in plan.jobs.items()}

    assert looks == {row: {EPOCHS if row == AS_WRITTEN else 1} for row in ROWS}
    assert {j.job.settings.draw for j in plan.jobs[ONE_DRAW]} == {"batch"}
    assert {j.job.settings.draw for j in plan.jobs[UNGROUPED]} == {"image"}
    assert len(outcome.epochs) == 6 * EPOCHS * 2 * 3  # runs, epochs, metrics, scored on


def test_flags_need_both_starts_and_are_of_two_rows(found):
    plan, _, outcome, *_ = found
    flags = outcome.flags

    assert list(plan.flag_jobs) == [AS_WRITTEN, WRONG_SIDE]
    assert flags.groupby("row").size().to_dict() == {r: 4 * PATIENTS for r in plan.flag_jobs}
    assert flags["evaluations"].eq(2 * 2 * 2).all()  # starts, seeds, training parts
    told = outcome.results.query("seed == 0 and fold == 0 and metric in @FLAG_METRICS")
    assert told.groupby("row")["metric"].apply(set).eq(set(FLAG_METRICS)).all()
    wrong = told.set_index(["row", "metric"])["value"].unstack()["wrong_labels"]
    assert wrong[WRONG_SIDE] > wrong[AS_WRITTEN]


def test_the_further_starts_of_the_articles_protocol_are_table_1s_own(found, monkeypatch):
    monkeypatch.setattr(table1_plan, "load_source", lambda *a, **k: simulated())
    monkeypatch.setattr(crossval, "train_one", train)
    theirs = table1_plan.plan(**SMALL)
    wanted = {job.job.key for job in theirs.noise_jobs[1]}
    assert wanted == {job.job.key for job in found[0].flag_jobs[AS_WRITTEN]}


def test_the_first_start_is_trained_on_what_table_1_trains_on(found, monkeypatch):
    monkeypatch.setattr(table1_plan, "load_source", lambda *a, **k: simulated())
    theirs = table1_plan.plan(**SMALL).noise_jobs[0]
    for ours, other in zip(found[0].jobs[AS_WRITTEN], theirs, strict=True):
        mine, told = ours.job.settings, other.job.settings
        assert all(getattr(mine, name) == value for name, value in vars(told).items())
        assert np.array_equal(ours.train_index, other.train_index)
        assert np.array_equal(ours.test_index, other.test_index)
        assert np.array_equal(ours.job.compute.args[1], other.job.compute.args[1])


def keys(jobs):
    return {job.job.key for each in jobs.values() for job in each}


def test_a_key_tells_apart_all_that_changes_a_training(found, monkeypatch, tmp_path):
    plan = found[0]
    assert len(keys(plan.jobs)) == 4 * 6
    assert keys(planned(monkeypatch, tmp_path).jobs) == keys(plan.jobs)
    monkeypatch.setattr(audits_plan, "FRESH_SEED", 2)
    fresh = keys(audits.plan(**SMALL).jobs)
    assert not fresh & keys(plan.jobs)


def test_the_estimate_counts_what_will_be_trained_and_nothing_twice(found):
    _, before, outcome, after, again = found

    assert before["runs"] == 4 * 6 + 2 * 6 == outcome.cost["runs"]
    assert before["seconds"] > 0 and before["disk_mib"] > 0
    assert after["runs"] == 0 and after["seconds"] == 0
    assert again.cost["reused_runs"] == again.cost["runs"] and outcome.cost["reused_runs"] == 0
    for name in ("results", "effects", "verdicts", "predictions"):
        pd.testing.assert_frame_equal(getattr(again, name), getattr(outcome, name))


def test_what_was_not_run_is_told_with_its_command(found):
    effects = found[2].effects
    others = effects[effects["source"].isin(found[2].others)]

    assert set(others["direction"]) == {"not run"}
    assert all(
        text.startswith("not run: make reproduce-table") for text in found[2].others.values()
    )
    own = effects[~effects["source"].isin(found[2].others)]
    assert own["effect"].notna().all()


def test_the_row_beside_table_2_is_read_with_its_rows_counted_and_kept(
    found, monkeypatch, tmp_path
):
    plan = planned(monkeypatch, tmp_path)
    there, shown = tmp_path / "results" / "phantom" / "demo" / "table2", []
    lines = [("table2", row, 0, 0, "probe_auc", 0.5) for row in ("UD", ONE_DRAW_UD)]
    own, more = (pd.DataFrame([line], columns=RESULT_COLUMNS) for line in lines)
    write_csv(there / "results.csv", own)
    write_json(there / "provenance.json", {"data_fingerprint": plan.images.fingerprint})
    monkeypatch.setattr(audits_plan, "plan_one_draw", lambda *a: OneDrawPlan())
    monkeypatch.setattr(
        audits_cost.audits_pretraining, "estimate", lambda one: dict.fromkeys(LEFT, 1)
    )
    run = SimpleNamespace(run=SimpleNamespace(key="new", seconds=1000.0, reused=False))
    monkeypatch.setattr(audits, "one_draw_rows", lambda *a: OneDrawRows(more, [run]))
    real = audits.effects_frame
    monkeypatch.setattr(
        audits, "effects_frame", lambda *told: shown.append(told[2]["table2"]) or real(*told)
    )
    outcome, before = audits.run(plan), found[1]

    assert shown[0]["row"].tolist() == ["UD", ONE_DRAW_UD]
    kept = outcome.results[outcome.results["row"] == ONE_DRAW_UD]
    assert kept["experiment"].tolist() == ["audits"] and kept["value"].tolist() == [0.5]
    assert outcome.others[f"table2: {ONE_DRAW_UD}"].startswith("pretrained for this page")
    assert outcome.cost["runs"] == before["runs"] + 1
    assert outcome.cost["training_seconds"] >= 1000
    assert plan.estimate()["runs"] == plan.estimate()["pretrainings"] == 1
    assert "1 pretrainings and 1 runs to train" in plan.summary()


def test_an_effect_is_the_difference_of_the_results_that_it_reads(found):
    effects, results = found[2].effects, found[2].results
    line = effects.query("audit == 'one draw' and metric == 'f1' and scored_on == 'as reported'")
    means = results.query("metric == 'f1'").groupby("row")["value"].mean()
    assert line["effect"].item() != 0
    assert line["effect"].item() == pytest.approx(means[ONE_DRAW] - means[AS_WRITTEN])
    assert line["n"].item() == 6


def test_what_is_written_follows_the_contract(found, tmp_path):
    outcome = found[2]
    folder = outcome.write(tmp_path)

    assert outcome.write("") is None
    assert folder == tmp_path / "phantom" / "demo" / "audits"
    results = pd.read_csv(folder / "results.csv")
    assert tuple(results) == RESULT_COLUMNS and set(results["experiment"]) == {"audits"}
    assert results["value"].dropna().between(0, 1).all()
    assert not results.duplicated(["row", "seed", "fold", "metric"]).any()
    assert tuple(pd.read_csv(folder / "effects.csv"))[: len(EFFECT_COLUMNS)] == EFFECT_COLUMNS
    verdicts = pd.read_csv(folder / "verdicts.csv")
    assert tuple(verdicts)[:7] == VERDICT_COLUMNS and verdicts["claim"].is_unique
    predictions = pd.read_csv(folder / "predictions.csv")
    assert set(PREDICTION_COLUMNS) <= set(predictions)
    chances = outcome.predictions["probability"]
    assert np.abs(predictions["probability"] - chances).max() < 1e-6
    assert (folder / "epochs.csv").is_file() and (folder / "flags.csv").is_file()
    about = outcome.about()
    assert about["data"] == "phantom" and about["fresh_fingerprint"] != about["data_fingerprint"]


def ward():
    """Images of no phantom: one a patient, no sides, and no truth."""
    frame = truth_table(PhantomSettings(patients=PATIENTS, pixels=16))
    frame = frame.iloc[::4].drop(columns=["side", "view", "why", "severity", "kind"])
    frame["true_label"] = pd.array([pd.NA] * len(frame), dtype="Int8")
    images = simulated(frame=frame.assign(label=pd.array([0, 1] * 12, dtype="Int8")))
    return ImageSet.build(images.pixels, images.frame, "ward", {"group": "file"})


def test_what_other_images_cannot_answer_is_told_with_the_reason(monkeypatch, tmp_path):
    plan = planned(monkeypatch, tmp_path, ward, data="ward.csv")
    outcome, summary = audits.run(plan), plan.summary()

    assert plan.fresh is None and set(plan.untestable) == {UNGROUPED, WRONG_SIDE, DROPPED, FRESH}
    assert set(outcome.results["row"]) == {AS_WRITTEN, ONE_DRAW}
    assert not outcome.results["metric"].str.contains("truth|dropped").any()
    assert "cannot be tested here, folds of single views: every file has one image" in summary
    assert "the dropped batch: a test fold holds 8 images, less than a batch of 16" in summary
    told = outcome.effects.set_index("audit")
    assert (told.loc[["single views", "wrong side"], "direction"] == "cannot be tested here").all()
    assert outcome.effects.query("audit == 'single views'")["note"].str.contains("file").all()
    assert outcome.about()["fresh_fingerprint"] is None


@pytest.mark.filterwarnings("ignore::testiculus.base.errors.InputWarning")
def test_folds_are_of_patients_whatever_the_variant_says(monkeypatch, tmp_path):
    plan = planned(monkeypatch, tmp_path, variant="released")
    assert plan.protocol.grouped and plan.protocol.augmentation == "released"
    assert plan.rule.occasion == "epoch"


def test_odd_choices_are_told(monkeypatch, tmp_path):
    with pytest.warns(InputWarning, match="hardly learn"):
        planned(monkeypatch, tmp_path, encoder_lr=1e-5)
    with pytest.warns(InputWarning, match="PATIENTS sets the phantom's size"):
        planned(monkeypatch, tmp_path, ward, data="ward.csv", patients=12)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"profile": "big"}, "allowed: smoke, demo, lite, paper"),
        ({"variant": "book"}, "allowed: article, thesis, released"),
        ({"epochs": 0}, "EPOCHS"),
        ({"seeds": "x"}, "SEEDS"),
        ({"folds": 1}, "folds"),
        ({"initialisations": "imagenet,scratch-A"}, "imagenet"),
    ],
)
def test_a_parameter_that_cannot_be_is_refused(monkeypatch, tmp_path, wrong, says):
    with pytest.raises(UserError, match=says):
        planned(monkeypatch, tmp_path, **wrong)


def test_fresh_patients_are_as_many_others(monkeypatch):
    monkeypatch.setattr(audits_plan, "phantom", lambda settings, device: settings)
    made = audits_plan.fresh_patients("phantom", 32, 7, torch.device("cpu"))
    assert (made.patients, made.pixels) == (7, 32) and made.seed != PhantomSettings().seed
