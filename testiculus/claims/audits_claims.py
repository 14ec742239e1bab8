"""Claims about the protocol's errors: sentences of this project, their direction stated beforehand.

No source measures what these errors do, so that `paper` is empty. `judge_audits` decides each claim
by the interval of the effects that it reads. A reading that comes out so by construction has its
verdict too, with a note that says so; the ledger rests on the others.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import pandas as pd

from testiculus.claims.audits_parts import MARGIN, MARGIN_WORDS, Audit, Reading
from testiculus.claims.audits_readings import AUDITS
from testiculus.claims.audits_schema import EFFECT_COLUMNS, FLAG_ABOVE_CHANCE, FLAG_LIFT
from testiculus.claims.schema import METRIC_NAMES, Conditions, require_columns
from testiculus.claims.verdicts import (
    CONTRADICTED,
    NAN,
    NOT_RESOLVED,
    SUPPORTED,
    Claim,
    Outcome,
    decided_by,
    judge,
    untestable,
    verdict_of,
    verdict_of_equality,
)
from testiculus.intervals import Interval

OURS = "in no source: this project's audit"
FLAG_NAMES = {
    "flag_precision": "the flags' precision",
    FLAG_ABOVE_CHANCE: "the flags' precision above chance",
    FLAG_LIFT: "the flags' lift",
    "flag_recall": "the flags' recall",
    "flag_average_precision": "the flags' average precision",
    "wrong_labels": "the share of wrong labels",
    "flagged": "the share of flagged images",
}


def understates(interval: Interval) -> str:
    """Return the verdict on the claim that the effect is below zero.

    >>> understates(Interval(-0.02, -0.03, -0.01, 12, 0.01))
    'supported'
    """
    return verdict_of(replace(interval, low=-interval.high, high=-interval.low))


def moves(interval: Interval) -> str:
    """Return the verdict on the claim that the effect lies beyond `MARGIN`, on either side.

    >>> moves(Interval(-0.03, -0.04, -0.02, 12, 0.01)), moves(Interval(0.0, -0.002, 0.002, 12, 0.1))
    ('supported', 'contradicted')
    """
    opposite = {SUPPORTED: CONTRADICTED, CONTRADICTED: SUPPORTED, NOT_RESOLVED: NOT_RESOLVED}
    return opposite[verdict_of_equality(interval, MARGIN)]


def exceeds(interval: Interval) -> str:
    """Return the verdict on the claim that the effect is above `MARGIN`.

    >>> exceeds(Interval(0.02, 0.015, 0.025, 12, 0.01))
    'supported'
    """
    return verdict_of(replace(interval, low=interval.low - MARGIN, high=interval.high - MARGIN))


@dataclass(frozen=True)
class AuditClaim:
    """A sentence about an error, and the rule that decides it on the interval of an effect."""

    text: str
    rule: Callable[[Interval], str] = verdict_of


CLAIMS = {
    "single-view-folds-flatter": AuditClaim(
        "Folds of single views give a higher figure than folds of patients."
    ),
    "curated-labels-flatter-flipped": AuditClaim(
        "Scoring on flipped labels makes the score look better."
    ),
    "curated-labels-flatter-filtered": AuditClaim(
        "Scoring on filtered labels makes the score look better."
    ),
    "dropped-batch-moves-no-mean": AuditClaim(
        f"Leaving out the last incomplete test batch moves the mean by less than {MARGIN_WORDS}.",
        partial(verdict_of_equality, margin=MARGIN),
    ),
    "dropped-batch-widens-spread": AuditClaim(
        f"Leaving out the last incomplete test batch varies a run by more than {MARGIN_WORDS}.",
        exceeds,
    ),
    "wrong-side-labels-understate": AuditClaim(
        "Left testes with the right one's label lower the figure.", understates
    ),
    "wrong-side-labels-lower-flag-precision": AuditClaim(
        "Left testes with the right one's label make the flags less precise.", understates
    ),
    "doubled-organ-loss-moves-headline": AuditClaim(
        f"Twice the weight of the organ loss moves the score by more than {MARGIN_WORDS}.", moves
    ),
    "one-draw-costs-score": AuditClaim(
        "One augmentation draw for a whole batch of fine-tuning makes the score worse.", understates
    ),
    "one-draw-in-pretraining-costs-score": AuditClaim(
        "One augmentation draw for a whole batch of pretraining makes the score worse.", understates
    ),
    "best-epoch-flatters": AuditClaim(
        "Choosing the epoch on the test fold makes the score look better than the last epoch does."
    ),
    "test-images-in-pretraining-flatter": AuditClaim(
        "Pretraining on the test patients' images, and so on more testis images, gives a higher "
        "score."
    ),
    "test-images-in-generator-flatter": AuditClaim(
        "Letting generator, filter and pretraining see the test patients' images, and so more "
        "testis images, gives a higher score."
    ),
}


def judge_audits(effects: pd.DataFrame, conditions: Conditions) -> pd.DataFrame:
    """Return the verdicts, one row a claim and reading, columns as `judge` gives them.

    `effects` is that of `audits.effects_frame`. An effect is positive where the error makes a
    figure look better, so that a claim of understating is supported below zero. A claim is read by
    F1 as reported (of pretraining: a probe's AUC on flipped labels); its other readings end in a
    suffix. Raises UserError where the effects lack a column.
    """
    require_columns(effects, EFFECT_COLUMNS, "effects")
    return judge(list(_claims(effects)), conditions)


def claim_readings() -> Iterator[tuple[str, Audit, Reading]]:
    """Yield the id of every verdict with its audit and reading, in the order of `AUDITS`."""
    for audit in AUDITS:
        for reading in audit.readings:
            if reading.claim:
                yield reading.claim + reading.suffix, audit, reading


def _claims(effects: pd.DataFrame) -> Iterator[Claim]:
    for name, audit, reading in claim_readings():
        claim = CLAIMS[reading.claim]
        metric = METRIC_NAMES.get(reading.metric) or FLAG_NAMES[reading.metric]
        words = f"{claim.text[:-1]}: {metric}, {reading.scored_on}."
        place = f" (point {audit.point})" if audit.point else ""
        test = partial(_outcome, effects, audit, reading, claim.rule)
        yield Claim(name, words, OURS + place, NAN, test)


def _outcome(
    effects: pd.DataFrame, audit: Audit, reading: Reading, rule: Callable[[Interval], str]
) -> Outcome:
    """Return what the line of a reading says, decided by the rule of its claim."""
    named = {"audit": audit.id, "metric": reading.metric, "scored_on": reading.scored_on}
    chosen = effects[(effects[list(named)] == pd.Series(named)).all(axis=1)]
    if chosen.empty:
        return untestable("the effects lack this reading")
    line = chosen.iloc[0]
    note = str(line["note"]) if pd.notna(line["note"]) else ""
    if pd.isna(line["effect"]):
        return untestable(note or "no figure")
    numbers = (line["effect"], line["ci_low"], line["ci_high"], int(line["n"]), line["resolvable"])
    found = decided_by(Interval(*numbers, note), rule=rule)
    boot = {name: line[name] for name in ("boot_low", "boot_high") if name in line}
    return replace(found, **boot)
