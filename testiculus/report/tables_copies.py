"""Fig. 4's search for copies, and its claims one by one.

`copies_table` reads copies.csv, `generation_verdicts_table` verdicts.csv.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from testiculus.claims.generation import in_distance
from testiculus.claims.schema import Conditions, require_columns
from testiculus.report.generation_words import decimals
from testiculus.report.render import (
    ABSENT,
    Table,
    bracket,
    percent,
    points,
    reached_on,
    without_repeats,
)
from testiculus.report.tables_pretraining import NOT_CLAIMED

COPIES = (
    *("subject", "space", "n", "copies", "rate", "low", "high"),
    *("median_distance", "threshold", "authenticity", "allowed", "allowed_high", "near"),
)
OURS = "in no source"
SHOWN = {"planted: flipped": "planted: mirrored"}  # elsewhere "flipped" is said of labels


def copies_table(
    copies: pd.DataFrame,
    conditions: Conditions,
    features: Mapping[str, str] | None = None,
) -> Table:
    """Return how many images of each kind single out one training patient, as a copy would.

    Per space (pixels, then features): generated, filtered, held-out real images, and planted copies
    that the search must catch. Rates in percent with exact binomial 95 % intervals. `features` maps
    spaces to words, for the notes. Raises `UserError` where a column is missing.
    """
    require_columns(copies, COPIES, "copies")
    lines = []
    for found in copies.itertuples():
        rate = ABSENT if pd.isna(found.rate) else f"{percent(found.rate, 1)} "
        rate += "" if pd.isna(found.low) else f"[{percent(found.low, 1)}, {percent(found.high, 1)}]"
        digits = decimals("", found.median_distance, found.threshold)
        lines.append(
            (
                f"{found.space}\n(copy: up to {_number(found.threshold, digits)};\nhonest images: "
                f"{percent(found.allowed, 1)} %,\nat most {percent(found.allowed_high, 1)} %)",
                SHOWN.get(found.subject, found.subject),
                f"{found.copies:,.0f} of {found.n:,.0f}",
                rate.strip(),
                _number(found.median_distance, digits),
                percent(found.near, 1),
                percent(found.authenticity, 1),
            )
        )
    names = ["measured in", "images", "copies", "rate [95 %]", "median", "near", "authentic"]
    frame = without_repeats(pd.DataFrame(lines, columns=names), ["measured in"])
    notes = [
        "Distances are relative: to the nearest training image, in units of that to the nearest "
        "image of any other patient; near 0 for a copy, near 1 where no patient is singled out. A "
        "copy lies at or below the threshold of its space, which half of the held-out patients "
        "set; the others are the row of held-out images, the level to compare with. Honest "
        "images: how many the threshold calls copies on average, and at most. Rates in percent, "
        "exact binomial intervals.",
        "Near: percent whose plain distance to a training image is as small as that of the nearest "
        "one in a hundred held-out images, other patients not considered. Authentic: farther from "
        "the nearest training image than that one is from its own nearest neighbour (Alaa et al. "
        "2022); compare with held-out images.",
        "Planted: training images, changed a little, which the search must catch. It sees whole "
        "images: a copied part or a mixture of patients goes unseen, and finding nothing bounds "
        "the rate, it does not prove privacy.",
        *(f"{space}: {words}." for space, words in (features or {}).items()),
    ]
    caption = f"Does it copy training images? {reached_on(conditions)}"
    right = ("copies", "rate [95 %]", "median", "near", "authentic")
    return Table(frame, caption, tuple(notes), right, ("measured in", "images"))


def _number(value: float, digits: int) -> str:
    return ABSENT if pd.isna(value) else f"{value:.{digits}f}"


def generation_verdicts_table(verdicts: pd.DataFrame, conditions: Conditions) -> Table:
    """Return every claim on generated images: who makes it, the paper's figure, here, verdict.

    Effects are positive where they are what the claim says: percentage points, and for Fréchet
    distances the distance's own unit. Where the sources contradict each other, both are judged.
    """
    require_columns(verdicts, ("claim", "text", "source", "verdict"), "verdicts")
    lines = []
    for found in verdicts.itertuples():
        said = "ours" if OURS in found.source else found.source.partition(",")[0]
        paper, here = _effect(found)
        verdict = NOT_CLAIMED if conditions.claims_nothing else found.verdict
        lines.append((said, found.text, paper, here, verdict))
    names = ["said by", "claim", "paper", "here [95 %]", "verdict"]
    frame = without_repeats(pd.DataFrame(lines, columns=names), ["said by"])
    notes = [
        "Differences in the claim's direction: percentage points, or (d) the unit of the Fréchet "
        "distance. Intervals: percentiles over replicates that each take half of the patients and "
        "half of the generated images; over batches and splits a t interval; of copies Newcombe's. "
        "All are conditional on one generator. Paper: its own images. Ours: a comparison that no "
        "source makes.",
        *_untestable_notes(verdicts, conditions),
    ]
    caption = (
        f"Claims of Fig. 4, generation and filter: verdicts reached on {reached_on(conditions)}"
    )
    return Table(frame, caption, tuple(notes), ("paper", "here [95 %]"), ("claim", "verdict"))


def _effect(found) -> tuple[str, str]:
    """Return the paper's difference and the one here with its interval, in the claim's unit."""
    if not in_distance(found.claim):
        paper = points(found.paper, 1)
        here = f"{points(found.effect, 1)} {bracket(found.ci_low, found.ci_high)}"
        return paper, (here if pd.notna(found.effect) else ABSENT)
    figures = (found.paper, found.effect, found.ci_low, found.ci_high)
    digits = decimals("", *figures)
    paper, here, low, high = (ABSENT if pd.isna(v) else f"{v:+.{digits}f}" for v in figures)
    paper, here = (v if v == ABSENT else f"{v} d" for v in (paper, here))
    return paper, here if ABSENT in (here, low, high) else f"{here} [{low}, {high}]"


def _untestable_notes(verdicts: pd.DataFrame, conditions: Conditions) -> list[str]:
    if conditions.claims_nothing:
        return ["The smoke profile tests the machinery; it claims nothing."]
    reasons = verdicts.loc[verdicts["effect"].isna(), "note"].replace("", np.nan).dropna().unique()
    return [f"Cannot be tested here: {reason}." for reason in reasons]
