"""Audits of the protocol: how far each of its errors moves a figure, which way, and how surely.

`effects_frame` reads every audit of `AUDITS` from the trained variants and from other tables'
results; `judge_audits` (of `audits_claims`) gives this project's claims about them their verdicts.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import pandas as pd

from testiculus.claims.audits_claims import judge_audits as judge_audits
from testiculus.claims.audits_flags import OF_BASE_RATE, base_rates, flag_interval, with_chance
from testiculus.claims.audits_parts import (
    FIGURE,
    FLAGS,
    MARGIN,
    MARGIN_WORDS,
    MOVED,
    SPREAD,
    WORTH,
    Audit,
    Reading,
)
from testiculus.claims.audits_readings import AUDITS
from testiculus.claims.audits_schema import (
    BEST_FRESH,
    DROPPED,
    DROPPED_SPREAD,
    EFFECT_COLUMNS,
    EXPERIMENT,
    FLATTERS,
    FRESH,
    LOWERS,
    NOT_RUN,
    RAISES,
    UNDERSTATES,
    UNGROUPED,
    UNRESOLVED,
)
from testiculus.claims.contrasts import BOOTSTRAPPED_METRICS, LABEL_COLUMN, UNKNOWN_TRUTH
from testiculus.claims.pretraining import HOW_TO_RUN
from testiculus.claims.schema import (
    PREDICTION_COLUMNS,
    RESULT_COLUMNS,
    Conditions,
    require_columns,
)
from testiculus.claims.verdicts import NAN, UNTESTABLE, joined
from testiculus.intervals import BOOTSTRAP_DRAWS, Interval, corrected_resampled_interval

BOOTSTRAP_SEED = 0
# What it means that a reading lies above zero, or below; that a spread lies above MARGIN, or below.
DIRECTIONS = {
    FIGURE: (FLATTERS, UNDERSTATES),
    MOVED: (RAISES, LOWERS),
    WORTH: ("better models", "worse models"),
    SPREAD: (f"varies a run by over {MARGIN_WORDS}", f"varies a run by under {MARGIN_WORDS}"),
    FLAGS: ("higher", "lower"),
}
OTHER_FOLDS = (UNGROUPED,)  # rows whose folds are drawn anew
KNOWN_NOTE = "claim written when these results were there"
BY_SEED = "paired by seed (means over folds): the folds hold other images"
NO_FRESH = "no fresh patients: only a simulator can make them"
NO_BATCH = "no test fold holds a whole batch"
# Scorings that images may not allow: under which name `conditions.not_run` says why, and if not.
NOT_THERE = {
    FRESH: (FRESH, NO_FRESH),
    BEST_FRESH: (FRESH, NO_FRESH),
    DROPPED: (DROPPED, NO_BATCH),
    DROPPED_SPREAD: (DROPPED, NO_BATCH),
}
EFFECT_EXTRAS = ("boot_low", "boot_high")  # a patient bootstrap beside the interval that decides
PATIENTS, TEST = "patients", "test"  # of predictions: whose images a line is about


@dataclass(frozen=True)
class Evidence:
    """What the audits are read from: own results and predictions, other tables' results, flags."""

    results: pd.DataFrame
    predictions: pd.DataFrame
    others: Mapping[str, pd.DataFrame]
    conditions: Conditions
    flags: pd.DataFrame | None
    draws: int
    seed: int


def effects_frame(
    results: pd.DataFrame,
    predictions: pd.DataFrame,
    others: Mapping[str, pd.DataFrame],
    conditions: Conditions,
    flags: pd.DataFrame | None = None,
    *,
    draws: int = BOOTSTRAP_DRAWS,
    seed: int = BOOTSTRAP_SEED,
) -> pd.DataFrame:
    """Return how far every error moves a figure: a line per audit and reading, in that order.

    Columns `EFFECT_COLUMNS`, then the patient bootstrap (`draws`, `seed`). Effects are fractions,
    positive where the error makes the figure look better. Differences are paired over seed and
    fold, or over seeds (of means over folds) where the two rows' folds hold other images, and the
    corrected resampled t interval decides. `others` holds results of "table1" to "table4".
    `predictions` have `PREDICTION_COLUMNS`; lines of a column `patients` that is not "test" are
    left out. `flags`, with `row`, image, patient, label, true_label and suspicious, gives the
    flags' figures an interval over patients. What is not there is "not run" or "cannot be tested
    here", with the reason in `note`: for rows that images cannot answer, and tables whose results
    were passed over, that of `conditions.not_run`. `note` also says what is so by construction, and
    what a figure is conditional on. Raises UserError where a frame lacks a column.
    """
    require_columns(results, RESULT_COLUMNS, "results")
    require_columns(predictions, PREDICTION_COLUMNS, "predictions")
    for table, frame in others.items():
        require_columns(frame, RESULT_COLUMNS, f"results of {table}")
    if PATIENTS in predictions:
        predictions = predictions[predictions[PATIENTS] == TEST]
    evidence = Evidence(with_chance(results), predictions, others, conditions, flags, draws, seed)
    lines = [_line(audit, reading, evidence) for audit in AUDITS for reading in audit.readings]
    return pd.DataFrame(lines, columns=[*EFFECT_COLUMNS, *EFFECT_EXTRAS])


def _line(audit: Audit, reading: Reading, evidence: Evidence) -> tuple:
    head = (audit.id, audit.error, audit.point, reading.metric, reading.scored_on)
    absent = _absent(audit, reading, evidence)
    if absent:
        direction, note = absent
        return (*head, NAN, NAN, NAN, 0, direction, NAN, audit.source, note, NAN, NAN)
    found, boot = _interval(audit, reading, evidence), _bootstrap(audit, reading, evidence)
    effect = (found.effect, found.low, found.high, found.n, direction_of(found, reading.kind))
    note = joined(reading.given, found.note, *_beside(audit, reading, found, evidence))
    return (*head, *effect, found.resolvable, audit.source, note, *boot)


