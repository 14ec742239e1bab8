"""How near is a copy, and how many there are: a threshold from real images, and an exact interval.

Main functions: `copy_threshold` and `copy_rate`. Distances are relative ones, see `copies`.
"""

from dataclasses import dataclass

import numpy as np

from testiculus.base.errors import UserError

# Share of honest images that the threshold may let through. The smallest held-out distance would
# let fewer, but hangs on one image: one double among held-out and training images, or two black
# ones, and the search sees nothing. Fixed before any generator was trained.
ALLOWED = 0.01
CONFIDENCE = 0.95


@dataclass(frozen=True)
class CopyRate:
    """`copies` of `n` images, their share `rate`, and its exact interval; NaN rate where n is 0."""

    copies: int
    n: int
    rate: float
    low: float
    high: float


def copy_threshold(held_out: np.ndarray) -> float:
    """Return the distance up to which an image counts as a copy, from held-out real images'.

    `held_out` are distances (relative ones, in the search) of real images of OTHER patients to the
    training images, (n,). The threshold is the k-th smallest of them, k the largest with
    k / (n + 1) <= `ALLOWED`, at least 1. A further image that is like the held-out ones then counts
    as a copy with a chance of k / (n + 1) (`allowed_rate`; the images being exchangeable), whatever
    the distances' distribution. The held-out images that set the threshold say nothing about the
    rate of others: k of n is their share by construction. Raises `UserError` for no distance, or
    one that is not finite.

    >>> copy_threshold(np.arange(1, 300) / 300)  # the third of 299
    0.01
    """
    held_out = _checked_distances(held_out)
    if not len(held_out):
        raise UserError(
            "a threshold for copies needs held-out real images, of other patients; there are none"
        )
    return float(np.sort(held_out)[_order(len(held_out)) - 1])


def allowed_rate(n: int) -> tuple[float, float]:
    """Return the share of honest images that a threshold from n held-out ones lets through.

    First its mean k / (n + 1), then the value that it stays under with a chance of 97.5 %: for
    one set of n images the share is a draw from Beta(k, n + 1 - k), the k-th order statistic's.

    >>> [round(share, 4) for share in allowed_rate(299)]
    [0.01, 0.024]
    """
    from scipy.stats import beta

    k = _order(n)
    return k / (n + 1), float(beta.ppf(0.5 + CONFIDENCE / 2, k, n + 1 - k))


def _order(n: int) -> int:
    return max(1, int(ALLOWED * (n + 1) + 1e-9))


def copy_rate(distances: np.ndarray, threshold: float) -> CopyRate:
    """Return how many of m distances are at most `threshold`, with the exact 95 % interval.

    Clopper & Pearson (1934): `low` and `high` are the shares at which as many copies or more, and
    as many or fewer, have a chance of 2.5 %. Without images the rate is NaN, the interval [0, 1].
    Raises `UserError` for distances that are not finite, (m,).

    >>> found = copy_rate(np.array([0.1, 0.9, 0.9]), 0.5)
    >>> found.copies, found.n, round(found.low, 3), round(found.high, 3)
    (1, 3, 0.008, 0.906)
    """
    from scipy.stats import beta

    distances = _checked_distances(distances)
    k, n = int((distances <= threshold).sum()), len(distances)
    tail = (1 - CONFIDENCE) / 2
    low = float(beta.ppf(tail, k, n - k + 1)) if k else 0.0
    high = float(beta.ppf(1 - tail, k + 1, n - k)) if k < n else 1.0
    return CopyRate(k, n, k / n if n else float("nan"), low, high)


def _checked_distances(distances: np.ndarray) -> np.ndarray:
    distances = np.asarray(distances, dtype=np.float64)
    if distances.ndim != 1 or not np.isfinite(distances).all():
        raise UserError(f"distances must be finite, one per image, not {distances.shape}")
    return distances
