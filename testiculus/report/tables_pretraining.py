"""Tables 2, 3 and 4 as a reader sees them: as printed, and on clean labels.

All have one row per pretraining. Beside the fine-tuned figures, which the paper prints, stands a
linear probe on the frozen encoder, which the paper does not have.
"""

import re
from functools import cache

import numpy as np
import pandas as pd

from testiculus.base.errors import one_of
from testiculus.claims.schema import (
    EXCLUDED,
    METRIC_NAMES,
    TABLE2_ROWS,
    TABLE4_ROWS,
    UD,
    Conditions,
    runs_of,
)
from testiculus.claims.synthetic import TABLE3_EXCLUDED, TABLE3_ROWS, THYROIDS_FILTERED
from testiculus.paper import ClaimText, claim_texts, reported
from testiculus.paper.claim_texts import PRINTED_IN_TABLE2
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
SIGNS = {"equal": "≈", "stands in": "≳"}
PROBE = "probe AUC"
TITLES = {
    "table2": "Table 2, pretraining sources",
    "table3": "Table 3, synthetic images in pretraining",
    "table4": "Table 4, weight of the organ loss",
}
PAPER_ROWS = {"table2": TABLE2_ROWS, "table3": TABLE3_ROWS, "table4": TABLE4_ROWS}
PAPER_METRICS = {
    "table2": ("accuracy", "f1", "precision", "recall"),
    "table3": ("accuracy", "f1", "precision", "recall"),
    "table4": ("accuracy", "f1"),
}
# The labels trained on, and scored on: the suffix of their metrics.
LABELS = {"flipped, flipped": "", "flipped, truth": "_truth", "truth, truth": "_clean"}
CONDITIONAL = (
    "Runs, and intervals over them, are conditional on one pretrained encoder a row: another "
    "pretraining seed gives another encoder (Table 2's page shows how much that is)."
)
ONE_GENERATOR = (
    "All rows with synthetic images share one generator and one drawing of images: intervals are "
    "conditional on both, too."
)
# The row that is also pretrained without the test fold's patients, and the name of that row.
WITHOUT_TEST = {"table2": (UD, EXCLUDED), "table3": (THYROIDS_FILTERED, TABLE3_EXCLUDED)}
OF_UD = (
    "UD holds the labelled images too, without their labels, the test folds' among them: so the "
    f"article reads [29]. {EXCLUDED!r} (Table 2, with EXCLUDE_TEST=1) is pretrained once per fold "
    "without that fold's patients."
)
OF_SYNTHETIC = (
    "Generator and filter learnt from the labelled images, and the real rows hold them too: "
    "without their labels, but the test folds' among them [29]. A row without test patients "
    "(EXCLUDE_TEST=1) has a generator, a filter and a pretraining of its own per fold, without "
    "that fold's patients."
)
INCLUDES = {"table2": OF_UD, "table3": OF_SYNTHETIC, "table4": OF_UD}


def row_name(row: str, conditions: Conditions) -> str:
    """Return the name under which a row is shown.

    "testes" and "thyroids" in a row's name become the organs that it was pretrained on.

    >>> ward = Conditions("ward", "demo", organ="liver", other_organs=("lung", "nerve"))
    >>> row_name("UD thyroids only", ward), row_name("real testes + real thyroids", ward)
    ('UD lung, nerve only', 'real liver + real lung, nerve')
    """
    names = {}
    if conditions.organ != "testis":
        names["testes"] = conditions.organ
    if tuple(conditions.other_organs) != ("thyroid",):
        names["thyroids"] = ", ".join(conditions.other_organs)
    return re.sub("testes|thyroids", lambda word: names.get(word[0], word[0]), row)


def named_rows(frame: pd.DataFrame, conditions: Conditions) -> pd.DataFrame:
    """Return a frame with the column `row` under the names that are shown, for plots."""
    names = {row: row_name(row, conditions) for row in frame["row"].unique()}
    return frame.assign(row=frame["row"].map(names))


def rows_of(experiment: str, results: pd.DataFrame) -> list[str]:
    """Return the rows to show: the paper's, run or not, then those that only the results have."""
    paper = [*PAPER_ROWS[experiment], *PRINTED_IN_TABLE2.get(experiment, ())]
    return [*paper, *(row for row in results["row"].unique() if row not in paper)]