def direction_of(interval: Interval, kind: str = FIGURE) -> str:
    """Return which way an interval says that a reading of this kind is pushed.

    >>> direction_of(Interval(0.02, 0.01, 0.03, 12, 0.01))
    'flatters'
    >>> direction_of(Interval(-0.02, -0.03, -0.01, 12, 0.01), WORTH)
    'worse models'
    """
    (up, down), still = DIRECTIONS[kind], MARGIN if kind == SPREAD else 0.0
    if interval.low > still:
        return up
    return down if interval.high < still else UNRESOLVED


def _beside(audit: Audit, reading: Reading, found: Interval, evidence: Evidence) -> Iterator[str]:
    """Yield what has to be known beside a figure."""
    yield reading.note
    if reading.kind == SPREAD and found.n:
        of_mean = f"{100 * found.effect / found.n**0.5:.1f} points"
        yield f"one run's: on a mean of {found.n} runs about {of_mean}"
    if reading.metric in OF_BASE_RATE:
        yield base_rates(evidence.results, *reading.rows)
    if audit.known and reading.claim:
        yield KNOWN_NOTE


def _absent(audit: Audit, reading: Reading, evidence: Evidence) -> tuple[str, str] | None:
    """Return why a reading has no figure, as a direction and a note; None if it has one."""
    if audit.source == EXPERIMENT:
        reason = _unanswered(reading, evidence)
        return (UNTESTABLE, reason) if reason else None
    if audit.source not in evidence.others:
        return NOT_RUN, joined(_no_results(audit.source, evidence.conditions), *_switches(reading))
    other, told = evidence.others[audit.source], evidence.conditions.not_run
    missing = reading.contrast.missing(other)
    if not missing:
        return None
    if missing == UNKNOWN_TRUTH:
        return UNTESTABLE, missing
    lacking = [row for row in reading.rows if row in told and row not in set(other["row"])]
    reasons = [told[row] for row in lacking] or [missing]
    return NOT_RUN, joined(*reasons, *_switches(reading))


def _unanswered(reading: Reading, evidence: Evidence) -> str:
    """Return why these images do not answer a reading of the trained variants; "" if they do."""
    there = set(evidence.results["row"])
    for row in reading.rows:
        if row not in there:
            return evidence.conditions.not_run.get(row, f"row {row} was not run")
    missing = reading.contrast.missing(evidence.results)
    told = {n: why for n, why in NOT_THERE.items() if missing == f"no {reading.metric}{n}"}
    name, otherwise = next(iter(told.values()), ("", missing))
    return evidence.conditions.not_run.get(name, otherwise)


def _switches(reading: Reading) -> list[str]:
    """Return what else has to be asked for so that a table has the rows of a reading."""
    return [HOW_TO_RUN[row] for row in reading.rows if row in HOW_TO_RUN]


def _no_results(table: str, conditions: Conditions) -> str:
    """Return why there are no results of a table: passed over, or the command that makes them."""
    if table in conditions.not_run:
        return f"{table}: {conditions.not_run[table]}"
    data = "" if conditions.data == "phantom" else " DATA=..."
    return f"{table} was not run: make reproduce-{table} PROFILE={conditions.profile}{data}"


def _interval(audit: Audit, reading: Reading, evidence: Evidence) -> Interval:
    """Return a reading's effect with the interval that decides."""
    own = audit.source == EXPERIMENT
    differences = reading.contrast.differences(
        evidence.results if own else evidence.others[audit.source]
    )
    if reading.kind == FLAGS and evidence.flags is not None:
        effect = float(differences.iloc[0])
        told = {"draws": evidence.draws, "seed": evidence.seed}
        return flag_interval(reading.metric, *reading.rows, effect, evidence.flags, **told)
    by_seed = own and reading.kind != FLAGS and _folds_differ(reading.rows, evidence.predictions)
    if by_seed:
        differences = differences.groupby(level="seed").agg(lambda part: part.mean(skipna=False))
    found = corrected_resampled_interval(differences.to_numpy(), ratio=evidence.conditions.ratio)
    return replace(found, note=joined(found.note, BY_SEED)) if by_seed else found


def _folds_differ(rows: tuple[str, ...], predictions: pd.DataFrame) -> bool:
    """Return whether the rows' folds hold other images, as their predictions tell.

    Without predictions of them the rows of `OTHER_FOLDS` are taken to.
    """
    tested = [
        set(part[["seed", "fold", "image"]].itertuples(index=False, name=None))
        for part in (predictions[predictions["row"] == row] for row in rows)
    ]
    if not all(tested):
        return any(row in OTHER_FOLDS for row in rows)
    return any(other != tested[0] for other in tested[1:])


def _bootstrap(audit: Audit, reading: Reading, evidence: Evidence) -> tuple[float, float]:
    """Return the patient bootstrap of a reading on the test folds; NaN for any other."""
    of_tests = all(term.scoring in LABEL_COLUMN for term in reading.contrast.terms)
    scored = reading.metric in BOOTSTRAPPED_METRICS and of_tests
    predicted = set(reading.rows) <= set(evidence.predictions["row"])
    if audit.source != EXPERIMENT or not (scored and predicted):
        return NAN, NAN
    told = {"seed": evidence.seed, "draws": evidence.draws}
    found = reading.contrast.bootstrap(evidence.predictions, **told)
    return found.low, found.high
