"""Table 1 as a reader sees it: paper | here | difference | verdict, and its claims one by one."""

import numpy as np
import pandas as pd

from testiculus.claims.schema import (
    BASELINE,
    CLAIM_SUFFIXES,
    METRIC_NAMES,
    ROWS,
    Conditions,
    runs_of,
)
from testiculus.intervals import corrected_resampled_interval
from testiculus.paper import claim_texts, reported
from testiculus.report.render import (
    ABSENT,
    Table,
    bracket,
    mean_and_std,
    percent,
    points,
    reached_on,
    without_repeats,
)
from testiculus.report.tables_truth import TABLE1_METRICS, none_flagged_note

NOT_CLAIMED = "not claimed (smoke)"
NOT_RUN = "not run"
BEATS = "verdict: better than"


def table1_frame(
    results: pd.DataFrame, verdicts: pd.DataFrame, conditions: Conditions
) -> pd.DataFrame:
    """Return Table 1 as strings: row, initialisation, metric, paper, here, difference, verdict.

    Percent, mean ± standard deviation over runs with their number in brackets. `verdict` is that of
    the claims in which the row is said to win, on the article's own scoring. Where the weights
    that the paper's rows start from are missing, these rows are there too, as "not run".
    """
    printed = reported("table1").set_index(["row", "metric"])
    lines = []
    for row in ROWS:
        for metric in TABLE1_METRICS:
            figure = printed.loc[(row, metric)]
            paper = f"{percent(figure['mean'])} ± {percent(figure['std'])}"
            runs = runs_of(results, row, metric).dropna()
            here = f"{mean_and_std(runs)} ({len(runs)})" if len(runs) else NOT_RUN
            difference = points(runs.mean() - figure["mean"]) if len(runs) else ABSENT
            verdict = _row_verdicts(verdicts, conditions, row, metric) if len(runs) else ABSENT
            name = (row, conditions.initialisation, METRIC_NAMES[metric])
            lines.append((*name, paper, here, difference, verdict))
    started = reported("table1")["initialisation"].iloc[0].casefold()
    for initialisation in [name for name in conditions.not_run if name.casefold() == started]:
        lines += [(row, initialisation, "both", ABSENT, NOT_RUN, ABSENT, ABSENT) for row in ROWS]
    columns = ["row", "initialisation", "metric", "paper", "here", "difference", "verdict"]
    return pd.DataFrame(lines, columns=columns)


def table1_table(
    results: pd.DataFrame,
    verdicts: pd.DataFrame,
    conditions: Conditions,
    flags: pd.DataFrame | None = None,
) -> Table:
    """Return `table1_frame` with what a reader must know beside it: data, rule, profile, remedies.

    With the noise protocol's `flags` it also says so where no image was flagged.
    """
    printed = reported("table1")
    frame = table1_frame(results, verdicts, conditions)
    frame = without_repeats(frame, ["row", "initialisation"])
    frame = frame.rename(columns={"initialisation": "starts from", "verdict": BEATS})
    started = printed["initialisation"].iloc[0]
    notes = [
        f"Percent; mean ± standard deviation over seeds x folds (number of runs). Paper: its own "
        f"images, from {started} ({printed['place'].iloc[0]}). Here: {conditions.data}. "
        "A difference between the two is no verdict.",
        f"Left out (Filtered) or inverted (Flipped): {conditions.rule.in_words()}.",
        none_flagged_note(flags),
        chance_note(results, conditions),
        _resolvable_note(verdicts),
        *(f"Not run, {name}: {remedy}" for name, remedy in conditions.not_run.items()),
    ]
    caption = f"Table 1, noisy labels: {reached_on(conditions)}, each row on its own curated labels"
    return Table(
        frame,
        caption,
        tuple(filter(None, notes)),
        ("paper", "here", "difference"),
        ("starts from", BEATS),
    )


