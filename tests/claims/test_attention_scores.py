import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score, roc_auc_score

from testiculus.claims.attention_schema import SCORES
from testiculus.claims.attention_scores import run_scores, weighted_auc
from testiculus.classification_metrics import scores

AUC = SCORES.index("auc")


@st.composite
def runs(draw):
    """Weights of some draws, and the patients, labels and probabilities (with ties) of a run."""
    number = draw(st.integers(2, 6))
    images = draw(st.integers(1, 25))
    of = st.lists(st.integers(0, number - 1), min_size=images, max_size=images)
    zero_one = st.lists(st.integers(0, 1), min_size=images, max_size=images)
    tenths = st.lists(st.integers(0, 10), min_size=images, max_size=images)
    times = st.lists(st.integers(0, 3), min_size=number, max_size=number)
    weights = np.array(draw(st.lists(times, min_size=1, max_size=4)), dtype=np.float64)
    values = (np.array(draw(part)) for part in (of, zero_one, tenths))
    patients, labels, chances = values
    return weights, patients, labels, chances / 10


def resampled(patients, times):
    """The images of a draw, written out: each as often as its patient was drawn."""
    return np.repeat(np.arange(len(patients)), times[patients].astype(int))


@settings(max_examples=60, deadline=None)
@given(runs())
def test_weighing_patients_scores_as_writing_their_images_out_does(run):
    weights, patients, labels, chances = run

    found = run_scores(weights, patients, labels, chances)

    assert found.shape == (len(SCORES), len(weights))
    for times, column in zip(weights, found.T, strict=True):
        drawn = resampled(patients, times)
        if not len(drawn):
            assert np.isnan(column).all()
            continue
        expected = scores(labels[drawn], chances[drawn])
        assert column == pytest.approx([expected[score] for score in SCORES], nan_ok=True)


@settings(max_examples=60, deadline=None)
@given(runs())
def test_weighted_scores_are_scikit_learns(run):
    weights, patients, labels, chances = run
    found = run_scores(weights, patients, labels, chances)

    for times, (accuracy, f1, auc) in zip(weights, found.T, strict=True):
        by_image = times[patients]
        if not by_image.any():
            continue
        called = chances > 0.5
        weighted = dict(sample_weight=by_image)
        assert accuracy == pytest.approx(accuracy_score(labels, called, **weighted))
        assert f1 == pytest.approx(f1_score(labels, called, zero_division=0, **weighted))
        if len(set(labels[by_image > 0])) == 2:
            assert auc == pytest.approx(roc_auc_score(labels, chances, **weighted))
        else:
            assert np.isnan(auc)


def test_auc_is_the_share_of_pairs_in_the_right_order():
    chances = np.array([0.1, 0.4, 0.4, 0.8])
    positive = np.array([False, True, False, True])
    each = np.arange(4)

    both = weighted_auc(np.array([[1.0, 1, 1, 1], [1, 2, 0, 1]]), each, positive, chances)

    assert both == pytest.approx([3.5 / 4, 3 / 3])  # a tie counts half; undrawn images do not


def test_one_class_alone_has_no_auc_and_accuracy_all_the_same():
    weights, patients = np.ones((2, 2)), np.array([0, 1])

    found = run_scores(weights, patients, np.array([0, 0]), np.array([0.2, 0.7]))

    assert np.isnan(found[AUC]).all()
    assert found[SCORES.index("accuracy")] == pytest.approx([0.5, 0.5])
