import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from testiculus.base.errors import UserError
from testiculus.experiments.controls_labels import dealt_out, meaningless_labels, units_of

units = st.lists(st.integers(0, 6), min_size=1, max_size=30).map(
    lambda found: np.unique(found, return_inverse=True)[1]
)


def examined(patients=10):
    sides = ["left", "left", "right", "right"] * patients
    return pd.DataFrame({"patient": np.repeat(np.arange(patients), 4), "side": sides})


@given(units, st.integers(0, 99))
def test_whole_units_change_places_and_no_label_is_lost(units, seed):
    number = np.arange(len(units))  # labels that name their image
    dealt = dealt_out(number, units, np.random.default_rng(seed))

    assert sorted(dealt) == sorted(number)
    for unit in np.unique(units):
        own, got = number[units == unit], dealt[units == unit]
        giver = units[got[0]]
        assert np.array_equal(got, number[units == giver]) and len(own) == len(got)


def test_both_views_of_a_testis_move_together():
    frame, labels = examined(), np.repeat([1, 0, 0, 1, 0], 8)
    dealt = meaningless_labels(frame, labels, [], "t")

    pairs = dealt.reshape(-1, 2)
    assert (pairs[:, 0] == pairs[:, 1]).all() and dealt.sum() == labels.sum()
    assert not np.array_equal(dealt, labels)


def test_where_a_side_is_open_images_move_alone():
    frame = examined(2).assign(side=["left"] * 7 + [None])

    assert np.array_equal(units_of(frame), np.arange(8))
    assert np.array_equal(units_of(frame.drop(columns="side")), np.arange(8))


def test_every_fold_has_both_labels_and_the_same_draw_is_the_same():
    frame, labels = examined(), np.repeat([1, 0, 0, 0, 0], 8)
    foldings = [np.repeat(np.arange(10) % 3, 4), np.repeat(np.arange(10) % 2, 4)]
    dealt = meaningless_labels(frame, labels, foldings, "probe", 0)

    assert all(len(np.unique(dealt[f == fold])) == 2 for f in foldings for fold in np.unique(f))
    assert np.array_equal(dealt, meaningless_labels(frame, labels, foldings, "probe", 0))
    assert not np.array_equal(dealt, meaningless_labels(frame, labels, foldings, "probe", 1))


def test_labels_that_no_draw_can_spread_over_the_folds_are_refused():
    with pytest.raises(UserError, match="every fold has both"):
        meaningless_labels(examined(2), np.array([1] + [0] * 7), [np.repeat([0, 1], 4)], "t")