def pretraining_table(
    experiment: str,
    results: pd.DataFrame,
    verdicts: pd.DataFrame,
    conditions: Conditions,
) -> Table:
    """Return Table 2, 3 or 4 as printed, the probe's AUC below each row, and the verdicts.

    `experiment` is "table2", "table3" or "table4". Verdicts are those of the claims in which the
    row is said to win: beside the probe's AUC as demo reads them, beside F1 (in Table 3 the other
    metrics too) as the fine-tunings alone would. Rows that were not run are there with the paper's
    figures; rows that the paper does not have are marked "(ours)".
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
        ONE_GENERATOR if experiment == "table3" else "",
        resolvable_note(experiment, verdicts),
        INCLUDES[experiment],
        *not_run_notes(conditions),
    )
    right, wrapping = ("paper", "here", "difference"), ("starts from", "verdict")
    return Table(frame, caption, tuple(filter(None, notes)), right, wrapping)


def _row_lines(experiment, row, results, verdicts, conditions) -> list[tuple]:
    """Return a row's lines: one per metric of the paper, then the probe where it was run."""
    printed, lines = _printed(experiment), []
    shown = row_name(row, conditions) + _of_the_paper(experiment, row)
    for metric in PAPER_METRICS[experiment]:
        runs = runs_of(results, row, metric).dropna()
        paper, difference = ABSENT, ABSENT
        if (row, metric) in printed.index:
            figure = printed.loc[(row, metric)]
            paper = f"{percent(figure['mean'])} ± {percent(figure['std'])}"
            difference = points(runs.mean() - figure["mean"]) if len(runs) else ABSENT
        here = f"{mean_and_std(runs)} ({len(runs)})" if len(runs) else NOT_RUN
        won = ABSENT
        if len(runs):
            won = _won(experiment, row, metric, "-finetuned", verdicts, conditions)
        lines.append((shown, METRIC_NAMES[metric], paper, here, difference, won))
    probed = over_partitions(results, row, "probe_auc")
    if len(probed):
        here = f"{mean_and_std(probed)} ({len(probed)})"
        won = _won(experiment, row, "f1", "", verdicts, conditions)
        lines.append((shown, PROBE, ABSENT, here, ABSENT, won))
    return lines


@cache
def _printed(experiment: str) -> pd.DataFrame:
    """Return the paper's figures by row and metric, with those that stand in Table 2 instead."""
    elsewhere = PRINTED_IN_TABLE2.get(experiment, {})
    there = reported("table2").set_index("row")
    parts = [there.loc[[name]].reset_index().assign(row=row) for row, name in elsewhere.items()]
    return pd.concat([reported(experiment), *parts]).set_index(["row", "metric"])


def _of_the_paper(experiment: str, row: str) -> str:
    """Return what stands beside a row's name: the paper's images, its other table, or "(ours)"."""
    if row in PRINTED_IN_TABLE2.get(experiment, ()):
        return "\n(paper: Table 2)"
    if row not in PAPER_ROWS[experiment]:
        return " (ours)"
    images = PRETRAINING_IMAGES.get(row, "-") if experiment == "table2" else "-"
    return "" if images == "-" else f"\n(paper: {images} images)"


def _won(experiment, row, metric, reading, verdicts, conditions) -> str:
    """Return the verdicts, under a reading, of the claims on a metric that `row` wins."""
    texts = _claims(experiment)
    won = [claim for claim in texts if (claim.better, claim.metric) == (row, metric)]
    words = verdicts.set_index("claim")["verdict"]
    there = [claim for claim in won if claim.id + reading in words.index]
    if not there:
        return ABSENT
    if conditions.claims_nothing:
        return NOT_CLAIMED
    return "\n".join(f"{versus(c, conditions)}: {words[c.id + reading]}" for c in there)


@cache
def _claims(experiment: str) -> tuple[ClaimText, ...]:
    """Return the claims of a table; read once, asked for in every line."""
    return tuple(claim_texts(experiment))


def versus(claim: ClaimText, conditions: Conditions) -> str:
    """Return what a claim says of its first row: "> none", "≈ UD thyroids only", "≳ real testes".

    ≳ says that it can stand in for the other: it is better, or hardly worse.
    """
    return f"{SIGNS.get(claim.kind, '>')} {row_name(claim.worse, conditions)}"


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
    excluded = WITHOUT_TEST.get(experiment, ("", ""))[1]
    claims = [
        claim
        for claim in claim_texts(experiment)
        if claim.metric == "f1" and excluded not in (claim.better, claim.worse)
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
