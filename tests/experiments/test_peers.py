"""The comparison of rules, whole, on made-up trainings of a phantom without pictures."""

import numpy as np
import pandas as pd
import pytest
import torch

from testiculus.base.errors import InputWarning, UserError
from testiculus.claims.peers_schema import (
    AS_LABELLED,
    CHOICE_COLUMNS,
    CORRECTED,
    CURATIONS,
    FLIPPED,
    PLANTED,
    SCORE_COLUMNS,
    SUMMARY_COLUMNS,
    WITHIN_LABEL,
    curated_row,
)
from testiculus.claims.schema import RESULT_COLUMNS, VERDICT_COLUMNS
from testiculus.data.images import ImageSet
from testiculus.data.phantom import PhantomSettings, truth_table
from testiculus.experiments import crossval, peers, peers_plan, peers_runs, table1_plan
from testiculus.experiments.peers_parameters import rate_list
from testiculus.noise import average_precision
from testiculus.noise.peers import ARTICLE, CLEANLAB, RANDOM, RULES

PATIENTS = 18


def simulated(settings=None, frame=None):
    phantom = PhantomSettings(patients=PATIENTS, pixels=16)
    frame = truth_table(phantom) if frame is None else frame
    pixels = torch.zeros(len(frame), 1, 16, 16, dtype=torch.uint8)
    told = {"phantom": phantom.as_dict()} if settings is None else settings
    return ImageSet.build(pixels, frame, "phantom" if settings is None else "ward", told)


def train(pixels, labels, train_index, test_index, settings, *rest, on_epoch=None, encoder=None):
    """A training that is always right about the truth, and has a high loss on wrong labels."""
    true = simulated().labels("true_label")
    sample = np.tile(train_index.astype(np.int32), (4, 1))
    loss = np.where(labels[sample] != true[sample], 3.0, 0.1).astype(np.float32)
    probabilities = np.where(true[test_index] == 1, 0.9, 0.1).astype(np.float32)
    return {"probabilities": probabilities, "sample": sample, "loss": loss}


def planned(patch, runs, images=simulated, **parameters):
    patch.setenv("TESTICULUS_RUNS", str(runs))
    patch.setattr(crossval, "train_one", train)
    patch.setattr(peers_plan, "load_source", lambda *a, **k: images())
    given = {"profile": "demo", "device": "cpu", "rates": "0.1,0.3", "labelled_seeds": 2}
    return peers.plan(**{**given, **parameters})


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        runs = tmp_path_factory.mktemp("runs")
        plan = planned(patch, runs)
        before = plan.estimate()
        outcome = peers.run(plan)
        yield plan, before, outcome, plan.estimate(), peers.run(planned(patch, runs))


def test_every_kind_is_planted_at_every_rate_beside_the_labels_as_they_came(found):
    plan, _, outcome, *_ = found
    names = [f"{kind} {rate} %" for kind in PLANTED for rate in (10, 30)] + [AS_LABELLED]

    assert [noisy.name for noisy in plan.conditions_run] == names
    assert list(outcome.scores["condition"].unique()) == names
    assert plan.retrained.name == "random noise 10 %" and plan.not_planted == {}
    assert len(plan.noise_jobs[AS_LABELLED]) == 2 * 2 * 3  # starts x seeds x folds
    assert all(len(plan.noise_jobs[name]) == 3 for name in names[:-1])


def test_rules_find_labels_that_no_training_believes(found):
    summary = found[2].summary.query("rule != @RANDOM and metric == 'average_precision'")
    chance = found[2].summary.query("rule == @RANDOM")
    chance = chance[chance["metric"] != WITHIN_LABEL]

    assert summary.loc[~summary["rule"].str.contains("cleanlab"), "value"].eq(1).all()
    assert (chance["value"] - chance["planted"] / chance["images"]).abs().max() < 1e-12


def test_the_scores_say_what_the_summary_says(found):
    outcome = found[2]
    precision = outcome.summary[outcome.summary["metric"] == "average_precision"]
    for name, part in outcome.scores.groupby("condition"):
        wrong = (part["label"] != part["true_label"]).to_numpy(dtype=bool)
        told = precision[precision["condition"] == name]
        for line in told.itertuples():
            ap = average_precision(part[line.rule].to_numpy(), wrong)[0]
            assert line.value == pytest.approx(ap)
            assert line.ci_low <= line.value <= line.ci_high or np.isnan(line.ci_low)
            assert line.planted == wrong.sum()


def test_all_rules_flag_as_many_images_as_labels_are_wrong(found):
    plan, _, outcome, *_ = found
    scores = outcome.scores[outcome.scores["condition"] == plan.retrained.name]
    rows = peers_runs.curated(plan, scores.reset_index(drop=True))
    wrong = (plan.retrained.labels != plan.images.labels("true_label")).sum()

    for rule in RULES:
        filtered, flipped = (rows[curated_row(rule, c)] for c in CURATIONS)
        assert (filtered == -1).sum() == (flipped != plan.retrained.labels).sum() == wrong
        assert np.array_equal(filtered == -1, flipped != plan.retrained.labels)
    flipped = rows[curated_row(ARTICLE, FLIPPED)]
    assert np.array_equal(flipped, rows[CORRECTED])  # the losses gave every error away
    assert not np.array_equal(rows[curated_row(RANDOM, FLIPPED)], flipped)


