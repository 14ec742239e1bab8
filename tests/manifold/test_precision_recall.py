import sys
from functools import partial

import naive_manifold as naive
import numpy as np
import pytest
import torch
from hard_points import pairs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from testiculus.base.errors import UserError
from testiculus.manifold import keep, precision_recall

module = sys.modules["testiculus.manifold.precision_recall"]  # the function has its name
coverage = sys.modules["testiculus.manifold.coverage"]


def check(real, generated, k):
    found = precision_recall(real, generated, k)
    assert found.inside.tolist() == naive.manifold(real, k, generated)
    assert found.covered.tolist() == naive.manifold(generated, k, real)
    assert found.precision == found.inside.mean() and found.recall == found.covered.mean()


@given(both=pairs(), k=st.integers(1, 4))
def test_membership_is_that_of_loops_over_single_distances(both, k):
    check(*both, min(k, len(both[0]) - 1, len(both[1]) - 1))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(both=pairs(), k=st.integers(1, 4))
def test_membership_is_the_same_by_coarse_products_and_in_many_blocks(both, k, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(module, "NUMBERS_AT_ONCE", 90)
        patch.setattr(coverage, "NUMBERS_AT_ONCE", 70)
        patch.setattr(coverage, "FEWEST", 2)
        patch.setattr(module, "clouds", partial(module.clouds, coarse=True))
        check(*both, min(k, len(both[0]) - 1, len(both[1]) - 1))


def structured(random, n, dimensions, width=40):
    """Return points of few dimensions in a wider space, as encoders' features are."""
    plane = np.random.default_rng(5).normal(size=(dimensions, width))
    points = random.normal(size=(n, dimensions)) @ plane + 0.1 * random.normal(size=(n, width))
    return np.maximum(points, 0).astype(np.float32)


@pytest.mark.parametrize("dimensions", [1, 4, 40])
@pytest.mark.parametrize("coarse", [False, True])
def test_recall_of_many_images_is_that_of_all_distances(dimensions, coarse, monkeypatch):
    random = np.random.default_rng(dimensions)
    real, generated = (structured(random, n, dimensions) for n in (120, 900))
    monkeypatch.setattr(module, "clouds", partial(module.clouds, coarse=coarse))
    found = precision_recall(real, generated, 3)
    reach = np.sort(cdist(generated, generated).astype(np.float32), axis=1)[:, 3]
    expected = (cdist(generated, real).astype(np.float32) <= reach[:, None]).any(axis=0)
    assert 0 < expected.sum() < len(real)
    np.testing.assert_array_equal(found.covered, expected)


def test_few_of_the_generated_radii_are_computed(monkeypatch):
    random = np.random.default_rng(0)
    rows = []
    take = coverage._Search.take
    monkeypatch.setattr(
        coverage._Search,
        "take",
        lambda self, places: rows.append(len(places)) or take(self, places),
    )
    precision_recall(structured(random, 60, 6), structured(random, 3000, 6), 3)
    assert sum(rows) < 600


def test_a_tight_fake_cluster_in_a_wide_real_cloud_has_high_precision_and_low_recall():
    random = np.random.default_rng(0)
    real = random.normal(size=(300, 8))
    cluster = real.mean(axis=0) + 0.01 * random.normal(size=(200, 8))
    found = precision_recall(real, cluster)
    assert found.precision == 1.0 and found.recall < 0.05
    swapped = precision_recall(cluster, real)
    assert swapped.precision < 0.05 and swapped.recall == 1.0


def test_shares_are_those_of_torch_fidelity_whose_first_set_is_the_generated_one():
    from torch_fidelity.metric_prc import calculate_precision_recall_full

    random = np.random.default_rng(3)
    real, generated = structured(random, 150, 5), 0.9 * structured(random, 400, 5)
    ours = precision_recall(real, generated, 3)
    theirs = calculate_precision_recall_full(*map(torch.from_numpy, (generated, real)), 3)
    assert 0.1 < ours.precision < 1 and 0.1 < ours.recall < 1
    assert ours.precision != ours.recall
    np.testing.assert_allclose((ours.precision, ours.recall), theirs, rtol=1e-6)


def test_the_filter_with_the_metric_s_own_k_keeps_what_precision_counts():
    random = np.random.default_rng(4)
    real, generated = structured(random, 80, 5), structured(random, 90, 5)
    np.testing.assert_array_equal(
        precision_recall(real, generated, 3).inside, keep(real, generated, 3)
    )


def test_identical_generated_images_cover_only_a_real_image_identical_to_them():
    real = np.random.default_rng(0).normal(size=(20, 4))
    found = precision_recall(real, np.repeat(real[7:8], 50, axis=0))
    assert found.precision == 1.0 and np.flatnonzero(found.covered).tolist() == [7]
    elsewhere = precision_recall(real, np.repeat(real[7:8] + 1e-4, 50, axis=0))
    assert elsewhere.precision == 1.0 and elsewhere.recall == 0.0


def test_the_same_set_twice_has_precision_and_recall_one():
    x = np.random.default_rng(0).normal(size=(50, 4))
    found = precision_recall(x, x)
    assert (found.precision, found.recall) == (1.0, 1.0)


@pytest.mark.parametrize(
    ("real", "generated", "said"),
    [
        (np.eye(9), np.eye(9)[:1], "k = 3 neighbours of each of 1 generated images"),
        (np.eye(9), np.eye(9)[:3], "k = 3 neighbours of each of 3 generated images"),
        (np.eye(9)[:3], np.eye(9), "k = 3 neighbours of each of 3 real images"),
        (np.eye(9), np.eye(9)[:0], "generated images are none"),
        (np.eye(9)[:0], np.eye(9), "real images are none"),
        (np.eye(9), np.eye(8), "different widths cannot be compared: 9 and 8"),
        (np.eye(9), np.full((9, 9), np.nan), "generated images hold values that are not finite"),
    ],
)
def test_sets_that_have_no_precision_or_recall_are_refused(real, generated, said):
    with pytest.raises(UserError, match=said):
        precision_recall(real, generated)
