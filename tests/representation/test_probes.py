import warnings

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import norm
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import KNeighborsClassifier

from testiculus.base.errors import UserError
from testiculus.folds import patient_folds
from testiculus.representation.probes import (
    REGULARISATION,
    class_probabilities,
    knn_labels,
    linear_probe,
    mean_auc,
)

PREDICTORS = [linear_probe, knn_labels]


def gaussian_classes(n: int, d: int, distance: float, seed: int = 0):
    """Two spherical Gaussians whose means lie `distance` standard deviations apart."""
    random = np.random.default_rng(seed)
    labels = (random.random(n) < 0.3).astype(int)
    x = random.normal(size=(n, d))
    x[:, 0] += distance * labels
    return x, labels, np.arange(n) % 3


def test_separable_gaussians_give_the_auc_of_the_closed_form():
    x, labels, folds = gaussian_classes(4000, 6, distance=1.5)
    found = roc_auc_score(labels, linear_probe(x, labels, folds))
    assert found == pytest.approx(norm.cdf(1.5 / np.sqrt(2)), abs=0.02)


def test_the_probe_minimises_the_balanced_penalised_loss():
    """C sum_i w_i loss_i + |beta|^2 / 2 with weights n / (2 n_class), written out."""
    x, labels, folds = gaussian_classes(90, 3, distance=1.0)
    train = folds != 0
    mean, std = x[train].mean(axis=0), x[train].std(axis=0)
    z, y = (x[train] - mean) / std, labels[train]
    weights = len(y) / (2 * np.bincount(y)[y])

    def loss(beta):
        logits = z @ beta[:3] + beta[3]
        terms = weights * (np.logaddexp(0, logits) - y * logits)
        return REGULARISATION * terms.sum() + beta[:3] @ beta[:3] / 2

    best = minimize(loss, np.zeros(4), tol=1e-12).x
    expected = 1 / (1 + np.exp(-((x[~train] - mean) / std @ best[:3] + best[3])))
    np.testing.assert_allclose(linear_probe(x, labels, folds)[~train], expected, atol=1e-3)


@pytest.mark.parametrize("k", [1, 5, 20])
def test_nearest_neighbours_equal_those_of_scikit_learn(k):
    x, labels, folds = gaussian_classes(300, 5, distance=2.0)
    found = knn_labels(x, labels, folds, k)
    for fold in range(3):
        test = folds == fold
        oracle = KNeighborsClassifier(k, metric="cosine", algorithm="brute")
        expected = oracle.fit(x[~test], labels[~test]).predict(x[test])
        np.testing.assert_array_equal(found[test], expected)


def test_equal_votes_go_to_the_smaller_label_and_equal_cosines_to_the_first():
    x = np.array([[1.0, 0], [2.0, 0], [1.0, 0], [5.0, 0], [0, 1], [0, 2]])
    folds = np.array([0, 1, 1, 1, 1, 0])
    labels = np.array([0, 1, 0, 0, 1, 1])
    assert knn_labels(x, labels, folds, k=1)[0] == 1  # images 1, 2, 3 are equally near: the first
    assert knn_labels(x, labels, folds, k=2)[0] == 0  # images 1 and 2 vote 1 and 0


def test_more_neighbours_than_images_lets_all_vote():
    x, labels, folds = gaussian_classes(30, 4, distance=1.0)
    found = knn_labels(x, labels, folds, k=1000)
    for fold in range(3):
        majority = np.bincount(labels[folds != fold]).argmax()
        assert (found[folds == fold] == majority).all()


@pytest.mark.parametrize("predict", PREDICTORS)
def test_labels_and_features_of_a_fold_do_not_leak_into_its_predictions(predict):
    x, labels, folds = gaussian_classes(120, 4, distance=1.0)
    test = folds == 1
    expected = predict(x, labels, folds)[test]
    np.testing.assert_array_equal(
        predict(x, np.where(test, 1 - labels, labels), folds)[test], expected
    )
    others = x.copy()
    others[np.flatnonzero(test)[1:]] *= -1000  # all of the fold but one image
    assert predict(others, labels, folds)[test][0] == expected[0]


