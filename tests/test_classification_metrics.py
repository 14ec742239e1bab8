import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from testiculus.base.errors import UserError
from testiculus.classification_metrics import (
    METRICS,
    implied_prevalence,
    prevalence_baselines,
    scores,
)
from testiculus.paper import reported

PAIRS = st.lists(
    st.tuples(st.integers(0, 1), st.sampled_from([0.0, 0.2, 0.5, 0.5000001, 0.9, 1.0])),
    min_size=1,
    max_size=30,
)


@given(PAIRS)
def test_scores_are_those_of_scikit_learn(pairs):
    labels, chances = (np.array(column) for column in zip(*pairs, strict=True))
    ours = scores(labels, chances)
    predicted = np.stack([1 - chances, chances]).argmax(0)
    assert ours["accuracy"] == pytest.approx(sk.accuracy_score(labels, predicted))
    precision, recall, f1, _ = sk.precision_recall_fscore_support(
        labels, predicted, average="binary", zero_division=0
    )
    assert [ours["precision"], ours["recall"], ours["f1"]] == pytest.approx([precision, recall, f1])
    if len(set(labels)) == 2:
        assert ours["auc"] == pytest.approx(sk.roc_auc_score(labels, chances))
    else:
        assert math.isnan(ours["auc"])


def test_scores_of_a_known_table():
    # 3 hits, 1 missed, 2 false alarms, 4 rejected
    labels = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0, 0])
    chances = np.array([0.9, 0.8, 0.7, 0.1, 0.6, 0.6, 0.2, 0.2, 0.2, 0.2])
    table = scores(labels, chances)
    assert list(table) == list(METRICS)
    assert table["accuracy"] == pytest.approx(0.7)
    assert table["precision"] == pytest.approx(3 / 5)
    assert table["recall"] == pytest.approx(3 / 4)
    assert table["f1"] == pytest.approx(2 * 0.6 * 0.75 / 1.35)
    assert table["auc"] == pytest.approx(18 / 24)


def test_one_half_is_negative_as_argmax_has_it():
    assert scores(np.array([1]), np.array([0.5]))["recall"] == 0
    assert scores(np.array([1]), np.array([np.nextafter(0.5, 1)]))["recall"] == 1


def test_many_predictions_are_scored_in_one_call():
    random = np.random.default_rng(0)
    labels, chances = random.integers(0, 2, 40), random.random((3, 5, 40)).round(1)
    together = scores(labels, chances)
    for i, j in np.ndindex(3, 5):
        alone = scores(labels, chances[i, j])
        assert [together[m][i, j] for m in METRICS] == pytest.approx(list(alone.values()))


def test_labels_may_differ_between_predictions():
    labels = np.array([[0, 1, 1], [1, 0, 0]])
    assert scores(labels, np.array([0.2, 0.7, 0.8]))["accuracy"].tolist() == [1.0, 0.0]


def test_float32_probabilities_are_taken():
    labels, chances = np.array([0, 1]), np.array([0.2, 0.7], dtype=np.float32)
    assert scores(labels, chances)["auc"] == 1.0


@pytest.mark.parametrize(
    ("labels", "chances", "message"),
    [
        ([], [], "nothing to score"),
        ([0, 1], [0.5], "do not fit"),
        ([0, 2], [0.5, 0.5], "0 or 1"),
        ([0, 1], [0.5, float("nan")], "between 0 and 1"),
        ([0, 1], [0.5, 1.1], "between 0 and 1"),
    ],
)
def test_what_cannot_be_scored_is_refused(labels, chances, message):
    with pytest.raises(UserError, match=message):
        scores(np.array(labels), np.array(chances))


def test_baselines_are_those_the_thesis_prints():
    lines = prevalence_baselines(0.2)
    assert lines["always negative"]["accuracy"] == pytest.approx(0.8)
    assert lines["always negative"]["f1"] == 0
    guess = lines["prevalence guess"]
    assert guess["accuracy"] == pytest.approx(0.68)
    assert [guess[m] for m in ("precision", "recall", "f1")] == pytest.approx([0.2] * 3)
    with pytest.raises(UserError):
        prevalence_baselines(20)


def test_baselines_are_what_such_classifiers_score():
    random = np.random.default_rng(0)
    labels = (random.random(200_000) < 0.2).astype(int)
    guesses = (random.random(200_000) < 0.2).astype(float)
    expected = prevalence_baselines(0.2)["prevalence guess"]
    for name, value in scores(labels, guesses).items():
        assert value == pytest.approx(expected[name], abs=0.01)


@given(st.integers(1, 50), st.integers(0, 50), st.integers(0, 50), st.integers(0, 50))
def test_the_implied_prevalence_is_the_one_of_the_table(hits, missed, alarms, rejected):
    n, positives = hits + missed + alarms + rejected, hits + missed
    implied = (1 - (hits + rejected) / n, hits / (hits + alarms), hits / positives)
    accuracy, precision, recall = 1 - implied[0], implied[1], implied[2]
    if missed + alarms:  # without an error every prevalence fits
        assert implied_prevalence(accuracy, precision, recall) == pytest.approx(positives / n)


def test_the_articles_tables_agree_on_a_prevalence():
    table = reported("table2").pivot(index="row", columns="metric", values="mean")
    implied = [implied_prevalence(r.accuracy, r.precision, r.recall) for r in table.itertuples()]
    assert 0.224 < min(implied) and max(implied) < 0.2295
    with pytest.raises(UserError):
        implied_prevalence(0.8, 0.0, 0.0)
