"""Verdicts: one rule from an interval to one of four words, for every claim of every table."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

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


def verdict_of_equality(interval: Interval, margin: float) -> str:
    """Return the verdict on the claim that the effect lies between -`margin` and `margin`.

    supported if the whole interval lies inside, contradicted if it lies outside on one side, and
    not resolved if it reaches over a margin or has no bounds.

    >>> verdict_of_equality(Interval(0.01, -0.01, 0.02, 12, 0.015), margin=0.025)
    'supported'
    >>> verdict_of_equality(Interval(0.02, -0.01, 0.05, 12, 0.03), margin=0.025)
    'not resolved'
    """
    if -margin < interval.low and interval.high < margin:
        return SUPPORTED
    outside = interval.low > margin or interval.high < -margin
    return CONTRADICTED if outside else NOT_RESOLVED


def verdict_of_standing_in(interval: Interval, margin: float) -> str:
    """Return the verdict on the claim that the effect is above -`margin`: no worse, or hardly.

    supported if the whole interval is above -`margin`, contradicted if it is below, and not
    resolved if it reaches over -`margin` or has no bounds.

    >>> verdict_of_standing_in(Interval(0.00, -0.02, 0.02, 12, 0.02), margin=0.025)
    'supported'
    >>> verdict_of_standing_in(Interval(-0.05, -0.07, -0.03, 12, 0.02), margin=0.025)
    'contradicted'
    """
    if interval.low > -margin:
        return SUPPORTED
    return CONTRADICTED if interval.high < -margin else NOT_RESOLVED


def decided_by(
    interval: Interval,
    beside: Interval | None = None,
    *,
    rule: Callable[[Interval], str] = verdict_of,
) -> Outcome:
    """Return the outcome that `interval` decides by `rule`, with the patient bootstrap `beside` it.

    Without a rule the claim is that the effect is above zero.
    """
    boot = (beside.low, beside.high) if beside else (NAN, NAN)
    return Outcome(
        interval.effect,
        interval.low,
        interval.high,
        rule(interval),
        interval.note,
        interval.n,
        interval.resolvable,
        *boot,
    )


def best_of(outcomes: Mapping[str, Outcome]) -> Outcome:
    """Return the outcome of the claim that a row beats each of its rivals, from one outcome each.

    supported if it is against every rival, contradicted if it is against any, untestable if a rival
    is (and none contradicts), else not resolved. The effect, and all that belongs to it, is the
    smallest over the rivals; the note names that rival and those that the verdict rests on.
    """
    against = {
        verdict: [rival for rival, found in outcomes.items() if found.verdict == verdict]
        for verdict in (CONTRADICTED, UNTESTABLE, NOT_RESOLVED, SUPPORTED)
    }
    verdict = next(verdict for verdict, rivals in against.items() if rivals)
    missing = [outcomes[rival].note for rival in against[UNTESTABLE]]
    if verdict == UNTESTABLE:
        return untestable(joined(*missing))
    tested = {rival: found for rival, found in outcomes.items() if rival not in against[UNTESTABLE]}
    rival, smallest = min(tested.items(), key=lambda one: one[1].effect)
    rests_on = "" if verdict == SUPPORTED else f"{verdict} against {', '.join(against[verdict])}"
    note = joined(f"smallest against {rival}", rests_on, smallest.note, *missing)
    return replace(smallest, verdict=verdict, note=note)


def joined(*notes: str) -> str:
    """Return the notes as one, with whatever several of them say said once.

    >>> joined("row A was not run", "", "row A was not run; row B was not run")
    'row A was not run; row B was not run'
    """
    parts = (part for note in notes for part in note.split("; ") if part)
    return "; ".join(dict.fromkeys(parts))


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
            verdict, note = UNTESTABLE, joined(SMOKE_NOTE, note)
        contract = (claim.id, claim.source, claim.paper)
        found = (outcome.effect, outcome.ci_low, outcome.ci_high, verdict)
        beside = (claim.text, outcome.n, outcome.resolvable, outcome.boot_low, outcome.boot_high)
        rows.append((*contract, *found, *beside, note, conditions.data, conditions.profile))
    return pd.DataFrame(rows, columns=[*VERDICT_COLUMNS, *VERDICT_EXTRAS])