@pytest.mark.parametrize("predict", PREDICTORS)
def test_permuted_images_have_permuted_predictions(predict):
    x, labels, folds = gaussian_classes(120, 4, distance=1.0)
    order = np.random.default_rng(5).permutation(120)
    np.testing.assert_allclose(
        predict(x[order], labels[order], folds[order]),
        predict(x, labels, folds)[order],
        atol=1e-4,
    )


def test_shuffled_labels_teach_nothing():
    x, _, folds = gaussian_classes(600, 30, distance=0)
    labels = np.random.default_rng(7).integers(0, 2, 600)
    assert roc_auc_score(labels, linear_probe(x, labels, folds)) == pytest.approx(0.5, abs=0.08)


def test_the_probe_does_not_care_for_a_features_unit_or_a_dead_channel():
    x, labels, folds = gaussian_classes(120, 4, distance=1.0)
    scaled = np.column_stack([x * [1e-5, 1, 1e5, 7] + 3, np.full(120, 2.5)])
    np.testing.assert_allclose(
        linear_probe(scaled, labels, folds), linear_probe(x, labels, folds), atol=1e-3
    )


def test_a_probe_on_512_features_converges_and_repeats_itself():
    x, labels, _ = gaussian_classes(300, 512, distance=3.0)
    folds = patient_folds(labels, np.arange(300).astype(str), 3, seed=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = linear_probe(x, labels, folds)
    assert ((found >= 0) & (found <= 1)).all()
    np.testing.assert_array_equal(found, linear_probe(x, labels, folds))


def test_three_scanners_have_a_probability_each_and_an_auc():
    random = np.random.default_rng(0)
    scanners, folds = np.repeat([0, 1, 2], 40), np.tile([0, 1], 60)
    x = random.normal(size=(120, 5)) + 2 * np.eye(5)[scanners]
    found = class_probabilities(x, scanners, folds)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    expected = roc_auc_score(scanners, found, multi_class="ovr", average="macro")
    assert mean_auc(scanners, found) == pytest.approx(expected)
    assert expected > 0.85


def test_two_classes_have_the_usual_auc_and_an_absent_class_probability_0():
    x, labels, folds = gaussian_classes(90, 3, distance=1.0)
    found = class_probabilities(x, labels, folds)
    assert mean_auc(labels, found) == pytest.approx(roc_auc_score(labels, found[:, 1]))
    rare = labels.copy()
    rare[folds == 2] = 2
    assert (class_probabilities(x, rare, folds)[folds == 2, 2] == 0).all()


X, LABELS, FOLDS = gaussian_classes(12, 2, distance=1.0)


@pytest.mark.parametrize("predict", PREDICTORS)
@pytest.mark.parametrize(
    ("x", "labels", "folds", "message"),
    [
        (X[:5], LABELS, FOLDS, "do not fit"),
        (X, LABELS, FOLDS[:-1], "do not fit"),
        (X[:, 0], LABELS, FOLDS, "do not fit"),
        (X * np.nan, LABELS, FOLDS, "finite"),
        (X, LABELS - 1, FOLDS, "labels to probe"),
        (X, LABELS * np.nan, FOLDS, "labels to probe"),
        (X, LABELS, FOLDS * 0, "two folds"),
        (X, FOLDS == 0, FOLDS, "class 0 only"),
        (X, LABELS * 0, FOLDS, "class 0 only"),
    ],
)
def test_input_that_does_not_fit_is_refused(predict, x, labels, folds, message):
    with pytest.raises(UserError, match=message):
        predict(x, labels, folds)


def test_a_linear_probe_wants_two_classes_and_neighbours_at_least_one():
    with pytest.raises(UserError, match="class_probabilities"):
        linear_probe(X, FOLDS, FOLDS)
    with pytest.raises(UserError, match="at least 1"):
        knn_labels(X, LABELS, FOLDS, k=0)
