"""Figures of the audits against naive loops, closed forms and scikit-learn."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from testiculus.claims.audits_schema import (
    AS_REPORTED,
    AS_WRITTEN,
    BEST,
    BEST_FRESH,
    DROPPED,
    DROPPED_SPREAD,
    FLAG_METRICS,
    FRESH,
    ONE_DRAW,
    TRUTH,
)
from testiculus.claims.schema import PREDICTION_COLUMNS
from testiculus.classification_metrics import METRICS, scores
from testiculus.data.images import ImageSet
from testiculus.experiments import audits_scores
from testiculus.experiments.audits_scores import (
    best_epoch,
    dropped_batch,
    epoch_frame,
    flag_frame,
    flag_results,
    prediction_frame,
    result_frame,
)
from testiculus.experiments.audits_variants import Variant
from testiculus.noise import Rule

N, EPOCHS = 24, 4


def drawn(n, seed=0):
    random = np.random.default_rng(seed)
    return random.integers(0, 2, n), random.random(n).astype(np.float32)


def imaged(seed, truth=True):
    true = drawn(N, seed)[0]
    frame = pd.DataFrame({"image": [f"{i}.png" for i in range(N)], "true_label": true})
    frame["patient"] = [f"p{seed}-{i // 2}" for i in range(N)]
    frame["label"] = np.where(frame.index < 3, 1 - true, true)
    frame = frame.astype({"label": "Int8", "true_label": "Int8"})
    frame = frame if truth else frame.assign(true_label=pd.array([pd.NA] * N, dtype="Int8"))
    return ImageSet.build(torch.zeros(N, 1, 8, 8, dtype=torch.uint8), frame, "ward")


def run_of(row, seed, fold, looks):
    """A finished run whose predictions are drawn by lot."""
    random = np.random.default_rng([seed, fold, looks])
    test = np.arange(fold, N, 3)
    train = np.setdiff1d(np.arange(N), test)
    arrays = {
        "test": random.random((looks, len(test))).astype(np.float32),
        "fresh": random.random((looks, N)).astype(np.float32),
        "sample": np.tile(train.astype(np.int32), (EPOCHS, 1)),
        "loss": random.exponential(1.2, (EPOCHS, len(train))).astype(np.float32),
    }
    plan = SimpleNamespace(row=row, seed=seed, fold=fold, test_index=test, train_index=train)
    return SimpleNamespace(plan=plan, run=SimpleNamespace(arrays=arrays))


@pytest.fixture(scope="module")
def told():
    """Runs of two variants, the variants, images and fresh patients."""
    images, other = imaged(0), imaged(1)
    labels, swapped = images.labels(), images.labels()[::-1].copy()
    variants = {
        AS_WRITTEN: Variant(AS_WRITTEN, labels, {}, every_epoch=True),
        ONE_DRAW: Variant(ONE_DRAW, swapped, {}),
    }
    runs = [run_of(AS_WRITTEN, s, f, EPOCHS) for s in (0, 1) for f in range(3)]
    runs += [run_of(ONE_DRAW, 0, f, 1) for f in range(3)]
    return runs, variants, images, other


def expected(labels, chances):
    called = (chances > 0.5).astype(int)
    told = {"zero_division": 0}
    return {
        "accuracy": metrics.accuracy_score(labels, called),
        "precision": metrics.precision_score(labels, called, **told),
        "recall": metrics.recall_score(labels, called, **told),
        "f1": metrics.f1_score(labels, called, **told),
        "auc": metrics.roc_auc_score(labels, chances) if len(set(labels)) == 2 else np.nan,
    }


def naive_dropped(labels, chances, batch, seed):
    random, found = np.random.default_rng(seed), []
    orders = random.permuted(np.tile(np.arange(len(labels)), (audits_scores.SHUFFLES, 1)), axis=1)
    for order in orders:
        batches = [order[i : i + batch] for i in range(0, len(order), batch)]
        kept = np.concatenate([b for b in batches if len(b) == batch])
        found.append(expected(labels[kept], chances[kept]))
    return pd.DataFrame(found)


@pytest.mark.parametrize(("n", "batch"), [(23, 10), (9, 8), (40, 16)])
def test_the_dropped_batch_is_what_a_loader_that_drops_its_last_batch_scores(n, batch, monkeypatch):
    monkeypatch.setattr(audits_scores, "SHUFFLES", 20)
    labels, chances = drawn(n)
    found, wanted = (each(labels, chances, batch, 5) for each in (dropped_batch, naive_dropped))
    for metric in METRICS:
        assert found[DROPPED][metric] == pytest.approx(wanted[metric].mean())
        assert found[DROPPED_SPREAD][metric] == pytest.approx(wanted[metric].std(ddof=1))


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 4), st.integers(2, 9), st.integers(0, 99))
def test_whole_batches_alone_lose_nothing_and_move_nothing(batches, batch, seed):
    labels, chances = drawn(batches * batch, seed)
    found, whole = dropped_batch(labels, chances, batch, seed), scores(labels, chances)
    for metric in METRICS:
        np.testing.assert_allclose(found[DROPPED][metric], whole[metric], rtol=0, atol=1e-12)
        assert found[DROPPED_SPREAD][metric] < 1e-12 or np.isnan(whole[metric])


def test_the_spread_of_a_share_is_that_of_drawing_without_replacement():
    labels, chances = drawn(290)
    right = (labels == (chances > 0.5)).mean()
    wanted = np.sqrt(right * (1 - right) / 256 * (290 - 256) / (290 - 1))  # hypergeometric
    many = [dropped_batch(labels, chances, 64, seed)[DROPPED_SPREAD] for seed in range(20)]
    assert np.mean([each["accuracy"] for each in many]) == pytest.approx(wanted, rel=0.05)


def test_nothing_is_scored_where_no_whole_batch_is_left():
    assert dropped_batch(*drawn(9), 10, 0) == {}


def test_the_best_epoch_is_the_first_of_the_highest_f1_as_reported():
    labels = np.array([0, 1, 1, 0])
    chances = np.array([[0.9, 0.1, 0.1, 0.9], [0.1, 0.9, 0.2, 0.2], [0.2, 0.2, 0.8, 0.1]])
    fresh = np.array([[0.9, 0.9], [0.1, 0.9], [0.9, 0.1]])
    told = {AS_REPORTED: (labels, chances), FRESH: (np.array([0, 1]), fresh)}
    told[TRUTH] = (1 - labels, chances)

    found = best_epoch(told)
    assert set(found) == {BEST, BEST_FRESH}
    assert found[BEST]["f1"] == pytest.approx(2 / 3) and found[BEST_FRESH]["accuracy"] == 1


def value(frame, row, seed, fold, metric):
    lines = frame.query("row == @row and seed == @seed and fold == @fold and metric == @metric")
    assert len(lines) == 1
    return lines["value"].iloc[0]


def test_every_run_is_scored_on_what_it_reads_on_the_truth_and_on_fresh_patients(told):
    runs, variants, images, fresh = told
    found = result_frame(*told, batch_size=3)
    true, new = images.labels("true_label"), fresh.labels("true_label")
    for done in runs:
        run, arrays = done.plan, done.run.arrays
        own = variants[run.row].labels[run.test_index]
        wanted = {"": expected(own, arrays["test"][-1])}
        wanted[TRUTH] = expected(true[run.test_index], arrays["test"][-1])
        wanted[FRESH] = expected(new, arrays["fresh"][-1])
        for suffix, figures in wanted.items():
            for metric, figure in figures.items():
                got = value(found, run.row, run.seed, run.fold, metric + suffix)
                np.testing.assert_allclose(got, figure, err_msg=metric + suffix)
    assert not found.duplicated(["row", "seed", "fold", "metric"]).any()


def test_best_epoch_and_dropped_batch_are_of_the_articles_protocol_alone(told):
    found = result_frame(*told, batch_size=3)
    endings = (BEST, BEST_FRESH, DROPPED, DROPPED_SPREAD)
    more = found[found["metric"].str.endswith(endings)]

    assert set(more["row"]) == {AS_WRITTEN}
    assert len(more) == 6 * len(METRICS) * len(endings)
    plain = found.query("row == @AS_WRITTEN and metric == 'f1'")["value"].to_numpy()
    best = found.query("row == @AS_WRITTEN and metric == 'f1_best'")["value"].to_numpy()
    assert (best >= plain).all() and (best > plain).any()


def test_no_run_shares_the_orders_of_another_and_all_metrics_share_theirs(told):
    runs, variants, images, fresh = told
    same = [run_of(AS_WRITTEN, 0, 0, EPOCHS), run_of(AS_WRITTEN, 0, 0, EPOCHS)]
    same[1].plan.fold = 1
    found = result_frame(same, variants, images, fresh, 3).query("metric == 'f1_dropped_sd'")
    assert found["value"].nunique() == 2


def test_epochs_hold_what_the_scores_after_each_epoch_are(told):
    runs, variants, _, fresh = told
    found = epoch_frame(*told)

    assert set(found["row"]) == {AS_WRITTEN} and set(found["epoch"]) == set(range(1, EPOCHS + 1))
    assert set(found["metric"]) == {m + s for m in ("f1", "auc") for s in ("", TRUTH, FRESH)}
    run, arrays = runs[4].plan, runs[4].run.arrays
    lines = found.query("seed == @run.seed and fold == @run.fold")
    for epoch in range(1, EPOCHS + 1):
        there = lines[lines["epoch"] == epoch].set_index("metric")["value"]
        own = variants[AS_WRITTEN].labels[run.test_index]
        assert there["f1"] == pytest.approx(expected(own, arrays["test"][epoch - 1])["f1"])
        wanted = expected(fresh.labels("true_label"), arrays["fresh"][epoch - 1])["auc"]
        assert there["auc_fresh_truth"] == pytest.approx(wanted)
    last = found[found["epoch"] == EPOCHS].set_index(["seed", "fold", "metric"])["value"]
    results = result_frame(*told, batch_size=3).query("row == @AS_WRITTEN")
    results = results.set_index(["seed", "fold", "metric"])["value"]
    pd.testing.assert_series_equal(last, results.reindex(last.index))


def test_predictions_are_those_of_the_last_epoch_with_the_labels_that_were_read(told):
    runs, variants, images, fresh = told
    found = prediction_frame(*told)

    assert set(PREDICTION_COLUMNS) <= set(found) and len(found) == 9 * (N // 3 + N)
    tested = found.query("patients == 'test' and row == @ONE_DRAW and fold == 2")
    assert tested["image"].tolist() == runs[-1].plan.test_index.tolist()
    assert tested["curated_label"].tolist() == variants[ONE_DRAW].labels[2::3].tolist()
    assert tested["label"].tolist() == images.labels()[2::3].tolist()
    np.testing.assert_array_equal(tested["probability"], runs[-1].run.arrays["test"][-1])
    new = found.query("patients == 'fresh' and row == @AS_WRITTEN and seed == 1 and fold == 0")
    assert new["true_label"].tolist() == fresh.labels("true_label").tolist()
    assert new["patient"].str.startswith("p1-").all() and new["label"].isna().all()
    np.testing.assert_array_equal(new["probability"], runs[3].run.arrays["fresh"][-1])


def test_without_truth_and_fresh_patients_there_is_the_figure_as_reported_alone(told):
    runs, variants, *_ = told
    given = (runs, variants, imaged(0, truth=False), None)
    found = result_frame(*given, batch_size=3)

    assert not found["metric"].str.contains("truth").any()
    assert set(prediction_frame(*given)["patients"]) == {"test"}
    assert set(epoch_frame(*given)["metric"]) == {"f1", "auc"}


def test_flags_are_the_rules_and_scored_against_the_truth(told):
    runs, variants, images, _ = told
    rule = Rule(1.0, 2, "draw")
    flags = flag_frame({AS_WRITTEN: runs[:6], ONE_DRAW: runs[6:]}, variants, images, rule)
    found = flag_results(flags).set_index(["row", "metric"])["value"]

    for row, own in ((AS_WRITTEN, runs[:6]), (ONE_DRAW, runs[6:])):
        times, seen = np.zeros(N), np.zeros(N)
        for done in own:
            for image, losses in zip(done.plan.train_index, done.run.arrays["loss"].T, strict=True):
                times[image] += (losses > 1).sum() >= 2
                seen[image] += 1
        chosen, wrong = times == seen, variants[row].labels != images.labels("true_label")
        part = flags[flags["row"] == row]
        assert part["suspicious"].tolist() == chosen.tolist()
        assert part["label"].tolist() == variants[row].labels.tolist()
        wanted = {
            "wrong_labels": wrong.mean(),
            "flagged": chosen.mean(),
            "flag_precision": metrics.precision_score(wrong, chosen, zero_division=np.nan),
            "flag_recall": metrics.recall_score(wrong, chosen),
            "flag_average_precision": metrics.average_precision_score(wrong, times),
        }
        assert set(wanted) == set(FLAG_METRICS)
        for metric, figure in wanted.items():
            np.testing.assert_allclose(found[row, metric], figure, err_msg=metric)


def test_without_truth_flags_are_counted_and_not_judged(told):
    runs, variants, *_ = told
    flags = flag_frame({AS_WRITTEN: runs[:6]}, variants, imaged(0, truth=False), Rule())
    assert flag_results(flags)["metric"].tolist() == ["flagged"]
