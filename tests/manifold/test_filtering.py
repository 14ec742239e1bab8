import naive_manifold as naive
import numpy as np
import pytest
from hard_points import pairs
from hypothesis import given
from hypothesis import strategies as st

from testiculus.base.devices import generator
from testiculus.base.errors import UserError
from testiculus.manifold import keep, keep_at_random, sweep


@given(both=pairs(), k=st.integers(1, 8))
def test_the_filter_keeps_what_the_thesis_algorithm_keeps(both, k):
    real, generated = both
    k = min(k, len(real) - 1)
    assert keep(real, generated, k).tolist() == naive.manifold(real, k, generated)


@given(both=pairs(fewest=9))
def test_a_sweep_is_the_filter_for_every_k_and_keeps_more_with_more_neighbours(both):
    ks = [5, 1, 8, 2]
    found = sweep(*both, ks)
    for kept, k in zip(found, ks, strict=True):
        np.testing.assert_array_equal(kept, keep(*both, k))
    in_order = found[np.argsort(ks)]
    assert (in_order[:-1] <= in_order[1:]).all()


def test_one_generated_image_is_kept_or_not():
    real = np.random.default_rng(0).normal(size=(30, 3))
    assert keep(real, real[:1] + 1e-3, 5).tolist() == [True]
    assert keep(real, real[:1] + 100, 5).tolist() == [False]


def test_a_k_not_smaller_than_the_number_of_real_images_is_refused():
    with pytest.raises(UserError, match="k = 50 neighbours of each of 50 real images"):
        keep(np.eye(50), np.eye(50), 50)
    with pytest.raises(UserError, match="k = 60 .* 50 real images"):
        sweep(np.eye(50), np.eye(50), [3, 60])


@pytest.mark.parametrize(
    ("real", "generated", "ks", "said"),
    [
        (np.eye(5), np.eye(5), [], "at least one k"),
        (np.eye(5), np.eye(4), [1], "different widths"),
        (np.eye(5), np.eye(5)[:0], [1], "generated images are none"),
    ],
)
def test_a_sweep_of_nothing_is_refused(real, generated, ks, said):
    with pytest.raises(UserError, match=said):
        sweep(real, generated, ks)


def test_a_random_filter_keeps_the_number_asked_for_and_repeats():
    first = keep_at_random(100, 46, generator("filter", 0))
    assert first.sum() == 46 and first.dtype == bool and first.shape == (100,)
    np.testing.assert_array_equal(first, keep_at_random(100, 46, generator("filter", 0)))
    assert (first != keep_at_random(100, 46, generator("filter", 1))).any()


def test_every_image_is_kept_at_random_alike_often():
    random = generator("alike")
    often = np.mean([keep_at_random(10, 3, random) for _ in range(4000)], axis=0)
    np.testing.assert_allclose(often, 0.3, atol=0.04)  # 5.5 standard errors


def test_none_and_all_can_be_kept_at_random_and_no_more():
    assert not keep_at_random(5, 0, generator(0)).any()
    assert keep_at_random(5, 5, generator(0)).all()
    for kept in (-1, 6):
        with pytest.raises(UserError, match="cannot be kept"):
            keep_at_random(5, kept, generator(0))
