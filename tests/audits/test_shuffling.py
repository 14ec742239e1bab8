import numpy as np
import pytest

from testiculus.audits.shuffling import p_value, shuffled_labels


def shuffle(labels, patients, draws=200):
    return shuffled_labels(np.array(labels), np.array(patients), draws, np.random.default_rng(0))


def test_the_images_of_a_patient_keep_one_label_where_they_have_one():
    patients = np.repeat(list("abcdef"), [1, 2, 3, 1, 2, 3])
    labels = np.repeat([0, 1, 0, 1, 0, 0], [1, 2, 3, 1, 2, 3])

    dealt = shuffle(labels, patients)

    for patient in "abcdef":
        of_patient = dealt[:, patients == patient]
        assert (of_patient == of_patient[:, :1]).all()
    per_patient = dealt[:, [0, 1, 3, 6, 7, 9]]
    assert (per_patient.sum(1) == 2).all()
    np.testing.assert_allclose(per_patient.mean(0), 1 / 3, atol=0.12)


def test_whole_patients_change_places_where_their_images_differ_in_label():
    patients = ["a", "a", "b", "b", "c", "c", "d"]
    dealt = shuffle([0, 1, 0, 0, 1, 1, 1], patients)

    blocks = {tuple(row) for deal in dealt for row in deal[:6].reshape(3, 2)}
    assert blocks == {(0, 1), (0, 0), (1, 1)}
    assert (dealt[:, 6] == 1).all()  # nobody else has one image
    assert (dealt.sum(1) == 4).all()


def test_the_order_of_a_patients_images_in_the_table_does_not_matter():
    dealt = shuffle([0, 1, 1, 0], ["a", "b", "a", "b"])

    assert {tuple(deal) for deal in dealt} == {(0, 1, 1, 0), (1, 0, 0, 1)}


def test_the_deal_as_it_is_counts_among_the_shufflings():
    assert p_value(5.0, np.array([1.0, 2.0, 3.0])) == pytest.approx(1 / 4)
    assert p_value(1.0, np.array([1.0, 1.0])) == 1.0


def test_p_values_under_no_effect_are_spread_evenly():
    random = np.random.default_rng(1)
    found = []
    for _ in range(200):
        values, labels = random.normal(size=30), random.integers(0, 2, 30)
        deals = shuffled_labels(labels, np.arange(30), 99, random)
        found.append(p_value(labels @ values, deals @ values))
    assert np.mean(np.array(found) <= 0.1) == pytest.approx(0.1, abs=0.06)
