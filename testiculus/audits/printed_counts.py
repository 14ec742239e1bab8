"""Which printed means can be means of counts: the GRIM test (Brown and Heathers, 2017).

An accuracy is a count of right answers over a number of images, and a mean of accuracies over runs
is a count over some denominator. Printed with enough decimals, not every figure is such a ratio.
`reachable` tells for one mean; `excess_over_chance` for many, against what chance would give.
Only accuracy can be tested this way: the denominators of precision and F1 change from run to run.
"""

from collections.abc import Iterable, Mapping
from math import gcd, lcm

import numpy as np
import pandas as pd

from testiculus.audits.printed import DIGITS, by_row
from testiculus.base.errors import UserError


def averaged_denominator(sizes: Iterable[int], seeds: int) -> int:
    """Return the denominator of a mean accuracy over all runs, one per fold and seed.

    `sizes` are the numbers of images scored in each fold: the mean is then a multiple of
    1 / (folds x seeds x lcm(sizes)). Folds of different sizes make it so large that any printed
    figure is reachable; folds of one size do not.

    >>> averaged_denominator((256, 256, 256), seeds=4), averaged_denominator((292, 292, 296), 4)
    (3072, 259296)
    """
    sizes = [int(size) for size in sizes]
    if not sizes or min(sizes) < 1 or seeds < 1:
        raise UserError(f"no accuracy has a denominator of folds {sizes} and {seeds} seeds")
    return len(sizes) * seeds * lcm(*sizes)


def reachable(mean: float, denominator: int, digits: int = DIGITS) -> bool:
    """Return whether some count over `denominator` rounds to the printed `mean` (a fraction).

    A count just halfway rounds either way. Reckoned in integers, so that nothing is lost.

    >>> reachable(0.8678, 3072), reachable(0.8678, 3520)
    (True, False)
    """
    return bool(_reached(round(mean * 10**digits), denominator, digits))


def _reached(printed, denominator, digits: int):
    """Return the answer of `reachable` for integers, or arrays of them that broadcast.

    `printed` is in units of the last decimal.
    """
    unit = 10**digits
    count = -((1 - 2 * printed) * denominator // (2 * unit))  # the smallest that rounds so high
    return 2 * unit * count <= (2 * printed + 1) * denominator


def chance_reachable(denominator: int, digits: int = DIGITS) -> float:
    """Return the share of all printable fractions from 0 to 1 that `denominator` can reach.

    A count reaches one printed figure, or both neighbours where it lies just halfway.

    >>> round(chance_reachable(3072), 3), chance_reachable(20_000)
    (0.309, 1.0)
    """
    unit = 10**digits
    if denominator >= unit:
        return 1.0
    common = gcd(2 * unit, denominator)
    halfway = (common + 1) // 2 if (2 * unit // common) % 2 else 0
    return min(1.0, (denominator + 1 + halfway) / (unit + 1))


def excess_over_chance(
    means: Iterable[float], denominator: int, digits: int = DIGITS
) -> dict[str, float]:
    """Return how many of the distinct `means` are reachable, and how surprising that is.

    Keys: reachable, of (distinct means), expected (by chance), p: the chance of so many or more if
    the last digits had nothing to do with `denominator`. A p of 1 says only that the denominator
    reaches everything.
    """
    found, of, tails = _tails(means, [denominator], digits)
    expected = chance_reachable(denominator, digits) * of
    return {"reachable": int(found[0]), "of": of, "expected": expected, "p": float(tails[0])}


def denominators_as_unusual(
    means: Iterable[float], denominator: int, others: Iterable[int], digits: int = DIGITS
) -> int:
    """Return how many of `others` explain `means` with a chance as small as `denominator`'s.

    A guard against having looked at many: a denominator of interest should be among few. Itself is
    not counted.
    """
    each = [denominator, *(other for other in others if other != denominator)]
    _, _, tails = _tails(means, each, digits)
    return int((tails[1:] <= tails[0]).sum())


def _tails(
    means: Iterable[float], denominators: list[int], digits: int
) -> tuple[np.ndarray, int, np.ndarray]:
    """Return, by denominator, how many distinct means it reaches, of how many, and the chance.

    Means are taken once: one figure printed twice is no second witness. The chance is binomial, of
    as many or more.
    """
    from scipy.stats import binom

    distinct = np.array(sorted({round(mean * 10**digits) for mean in means}), dtype=np.int64)
    found = _reached(distinct, np.array(denominators, dtype=np.int64)[:, None], digits).sum(axis=1)
    shares = np.array([chance_reachable(one, digits) for one in denominators])
    return found, len(distinct), np.asarray(binom.sf(found - 1, len(distinct), shares))


def reachable_means(
    table: pd.DataFrame,
    denominators: Mapping[str, int],
    metric: str = "accuracy",
    digits: int = DIGITS,
) -> pd.DataFrame:
    """Return, for every row with `metric`, whether each denominator reaches its mean.

    Columns: row, mean, then one of bool for each name in `denominators`.
    """
    means = by_row(table)["mean"].get(metric)
    if means is None:
        raise UserError(f"the table has no {metric}", remedy="name a metric that it has")
    means = means.dropna()
    columns = {
        name: [reachable(mean, denominator, digits) for mean in means]
        for name, denominator in denominators.items()
    }
    return pd.DataFrame({"row": means.index, "mean": means.to_numpy(), **columns})
