import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from testiculus.base.errors import UserError
from testiculus.experiments.fidelity_measures import Space, measured
from testiculus.experiments.filter_study import (
    apply_filter,
    filtered_frame,
    sweep_frame,
    sweep_ks,
)


def cloud(n, seed, width=6, shift=0.0):
    return np.random.default_rng(seed).normal(shift, 1, (n, width)).astype(np.float32)


@pytest.fixture(scope="module")
def space():
    chances = np.random.default_rng(3).dirichlet(np.ones(4), 30)
    generated = np.concatenate([cloud(15, 1), cloud(15, 2, shift=2.0)])
    return Space("x", "some features", False, cloud(40, 0), generated, cloud(10, 4), chances)


def naive_filter(real, generated, k):
    """Thesis, Algorithm 1, word by word."""
    kept = []
    for point in generated:
        in_a_ball = False
        for i, centre in enumerate(real):
            others = sorted(np.linalg.norm(centre - real[j]) for j in range(len(real)) if j != i)
            in_a_ball = in_a_ball or np.linalg.norm(point - centre) <= others[k - 1]
        kept.append(in_a_ball)
    return np.array(kept)


def test_the_filter_is_the_theses_algorithm_with_k_in_proportion(space):
    filtered = apply_filter(space.real, space.generated, at_880=50)
    assert filtered.k == 2  # 50 x 40 / 880
    assert np.array_equal(filtered.kept, naive_filter(space.real, space.generated, 2))


def test_the_control_keeps_the_same_number(space):
    filtered = apply_filter(space.real, space.generated)
    assert 0 < filtered.kept.sum() < len(filtered.kept)
    assert filtered.random.sum() == filtered.kept.sum()


def test_a_k_that_is_not_smaller_than_the_real_images_is_refused(space):
    with pytest.raises(UserError, match="40"):
        apply_filter(space.real, space.generated, at_880=880)


@given(real=st.integers(2, 2000), at_880=st.integers(1, 800))
def test_a_sweep_rises_holds_the_chosen_k_and_stays_below_the_real_images(real, at_880):
    ks = sweep_ks(real, at_880)
    assert list(ks) == sorted(ks) and all(1 <= k < real for k in ks)
    chosen = max(1, round(at_880 * real / 880))
    assert chosen >= real or ks[chosen] == at_880


def test_at_880_real_images_a_sweeps_k_is_what_it_is_called():
    assert all(k == at_880 for k, at_880 in sweep_ks(880, 50).items())


def test_each_line_of_a_sweep_is_the_filter_at_that_k(space):
    frame = sweep_frame(space, 50).set_index("k")
    for k, line in frame.iterrows():
        kept = naive_filter(space.real, space.generated, k)
        assert (line["kept"], line["dropped"]) == (kept.sum(), (~kept).sum())
        told = measured(space.real, space.generated[kept])
        assert all(line[name] == pytest.approx(value, nan_ok=True) for name, value in told.items())
    assert frame["kept"].is_monotonic_increasing  # balls only grow
    assert frame["score"].between(1, 4).all()
    assert frame.loc[2, "k_at_880"] == 50


def test_a_filter_that_keeps_nothing_has_no_figures_and_says_how_many(space):
    far = Space("x", "w", False, space.real, space.generated + 100, space.further)
    frame = sweep_frame(far, 50)
    assert (frame["kept"] == 0).all() and (frame["dropped"] == 30).all()
    assert frame[["frechet", "score", "precision", "recall"]].isna().all(axis=None)


def test_the_ratio_is_up_to_one_exactly_for_what_is_kept(space):
    filtered = apply_filter(space.real, space.generated)
    frame = filtered_frame(space, filtered)
    assert ((frame["ratio"] <= 1) == frame["kept"]).all()
    distances = np.linalg.norm(space.generated[:, None] - space.real[None], axis=2)
    assert np.array_equal(frame["nearest"], distances.argmin(axis=1))


def test_equal_real_images_have_balls_without_extent_that_hold_their_centre():
    real = np.zeros((6, 3), np.float32)
    generated = np.array([[0, 0, 0], [1, 0, 0]], np.float32)
    flat = Space("x", "w", False, real, generated, real[:0])
    frame = filtered_frame(flat, apply_filter(real, generated))
    assert frame["kept"].tolist() == [True, False]
    assert frame["ratio"].tolist() == [0.0, np.inf]
