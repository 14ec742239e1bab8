import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from testiculus.intervals import corrected_resampled_interval, patient_bootstrap


def mean_of(values):
    """The weighted mean, a statistic as the bootstrap wants it."""
    return lambda weights: weights @ values / weights.sum(axis=1)


def test_without_shared_data_it_is_the_plain_t_interval():
    values = np.random.default_rng(0).normal(0.02, 0.05, 12)

    found = corrected_resampled_interval(values, ratio=1e-12)

    low, high = stats.t.interval(0.95, 11, values.mean(), stats.sem(values))
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-9)


def test_two_runs_by_hand():
    """d = 0, 2: mean 1, s^2 = 2, variance 2 (1/2 + 1/2) = 2, t(1 df, 0.975) = tan(0.475 pi)."""
    found = corrected_resampled_interval([0.0, 2.0], ratio=0.5)

    half = math.tan(0.475 * math.pi) * math.sqrt(2)
    assert found.effect == 1 and found.n == 2
    assert (found.low, found.high) == pytest.approx((1 - half, 1 + half))
    assert found.resolvable == pytest.approx(half)


@given(
    st.lists(st.floats(-1, 1).map(lambda x: round(x, 3)), min_size=2, max_size=15),
    st.floats(-0.5, 0.5).map(lambda x: round(x, 3)),
)
def test_shifting_every_run_shifts_the_interval(values, shift):
    if len(set(values)) < 2:
        return
    before = corrected_resampled_interval(values, ratio=0.5)
    after = corrected_resampled_interval(np.add(values, shift), ratio=0.5)

    assert after.low == pytest.approx(before.low + shift, abs=1e-9)
    assert after.resolvable == pytest.approx(before.resolvable, abs=1e-9)


def test_it_covers_where_the_plain_interval_does_not():
    """Runs share data: correlation rho = n_test / n, for which the correction is exact."""
    generator, rho, runs, repeats = np.random.default_rng(1), 1 / 3, 12, 1500
    shared = generator.normal(size=(repeats, 1))
    own = generator.normal(size=(repeats, runs))
    samples = np.sqrt(rho) * shared + np.sqrt(1 - rho) * own
    corrected = [corrected_resampled_interval(s, ratio=rho / (1 - rho)) for s in samples]
    plain = [corrected_resampled_interval(s, ratio=1e-12) for s in samples]

    assert np.mean([i.low < 0 < i.high for i in corrected]) == pytest.approx(0.95, abs=0.017)
    assert np.mean([i.low < 0 < i.high for i in plain]) < 0.65


def test_runs_without_a_value_are_left_out_and_counted():
    with_gap = corrected_resampled_interval([0.1, np.nan, 0.3], ratio=0.5)
    without = corrected_resampled_interval([0.1, 0.3], ratio=0.5)

    assert with_gap.low == without.low and with_gap.n == 2
    assert with_gap.note == "1 of 3 runs have no value"


@pytest.mark.parametrize(
    ("values", "effect", "note"),
    [
        ([], math.nan, "no run has a value"),
        ([math.nan], math.nan, "no run has a value"),
        ([0.2], 0.2, "one run alone"),
        ([0.2, 0.2, 0.2], 0.2, "same amount"),
    ],
)
def test_where_there_is_no_spread_there_are_no_bounds(values, effect, note):
    found = corrected_resampled_interval(values, ratio=0.5)

    assert found.effect == pytest.approx(effect, nan_ok=True)
    assert math.isnan(found.low) and math.isnan(found.high) and math.isnan(found.resolvable)
    assert note in found.note


def test_rows_equal_in_every_run_differ_by_exactly_zero():
    found = corrected_resampled_interval([0.0, 0.0, 0.0], ratio=0.5)

    assert (found.low, found.high, found.resolvable) == (0, 0, 0)
    assert found.note


