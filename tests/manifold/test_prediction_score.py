import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from testiculus.base.errors import UserError
from testiculus.manifold import prediction_score


def probabilities(seed, n=40, classes=6, sharpness=2.0):
    logits = sharpness * np.random.default_rng(seed).normal(size=(n, classes))
    p = np.exp(logits)
    return p / p.sum(axis=1, keepdims=True)


@given(seed=st.integers(0, 2**32), classes=st.integers(1, 7))
def test_the_score_is_its_formula_written_as_a_loop(seed, classes):
    p = probabilities(seed, 12, classes)
    mean = [sum(row[c] for row in p) / len(p) for c in range(classes)]
    divergences = [sum(q * np.log(q / mean[c]) for c, q in enumerate(row)) for row in p]
    score = prediction_score(p)
    assert score == pytest.approx(np.exp(sum(divergences) / len(p)))
    assert 1 - 1e-12 <= score <= classes + 1e-9


def test_the_score_is_torch_fidelity_s_over_all_images_at_once():
    from torch_fidelity.metric_isc import isc_features_to_metric

    logits = torch.from_numpy(np.random.default_rng(0).normal(size=(60, 10)) * 3)
    theirs = isc_features_to_metric(logits, splits=1, shuffle=False)["inception_score_mean"]
    assert prediction_score(logits.softmax(dim=1).numpy()) == pytest.approx(theirs)


def test_sure_and_varied_answers_score_the_number_of_classes_and_equal_ones_score_one():
    assert prediction_score(np.eye(5)) == pytest.approx(5)
    assert prediction_score(np.tile(probabilities(0, 1), (9, 1))) == pytest.approx(1)
    assert prediction_score(probabilities(0, 1)) == pytest.approx(1)


def test_rounding_of_float32_is_no_error():
    assert prediction_score(probabilities(1, 50, 1008).astype(np.float32)) > 1


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (np.zeros((0, 3)), "images x classes"),
        (np.ones(3), "images x classes"),
        (np.ones((2, 3)), "add up to 1"),
        (np.array([[1.5, -0.5]]), "not be negative"),
        (np.array([[np.nan, 1.0]]), "not be negative"),
    ],
)
def test_what_are_no_probabilities_is_refused(wrong, said):
    with pytest.raises(UserError, match=said):
        prediction_score(wrong)
