"""Verdicts: one rule from an interval to one of four words, for every claim of every table."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import pandas as pd

from testiculus.claims.schema import VERDICT_COLUMNS, VERDICT_EXTRAS, Conditions
from testiculus.intervals import Interval

SUPPORTED = "supported"
CONTRADICTED = "contradicted"
NOT_RESOLVED = "not resolved"
UNTESTABLE = "cannot be tested here"

NAN = float("nan")
SMOKE_NOTE = "the smoke profile claims nothing"


@dataclass(frozen=True)
class Outcome:
    """What a test found: an effect (a fraction) with the interval that decides, and a verdict.

    `boot_low` and `boot_high` are the patient bootstrap beside it, NaN where there is none.
    """

    effect: float
    ci_low: float
    ci_high: float
    verdict: str
    note: str = ""
    n: int = 0
    resolvable: float = NAN
    boot_low: float = NAN
    boot_high: float = NAN


@dataclass(frozen=True)
class Claim:
    """A sentence of the sources with its place, the difference they report, and a test of it.

    `paper` is that difference as a fraction (NaN where none is printed). `test` takes no argument
    and computes the outcome on the results it was made for.
    """

    id: str
    text: str
    source: str
    paper: float
    test: Callable[[], Outcome]


def verdict_of(interval: Interval) -> str:
    """Return the verdict on the claim that the effect is above zero.

    supported if the whole interval is above zero, contradicted if it is below, and not resolved if
    it holds zero or has no bounds.

    >>> verdict_of(Interval(0.02, 0.01, 0.03, 12, 0.01))
    'supported'
    >>> verdict_of(Interval(0.02, -0.01, 0.05, 12, 0.03))
    'not resolved'
    """
    if interval.low > 0:
        return SUPPORTED
    return CONTRADICTED if interval.high < 0 else NOT_RESOLVED


def decided_by(interval: Interval, beside: Interval | None = None) -> Outcome:
    """Return the outcome that `interval` decides, with the patient bootstrap `beside` it."""
    boot = (beside.low, beside.high) if beside else (NAN, NAN)
    return Outcome(
        interval.effect,
        interval.low,
        interval.high,
        verdict_of(interval),
        interval.note,
        interval.n,
        interval.resolvable,
        *boot,
    )


def untestable(reason: str) -> Outcome:
    """Return the outcome of a claim that cannot be tested here, with the reason."""
    return Outcome(NAN, NAN, NAN, UNTESTABLE, reason)


def judge(claims: Iterable[Claim], conditions: Conditions) -> pd.DataFrame:
    """Return one row a claim: the contract's seven columns, then `VERDICT_EXTRAS`.

    Effects and bounds are fractions. In a profile that claims nothing, effects are kept and every
    verdict is "cannot be tested here".
    """
    rows = []
    for claim in claims:
        outcome = claim.test()
        verdict, note = outcome.verdict, outcome.note
        if conditions.claims_nothing:
            verdict, note = UNTESTABLE, "; ".join(part for part in (SMOKE_NOTE, note) if part)
        contract = (claim.id, claim.source, claim.paper)
        found = (outcome.effect, outcome.ci_low, outcome.ci_high, verdict)
        beside = (claim.text, outcome.n, outcome.resolvable, outcome.boot_low, outcome.boot_high)
        rows.append((*contract, *found, *beside, note, conditions.data, conditions.profile))
    return pd.DataFrame(rows, columns=[*VERDICT_COLUMNS, *VERDICT_EXTRAS])
