"""Tables 2 and 4 as a reader sees them: as printed, on clean labels, and their claims one by one.

Both have one row per pretraining. Beside the fine-tuned figures, which the paper prints, stands a
linear probe on the frozen encoder, which the paper does not have.
"""

import numpy as np
import pandas as pd

from testiculus.base.errors import one_of
from testiculus.claims.schema import (
    EXCLUDED,
    METRIC_NAMES,
    OTHER_ORGANS,
    OWN_ORGAN,
    TABLE2_ROWS,
    TABLE4_ROWS,
    Conditions,
    runs_of,
)
from testiculus.paper import ClaimText, claim_texts, reported
from testiculus.paper.pretraining import PRETRAINING_IMAGES
from testiculus.report.render import (
    ABSENT,
    Table,
    mean_and_std,
    percent,
    points,
    reached_on,
    without_repeats,
)

NOT_CLAIMED = "not claimed (smoke)"
NOT_RUN = "not run"
PROBE = "probe AUC"
TITLES = {
    "table2": "Table 2, pretraining sources",
    "table4": "Table 4, weight of the organ loss",
}
PAPER_ROWS = {"table2": TABLE2_ROWS, "table4": TABLE4_ROWS}
PAPER_METRICS = {
    "table2": ("accuracy", "f1", "precision", "recall"),
    "table4": ("accuracy", "f1"),
}
# The labels trained on, and scored on: the suffix of their metrics.
LABELS = {"flipped, flipped": "", "flipped, truth": "_truth", "truth, truth": "_clean"}
CONDITIONAL = (
    "Runs, and intervals over them, are conditional on one pretrained encoder a row: another "
    "pretraining seed gives another encoder (Table 2's page shows how much that is)."
)
INCLUDES = (
    "UD holds the labelled images too, without their labels, the test folds' among them: so the "
    f"article reads [29]. {EXCLUDED!r} (Table 2, with EXCLUDE_TEST=1) is pretrained once per fold "
    "without that fold's patients."
)


def row_name(row: str, conditions: Conditions) -> str:
    """Return the name under which a row is shown.

    The rows "UD testes only" and "UD thyroids only" are called after the organs that they were
    pretrained on, and rows that the paper does not have are marked as ours.

    >>> row_name("UD thyroids only", Conditions("ward", "demo", other_organs=("lung", "nerve")))
    'UD lung, nerve only'
    """
    if row == OWN_ORGAN and conditions.organ != "testis":
        return f"UD {conditions.organ} only"
    if row == OTHER_ORGANS and tuple(conditions.other_organs) != ("thyroid",):
        return f"UD {', '.join(conditions.other_organs)} only"
    return row


def named_rows(frame: pd.DataFrame, conditions: Conditions) -> pd.DataFrame:
    """Return a frame with the column `row` under the names that are shown, for plots."""
    names = {row: row_name(row, conditions) for row in frame["row"].unique()}
    return frame.assign(row=frame["row"].map(names))


def rows_of(experiment: str, results: pd.DataFrame) -> list[str]:
    """Return the rows to show: the paper's, run or not, then those that only the results have."""
    paper = PAPER_ROWS[experiment]
    return [*paper, *(row for row in results["row"].unique() if row not in paper)]


def pretraining_table(
    experiment: str,
    results: pd.DataFrame,
    verdicts: pd.DataFrame,
    conditions: Conditions,
) -> Table:
    """Return Table 2 or 4 as printed, the linear probe's AUC below each row, and the verdicts.

    `experiment` is "table2" or "table4". Verdicts are those of the claims in which the row is
    said to win: beside the probe's AUC as demo reads them, beside F1 as the fine-tunings alone
    would. Rows that were not run are there with the paper's figures; rows that the paper does not
    have are marked "(ours)".
    """
    one_of(experiment, TITLES, "table")
    lines = []
    for row in rows_of(experiment, results):
        lines += _row_lines(experiment, row, results, verdicts, conditions)
    columns = ["starts from", "metric", "paper", "here", "difference", "verdict"]
    frame = without_repeats(pd.DataFrame(lines, columns=columns), ["starts from"])
    caption = f"{TITLES[experiment]}: {reached_on(conditions)}, on the flipped labels"
    notes = (
        *_reading_notes(experiment, results),
        resolvable_note(experiment, verdicts),
        INCLUDES,
        *not_run_notes(conditions),
    )
    right, wrapping = ("paper", "here", "difference"), ("starts from", "verdict")
    return Table(frame, caption, tuple(filter(None, notes)), right, wrapping)


def _row_lines(experiment, row, results, verdicts, conditions) -> list[tuple]:
    """Return a row's lines: one per metric of the paper, then the probe where it was run."""
    printed, lines = reported(experiment).set_index(["row", "metric"]), []
    shown = row_name(row, conditions) + _of_the_paper(experiment, row)
    for metric in PAPER_METRICS[experiment]:
        runs = runs_of(results, row, metric).dropna()
        paper, difference = ABSENT, ABSENT
        if (row, metric) in printed.index:
            figure = printed.loc[(row, metric)]
            paper = f"{percent(figure['mean'])} ± {percent(figure['std'])}"
            difference = points(runs.mean() - figure["mean"]) if len(runs) else ABSENT
        here = f"{mean_and_std(runs)} ({len(runs)})" if len(runs) else NOT_RUN
        read = "-finetuned" if metric == "f1" and len(runs) else None
        won = _won(experiment, row, read, verdicts, conditions)
        lines.append((shown, METRIC_NAMES[metric], paper, here, difference, won))
    probed = over_partitions(results, row, "probe_auc")
    if len(probed):
        here = f"{mean_and_std(probed)} ({len(probed)})"
        won = _won(experiment, row, "", verdicts, conditions)
        lines.append((shown, PROBE, ABSENT, here, ABSENT, won))
    return lines


