import naive_manifold as naive
import numpy as np
import pytest
import torch
from hard_points import pairs
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from testiculus.base.errors import UserError
from testiculus.manifold import checked_features, inside, neighbour_distances, radii
from testiculus.manifold import neighbours as module


@given(both=pairs(), k=st.integers(1, 6))
def test_neighbours_are_those_of_a_loop_over_single_distances(both, k):
    points = both[0]
    k = min(k, len(points) - 1)
    found = neighbour_distances(points, k)
    for place in range(k):
        assert found[:, place].tolist() == naive.kth(points, place + 1)
    assert radii(points, k).tolist() == naive.kth(points, k)


@given(both=pairs(fewest=1), share=st.floats(0, 1.5))
def test_a_point_is_inside_as_a_loop_over_balls_says(both, share):
    points, centres = both
    # Radii that touch: distances of some point to each centre, shrunk or grown or not.
    reach = np.array([naive.distance(points[0], c) for c in centres]) * np.float32(share)
    for radii_ in (reach, np.roll(reach, 1), np.zeros_like(reach)):
        expected = [naive.in_any_ball(p, centres, radii_) for p in points]
        assert inside(points, centres, radii_).tolist() == expected


def test_the_surface_of_a_ball_belongs_to_it():
    centre, radius = np.zeros((1, 2)), np.array([5.0])
    points = np.array([[3.0, 4.0], [3.0, np.nextafter(np.float32(4), np.float32(5))], [0, -5]])
    assert inside(points, centre, radius).tolist() == [True, False, True]


def test_blocks_of_any_size_give_the_same(monkeypatch):
    random = np.random.default_rng(0)
    a, b = random.normal(size=(41, 6)), random.normal(size=(30, 6))
    reach = radii(b, 2)
    whole = neighbour_distances(a, 5), inside(a, b, reach)
    monkeypatch.setattr(module, "NUMBERS_AT_ONCE", 70)
    np.testing.assert_array_equal(neighbour_distances(a, 5), whole[0])
    np.testing.assert_array_equal(inside(a, b, reach), whole[1])


def test_distances_agree_with_scipy():
    x = np.random.default_rng(1).normal(size=(60, 33)).astype(np.float32)
    expected = np.sort(cdist(x, x), axis=1)[:, 1:8]
    np.testing.assert_allclose(neighbour_distances(x, 7), expected, rtol=1e-6)


def test_a_double_is_a_neighbour_at_distance_zero():
    assert radii(np.array([[1.0], [1.0], [4.0]]), 1).tolist() == [0.0, 0.0, 3.0]
    assert radii(np.ones((500, 3)), 400).tolist() == [0.0] * 500


def test_infinite_balls_hold_everything():
    assert inside(np.eye(3), np.zeros((1, 3)), np.array([np.inf])).all()


def test_torch_tensors_and_whole_numbers_are_taken():
    expected = radii(np.arange(12.0).reshape(4, 3), 1)
    np.testing.assert_array_equal(radii(torch.arange(12.0).reshape(4, 3).double(), 1), expected)
    np.testing.assert_array_equal(radii(np.arange(12).reshape(4, 3), 1), expected)


def test_checked_features_are_contiguous_float32():
    found = checked_features(np.arange(6, dtype=np.float64).reshape(2, 3).T, "x")
    assert found.dtype == np.float32 and found.flags.c_contiguous and found.shape == (3, 2)


@pytest.mark.parametrize(
    ("features", "said"),
    [
        (np.zeros(3), "n x d"),
        (np.zeros((2, 3, 1)), "n x d"),
        (np.array([["a", "b"]]), "numbers"),
        (np.zeros((0, 4)), "none: their shape is 0 x 4"),
        (np.zeros((4, 0)), "none: their shape is 4 x 0"),
        (np.array([[0.0, np.nan]]), "not finite"),
        (np.array([[0.0, np.inf]]), "not finite"),
        (np.array([[-np.inf, 1.0]]), "not finite"),
        (np.array([[-1e200, 1.0]]), "not finite"),
        (np.array([[1e31, 1.0]]), "beyond 1e\\+30"),
        (np.array([[-1e31, 1.0]]), "beyond 1e\\+30"),
    ],
)
def test_features_that_are_no_finite_table_are_refused_by_name(features, said):
    with pytest.raises(UserError, match=f"^these features .*{said}"):
        checked_features(features, "these features")


@pytest.mark.parametrize("k", [0, -1, 4, 9, 1.5])
def test_a_k_without_as_many_other_points_is_refused_with_both_numbers(k):
    with pytest.raises(UserError, match=f"k = {k} neighbours of each of 4 points"):
        radii(np.eye(4), k)


def test_one_point_has_no_neighbour():
    with pytest.raises(UserError, match="at least two are needed"):
        radii(np.eye(1), 1)


@pytest.mark.parametrize(
    ("points", "centres", "reach", "said"),
    [
        (np.eye(2), np.eye(3), np.ones(3), "different widths cannot be compared: 2 and 3"),
        (np.eye(2), np.eye(2), np.ones(3), "one for each of 2 centres"),
        (np.eye(2), np.eye(2), np.array([1.0, -1.0]), "not negative"),
        (np.eye(2), np.eye(2), np.array([1.0, np.nan]), "not negative"),
        (np.zeros((0, 2)), np.eye(2), np.ones(2), "points are none"),
    ],
)
def test_balls_that_do_not_fit_are_refused(points, centres, reach, said):
    with pytest.raises(UserError, match=said):
        inside(points, centres, reach)