def test_retrained_rows_are_scored_on_the_truth_of_all_test_images(found):
    outcome = found[2]
    trained = outcome.results.query("metric == 'f1_truth'")

    assert set(trained["row"]) == {
        "Complete",
        CORRECTED,
        *(curated_row(r, c) for r in RULES for c in CURATIONS),
    }
    assert trained["value"].eq(1).all()
    assert outcome.predictions.groupby("row").size().eq(4 * PATIENTS).all()
    complete = outcome.predictions.query("row == 'Complete'")
    assert (complete["label"] == complete["curated_label"]).all()


def test_the_estimate_counts_what_will_be_trained_and_nothing_twice(found):
    _, before, outcome, after, again = found
    rows = (2 * len(RULES) + 1) * 3

    assert before["runs"] == 6 * 3 + 12 + rows and before["seconds"] > 0
    assert after["runs"] == 0 and after["seconds"] == 0
    assert outcome.cost["reused_runs"] == 0 and outcome.cost["runs"] <= before["runs"]
    assert again.cost["runs"] == again.cost["reused_runs"]
    pd.testing.assert_frame_equal(again.results, outcome.results)
    pd.testing.assert_frame_equal(again.verdicts, outcome.verdicts)


def test_the_labels_as_they_came_are_ranked_from_table_1s_own_trainings(monkeypatch, tmp_path):
    plan = planned(monkeypatch, tmp_path, labelled_seeds=4)
    monkeypatch.setattr(table1_plan, "load_source", lambda *a, **k: simulated())
    theirs = table1_plan.plan(profile="demo", device="cpu")

    keys = {job.job.key for jobs in theirs.noise_jobs for job in jobs}
    assert keys == {job.job.key for job in plan.noise_jobs[AS_LABELLED]}


def test_what_is_written_follows_the_contract(found, tmp_path):
    outcome = found[2]
    folder = outcome.write(tmp_path)

    assert outcome.write("") is None
    assert folder == tmp_path / "phantom" / "demo" / "peers"
    wanted = {"results": RESULT_COLUMNS, "summary": SUMMARY_COLUMNS, "choice": CHOICE_COLUMNS}
    for name, columns in (wanted | {"scores": SCORE_COLUMNS}).items():
        assert tuple(pd.read_csv(folder / f"{name}.csv")) == tuple(columns)
    verdicts = pd.read_csv(folder / "verdicts.csv")
    assert tuple(verdicts)[:7] == VERDICT_COLUMNS and verdicts["claim"].is_unique
    results = pd.read_csv(folder / "results.csv")
    assert results["value"].between(0, 1).all()
    assert not results.duplicated(["row", "seed", "fold", "metric"]).any()
    about = outcome.about()
    assert about["settings"]["cleanlab"] and about["data"] == "phantom"


def wards(truth=True):
    """Images of no phantom, of which three labels are wrong."""
    frame = truth_table(PhantomSettings(patients=PATIENTS, pixels=16))
    frame["label"] = frame["true_label"].where(
        ~frame.index.isin([0, 9, 30]), 1 - frame["true_label"]
    )
    known = frame["true_label"] if truth else pd.array([pd.NA] * len(frame), dtype="Int8")
    return simulated({}, frame.assign(true_label=known).drop(columns=["kind", "severity", "why"]))


def test_on_other_data_the_labels_as_they_came_are_the_one_condition(monkeypatch, tmp_path):
    outcome = peers.run(planned(monkeypatch, tmp_path, wards, data="ward.csv"))

    assert outcome.plan.retrained.name == AS_LABELLED
    assert set(outcome.summary["condition"]) == {AS_LABELLED}
    assert outcome.summary["planted"].eq(3).all() and outcome.choice["conditions"].eq(1).all()
    verdicts = outcome.verdicts.set_index("claim")["verdict"]
    planted = verdicts[[name for name in verdicts.index if "frame-misses" in name]]
    assert set(planted) == {"cannot be tested here"}
    assert verdicts["article-ranks-above-random-as-labelled"] == "supported"
    assert (outcome.results["row"] == curated_row(CLEANLAB, FLIPPED)).any()


def test_images_without_a_label_known_to_be_wrong_are_refused(monkeypatch, tmp_path):
    with pytest.raises(UserError, match="no label is known to be wrong"):
        planned(monkeypatch, tmp_path, lambda: wards(truth=False), data="ward.csv")


def test_a_rate_that_is_too_low_for_any_error_is_left_out_with_the_reason(monkeypatch, tmp_path):
    plan = planned(monkeypatch, tmp_path, rates="0.001,0.2")

    assert len(plan.not_planted) == 3 and len(plan.conditions_run) == 4
    assert "not planted, random noise 0.1 %: 0 errors" in plan.summary()


def test_odd_choices_are_told(monkeypatch, tmp_path):
    with pytest.warns(InputWarning, match="hardly learn"):
        planned(monkeypatch, tmp_path, encoder_lr=1e-5)
    with pytest.warns(InputWarning, match="PATIENTS sets the phantom's size"):
        planned(monkeypatch, tmp_path, wards, data="ward.csv", patients=12)


@pytest.mark.parametrize("rates", ["", "0", "0.6", "a", [0.1, 0.1], [True], []])
def test_rates_that_are_none_are_refused(rates):
    with pytest.raises(UserError, match="RATES"):
        rate_list(rates)
