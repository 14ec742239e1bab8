import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import hyp0f1

from testiculus.base.errors import UserError
from testiculus.representation import alignment, plane, uniformity


def on_sphere(n: int, d: int, seed: int = 0) -> np.ndarray:
    x = np.random.default_rng(seed).normal(size=(n, d))
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def uniformity_as_written(x: np.ndarray, t: float) -> float:
    """The definition, pair by pair."""
    terms = []
    for i in range(len(x)):
        for j in range(len(x)):
            if i != j:
                terms.append(np.exp(-t * np.linalg.norm(x[i] - x[j]) ** 2))
    return float(np.log(np.mean(terms)))


def test_alignment_of_three_pairs_worked_by_hand():
    a = np.array([[1.0, 0.0], [0.0, 5.0], [3.0, 4.0]])
    b = np.array([[2.0, 0.0], [1.0, 0.0], [4.0, 3.0]])
    # on the circle: 0; (0,1) to (1,0): 2; (.6,.8) to (.8,.6): .08
    assert alignment(a, b) == pytest.approx((0 + 2 + 0.08) / 3)


def test_uniformity_of_three_vectors_worked_by_hand():
    x = np.array([[1.0, 0.0], [0.0, 1.0], [-2.0, 0.0]])  # squared distances 2, 2, 4
    assert uniformity(x, t=1) == pytest.approx(np.log((2 * np.exp(-2) + np.exp(-4)) / 3))


@settings(max_examples=25, deadline=None)
@given(n=st.integers(2, 12), d=st.integers(1, 6), t=st.floats(0.1, 5), seed=st.integers(0, 999))
def test_uniformity_equals_the_definition_written_out_pair_by_pair(n, d, t, seed):
    x = on_sphere(n, d, seed)
    assert uniformity(x, t) == pytest.approx(uniformity_as_written(x, t), abs=1e-9)


def test_uniformity_in_chunks_equals_uniformity_at_once():
    x = on_sphere(1100, 5)  # more than two chunks
    squares = 2 - 2 * x @ x.T
    pairs = np.exp(-2 * squares[~np.eye(1100, dtype=bool)])
    assert uniformity(x) == pytest.approx(np.log(pairs.mean()), abs=1e-9)


@pytest.mark.parametrize("d", [3, 16, 128])
def test_an_even_cloud_has_the_closed_form_of_the_sphere(d):
    """E exp(2 t cos) over the sphere is 0F1(d / 2; t^2): the von Mises-Fisher constant."""
    x = on_sphere(3000, d)
    assert uniformity(x) == pytest.approx(-4 + np.log(hyp0f1(d / 2, 4.0)), abs=0.02)
    assert alignment(x, on_sphere(3000, d, seed=1)) == pytest.approx(2, abs=0.05)


def test_vectors_that_fall_together_are_aligned_and_not_uniform():
    x = np.ones((5, 4), dtype=np.float32)
    assert uniformity(x) == pytest.approx(0, abs=1e-12)
    assert alignment(x, 7 * x) == pytest.approx(0, abs=1e-12)


def test_length_order_and_rotation_change_nothing():
    random = np.random.default_rng(3)
    a, b, order = on_sphere(20, 6, 1), on_sphere(20, 6, 2), random.permutation(20)
    turn = np.linalg.qr(random.normal(size=(6, 6)))[0]
    stretch = random.uniform(0.1, 9, size=(20, 1))
    assert alignment((stretch * a)[order] @ turn, b[order] @ turn) == pytest.approx(alignment(a, b))
    assert uniformity((stretch * a)[order] @ turn) == pytest.approx(uniformity(a))


def test_half_precision_tensors_that_carry_gradients_are_taken():
    x = torch.tensor(on_sphere(8, 4), dtype=torch.bfloat16, requires_grad=True)
    assert uniformity(x) == uniformity(x.detach().float().numpy())


@pytest.mark.parametrize("bad", [np.zeros((3, 2)), np.full((3, 2), np.nan), np.ones(3)])
def test_vectors_without_a_direction_are_refused(bad):
    with pytest.raises(UserError):
        uniformity(bad)
    with pytest.raises(UserError):
        alignment(bad, bad)


def test_too_few_vectors_unequal_views_and_a_wrong_t_are_refused():
    with pytest.raises(UserError, match="two vectors"):
        uniformity(np.ones((1, 3)))
    with pytest.raises(UserError, match="t > 0"):
        uniformity(np.eye(3), t=0)
    with pytest.raises(UserError, match="differ in shape"):
        alignment(np.eye(3), np.eye(3)[:2])


def test_the_plane_keeps_clusters_apart_and_repeats_itself():
    random = np.random.default_rng(0)
    groups = np.repeat([0, 1, 2], 20)
    x = random.normal(size=(60, 30)) + 20 * np.eye(30)[groups]
    found = plane(x, seed=4)
    assert found.shape == (60, 2) and found.dtype == np.float32
    np.testing.assert_array_equal(found, plane(x, seed=4))
    distances = np.linalg.norm(found[:, None] - found[None], axis=2) + 1e9 * np.eye(60)
    assert (groups[distances.argmin(axis=1)] == groups).all()


@pytest.mark.parametrize("shape", [(9, 40), (4, 1), (1, 3), (2, 2)])
def test_a_plane_of_few_images_shows_their_principal_components(shape):
    x = np.random.default_rng(1).normal(size=shape)
    found = plane(x, seed=0)
    assert found.shape == (shape[0], 2) and np.isfinite(found).all()
    centred = x - x.mean(axis=0)
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    expected = (left * sizes)[:, :2]
    np.testing.assert_allclose(
        np.abs(found[:, : expected.shape[1]]), np.abs(expected), rtol=1e-5, atol=1e-6
    )


def test_a_plane_needs_finite_features():
    with pytest.raises(UserError, match="finite"):
        plane(np.full((20, 4), np.nan), seed=0)
