import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from testiculus.base.errors import UserError
from testiculus.folds import patient_folds


@st.composite
def labelled_patients(draw):
    """Images of a few patients, a share of them positive; at least as many of each as folds."""
    folds = draw(st.integers(2, 4))
    n = draw(st.integers(3 * folds, 60))
    patients = draw(st.lists(st.integers(0, n // 2), min_size=n, max_size=n))
    labels = draw(st.lists(st.sampled_from([0, 0, 0, 1]), min_size=n, max_size=n))
    labels, patients = np.array(labels), np.array([f"p{number}" for number in patients])
    for value in (0, 1):
        assume(len(set(patients[labels == value])) >= 2 * folds)
    return labels, patients, folds


@settings(deadline=None, max_examples=40)
@given(labelled_patients(), st.integers(0, 2**40))
def test_folds_partition_the_images_keep_patients_whole_and_hold_both_classes(case, seed):
    labels, patients, folds = case
    assigned = patient_folds(labels, patients, folds, seed)
    assert assigned.dtype == np.int64 and assigned.shape == labels.shape
    assert set(assigned) == set(range(folds))
    for patient in set(patients):
        assert len(set(assigned[patients == patient])) == 1
    for fold in range(folds):
        assert set(labels[assigned == fold]) == {0, 1}


@settings(deadline=None, max_examples=20)
@given(labelled_patients(), st.integers(0, 9))
def test_ungrouped_folds_differ_in_positives_by_one_at_most(case, seed):
    labels, patients, folds = case
    assigned = patient_folds(labels, patients, folds, seed, grouped=False)
    counts = np.bincount(assigned[labels == 1], minlength=folds)
    assert np.ptp(counts) <= 1


def protocol_like(seed=0):
    """220 patients with two views of two testes, a fifth of the testes positive."""
    testes = np.random.default_rng(seed).random(440) < 0.2
    return np.repeat(testes, 2).astype(int), np.repeat([f"p{i:03d}" for i in range(220)], 4)


def test_folds_of_the_articles_set_are_balanced():
    labels, patients = protocol_like()
    assigned = patient_folds(labels, patients, 3, seed=1)
    shares = [labels[assigned == fold].mean() for fold in range(3)]
    assert np.ptp(shares) < 0.02
    assert np.ptp(np.bincount(assigned)) <= 12


def test_the_seed_decides_the_folds():
    labels, patients = protocol_like()
    first = patient_folds(labels, patients, 3, seed=1)
    assert np.array_equal(first, patient_folds(labels, patients, 3, seed=1))
    assert not np.array_equal(first, patient_folds(labels, patients, 3, seed=2))


def test_ungrouped_folds_tear_patients_apart_as_the_released_code_does():
    labels, patients = protocol_like()
    assigned = patient_folds(labels, patients, 3, seed=1, grouped=False)
    torn = sum(len(set(assigned[patients == patient])) > 1 for patient in set(patients))
    assert torn > 150


def test_patients_may_have_any_kind_of_name():
    labels = [0, 1, 0, 1]
    assert len(set(patient_folds(labels, np.array([7, 7, 8, 8]), 2, 0))) == 2


@pytest.mark.parametrize(
    ("labels", "patients", "folds", "message"),
    [
        ([0, 0, 0], ["a", "b", "c"], 3, "needs both classes; there is only class 0"),
        ([], [], 3, "no images"),
        ([0, 1, 0, 1], ["a", "a", "b", "b"], 3, "3 folds need at least 3 patients; there are 2"),
        ([0, 0, 0, 1, 1], ["a", "b", "c", "d", "d"], 3, "a fold would hold no positives: 1 pat"),
        ([1, 1, 1, 0, 0], ["a", "b", "c", "d", "e"], 3, "a fold would hold no negatives: 2 pat"),
        ([0, 1, 2], ["a", "b", "c"], 2, "label 2 is neither 0 nor 1"),
        ([0, 1, -1], ["a", "b", "c"], 2, "image number 3"),
        ([0, 1], ["a", ""], 2, "an image has no patient"),
        ([0, 1], ["a", None], 2, "an image has no patient"),
        ([0, 1], ["a", float("nan")], 2, "an image has no patient"),
        ([0, 1], ["a"], 2, "do not fit"),
        ([0, 1, 0, 1], ["a", "b", "c", "d"], 1, "at least 2 folds"),
    ],
)
def test_what_cannot_be_split_is_refused_with_a_reason(labels, patients, folds, message):
    with pytest.raises(UserError, match=message):
        patient_folds(np.array(labels), np.array(patients, dtype=object), folds, seed=0)


def test_a_tiny_set_that_the_splitter_cannot_balance_is_refused():
    labels, patients = np.array([0, 0, 1, 0, 1, 0]), np.array(list("cabcac"))
    with pytest.raises(UserError, match="no partition of these patients.*was found"):
        patient_folds(labels, patients, 2, seed=0)


def test_positives_as_few_as_folds_are_spread():
    labels, patients = np.repeat([1, 1, 1, 0, 0, 0, 0, 0, 0], 4), np.repeat(list("abcdefghi"), 4)
    assigned = patient_folds(labels, patients, 3, seed=0)
    assert len(set(assigned[labels == 1])) == 3
