"""Do generated images copy more often than held-out real ones: a difference of two shares.

Real images that the generator never saw set the level: they too can look like a training image.
`newcombe_interval` bounds the difference of the two shares, `verdict_of_no_more` reads it, and
Fisher's exact test stands in the note beside it.
"""

from dataclasses import replace

import numpy as np
import pandas as pd

from testiculus.claims.verdicts import (
    CONTRADICTED,
    NOT_RESOLVED,
    SUPPORTED,
    Outcome,
    decided_by,
    joined,
    untestable,
)
from testiculus.intervals import CONFIDENCE, Interval

# "No more often" is supported where more than this is ruled out: one image in a hundred. Zero
# cannot be ruled out by any number of images, so a margin is needed; fixed here, once.
COPY_MARGIN = 0.01
CLUSTERED = "images of one patient are counted as independent"


def newcombe_interval(
    first: int, n_first: int, second: int, n_second: int, confidence: float = CONFIDENCE
) -> Interval:
    """Return first / n_first - second / n_second with its hybrid score interval.

    Method 10 of Newcombe 1998 (Statistics in Medicine 17, 873-890): the Wilson limits of both
    shares, combined. It stays within -1 and 1 and has a width where both counts are 0, as counts
    of copies should be. `n` of the interval is n_first + n_second. Raises ValueError for a count
    outside 0..n or no image.

    >>> found = newcombe_interval(56, 70, 48, 80)
    >>> round(found.effect, 4), round(found.low, 4), round(found.high, 4)
    (0.2, 0.0524, 0.3339)
    """
    (share1, low1, high1), (share2, low2, high2) = (
        _wilson(count, n, confidence) for count, n in ((first, n_first), (second, n_second))
    )
    effect = share1 - share2
    low = effect - float(np.hypot(share1 - low1, high2 - share2))
    high = effect + float(np.hypot(high1 - share1, share2 - low2))
    return Interval(effect, low, high, n_first + n_second, (high - low) / 2)


def _wilson(count: int, n: int, confidence: float) -> tuple[float, float, float]:
    """Return a share with its Wilson score limits."""
    if n < 1 or not 0 <= count <= n:
        raise ValueError(f"{count} of {n} is no share")
    from scipy.stats import norm

    z, share = float(norm.ppf(0.5 + confidence / 2)), count / n
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * float(np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))) / (1 + z**2 / n)
    return share, max(0.0, middle - half), min(1.0, middle + half)


def verdict_of_no_more(interval: Interval, margin: float = COPY_MARGIN) -> str:
    """Return the verdict on "no more often", of an interval of (real - generated).

    contradicted if the whole interval is below zero: generated images copy more often, by however
    little. supported if it is not and ends above -`margin`. not resolved otherwise. This is
    stricter than standing in for something within a margin: a small excess that is sure is one.

    >>> verdict_of_no_more(Interval(0.0, -0.004, 0.005, 1784, 0.0045))
    'supported'
    >>> verdict_of_no_more(Interval(-0.005, -0.006, -0.004, 40000, 0.001))
    'contradicted'
    """
    if interval.high < 0:
        return CONTRADICTED
    return SUPPORTED if interval.low > -margin else NOT_RESOLVED


def compare_copies(copies: pd.DataFrame, subject: str, held_out: str) -> Outcome:
    """Return whether `subject` copies no more often than `held_out`; one space's rows of copies.

    The effect is the share of copies among held-out real images minus that among the subject's, so
    that it is negative where the generator copies. A subject whose name only begins with
    `held_out` is taken too: where no further real images are there, it says what stands for them.
    """
    counts = []
    for name in (held_out, subject):
        rows = copies[copies["subject"].str.startswith(name)]
        if not (rows["n"] >= 1).any():
            return untestable(f"no {name} images were searched for copies")
        counts.append(
            (int(rows["copies"].iloc[0]), int(rows["n"].iloc[0]), rows["subject"].iloc[0])
        )
    (real, n_real, real_name), (found, n_found, name) = counts
    interval = newcombe_interval(real, n_real, found, n_found)
    note = joined(
        f"{found:,} of {n_found:,} {name} and {real:,} of {n_real:,} {real_name} images copy",
        "Newcombe's interval of the difference",
        f"Fisher's exact test, one-sided: p = {_fisher(found, n_found, real, n_real):.3g}",
        f"no more means within {100 * COPY_MARGIN:g} points",
        CLUSTERED,
    )
    return replace(decided_by(interval), verdict=verdict_of_no_more(interval), note=note)


def _fisher(found: int, n_found: int, real: int, n_real: int) -> float:
    """Return the chance of as many copies or more if both kinds copied equally often."""
    from scipy.stats import fisher_exact

    table = [[found, n_found - found], [real, n_real - real]]
    return float(fisher_exact(table, alternative="greater").pvalue)
