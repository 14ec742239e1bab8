"""The ledger of claims: what the committed results say of every claim of the sources.

`ledger_frame` makes one row per claim, data set and profile from the entries of
`testiculus.paper.ledger` and the verdicts of results folders (`Judged`), `counts` counts their
verdicts. Nothing is judged here: a row takes the verdict of the claim that decides it, and a claim
whose experiment has not run says so.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from testiculus.base.files import read_json
from testiculus.claims.generation import in_distance
from testiculus.claims.verdicts import (
    CONTRADICTED,
    NAN,
    NOT_RESOLVED,
    SUPPORTED,
    UNTESTABLE,
    joined,
)
from testiculus.paper.ledger import DOCUMENTS, LedgerEntry, LedgerTest, claim_ids, claim_of

NOT_RUN = "not run"
LEDGER_VERDICTS = (SUPPORTED, CONTRADICTED, NOT_RESOLVED, UNTESTABLE, NOT_RUN)
# Of several tests the first of these that any of them gives is the claim's: all have to hold.
_WEIGHT = (CONTRADICTED, NOT_RUN, UNTESTABLE, NOT_RESOLVED, SUPPORTED)
PRINTED = "printed figures"  # the data set of an audit of the sources' own numbers
NOWHERE = ""  # the data set of a claim that cannot be tested at all
POINTS, DISTANCE = "points", "distance"  # units: percentage points, a Fréchet distance

LEDGER_COLUMNS = (
    *("number", "id", "topic", "text", "documents", "places", "numbers", "reads", "point", "own"),
    *("data", "profile", "experiment", "claim", "verdict"),
    *("effect", "ci_low", "ci_high", "unit", "note", "also"),
    *("price", "wall_seconds", "page", "anchor", "stale"),
)


@dataclass(frozen=True)
class Judged:
    """One results folder as the ledger reads it: its verdicts, its price and its page.

    `verdicts` maps the id of a verdict to its row of `verdicts.csv`, in the file's order. `price`
    is in words, `wall_seconds` a number. `page` is the address of its page in the book, `anchor`
    the place on it that shows the verdicts; `stale` says whether the code has changed since.
    """

    experiment: str
    data: str
    profile: str
    verdicts: Mapping[str, Mapping[str, Any]]
    wall_seconds: float = NAN
    price: str = ""
    page: str = ""
    anchor: str = ""
    stale: bool = False


@dataclass(frozen=True)
class Found:
    """What one test of an entry found: a verdict with its effect, and where it stands."""

    verdict: str
    claim: str = ""
    experiment: str = ""
    effect: float = NAN
    ci_low: float = NAN
    ci_high: float = NAN
    note: str = ""
    also: str = ""
    run: Judged | None = None


def read_verdicts(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the rows of a results folder's verdicts.csv by their id, effects as float64."""
    frame = pd.read_csv(folder / "verdicts.csv", keep_default_na=False)
    for name in ("effect", "ci_low", "ci_high"):
        column = frame[name] if name in frame else pd.Series(NAN, frame.index)
        frame[name] = pd.to_numeric(column, errors="coerce")
    return {str(row["claim"]): row for row in frame.to_dict("records")}


def judged(folder: Path, **about: Any) -> Judged:
    """Return the results folder `<data>/<profile>/<experiment>`; `about` holds the other fields.

    Its wall time is read from its provenance.
    """
    record = read_json(folder / "provenance.json")
    names = {"experiment": folder.name, "data": folder.parent.parent.name}
    names |= {"profile": folder.parent.name, "wall_seconds": record.get("wall_seconds", NAN)}
    return Judged(**names, verdicts=read_verdicts(folder), **about)


def ledger_frame(
    entries: Sequence[LedgerEntry],
    runs: Iterable[Judged],
    audits: Mapping[str, Found] | None = None,
    expected: Iterable[tuple[str, str, str]] = (),
) -> pd.DataFrame:
    """Return the ledger: one row per claim, data set and profile, columns `LEDGER_COLUMNS`.

    A claim with tests has a row wherever one of its experiments has run, and wherever `expected`
    (experiment, data, profile) says that it should. `audits` are the findings on the printed
    figures, by the name that entries use; one that is not among them has not run. Effects and
    bounds are fractions, or in the unit of a Fréchet distance (`unit`).
    """
    by_place = {(run.experiment, run.data, run.profile): run for run in runs}
    places = list(dict.fromkeys([*expected, *by_place]))
    rows = [
        _row(number, entry, *where, found)
        for number, entry in enumerate(entries, start=1)
        for *where, found in _findings(entry, places, by_place, audits or {})
    ]
    return pd.DataFrame(rows, columns=list(LEDGER_COLUMNS))


def _findings(
    entry: LedgerEntry,
    places: Iterable[tuple[str, str, str]],
    by_place: Mapping[tuple[str, str, str], Judged],
    audits: Mapping[str, Found],
) -> Iterator[tuple[str, str, Found]]:
    """Yield the data set, the profile and what was found there, for each row of an entry."""
    where = dict.fromkeys((d, p) for e, d, p in places if e in entry.experiments)
    for data, profile in where:
        runs = [by_place.get((test.experiment, data, profile)) for test in entry.tests]
        yield data, profile, all_of([_found(*one) for one in zip(entry.tests, runs, strict=True)])
    if entry.tests and not where:
        told = f"{', '.join(entry.experiments)}: not in this version yet"
        yield NOWHERE, "", Found(NOT_RUN, note=told)
    if entry.audits:
        yield PRINTED, "", all_of([_audited(name, audits) for name in entry.audits])
    if entry.untestable:
        yield NOWHERE, "", Found(UNTESTABLE, note=entry.untestable)


