"""The audits of the protocol as a reader sees them: each error, how large, and which way it pushes.

`protocol_audits_table` has the readings that claims are made of, `protocol_readings_table` all of
them, `protocol_verdicts_table` the claims. The answer in words is that of `audits_words`.
"""

from collections.abc import Iterator

import pandas as pd

from testiculus.claims.audits import KNOWN_NOTE
from testiculus.claims.audits_claims import claim_readings
from testiculus.claims.audits_parts import FLAGS, Audit
from testiculus.claims.audits_schema import EFFECT_COLUMNS, EXPERIMENT, NOT_RUN
from testiculus.claims.schema import Conditions, require_columns
from testiculus.claims.verdicts import UNTESTABLE
from testiculus.report.audits_words import (
    SMOKE,
    Told,
    line_of,
    names_of,
    read_on,
    shown_readings,
    size_of,
    unresolved,
    way_of,
)
from testiculus.report.audits_words import protocol_answer as protocol_answer
from testiculus.report.render import ABSENT, Table, bracket, reached_on, without_repeats
from testiculus.report.tables import NOT_CLAIMED

METRIC = (
    "Points: the figure with the error less the one without it, so that + is a higher figure. "
    "Errors are planted one at a time, and effects need not add."
)
WAYS = (
    "Flatters, understates: the figure moves against what the same models are worth, or curated "
    "labels or the choice of an epoch move it. Raises, lowers: the figure moves, and the models "
    "may have changed with it."
)
RESOLVABLE = "(±x): half the interval, the smallest difference that it would have told from zero."
INTERVALS = (
    "Intervals: corrected resampled t over paired runs, 95 %. They speak of other partitions and "
    "of the noise of training, not of other patients. Where folds hold other images, over seeds: "
    "means over whole cross-validations of the same patients, with the correction made for single "
    "splits. Of flags: over patients, the flags held fixed."
)
ABOVE = (
    "Above: the reported figure less that of the same models on other patients or labels, which is "
    "what it promises too much. Fresh patients: as many again, simulated, true labels; no model "
    "was trained on them."
)
KNOWN_MARK = " †"
KNOWN = (
    "† The claim was written when the phantom's results of that table were there; every other "
    "before both figures that it compares were there."
)
UNFOUND = (NOT_RUN, UNTESTABLE)
WAY = "what it does"


def protocol_audits_table(effects: pd.DataFrame, conditions: Conditions) -> Table:
    """Return every error: where the sources have it, how large, which way, and from which results.

    A line for each way of scoring that a claim is made of; F1 decides, the AUC stands beside it.
    Raises `UserError` where a column is missing.
    """
    caption = f"Errors of the protocol and what they do: {reached_on(conditions)}"
    return _table(effects, conditions, caption)


def protocol_readings_table(effects: pd.DataFrame, conditions: Conditions) -> Table:
    """Return all readings of every audit, also those that no claim is made of."""
    caption = f"All readings of the audits of the protocol: {reached_on(conditions)}"
    return _table(effects, conditions, caption, every=True)


def _table(
    effects: pd.DataFrame, conditions: Conditions, caption: str, every: bool = False
) -> Table:
    require_columns(effects, EFFECT_COLUMNS, "effects")
    names = ["error", "in the sources", "read on", "points [95 %]", WAY, "from"]
    lines = []
    for audit, found in _found(effects, every):
        head = (audit.error, _place(audit), read_on(found[0][0]))
        source = "here" if audit.source == EXPERIMENT else audit.source + _mark(audit)
        lines.append((*head, _sizes(found), _ways(found, conditions), source))
    frame = without_repeats(pd.DataFrame(lines, columns=names), names[:2])
    beside = (*_notes(effects, conditions, every), *_absent_notes(effects, every))
    notes = (METRIC, f"{WAYS} {RESOLVABLE}", INTERVALS, ABOVE, KNOWN, *beside, *_smoke(conditions))
    return Table(frame, caption, notes, (), (*names[:3], WAY))


def _found(effects: pd.DataFrame, every: bool = False) -> Iterator[tuple[Audit, Told]]:
    """Yield each line of the table: its audit, and its readings that the effects have."""
    for audit, readings in shown_readings(every):
        lines = ((reading, line_of(effects, audit, reading)) for reading in readings)
        found = [(reading, line) for reading, line in lines if line is not None]
        if found:
            yield audit, found