def test_differences_equal_but_for_rounding_have_no_bounds():
    values = [0.9 - 0.8, 0.7 - 0.6, 0.8 - 0.7]
    assert len(set(values)) > 1

    found = corrected_resampled_interval(values, ratio=0.5)

    assert found.effect == pytest.approx(0.1)
    assert math.isnan(found.low) and "same amount" in found.note


def test_differences_that_are_zero_but_for_rounding_are_exactly_zero():
    values = [0.1 + 0.2 - 0.3, 0.0, 0.3 - 0.2 - 0.1]
    assert len(set(values)) > 1

    found = corrected_resampled_interval(values, ratio=0.5)

    assert (found.effect, found.low, found.high, found.resolvable) == (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("values", "options"),
    [
        ([1, 2], {"ratio": 0}),
        ([1, 2], {"ratio": 0.5, "confidence": 1}),
        ([1, math.inf], {"ratio": 1}),
    ],
)
def test_misuse_is_refused(values, options):
    with pytest.raises(ValueError):
        corrected_resampled_interval(values, **options)


def test_bootstrap_equals_a_naive_loop_over_resampled_patients():
    generator = np.random.default_rng(3)
    patients = np.repeat(["a", "b", "c", "d", "e"], [1, 4, 2, 3, 2])
    values = generator.normal(size=len(patients))
    found = patient_bootstrap(mean_of(values), patients, seed=5, draws=300)

    drawn = np.random.default_rng(5).multinomial(5, [0.2] * 5, size=256)
    drawn = np.concatenate([drawn, np.random.default_rng(5).multinomial(5, [0.2] * 5, 300)[256:]])
    naive = []
    for counts in drawn:
        picked = [
            value
            for name, times in zip("abcde", counts, strict=True)
            for _ in range(times)
            for value in values[patients == name]
        ]
        naive.append(np.mean(picked))
    assert found.effect == pytest.approx(values.mean())
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(naive, [0.025, 0.975])))
    assert found.n == 5 and found.resolvable == pytest.approx((found.high - found.low) / 2)


def test_same_seed_same_interval_other_seed_another():
    patients, values = np.arange(40), np.random.default_rng(0).normal(size=40)
    first, again, other = (
        patient_bootstrap(mean_of(values), patients, seed=seed, draws=400) for seed in (1, 1, 2)
    )

    assert first == again and first.low != other.low


def test_one_image_a_patient_gives_the_textbook_standard_error():
    values = np.random.default_rng(0).normal(size=400)
    found = patient_bootstrap(mean_of(values), np.arange(400), seed=0)

    assert found.high - found.low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.08)


def test_images_of_a_patient_count_as_one_when_they_agree():
    """Four copies of every image carry no more information than one."""
    values = np.random.default_rng(0).normal(size=100)
    single = patient_bootstrap(mean_of(values), np.arange(100), seed=0, draws=500)
    copied = patient_bootstrap(
        mean_of(np.repeat(values, 4)), np.repeat(np.arange(100), 4), seed=0, draws=500
    )

    assert (copied.low, copied.high) == pytest.approx((single.low, single.high))


def test_draws_without_the_statistic_are_left_out_and_counted():
    rare = np.array([1.0, 0, 0, 0])

    def share(weights):
        with np.errstate(invalid="ignore"):
            return (weights @ rare) / (weights @ rare)

    found = patient_bootstrap(share, np.arange(4), seed=0, draws=200)

    assert (found.low, found.high) == (1, 1)
    assert "of 200 bootstrap draws" in found.note


@pytest.mark.parametrize(("value", "patients"), [(1.0, ["a", "a"]), (math.nan, ["a", "b"])])
def test_one_patient_or_no_effect_has_no_bounds(value, patients):
    found = patient_bootstrap(lambda w: np.full(len(w), value), patients, seed=0, draws=10)

    assert math.isnan(found.low) and found.note


def test_a_bootstrap_of_nothing_is_refused():
    with pytest.raises(ValueError, match="0 images"):
        patient_bootstrap(lambda w: w.sum(axis=1), [], seed=0)