def all_of(found: Sequence[Found]) -> Found:
    """Return what several tests say together, where all have to hold.

    Contradicted if any is; else not run, untestable or not resolved if any is, in this order; else
    supported. The effect is that of the test that decides: of those with that verdict, the smallest
    effect. The note says how many have which.

    >>> both = [Found(SUPPORTED, "a", effect=0.2), Found(NOT_RESOLVED, "b", effect=0.1)]
    >>> all_of(both).claim, all_of(both).note
    ('b', '1 of 2 not resolved, 1 supported')
    """
    if len(found) == 1:
        return found[0]
    counted = {v: [one for one in found if one.verdict == v] for v in _WEIGHT}
    verdict, deciding = next((v, those) for v, those in counted.items() if those)
    decisive = min(deciding, key=lambda one: (one.effect != one.effect, one.effect))
    rest = [f"{len(those)} {v}" for v, those in counted.items() if those and v != verdict]
    head = f"{len(deciding)} of {len(found)} {verdict}"
    return replace(decisive, note=joined(", ".join([head, *rest]), decisive.note))


def _found(test: LedgerTest, run: Judged | None) -> Found:
    """Return what a run says of a test: the verdict of its id, or of the first of its readings."""
    if run is None or not test.claim:
        told = "has not run" if run is None else "has run, and the ledger names none of its claims"
        return Found(NOT_RUN, test.claim, test.experiment, note=f"{test.experiment} {told}")
    ids = claim_ids().get(test.experiment, ())
    claim = claim_of(test.claim, ids) or test.claim
    readings = [name for name in run.verdicts if claim_of(name, ids or (claim,)) == claim]
    chosen = test.claim if test.claim in run.verdicts else next(iter(readings), "")
    if not chosen or (test.claim != claim and chosen != test.claim):
        told = f"{test.experiment} has run without this claim"
        return Found(NOT_RUN, test.claim, test.experiment, note=told, run=run)
    row = run.verdicts[chosen]
    others = [run.verdicts[name]["verdict"] for name in readings if name != chosen]
    return Found(
        row["verdict"],
        chosen,
        test.experiment,
        *(row[name] for name in ("effect", "ci_low", "ci_high")),
        note=str(row.get("note", "")),
        also=f"in other readings: {_counted(others)}" if others else "",
        run=run,
    )


def _counted(verdicts: Sequence[str]) -> str:
    """Return verdicts as words, in their usual order: "2 supported, 1 not resolved"."""
    numbers = {verdict: list(verdicts).count(verdict) for verdict in LEDGER_VERDICTS}
    return ", ".join(f"{n} {verdict}" for verdict, n in numbers.items() if n)


def _audited(name: str, audits: Mapping[str, Found]) -> Found:
    return audits.get(name) or Found(NOT_RUN, name, note=f"the audit {name} is not in this version")


def _row(number: int, entry: LedgerEntry, data: str, profile: str, found: Found) -> dict[str, Any]:
    run = found.run or Judged(found.experiment, data, profile, {})
    return {
        **{"number": number, "id": entry.id, "topic": entry.topic, "text": entry.text},
        "documents": ", ".join(DOCUMENTS[name] for name in entry.documents),
        "places": "; ".join(map(str, entry.places)),
        **{"numbers": entry.numbers, "reads": entry.reads, "point": entry.point},
        **{"own": entry.is_own, "data": data, "profile": profile},
        "experiment": found.experiment or ", ".join(entry.experiments),
        **{"claim": found.claim, "verdict": found.verdict, "effect": found.effect},
        **{"ci_low": found.ci_low, "ci_high": found.ci_high},
        "unit": _unit(found.experiment, found.claim),
        **{"note": found.note, "also": found.also, "price": run.price},
        **{"wall_seconds": run.wall_seconds, "page": run.page, "anchor": run.anchor},
        "stale": run.stale,
    }


@cache
def _unit(experiment: str, claim: str) -> str:
    return DISTANCE if experiment == "fig4" and in_distance(claim) else POINTS


def counts(frame: pd.DataFrame) -> pd.DataFrame:
    """Return how many claims got which verdict: a row per data set and profile.

    The index is (data, profile): data sets first, then `PRINTED`, then ("", "") for claims that
    cannot be tested anywhere; the columns are `LEDGER_VERDICTS`.
    """
    found = dict.fromkeys(zip(frame["data"], frame["profile"], strict=True))
    order = sorted(found, key=lambda where: (where[0] == NOWHERE, where[0] == PRINTED))
    table = frame.groupby(["data", "profile", "verdict"]).size().unstack(fill_value=0)
    index = pd.MultiIndex.from_tuples(order, names=["data", "profile"])
    return table.reindex(index=index, columns=list(LEDGER_VERDICTS), fill_value=0)


def effect_words(effect: float, low: float, high: float, unit: str = POINTS) -> str:
    """Return an effect with its interval, in percentage points or as a distance; "" for none.

    >>> effect_words(0.0821, 0.034, 0.13), effect_words(1.614, -1.37, 6.77, DISTANCE)
    ('+8.2 [+3.4, +13.0]', '+1.61 [-1.37, +6.77]')
    """
    scale, digits = (100, 1) if unit == POINTS else (1, 2)
    numbers = [f"{scale * value:+.{digits}f}" for value in (effect, low, high) if value == value]
    if not numbers:
        return ""
    return numbers[0] + (f" [{numbers[1]}, {numbers[2]}]" if len(numbers) == 3 else "")