def _mark(audit: Audit) -> str:
    return KNOWN_MARK if audit.known else ""


def _place(audit: Audit) -> str:
    """Return where the sources have an error: the documents, and the points of the page on them."""
    if not audit.point:
        return audit.where
    return f"{audit.where} ({'points' if ',' in audit.point else 'point'} {audit.point})"


def _sizes(found: Told) -> str:
    """Return the effects of one line's metrics, each with its interval."""
    if all(pd.isna(line["effect"]) for _, line in found):
        return ABSENT
    named = found[0][0].kind != FLAGS  # a line of flags is one metric, named where it is read on
    sizes = ((names_of(reading), size_of(reading, line)) for reading, line in found)
    return "\n".join(f"{name} {size}" if named else size for name, size in sizes)


def _ways(found: Told, conditions: Conditions) -> str:
    """Return which way the metrics of one line are pushed; once, where they agree."""
    if conditions.claims_nothing and not {line["direction"] for _, line in found} <= set(UNFOUND):
        return NOT_CLAIMED
    ways = [way_of(*one) for one in found]
    if len(set(ways)) == 1:
        return ways[0]
    return "\n".join(f"{names_of(r)}: {way}" for (r, _), way in zip(found, ways, strict=True))


def _notes(effects: pd.DataFrame, conditions: Conditions, every: bool = False) -> Iterator[str]:
    """Yield what has to be known beside the figures that are there, each once, of which audits."""
    told: dict[str, list[str]] = {}
    for audit, found in _found(effects, every):
        lines = [line for _, line in found if pd.notna(line["effect"])]
        notes = [part for line in lines for part in _parts(line["note"]) if part != KNOWN_NOTE]
        if lines and audit.on_phantom and conditions.data == "phantom":
            notes.append(audit.on_phantom)
        for note in notes:
            told.setdefault(note, []).append(audit.id)
    for note, audits in told.items():
        yield f"{', '.join(dict.fromkeys(audits)).capitalize()}: {note}."


def _parts(note: object) -> list[str]:
    return [part for part in str(note).split("; ") if part] if pd.notna(note) else []


def _absent_notes(effects: pd.DataFrame, every: bool) -> Iterator[str]:
    """Yield why lines have no figure, each reason once."""
    shown = [line for _, found in _found(effects, every) for _, line in found]
    for way in UNFOUND:
        told = [str(line["note"]) for line in shown if line["direction"] == way]
        for note in dict.fromkeys(filter(None, told)):
            yield f"{way.capitalize()}: {note}."


def _smoke(conditions: Conditions) -> tuple[str, ...]:
    return (SMOKE,) if conditions.claims_nothing else ()


def protocol_verdicts_table(verdicts: pd.DataFrame, conditions: Conditions) -> Table:
    """Return every claim about an error with its interval and verdict."""
    by_id = verdicts.set_index("claim")
    lines, notes = [], []
    for name, audit, reading in claim_readings():
        if name in by_id.index:
            found = by_id.loc[name]
            boot = bracket(found["boot_low"], found["boot_high"])
            verdict = unresolved(found["verdict"], found["resolvable"])
            given = pd.notna(found["effect"]) and reading.given_briefly
            verdict = f"{verdict}, {given}" if given else verdict
            verdict = NOT_CLAIMED if conditions.claims_nothing else verdict
            lines.append((found["text"] + _mark(audit), size_of(reading, found), boot, verdict))
            notes += [f"{audit.id.capitalize()}: {reading.given}."] if given else []
    names = ["claim, in no source: ours", "here [95 %]", "patients", "verdict"]
    frame = pd.DataFrame(lines, columns=names)
    notes = (
        f"{METRIC} {RESOLVABLE}",
        f"{INTERVALS} Patients: a bootstrap over patients beside it, the models held fixed, where "
        "the figure is one of the test folds.",
        KNOWN,
        *dict.fromkeys(notes),
        *_smoke(conditions),
    )
    caption = f"Claims about errors of the protocol: {reached_on(conditions)}"
    return Table(frame, caption, notes, tuple(names[1:3]), (names[0], "verdict"))
