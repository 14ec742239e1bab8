"""The audits of the protocol in words: one reading's size and way, and the answer of them all.

`protocol_answer` says which errors push a figure which way; the other functions serve the tables
and the plot.
"""

from collections.abc import Iterator
from itertools import chain

import pandas as pd

from testiculus.claims.audits_claims import FLAG_NAMES
from testiculus.claims.audits_parts import FIGURE, FLAGS, MOVED, Audit, Reading
from testiculus.claims.audits_readings import AUDITS
from testiculus.claims.audits_schema import (
    FLAG_LIFT,
    FLATTERS,
    LOWERS,
    RAISES,
    UNDERSTATES,
    UNRESOLVED,
)
from testiculus.claims.schema import Conditions
from testiculus.report.render import ABSENT, bracket, points, reached_on
from testiculus.report.tables_peers import SMOKE

SHORT = {"f1": "F1", "auc": "AUC", "probe_auc": "AUC of a probe"}
DECIDING = ("f1", "probe_auc")  # of trainings, and of encoders
UP, DOWN = (FLATTERS, RAISES), (UNDERSTATES, LOWERS)
Told = list[tuple[Reading, pd.Series]]


def names_of(reading: Reading) -> str:
    """Return what a reading's metric is called in a table."""
    return SHORT.get(reading.metric) or FLAG_NAMES.get(reading.metric, reading.metric)


def read_on(reading: Reading) -> str:
    """Return what a line of the table or the plot is read on; of flags, which figure of theirs."""
    return names_of(reading) if reading.kind == FLAGS else reading.scored_on


def shown_readings(every: bool = False) -> Iterator[tuple[Audit, list[Reading]]]:
    """Yield each audit with the readings that stand on one line: same scoring, several metrics.

    Those that a claim is made of, or `every` one. Flags have a line for each metric.
    """
    for audit in AUDITS:
        lines: dict[str, list[Reading]] = {}
        for reading in audit.readings:
            if reading.claim or every:
                key = reading.metric if reading.kind == FLAGS else reading.scored_on
                lines.setdefault(key, []).append(reading)
        for readings in lines.values():
            yield audit, readings


def line_of(effects: pd.DataFrame, audit: Audit, reading: Reading) -> pd.Series | None:
    """Return the line of the effects that holds a reading; None if there is none."""
    same = (effects["audit"] == audit.id) & (effects["metric"] == reading.metric)
    found = effects[same & (effects["scored_on"] == reading.scored_on)]
    return None if found.empty else found.iloc[0]


def size_of(reading: Reading, line: pd.Series) -> str:
    """Return an effect with its interval, in points; of a lift, which is a ratio, as it is."""
    if pd.isna(line["effect"]):
        return ABSENT
    numbers = line[["effect", "ci_low", "ci_high"]]
    times = reading.metric == FLAG_LIFT
    effect, low, high = numbers / 100 if times else numbers
    ends = bracket(low, high)
    return points(effect, 1) + (f" {ends}" if ends != ABSENT else "") + (" times" * times)


def unresolved(verdict: str, resolvable: float) -> str:
    """Return a direction or a verdict; where it is not resolved with what would have been.

    >>> unresolved("not resolved", 0.031), unresolved("flatters", 0.031)
    ('not resolved (±3.1)', 'flatters')
    """
    if verdict != UNRESOLVED or pd.isna(resolvable):
        return verdict
    return f"{verdict} (±{100 * resolvable:.1f})"


def way_of(reading: Reading, line: pd.Series) -> str:
    """Return which way a reading goes, and whether that is by construction."""
    resolvable = line["resolvable"] / (100 if reading.metric == FLAG_LIFT else 1)
    way = unresolved(str(line["direction"]), resolvable)
    found = pd.notna(line["effect"]) and reading.given_briefly
    return f"{way}, {found}" if found else way


def protocol_answer(effects: pd.DataFrame, conditions: Conditions) -> str:
    """Return in words which errors flatter or raise a figure here, which do not, which are open.

    By F1 alone, of pretraining by the AUC of a probe, over the readings that claims are made of.
    What comes out by construction is no evidence and is left out. An error with readings both ways
    is told apart.
    """
    told: dict[str, Told] = {}
    for audit, readings in shown_readings():
        lines = ((reading, line_of(effects, audit, reading)) for reading in readings)
        found = [(reading, line) for reading, line in lines if line is not None]
        told.setdefault(audit.error, []).extend(found)
    told = {error: lines for error, lines in told.items() if lines}
    here = {e: t for e, t in told.items() if any(pd.notna(line["effect"]) for _, line in t)}
    deciding = {error: [one for one in lines if _decides(*one)] for error, lines in here.items()}
    read = sum(pd.notna(line["ci_low"]) for _, line in chain.from_iterable(deciding.values()))
    lead = (
        f"Errors of the protocol on {reached_on(conditions)}, by F1, of pretraining by the AUC of "
        f"a probe: of the {read} intervals read here about 1 in 20 misses zero by chance."
    )
    parts = [f"{title}: {_listed(es)}." for title, es in _sorted(told, deciding).items() if es]
    return " ".join([*((SMOKE,) if conditions.claims_nothing else ()), lead, *parts])


def _decides(reading: Reading, line: pd.Series) -> bool:
    evidence = reading.kind in (FIGURE, MOVED) and not reading.given
    return evidence and reading.metric in DECIDING and pd.notna(line["effect"])


def _sorted(told: dict[str, Told], deciding: dict[str, Told]) -> dict[str, dict[str, str]]:
    """Return the errors by what their deciding readings say, each with these readings in words."""
    titles = {
        (True, False): "These flatter or raise a figure",
        (False, True): "These understate or lower a figure",
        (True, True): "These do both, by what is read",
        (False, False): "Neither is resolved of",
    }
    found = {title: {} for title in titles.values()}
    for error, lines in deciding.items():
        ways = [[one for one in lines if one[1]["direction"] in way] for way in (UP, DOWN)]
        title = titles[bool(ways[0]), bool(ways[1])]
        shown = [way[0] for way in ways if way] or lines[:1]
        if lines:
            found[title][error] = "; ".join(_words(*one) for one in shown)
    empty = [error for error, lines in deciding.items() if not lines]
    found["By construction, or a spread alone"] = dict.fromkeys(empty, "")
    found["Without a figure here"] = {error: "" for error in told if error not in deciding}
    return found


def _words(reading: Reading, line: pd.Series) -> str:
    size = f"{names_of(reading)} {size_of(reading, line)} points"
    return f"{size}, {reading.scored_on}: {way_of(reading, line)}"


def _listed(errors: dict[str, str]) -> str:
    return "; ".join(
        f"{error[0].lower()}{error[1:]}" + (f" ({size})" if size else "")
        for error, size in errors.items()
    )
