"""The claims of Tables 2, 3 and 4 as a reader sees them, each read in several ways."""

import numpy as np
import pandas as pd

from testiculus.claims.schema import METRIC_NAMES, Conditions
from testiculus.paper import EQUAL_MARGIN, ClaimText, claim_texts
from testiculus.report.render import (
    ABSENT,
    Table,
    bracket,
    percent,
    points,
    reached_on,
    without_repeats,
)
from testiculus.report.tables_pretraining import (
    CONDITIONAL,
    NOT_CLAIMED,
    ONE_GENERATOR,
    TITLES,
    resolvable_note,
    row_name,
    versus,
)

IN_TABLE3 = (
    "≳: can stand in for, no worse by more than that margin. Accuracy, precision, recall: of the "
    "fine-tunings. "
)
IN_NO_SOURCE = "in no source"  # of a claim's place: the comparison is this project's own
# What a verdict's id ends in: what was read, and on which labels.
READINGS = {
    "": "probe",
    "-clean": "probe, clean",
    "-truth": "probe, on truth",
    "-finetuned": "fine-tuned",
    "-finetuned-clean": "fine-tuned, clean",
}


def pretraining_verdicts_table(
    experiment: str,
    verdicts: pd.DataFrame,
    conditions: Conditions,
    readings: tuple[str, ...] = tuple(READINGS),
) -> Table:
    """Return every claim of the table under `readings`: effect, intervals, verdict.

    A claim that cannot be tested under any of them takes one line.
    """
    by_id, lines = verdicts.set_index("claim"), []
    for claim in claim_texts(experiment):
        title = f"{row_name(claim.better, conditions)} {versus(claim, conditions)}"
        title += " (ours)" if IN_NO_SOURCE in claim.source else ""
        there = [suffix for suffix in readings if claim.id + suffix in by_id.index]
        found = by_id.loc[[claim.id + suffix for suffix in there]]
        read = [_read_on(claim, suffix) for suffix in there]
        if len(found) and found["effect"].isna().all():
            paper = found["paper"].dropna().head(1)
            found, read = found.tail(1).assign(paper=paper.mean()), ["all"]
        cells = [_found(line, conditions) for line in found.itertuples()]
        lines += [(title, reading, *rest) for reading, rest in zip(read, cells, strict=True)]
    columns = ["claim", "read on", "paper", "here [95 %]", "patients", "verdict"]
    notes = [
        "Percentage points of the probe's AUC or of the fine-tuned F1. Here: mean paired "
        "difference and corrected resampled t interval over runs or (partition, fold) pairs; "
        "patients: 95 % bootstrap over patients. Clean: trained and scored on true labels. Paper: "
        "its difference in fine-tuned F1.",
        f"≈: within {percent(EQUAL_MARGIN, 1)} points, a margin fixed in advance. "
        + (IN_TABLE3 if experiment == "table3" else "")
        + "Ours: a comparison that no source makes.",
        CONDITIONAL,
        ONE_GENERATOR if experiment == "table3" else "",
        resolvable_note(experiment, verdicts),
        *_untestable_notes(verdicts, conditions),
    ]
    frame = without_repeats(pd.DataFrame(lines, columns=columns), ["claim"])
    caption = f"Claims of {TITLES[experiment]}: verdicts reached on {reached_on(conditions)}"
    right = ("paper", "here [95 %]", "patients")
    return Table(frame, caption, tuple(filter(None, notes)), right, ("claim", "verdict"))


def _read_on(claim: ClaimText, suffix: str) -> str:
    """Return what a claim is read on: of another metric than F1, that metric's name."""
    words = READINGS[suffix]
    if claim.metric == "f1":
        return words
    return words.replace("fine-tuned", METRIC_NAMES[claim.metric])


def _found(found, conditions: Conditions) -> tuple[str, str, str, str]:
    here = f"{points(found.effect, 1)} {bracket(found.ci_low, found.ci_high)}"
    return (
        points(found.paper, 1),
        here if pd.notna(found.effect) else ABSENT,
        bracket(found.boot_low, found.boot_high),
        NOT_CLAIMED if conditions.claims_nothing else found.verdict,
    )


def _untestable_notes(verdicts: pd.DataFrame, conditions: Conditions) -> list[str]:
    if conditions.claims_nothing:
        return ["The smoke profile tests the machinery; it claims nothing."]
    reasons = verdicts.loc[verdicts["effect"].isna(), "note"].replace("", np.nan).dropna().unique()
    parts = dict.fromkeys(part for reason in reasons for part in reason.split("; "))
    return [f"Cannot be tested here: {part}." for part in parts]
