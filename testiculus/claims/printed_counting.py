"""The audit of printed counts as a sheet: which accuracies can be means of counts, and of which."""

from collections.abc import Mapping

import pandas as pd

from testiculus.audits.printed import by_row
from testiculus.audits.printed_counts import (
    averaged_denominator,
    chance_reachable,
    denominators_as_unusual,
    excess_over_chance,
    reachable,
)
from testiculus.claims.printed_rows import PATIENT_VIEWS, RUNS, Tables, suspicious_images
from testiculus.claims.printed_sheet import Sheet, per_cent, rows_once, source_tables
from testiculus.paper import BATCH_SIZE, FOLDS, LABELLED_IMAGES, SEEDS

UNLIKELY = 0.01  # the chance below which a note says "more than chance"
SCANNED = range(100, 9000)  # denominators that the one of a dropped batch is compared with


def counting_schemes() -> dict[str, int]:
    """Return denominators that a printed accuracy may be a count over, by how it was counted."""
    patients = LABELLED_IMAGES // PATIENT_VIEWS
    sizes = [(patients + fold) // FOLDS * PATIENT_VIEWS for fold in range(FOLDS)]
    scored = LABELLED_IMAGES // FOLDS // BATCH_SIZE * BATCH_SIZE
    return {
        "mean over runs, folds of whole patients": averaged_denominator(sizes, SEEDS),
        "every image once a seed": LABELLED_IMAGES * SEEDS,
        f"mean over runs of {scored} images": averaged_denominator([scored] * FOLDS, SEEDS),
    }


def counts_sheet(tables: Tables | None = None) -> Sheet:
    """Return which printed accuracies can be means of counts, under three ways of counting."""
    schemes, lines, means = counting_schemes(), [], []
    for words, row in rows_once(tables or source_tables()):
        mean = float(by_row(row)["mean", "accuracy"].iloc[0])
        means.append(mean)
        name = row["row"].iloc[0]
        answers = [reachable(mean, _images_of(name, d)) for d in schemes.values()]
        lines.append((words, name, per_cent(mean), *("yes" if a else "no" for a in answers)))
    all_found = [excess_over_chance(means, d) for d in schemes.values()]
    lines.append(("all", "distinct accuracies", "", *(_counted(found) for found in all_found)))
    names = ["table", "row", "accuracy", *schemes]
    caption = "Can the printed accuracy be a mean of counts?"
    frame = pd.DataFrame(lines, columns=names)
    return Sheet(frame, caption, _counts_notes(means, schemes), ("accuracy",), ("row", *schemes))


def _images_of(row: str, denominator: int) -> int:
    """Return a row's denominator: the filtered set, scored once a seed, has fewer images."""
    if row == "Filtered" and denominator == LABELLED_IMAGES * SEEDS:
        return (LABELLED_IMAGES - suspicious_images()) * SEEDS
    return denominator


def _counted(found: Mapping[str, float]) -> str:
    told = f"{found['reachable']} of {found['of']}; {found['expected']:.1f} by chance"
    return told + (f" (p = {found['p']:.2g})" if found["p"] < 0.995 else "")


def _counts_notes(means: list[float], schemes: Mapping[str, int]) -> tuple[str, ...]:
    stated, once, dropped = schemes.values()
    found = excess_over_chance(means, dropped)
    unusual = denominators_as_unusual(means, dropped, SCANNED)
    more = "more than" if found["p"] < UNLIKELY else "not clearly more than"
    return (
        "A mean accuracy is a count over a denominator, and with two decimals of a percent not "
        "every figure is one (the GRIM test). Precision, recall and F1 cannot be tested so: their "
        "denominators change from run to run.",
        "Stated protocol, folds of whole patients: the folds differ in size, so that the "
        f"denominator is {stated:,}, which reaches {100 * chance_reachable(stated):.0f} % of all "
        f"figures. Every image once a seed: over {once:,}, or fewer for the filtered set.",
        "The released test loader drops its last incomplete batch (point 7), which leaves "
        f"{dropped // RUNS} images a run and a denominator of {dropped:,}. By chance "
        f"{100 * chance_reachable(dropped):.0f} % of all figures are multiples of 1/{dropped:,}; "
        f"{found['reachable']} of the {found['of']} printed ones are, which is {more} chance. Of "
        f"the {len(SCANNED):,} denominators from {SCANNED[0]} to {SCANNED[-1]:,}, "
        f"{unusual} others would be as surprising.",
        "A fair reading: a figure that is no such multiple may come from another number of runs or "
        "another version of the code, and one that is may be so by chance. Digits prove nothing "
        "about code; and leaving out a few images at random adds noise and little bias.",
    )