def verdicts_table(verdicts: pd.DataFrame, conditions: Conditions) -> Table:
    """Return every claim with the paper's difference, the one here, its intervals, its verdict."""
    by_id = verdicts.set_index("claim")
    lines = []
    for claim in claim_texts("table1"):
        for scoring, suffix in CLAIM_SUFFIXES.items():
            if claim.id + suffix not in by_id.index:
                continue
            found = by_id.loc[claim.id + suffix]
            flags = claim.metric == "average_precision"
            interval = f"{points(found.effect, 1)} {bracket(found.ci_low, found.ci_high)}"
            lines.append(
                (
                    f"{claim.better} > {claim.worse}" + (" occasions" if flags else ""),
                    METRIC_NAMES[claim.metric],
                    "truth" if flags else scoring,
                    points(found.paper, 1),
                    interval if pd.notna(found.effect) else ABSENT,
                    bracket(found.boot_low, found.boot_high),
                    NOT_CLAIMED if conditions.claims_nothing else found.verdict,
                )
            )
    names = ["claim", "metric", "labels", "paper", "here [95 %]", "patients", "verdict"]
    frame = without_repeats(pd.DataFrame(lines, columns=names), ["claim", "metric"])
    notes = [
        "Percentage points. Here: mean paired difference and corrected resampled t interval over "
        "runs; patients: 95 % bootstrap of the same difference over patients, which decides where "
        "there is one result only (occasions).",
        _resolvable_note(verdicts),
        *_untestable_notes(verdicts, conditions),
    ]
    right = ("paper", "here [95 %]", "patients")
    caption = f"Claims of Table 1: verdicts reached on {reached_on(conditions)}"
    return Table(frame, caption, tuple(filter(None, notes)), right, ("verdict",))


def _row_verdicts(verdicts: pd.DataFrame, conditions: Conditions, row: str, metric: str) -> str:
    """Return the verdicts of the claims that `row` wins on `metric`, one line each."""
    won = [c for c in claim_texts("table1") if c.better == row and c.metric == metric]
    if not won:
        return ABSENT
    if conditions.claims_nothing:
        return NOT_CLAIMED
    words = verdicts.set_index("claim")["verdict"]
    return "\n".join(f"{c.worse}: {words.get(c.id, ABSENT)}" for c in won)


def _resolvable_note(verdicts: pd.DataFrame) -> str:
    """Return the smallest differences that could have been resolved, on the curated scoring."""
    half = verdicts.set_index("claim")["resolvable"]
    parts = []
    for metric in (*TABLE1_METRICS, "average_precision"):
        widths = [half.get(c.id, np.nan) for c in claim_texts("table1") if c.metric == metric]
        if np.isfinite(widths).any() and np.nanmax(widths) > 0:  # 0: the same models
            parts.append(f"{METRIC_NAMES[metric]} {percent(np.nanmax(widths), 1)}")
    return f"Smallest differences resolvable here, in points: {', '.join(parts)}." if parts else ""


def chance_note(results: pd.DataFrame, conditions: Conditions) -> str:
    """Return a warning where Complete's models are not shown to be better than chance, else "".

    Judged on AUC (chance: 0.5) over all test images, by the true labels where they are known.
    """
    for suffix, labels in (("_truth", "true"), ("_original", "original")):
        values = runs_of(results, BASELINE, f"auc{suffix}").to_numpy()
        if len(values) and not conditions.claims_nothing:
            above = corrected_resampled_interval(values - 0.5, ratio=conditions.ratio)
            if above.low > 0:
                return ""
            interval = f"{0.5 + above.effect:.2f} [{0.5 + above.low:.2f}, {0.5 + above.high:.2f}]"
            return (
                f"On {labels} labels {BASELINE}'s AUC is {interval}, where chance is 0.50: these "
                "models are not shown to have learnt anything, so what they flag, and what "
                "curation changes, says little."
            )
    return ""


def _untestable_notes(verdicts: pd.DataFrame, conditions: Conditions) -> list[str]:
    if conditions.claims_nothing:
        return ["The smoke profile tests the machinery; it claims nothing."]
    reasons = verdicts.loc[verdicts["effect"].isna(), "note"].replace("", np.nan).dropna().unique()
    return [f"Cannot be tested here: {reason}." for reason in reasons]
