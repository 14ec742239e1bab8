import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import sqrtm

from testiculus.base.errors import UserError
from testiculus.manifold import frechet_distance, frechet_gaussians


def by_sqrtm(mean1, cov1, mean2, cov2):
    """Return the distance as its formula has it."""
    root = sqrtm(cov1 @ cov2)
    return ((mean1 - mean2) ** 2).sum() + np.trace(cov1 + cov2 - 2 * np.real(root))


def moments(x):
    return x.mean(axis=0), np.cov(x, rowvar=False).reshape(x.shape[1], x.shape[1])


def features(random, n, d):
    return (random.normal(size=(n, d)) @ random.normal(size=(d, d))).astype(np.float32)


@given(seed=st.integers(0, 2**32), d=st.integers(1, 8))
def test_the_distance_is_that_of_its_formula(seed, d):
    random = np.random.default_rng(seed)
    a, b = features(random, d + 20, d), features(random, d + 30, d)
    expected = by_sqrtm(*moments(a.astype(np.float64)), *moments(b.astype(np.float64)))
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-6, abs=1e-8)
    assert frechet_gaussians(*moments(a), *moments(b)) == pytest.approx(expected, rel=1e-5)


@given(
    shift=st.floats(-5, 5),
    one=st.lists(st.floats(0, 9), min_size=3, max_size=3),
    seed=st.integers(0, 99),
)
def test_gaussians_with_common_axes_have_the_closed_form(shift, one, seed):
    """Covariances that commute: |m1 - m2|^2 + sum (s1 - s2)^2, standard deviations on the axes."""
    axes = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))[0]
    s1, s2 = np.array(one), np.array([1.0, 0.0, 3.0])
    cov1, cov2 = (axes * s**2 @ axes.T for s in (s1, s2))
    found = frechet_gaussians(np.zeros(3), cov1, np.full(3, shift), cov2)
    assert found == pytest.approx(3 * shift**2 + ((s1 - s2) ** 2).sum(), abs=1e-5)


@pytest.mark.parametrize(("n", "m"), [(5, 7), (5, 40), (40, 5), (40, 30), (2, 2)])
def test_singular_covariances_are_exact(n, m):
    """Against eigenvalues of the product of the covariances, in twice as many digits' safety."""
    random = np.random.default_rng(n)
    a, b = (random.normal(size=(rows, 20)) for rows in (n, m))
    a[:, 10:] = a[:, :10]  # never of full rank
    (mean1, cov1), (mean2, cov2) = moments(a.astype(np.float32)), moments(b.astype(np.float32))
    values = np.linalg.eigvals(cov1.astype(np.float64) @ cov2).astype(complex)
    values = values[np.abs(values) > 1e-9 * np.abs(values).max()]
    expected = ((mean1 - mean2) ** 2).sum() + np.trace(cov1 + cov2) - 2 * np.sqrt(values).real.sum()
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-5)


def test_a_flat_set_against_itself_moved_is_the_move_squared():
    flat = np.outer(np.arange(4.0), np.ones(6))
    assert frechet_distance(flat, flat + 2) == pytest.approx(6 * 4, abs=1e-9)
    assert frechet_distance(flat, flat) == pytest.approx(0, abs=1e-9)


def test_identical_images_are_a_point_whose_distance_is_known():
    x = np.random.default_rng(0).normal(size=(30, 5)).astype(np.float32)
    point = np.repeat(x[:1], 8, axis=0)
    mean, cov = moments(x.astype(np.float64))
    assert frechet_distance(x, point) == pytest.approx(((mean - x[0]) ** 2).sum() + np.trace(cov))


def test_the_distance_is_symmetric_and_never_negative():
    random = np.random.default_rng(1)
    a, b = features(random, 30, 6), features(random, 12, 6)
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a))
    assert 0 <= frechet_distance(a, a) < 1e-9 * a.var()


def test_it_is_torch_fidelity_s_on_the_same_features():
    from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

    random = np.random.default_rng(2)
    a, b = (torch.from_numpy(features(random, n, 16)) for n in (300, 90))
    statistics = [fid_features_to_statistics(x) for x in (a, b)]
    theirs = fid_statistics_to_metric(*statistics, verbose=False)["frechet_inception_distance"]
    assert frechet_distance(a, b) == pytest.approx(theirs, rel=1e-5)


@pytest.mark.parametrize(
    ("a", "b", "said"),
    [
        (np.eye(3), np.eye(3)[:1], "two images of each set at least, not 3 and 1"),
        (np.eye(3), np.eye(4), "different widths"),
        (np.eye(3), np.full((3, 3), np.nan), "second features hold values that are not finite"),
        (np.eye(3)[:0], np.eye(3), "first features are none"),
    ],
)
def test_sets_without_a_distance_are_refused(a, b, said):
    with pytest.raises(UserError, match=said):
        frechet_distance(a, b)


@pytest.mark.parametrize(
    ("mean", "covariance", "said"),
    [
        (np.zeros(3), np.eye(2), "means must be"),
        (np.full(2, np.nan), np.eye(2), "means must be"),
        (np.zeros(2), np.eye(3), "must be finite and 2 x 2, not \\(3, 3\\)"),
        (np.zeros(2), np.full((2, 2), np.inf), "must be finite"),
        (np.zeros(2), np.array([[1.0, 0.5], [0.0, 1.0]]), "symmetric"),
        (np.zeros(2), np.diag([1.0, -0.1]), "no negative eigenvalue"),
    ],
)
def test_moments_that_are_no_gaussian_s_are_refused(mean, covariance, said):
    with pytest.raises(UserError, match=said):
        frechet_gaussians(mean, covariance, np.zeros(2), np.eye(2))
