import numpy as np
import pytest
import torch
from hard_points import pairs
from hypothesis import given

from testiculus.manifold.bounds import clouds, pair_distances


def all_pairs(a, b):
    i, j = np.divmod(np.arange(len(a) * len(b)), len(b))
    return pair_distances(a, i, b, j).reshape(len(a), len(b))


@pytest.mark.parametrize("coarse", [False, True])
@given(both=pairs())
def test_squared_distances_lie_between_their_bounds(coarse, both):
    first, second = clouds(*both, coarse=coarse)
    low, mine, its = first.bounds(slice(None), second, coarse)
    squared = (all_pairs(*both).astype(np.float64) * first.scale) ** 2
    high = low + mine[:, None] + its[None]
    assert (low.numpy() <= squared).all()
    assert (high.numpy() >= squared).all()


def test_bounds_of_ordinary_features_are_narrow():
    random = np.random.default_rng(0)
    both = [random.normal(size=(n, 512)).astype(np.float32) for n in (50, 60)]
    exact, rough = clouds(*both, coarse=False), clouds(*both, coarse=True)
    for (first, second), coarse, widest in ((exact, False, 3e-4), (rough, True, 0.04)):
        low, mine, its = first.bounds(slice(None), second, coarse)
        assert float(((mine[:, None] + its[None]) / low).max()) < widest


def test_bounds_hold_where_torch_may_round_products_coarsely(monkeypatch):
    narrow = clouds(np.eye(3, dtype=np.float32))[0].slack
    monkeypatch.setattr(torch, "get_float32_matmul_precision", lambda: "medium")
    assert (clouds(np.eye(3, dtype=np.float32))[0].slack > 1000 * narrow).all()


def test_a_part_of_a_cloud_has_the_bounds_of_the_whole():
    x = np.random.default_rng(0).normal(size=(9, 4)).astype(np.float32)
    (cloud,) = clouds(x, coarse=True)
    low, _, its = cloud.bounds(slice(None), cloud.part(slice(2, 5)), True)
    whole, _, every = cloud.bounds(slice(None), cloud, True)
    torch.testing.assert_close(low, whole[:, 2:5])
    torch.testing.assert_close(its, every[2:5])


def test_equal_points_have_equal_distances_wherever_they_stand():
    random = np.random.default_rng(0)
    a = random.normal(size=(300, 2048)).astype(np.float32)
    b = np.repeat(random.normal(size=(1, 2048)).astype(np.float32), 300, axis=0)
    apart = all_pairs(a, b[:7])
    assert (apart == apart[:, :1]).all()
    assert (apart == all_pairs(b[:7], a).T).all()


def test_a_distance_is_the_root_of_the_squared_differences():
    a, b = np.array([[0, 0]], dtype=np.float32), np.array([[3, 4]], dtype=np.float32)
    assert all_pairs(a, b).tolist() == [[5.0]]
