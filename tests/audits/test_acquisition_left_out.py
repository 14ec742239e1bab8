import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import balanced_accuracy_score

from testiculus.audits.acquisition import (
    RIDGE,
    acquisition_finding,
    acquisition_table,
    balanced_accuracy,
    left_out_scores,
    tree_kernel,
)
from testiculus.audits.findings import CLEAR, FOUND, SKIPPED, holm
from testiculus.audits.questions import Question


def question(labels):
    return Question("label", "sick", "well", np.arange(len(labels)), np.asarray(labels))


def table(labels, features, patients=None):
    patients = np.arange(len(labels)) if patients is None else patients
    found = acquisition_table([question(labels)], {"size": features}, patients, ("size",))
    return found.assign(p_adjusted=holm(found["p"]))


def test_the_closed_form_is_a_ridge_regression_refitted_without_each_patient():
    random = np.random.default_rng(0)
    points = random.normal(size=(14, 3))
    kernel = np.exp(-((points[:, None] - points) ** 2).sum(-1))
    labels, patients = random.integers(0, 2, 14), random.integers(0, 5, 14)

    found = left_out_scores(kernel, labels, patients)

    centred = labels - labels.mean()
    for patient in np.unique(patients):
        out, kept = patients == patient, patients != patient
        inner = kernel[np.ix_(kept, kept)] + RIDGE * np.eye(kept.sum())
        expected = kernel[np.ix_(out, kept)] @ np.linalg.solve(inner, centred[kept])
        np.testing.assert_allclose(found[out], expected, atol=1e-9)


def test_many_deals_at_once_are_the_deals_one_by_one():
    random = np.random.default_rng(1)
    points = random.normal(size=(10, 2))
    deals, patients = random.integers(0, 2, (4, 10)), np.arange(10) // 2

    together = left_out_scores(points @ points.T, deals, patients)

    alone = [left_out_scores(points @ points.T, deal, patients) for deal in deals]
    np.testing.assert_allclose(together, alone, atol=1e-9)


def test_balanced_accuracy_is_the_librarys():
    random = np.random.default_rng(2)
    labels, guessed = random.integers(0, 2, (2, 50))

    found = balanced_accuracy(labels, guessed == labels)

    assert found == pytest.approx(balanced_accuracy_score(labels, guessed))


def test_the_kernel_is_one_on_its_diagonal_and_knows_ranks_only():
    values = pd.DataFrame({"width": np.arange(20.0)})

    kernel = tree_kernel(values, seed=0)

    assert kernel.shape == (20, 20) and np.allclose(np.diag(kernel), 1)
    assert kernel[0, 1] > kernel[0, 19]
    np.testing.assert_array_equal(kernel, tree_kernel(np.exp(values), seed=0))


def test_a_size_that_goes_with_the_label_is_found_and_said():
    labels = np.tile([0, 1], 40)
    size = pd.DataFrame({"width": labels * 48 + np.random.default_rng(0).integers(700, 760, 80)})

    found = table(labels, size)
    finding = acquisition_finding("acquisition", found, [], "Match them.")

    assert found["balanced_accuracy"][0] > 0.8 and found["forest"][0] > 0.8
    assert found["ci_low"][0] < found["balanced_accuracy"][0] < found["ci_high"][0]
    assert finding.state == FOUND and "sick from well" in finding.found


def test_a_size_that_goes_with_nothing_is_not_found_and_chance_is_told():
    random = np.random.default_rng(3)
    labels = random.integers(0, 2, 80)
    size = pd.DataFrame({"width": random.integers(500, 900, 80)})

    found = table(labels, size)
    finding = acquisition_finding("acquisition", found, [], "Match them.")

    assert finding.state == CLEAR and 0.5 < found["chance_95"][0] < 0.75
    assert f"{found['chance_95'][0]:.2f}" in finding.sure


def test_what_tells_the_patient_apart_is_no_finding():
    """Four images a patient, each patient with a size of its own: only a leak could use it."""
    random = np.random.default_rng(4)
    patients = np.repeat(np.arange(24), 4)
    labels, width = random.integers(0, 2, 24)[patients], random.permutation(24)[patients]

    found = table(labels, pd.DataFrame({"width": width}), patients)

    assert found["p"][0] > 0.05


def test_patients_and_not_images_are_the_witnesses():
    """Twelve patients of ten images: 8 of 12 agree, which coins do every fifth time."""
    patients = np.repeat(np.arange(12), 10)
    labels = patients % 2
    width = np.where(patients < 4, 1 - labels, labels)

    found = table(labels, pd.DataFrame({"width": width}), patients)

    assert found["balanced_accuracy"][0] == pytest.approx(8 / 12) and found["p"][0] > 0.05


def test_a_family_with_the_features_of_another_is_asked_once_and_shown_to_the_forest():
    labels = np.tile([0, 1], 20)
    size = pd.DataFrame({"width": np.arange(40)})
    families = {"size": size, "all": size.copy(), "more": size.assign(tint=labels)}

    found = acquisition_table([question(labels)], families, np.arange(40), ("all",))

    assert found["features"].tolist() == ["size", "more"]
    assert found["forest"].notna().tolist() == [True, False]


def test_constant_features_make_no_row_and_no_questions_no_finding():
    labels = np.tile([0, 1], 10)

    assert table(labels, pd.DataFrame({"width": [5] * 20})).empty
    finding = acquisition_finding("acquisition", acquisition_table([], {}, labels), ["why"], "")
    assert finding.state == SKIPPED and "why" in finding.found
