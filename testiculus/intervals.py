"""Intervals: how sure a difference between two rows of a table is, and what could be resolved.

`corrected_resampled_interval` judges differences paired over cross-validation runs, whose training
sets overlap (Nadeau & Bengio 2003, "Inference for the generalization error", Machine Learning 52);
`patient_bootstrap` resamples patients and leaves the trained models as they are. The first says how
a claim would fare with other folds and seeds, the second how it would fare with other patients.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

CONFIDENCE = 0.95
BOOTSTRAP_DRAWS = 2000  # percentile bounds at 95 % then rest on 50 draws in each tail
ROUNDING = 1e-12  # fractions closer than this are equal: 0.9 - 0.8 and 0.8 - 0.7 differ by 1e-16
DRAWS_AT_ONCE = 256  # bounds the memory of a bootstrap to 256 x images weights


@dataclass(frozen=True)
class Interval:
    """An effect with its interval, in the unit of the values it was computed from.

    `n` counts what the interval rests on: paired runs, or patients. `resolvable` is half its width,
    the smallest difference that an interval this wide would have told from zero. Bounds and
    `resolvable` are NaN where nothing can be said; `note` then says why.
    """

    effect: float
    low: float
    high: float
    n: int
    resolvable: float
    note: str = ""


def corrected_resampled_interval(
    values: Sequence[float] | np.ndarray, *, ratio: float, confidence: float = CONFIDENCE
) -> Interval:
    """Return the mean of `values` (one per run) with its corrected resampled t interval.

    `values` are paired differences (or scores) of J cross-validation runs; NaN marks a run without
    a value and is left out, with a note. `ratio` is n_test / n_train: 1 / (K - 1) for K folds. The
    variance of the mean is taken as s^2 (1/J + ratio), with s^2 over J - 1, and the t distribution
    has J - 1 degrees of freedom (Nadeau & Bengio 2003, section 4). The plain t interval would leave
    the ratio out and be far too narrow, because the runs share their data.

    One run alone has no spread: its bounds are NaN. Differences that are all zero (within
    `ROUNDING`) give exactly [0, 0]. Differences that are all equal but not zero give NaN bounds: on
    so few or such small test sets a spread of zero is a failure to measure it. Raises
    ValueError for a ratio that is not positive, a confidence outside (0, 1) or an infinite value.

    >>> interval = corrected_resampled_interval([0.01, 0.03, 0.02], ratio=0.5)
    >>> round(interval.effect, 3), round(interval.low, 3), round(interval.high, 3), interval.n
    (0.02, -0.019, 0.059, 3)
    """
    values = np.asarray(values, dtype=np.float64).ravel()
    _check(values, ratio, confidence)
    missing = int(np.isnan(values).sum())
    note = f"{missing} of {len(values)} runs have no value" if missing else ""
    values = values[~np.isnan(values)]
    if len(values) < 2:
        effect = float(values[0]) if len(values) else float("nan")
        reason = "one run alone has no spread" if len(values) else "no run has a value"
        return _unbounded(effect, len(values), _joined(note, reason))
    effect, spread = float(values.mean()), float(values.std(ddof=1))
    if np.ptp(values) < ROUNDING:
        if abs(effect) < ROUNDING:
            return Interval(0.0, 0.0, 0.0, len(values), 0.0, _joined(note, "equal in every run"))
        return _unbounded(effect, len(values), _joined(note, "all runs differ by the same amount"))
    from scipy.stats import t

    quantile = float(t.ppf(0.5 + confidence / 2, len(values) - 1))
    half = quantile * spread * float(np.sqrt(1 / len(values) + ratio))
    return Interval(effect, effect - half, effect + half, len(values), half, note)


def patient_bootstrap(
    statistic: Callable[[np.ndarray], np.ndarray],
    patients: Sequence[str] | np.ndarray,
    *,
    seed: int,
    draws: int = BOOTSTRAP_DRAWS,
    confidence: float = CONFIDENCE,
) -> Interval:
    """Return `statistic` with its percentile interval over resampled patients.

    `patients` names the patient of each of N images. `statistic` takes weights, float64
    draws x N (how often each image is in the draw; all images of a patient weigh the same), and
    returns float64 (draws,); the effect is its value at weights of one. Same seed, same interval.
    Draws where the statistic is NaN are left out, with a note. With one patient, or an effect that
    is NaN, the bounds are NaN. Raises ValueError for no image, fewer than one draw or a confidence
    outside (0, 1).
    """
    codes = np.unique(np.asarray(patients), return_inverse=True)[1].ravel()
    if len(codes) == 0 or draws < 1 or not 0 < confidence < 1:
        raise ValueError(
            f"a bootstrap needs images, draws >= 1 and a confidence in (0, 1): "
            f"{len(codes)} images, draws={draws}, confidence={confidence}"
        )
    effect = float(statistic(np.ones((1, len(codes))))[0])
    number = int(codes.max()) + 1
    if np.isnan(effect):
        return _unbounded(effect, number, "not defined on these images")
    if number == 1:
        return _unbounded(effect, 1, "one patient alone cannot be resampled")
    values = _bootstrap_values(statistic, codes, number, seed, draws)
    undefined = int(np.isnan(values).sum())
    if undefined == draws:
        return _unbounded(effect, number, "not defined on any bootstrap draw")
    note = f"not defined on {undefined} of {draws} bootstrap draws" if undefined else ""
    tail = (1 - confidence) / 2
    low, high = np.quantile(values[~np.isnan(values)], [tail, 1 - tail])
    return Interval(effect, float(low), float(high), number, float(high - low) / 2, note)


def _bootstrap_values(statistic, codes, number, seed, draws) -> np.ndarray:
    """Return the statistic on `draws` resamples of the patients, a chunk of draws at a time."""
    generator = np.random.default_rng(seed)
    chances = np.full(number, 1 / number)
    values = []
    for start in range(0, draws, DRAWS_AT_ONCE):
        size = min(DRAWS_AT_ONCE, draws - start)
        weights = generator.multinomial(number, chances, size=size)[:, codes]
        values.append(np.asarray(statistic(weights.astype(np.float64)), dtype=np.float64))
    return np.concatenate(values)


def _unbounded(effect: float, n: int, note: str) -> Interval:
    nan = float("nan")
    return Interval(effect, nan, nan, n, nan, note)


def _joined(*notes: str) -> str:
    return "; ".join(note for note in notes if note)


def _check(values: np.ndarray, ratio: float, confidence: float) -> None:
    if not (ratio > 0 and np.isfinite(ratio)):
        raise ValueError(f"ratio is n_test / n_train and must be positive, not {ratio!r}")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie in (0, 1), not {confidence!r}")
    if np.isinf(values).any():
        raise ValueError("a value is infinite")
