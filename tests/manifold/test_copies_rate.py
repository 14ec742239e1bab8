import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta, binomtest

from testiculus.base.errors import UserError
from testiculus.manifold.copies_rate import ALLOWED, allowed_rate, copy_rate, copy_threshold


@given(st.integers(0, 300), st.integers(1, 300))
def test_the_interval_is_the_exact_one(copies, n):
    copies = min(copies, n)
    distances = np.repeat([0.1, 0.9], [copies, n - copies])
    found = copy_rate(distances, 0.5)
    expected = binomtest(copies, n).proportion_ci(0.95, method="exact")
    assert (found.copies, found.n, found.rate) == (copies, n, copies / n)
    np.testing.assert_allclose((found.low, found.high), tuple(expected), atol=1e-12)


def test_a_distance_at_the_threshold_is_a_copys():
    assert copy_rate(np.array([0.2, 0.5, 0.6]), 0.5).copies == 2


def test_no_images_have_no_rate_and_say_nothing():
    found = copy_rate(np.array([]), 0.5)
    assert (found.copies, found.n, found.low, found.high) == (0, 0, 0.0, 1.0)
    assert np.isnan(found.rate)


@pytest.mark.parametrize(("n", "place"), [(1, 1), (98, 1), (99, 1), (198, 1), (199, 2), (999, 10)])
def test_the_threshold_is_the_order_statistic_that_lets_one_in_a_hundred_through(n, place):
    held_out = np.random.default_rng(0).permutation(np.arange(1, n + 1.0))
    assert copy_threshold(held_out) == place
    assert allowed_rate(n)[0] == place / (n + 1) <= max(ALLOWED, 1 / (n + 1))


def test_honest_images_pass_as_often_as_the_definition_says():
    """Draw both sets 4,000 times: mean and upper end of what passes are those that are told."""
    draws = np.random.default_rng(0).random((4000, 250))
    thresholds = np.array([copy_threshold(draw) for draw in draws])  # of uniforms: what passes
    mean, high = allowed_rate(250)
    assert abs(thresholds.mean() - mean) < 4 * beta(2, 249).std() / np.sqrt(4000)
    assert abs((thresholds <= high).mean() - 0.975) < 0.01


@pytest.mark.parametrize("odd", [np.array([]), np.array([np.nan]), np.ones((2, 2))])
def test_distances_that_set_no_threshold_are_refused(odd):
    with pytest.raises(UserError, match="held-out|finite"):
        copy_threshold(odd)
