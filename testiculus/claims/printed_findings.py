"""What the audits of printed numbers find, as verdicts by the names that the ledger of claims uses.

`printed_findings` is the whole: a sentence that its own tables bear out in every comparison is
supported, one that they do not is contradicted, and the note says by how much. That is said of the
sources' tables and of nothing else.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import sqrt

from testiculus.audits.printed_prevalence import flips_to_positive
from testiculus.audits.printed_spread import spread_bounds
from testiculus.audits.printed_statements import BORNE_OUT, Judgement, judge
from testiculus.audits.printed_sums import AS_PRINTED, NOT, adds_up, average_rows, combined
from testiculus.claims.printed_rows import (
    PATIENT_VIEWS,
    STATED_PREVALENCE,
    common_prevalence,
    fold_images,
    suspicious_images,
)
from testiculus.claims.printed_sheet import between, number, per_cent, rows_once, source_tables
from testiculus.claims.printed_texts import AVERAGES, TENTH
from testiculus.claims.verdicts import CONTRADICTED, NOT_RESOLVED, SUPPORTED, UNTESTABLE
from testiculus.paper import FOLDS, LABELLED_IMAGES
from testiculus.paper.printed import StatedSum, printed_figures, reported_uusic, stated_sums
from testiculus.paper.statements import statements

_ORDER = (CONTRADICTED, UNTESTABLE, NOT_RESOLVED, SUPPORTED)  # of several, the first decides


@dataclass(frozen=True)
class PrintedFinding:
    """A verdict on the printed figures, what decided it, and how the charitable reading fares."""

    verdict: str
    note: str
    also: str = ""


def printed_findings() -> dict[str, PrintedFinding]:
    """Return every finding, by the id of its statement or sum and by the name the ledger uses.

    Where several statements or sums have one name there, all have to hold.

    >>> printed_findings()["gain-over-imagenet"].verdict
    'contradicted'
    """
    found: dict[str, list[PrintedFinding]] = {}
    figures = printed_figures()
    for statement in statements():
        judged = judge(statement, figures)
        for name in {statement.id, statement.ledger} - {""}:
            found.setdefault(name, []).append(of_statement(judged))
        if statement.ledger_fair:
            found.setdefault(statement.ledger_fair, []).append(of_reading(judged))
    for stated in stated_sums():
        for name in {stated.id, stated.ledger} - {""}:
            found.setdefault(name, []).append(of_sum(stated))
    more = {
        "prevalence-is-a-fifth": stated_prevalence(),
        "two-kinds-of-spread": spread_over_folds(),
        "uusic-averages": averages(),
        "marker-figures-are-reported": marker_figures(figures["row"]),
    }
    return {name: together(several) for name, several in found.items()} | more


def together(several: Iterable[PrintedFinding]) -> PrintedFinding:
    """Return one finding of several that all have to hold: the worst verdict, and every note."""
    several = list(several)
    verdict = min((one.verdict for one in several), key=_ORDER.index)
    note, also = ("; ".join(dict.fromkeys(filter(None, texts))) for texts in _texts(several))
    return PrintedFinding(verdict, note, also)


def _texts(several: list[PrintedFinding]) -> tuple[list[str], list[str]]:
    return [one.note for one in several], [one.also for one in several]


def of_statement(judged: Judgement) -> PrintedFinding:
    """Return the finding on a statement as it reads; not resolved where that hangs on the reading.

    So where not all of its comparisons hold, but all of those of its charitable reading do.
    """
    hangs = judged.fair_outcome == BORNE_OUT
    fails = NOT_RESOLVED if hangs else CONTRADICTED
    verdict = SUPPORTED if judged.outcome == BORNE_OUT else fails
    also = f"fair reading: {judged.fair_outcome}" if judged.fair_outcome else ""
    return PrintedFinding(verdict, _borne(judged.comparisons["holds"]), also)


def of_reading(judged: Judgement) -> PrintedFinding:
    """Return the finding on a statement's charitable reading; `also` says how it fares as it reads.

    Untestable where the reading is no comparison.
    """
    if not judged.fair_outcome:
        return PrintedFinding(UNTESTABLE, "its reading is no comparison of printed figures")
    verdict = SUPPORTED if judged.fair_outcome == BORNE_OUT else CONTRADICTED
    also = f"of all rows: {judged.outcome}"
    return PrintedFinding(verdict, _borne(judged.fair["holds"]), also)


def _borne(holds) -> str:
    return f"the printed figures bear out {holds.sum()} of {len(holds)} comparisons"


def of_sum(stated: StatedSum) -> PrintedFinding:
    """Return the finding on a total and its parts; what rounding may explain is not resolved."""
    outcome = adds_up(stated.kind, stated.parts, stated.total, stated.step, stated.part_step)
    verdict = {AS_PRINTED: SUPPORTED, NOT: CONTRADICTED}.get(outcome, NOT_RESOLVED)
    value = number(float(combined(stated.kind, stated.parts)))
    note = f"{stated.document}: {value} by its parts, {number(stated.total)} printed"
    return PrintedFinding(verdict, note, stated.reading if verdict != SUPPORTED else "")


def stated_prevalence() -> PrintedFinding:
    """Return whether the rows' implied prevalence can have begun at the stated one.

    Contradicted where no direction of the flips leads from one to the other. It is not resolved
    otherwise: no row on labels before the flips prints precision and recall.
    """
    common, flipped = common_prevalence(), suspicious_images()
    if common is None:
        return PrintedFinding(NOT_RESOLVED, "the rows do not agree on one share of positives")
    low, high = (flips_to_positive(q, STATED_PREVALENCE, LABELLED_IMAGES, flipped) for q in common)
    verdict = CONTRADICTED if high < 0 or low > flipped else NOT_RESOLVED
    note = (
        f"after the flips the rows imply {between(*common)} %, which "
        f"{per_cent(STATED_PREVALENCE, 0)} % before them gives if {low:.1f} to {high:.1f} of "
        f"{flipped} became positive"
    )
    return PrintedFinding(verdict, note)


def spread_over_folds() -> PrintedFinding:
    """Return whether the printed ± of one row can all be over the three folds.

    Contradicted where the folds' prevalence would have to vary by more than folds of whole
    patients, drawn at random, vary; else not resolved: the ± alone do not tell.
    """
    rows = [spread_bounds(row, FOLDS) for _, row in rows_once(source_tables())]
    needed = max(float(row["needed"].max()) for row in rows if len(row))
    misfits = sum(int((~row["fits"]).sum()) for row in rows if len(row))
    share = STATED_PREVALENCE * (1 - STATED_PREVALENCE)
    usual = sqrt(share * PATIENT_VIEWS / fold_images())  # all views of a patient alike: the most
    note = (
        f"in {misfits} of {sum(map(len, rows))} rows the ± of accuracy is larger than those of "
        f"recall and F1 allow on folds of one prevalence; folds that differ by {per_cent(needed)} "
        f"points allow it, and folds of whole patients may differ by {per_cent(usual)}"
    )
    return PrintedFinding(CONTRADICTED if needed > usual else NOT_RESOLVED, note)


def averages() -> PrintedFinding:
    """Return whether the challenge's averages are those of the figures beside them."""
    tables = [average_rows(reported_uusic(t), parts, total, TENTH) for t, parts, total in AVERAGES]
    outcomes = [outcome for table in tables for outcome in table["outcome"]]
    held = outcomes.count(AS_PRINTED)
    note = f"{held} of {len(outcomes)} averages are those of the printed figures"
    if held == len(outcomes):
        return PrintedFinding(SUPPORTED, note)
    if NOT in outcomes:
        return PrintedFinding(CONTRADICTED, note)
    return PrintedFinding(NOT_RESOLVED, note, "the others may be, before rounding")


def marker_figures(rows: Iterable[str]) -> PrintedFinding:
    """Return whether any printed row is with or without the marker augmentation."""
    if any("marker" in row for row in rows):
        return PrintedFinding(NOT_RESOLVED, "a table has a row on markers")
    return PrintedFinding(UNTESTABLE, "no table has a row with or without the marker augmentation")
