"""The audits of the protocol as a reader sees them: each error, how large, and which way it pushes.

`protocol_audits_table` has the readings that claims are made of, `protocol_readings_table` all of
them, `protocol_verdicts_table` the claims; `protocol_answer` says in words which errors flatter.
"""

from collections.abc import Iterator

import pandas as pd

from testiculus.claims.audits_claims import FLAG_NAMES, claim_readings
from testiculus.claims.audits_readings import (
    AUDITS,
    FLAGS,
    Audit,
    Reading,
)
from testiculus.claims.audits_schema import (
    EFFECT_COLUMNS,
    EXPERIMENT,
    FLATTERS,
    NOT_RUN,
    UNDERSTATES,
)
from testiculus.claims.schema import Conditions, require_columns
from testiculus.claims.verdicts import UNTESTABLE
from testiculus.report.render import ABSENT, Table, bracket, points, reached_on, without_repeats
from testiculus.report.tables import NOT_CLAIMED
from testiculus.report.tables_peers import SMOKE

METRIC = (
    "Points: the figure with the error less the one without it, so that + makes it look better."
)
INTERVALS = (
    "Intervals: corrected resampled t over paired runs, 95 %; of folds that hold other images over "
    "seeds; of flags over patients."
)
ABOVE = (
    "Above: the reported figure less that of the same models on other patients or labels, which is "
    "what it promises too much. Fresh patients: as many again, simulated, true labels; no model "
    "was trained on them."
)
SHORT = {"f1": "F1", "auc": "AUC", "probe_auc": "AUC of a probe"}
UNFOUND = (NOT_RUN, UNTESTABLE)


def names_of(reading: Reading) -> str:
    """Return what a reading's metric is called in a table."""
    return SHORT.get(reading.metric) or FLAG_NAMES.get(reading.metric, reading.metric)


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
    names = ["error", "in the sources", "read on", "points [95 %]", "pushes the figure", "from"]
    lines = []
    for audit, readings in shown_readings(every):
        found = [(reading, line_of(effects, audit, reading)) for reading in readings]
        found = [(reading, line) for reading, line in found if line is not None]
        if found:
            head = (audit.error, _place(audit), readings[0].scored_on)
            source = "here" if audit.source == EXPERIMENT else audit.source
            lines.append((*head, _sizes(found), _ways(found, conditions), source))
    frame = without_repeats(pd.DataFrame(lines, columns=names), names[:2])
    notes = (METRIC, INTERVALS, ABOVE, *_absent_notes(effects, every), *_smoke(conditions))
    wrapping = (*names[:3], "pushes the figure")
    return Table(frame, caption, notes, (), wrapping)


def _place(audit: Audit) -> str:
    """Return where the sources have an error: the documents, and the points of the page on them."""
    if not audit.point:
        return audit.where
    return f"{audit.where} ({'points' if ',' in audit.point else 'point'} {audit.point})"


def _sizes(found: list[tuple[Reading, pd.Series]]) -> str:
    """Return the effects of one line's metrics, each with its interval."""
    if all(pd.isna(line["effect"]) for _, line in found):
        return ABSENT
    return "\n".join(f"{names_of(reading)} {_size(line)}" for reading, line in found)


def _size(line: pd.Series) -> str:
    if pd.isna(line["effect"]):
        return ABSENT
    ends = bracket(line["ci_low"], line["ci_high"])
    return points(line["effect"], 1) + ("" if ends == ABSENT else f" {ends}")


def _ways(found: list[tuple[Reading, pd.Series]], conditions: Conditions) -> str:
    """Return which way the metrics of one line are pushed; once, where they agree."""
    ways = [str(line["direction"]) for _, line in found]
    if conditions.claims_nothing and not set(ways) <= set(UNFOUND):
        return NOT_CLAIMED
    if len(set(ways)) == 1:
        return ways[0]
    return "\n".join(f"{names_of(r)}: {way}" for (r, _), way in zip(found, ways, strict=True))


def _absent_notes(effects: pd.DataFrame, every: bool) -> Iterator[str]:
    """Yield why lines have no figure, each reason once."""
    shown = [
        line
        for audit, readings in shown_readings(every)
        for reading in readings
        if (line := line_of(effects, audit, reading)) is not None
    ]
    for way in UNFOUND:
        told = [str(line["note"]) for line in shown if line["direction"] == way]
        for note in dict.fromkeys(filter(None, told)):
            yield f"{way.capitalize()}: {note}."


def _smoke(conditions: Conditions) -> tuple[str, ...]:
    return (SMOKE,) if conditions.claims_nothing else ()


def protocol_verdicts_table(verdicts: pd.DataFrame, conditions: Conditions) -> Table:
    """Return every claim about an error with its interval and verdict."""
    by_id = verdicts.set_index("claim")
    lines = []
    for name, *_ in claim_readings():
        if name in by_id.index:
            found = by_id.loc[name]
            size = f"{points(found['effect'], 1)} {bracket(found['ci_low'], found['ci_high'])}"
            here = size if pd.notna(found["effect"]) else ABSENT
            boot = bracket(found["boot_low"], found["boot_high"])
            verdict = NOT_CLAIMED if conditions.claims_nothing else found["verdict"]
            lines.append((found["text"], here, boot, verdict))
    names = ["claim, in no source: ours", "here [95 %]", "patients", "verdict"]
    notes = (
        f"{METRIC} The direction of each claim was written down before the run.",
        f"{INTERVALS} Patients: a bootstrap over patients beside it, the models held fixed, where "
        "the figure is one of the test folds.",
        *_smoke(conditions),
    )
    caption = f"Claims about errors of the protocol: {reached_on(conditions)}"
    frame = pd.DataFrame(lines, columns=names)
    return Table(frame, caption, notes, tuple(names[1:3]), (names[0], "verdict"))


def protocol_answer(effects: pd.DataFrame, conditions: Conditions) -> str:
    """Return in words which errors flatter a figure here, which understate it, which are open.

    Of what stands in `protocol_audits_table`: an error pushes one way if any of its reported
    figures, or what these stand above fresh patients, is resolved that way.
    """
    ways = {}
    for audit, readings in shown_readings():
        for reading in readings:
            line = line_of(effects, audit, reading)
            if line is not None:
                ways.setdefault(audit.error, []).append((reading, line))
    found = {way: _errors(ways, way) for way in (FLATTERS, UNDERSTATES)}
    resolved = {error for errors in found.values() for error in errors}
    missing = [e for e, told in ways.items() if all(pd.isna(line["effect"]) for _, line in told)]
    rest = [error for error in ways if error not in resolved and error not in missing]
    titles = {
        "These flatter": found[FLATTERS],
        "These make a figure look worse": found[UNDERSTATES],
        "Neither is resolved of": {e: "" for e in rest},
        "Without a figure here": {e: "" for e in missing},
    }
    parts = [f"{title}: {_listed(errors)}." for title, errors in titles.items() if errors]
    lead = f"Errors of the protocol on {reached_on(conditions)}."
    return " ".join([*_smoke(conditions), lead, *parts])


def _errors(ways: dict[str, list[tuple[Reading, pd.Series]]], way: str) -> dict[str, str]:
    """Return the errors that push a figure this way, with the first reading that says so."""
    found = {}
    for error, told in ways.items():
        for reading, line in told:
            if line["direction"] == way and error not in found:
                found[error] = f"{names_of(reading)} {_size(line)} points, {reading.scored_on}"
    return found


def _listed(errors: dict[str, str]) -> str:
    return "; ".join(
        f"{error[0].lower()}{error[1:]}" + (f" ({size})" if size else "")
        for error, size in errors.items()
    )