def _of_the_paper(experiment: str, row: str) -> str:
    """Return what stands beside a row's name: the paper's number of images, or "(ours)"."""
    if row not in PAPER_ROWS[experiment]:
        return " (ours)"
    images = PRETRAINING_IMAGES.get(row, "-") if experiment == "table2" else "-"
    return "" if images == "-" else f"\n(paper: {images} images)"


def _won(experiment, row, reading, verdicts, conditions) -> str:
    """Return the verdicts, under a reading, of the claims that `row` wins, one line each."""
    if reading is None:
        return ABSENT
    won = [claim for claim in claim_texts(experiment) if claim.better == row]
    words = verdicts.set_index("claim")["verdict"]
    there = [claim for claim in won if claim.id + reading in words.index]
    if not there:
        return ABSENT
    if conditions.claims_nothing:
        return NOT_CLAIMED
    return "\n".join(f"{versus(c, conditions)}: {words[c.id + reading]}" for c in there)


def versus(claim: ClaimText, conditions: Conditions) -> str:
    """Return what a claim says of its first row: "> none", or "≈ UD thyroids only"."""
    return f"{'≈' if claim.kind == 'equal' else '>'} {row_name(claim.worse, conditions)}"


def over_partitions(results: pd.DataFrame, row: str, metric: str) -> pd.Series:
    """Return a probe's `metric` of `row` by patient-grouped partition, the mean over its folds."""
    return runs_of(results, row, metric).dropna().groupby(level="seed").mean()


def _reading_notes(experiment: str, results: pd.DataFrame) -> list[str]:
    printed = reported(experiment)
    numbers = [len(over_partitions(results, row, "probe_auc")) for row in results["row"].unique()]
    return [
        "Percent. Fine-tuned: mean ± standard deviation over seeds x folds (number of runs). "
        "Probe AUC: of a linear classifier on the frozen encoder, mean ± standard deviation over "
        f"{max(numbers, default=0)} patient-grouped partitions (their number); the verdicts "
        "beside it are the ones that count in demo, those beside F1 are of the fine-tunings.",
        f"Paper: its own images ({printed['place'].iloc[0]}). A difference is no verdict.",
        CONDITIONAL,
    ]


def not_run_notes(conditions: Conditions) -> list[str]:
    """Return one line for each initialisation that is missing, with its remedy."""
    return [f"Not run, {name}: {remedy}" for name, remedy in conditions.not_run.items()]


def resolvable_note(experiment: str, verdicts: pd.DataFrame) -> str:
    """Return the smallest differences that the probe and the fine-tunings could have resolved.

    The largest over the claims; the row without the test patients has few pairs and its own table.
    """
    half = verdicts.set_index("claim")["resolvable"]
    claims = [
        claim for claim in claim_texts(experiment) if EXCLUDED not in (claim.better, claim.worse)
    ]
    parts = []
    for suffix, name in (("", f"{PROBE}"), ("-finetuned", "fine-tuned F1")):
        widths = [half.get(claim.id + suffix, np.nan) for claim in claims]
        if np.isfinite(widths).any() and np.nanmax(widths) > 0:
            parts.append(f"{name} {percent(np.nanmax(widths), 1)}")
    return f"Smallest differences resolvable here, in points: {', '.join(parts)}." if parts else ""


def clean_table(
    experiment: str,
    results: pd.DataFrame,
    conditions: Conditions,
) -> Table:
    """Return F1 and the probe's AUC by the labels trained and scored on: flipped, or the truth.

    Fine-tuned F1 over runs, probe AUC over partitions. Dashes where the truth is not known.
    """
    lines = []
    for metric, shown in (("f1", "fine-tuned F1"), ("probe_auc", PROBE)):
        for row in rows_of(experiment, results):
            of_row = over_partitions if metric == "probe_auc" else runs_of
            cells = [mean_and_std(of_row(results, row, metric + s)) for s in LABELS.values()]
            if set(cells) != {ABSENT}:
                lines.append((shown, row_name(row, conditions), *cells))
    frame = pd.DataFrame(lines, columns=["metric", "starts from", *LABELS])
    known = results["metric"].str.endswith("_clean").any()
    notes = (
        "Percent; trained on, scored on. Truth, truth: what the encoder is worth where no label is "
        "wrong. Flipped, truth: the same models as in the first column, scored without error.",
        "" if known else "True labels are not known here, so that only the first column is.",
    )
    caption = f"The same rows on clean labels: {reached_on(conditions)}"
    frame = without_repeats(frame, ["metric"])
    return Table(frame, caption, tuple(filter(None, notes)), tuple(LABELS), ("starts from",))
