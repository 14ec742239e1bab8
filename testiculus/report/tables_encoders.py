"""The tables beside Tables 2, 3 and 4: what frozen encoders know, and how they were made."""

import pandas as pd

from testiculus.base.errors import one_of
from testiculus.claims.contrasts import beats
from testiculus.claims.schema import NONE, UD, Conditions, runs_of
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
from testiculus.report.tables_pretraining import NOT_RUN, WITHOUT_TEST, over_partitions, row_name

PROBED = {"probe_auc": "probe AUC", "probe_f1": "probe F1", "knn_accuracy": "kNN accuracy"}
# (metric, suffix): name; what the rows with and without test patients are compared on
COMPARED = {
    ("probe_auc", ""): "probe AUC",
    ("probe_auc", "_clean"): "probe AUC, clean",
    ("f1", ""): "fine-tuned F1",
    ("f1", "_clean"): "fine-tuned F1, clean",
    ("accuracy", ""): "fine-tuned accuracy",
}


def probes_table(results: pd.DataFrame, conditions: Conditions) -> Table:
    """Return what can be read off each frozen encoder: probe AUC and F1, kNN accuracy.

    Mean ± standard deviation over patient-grouped partitions, on the flipped labels.
    """
    lines = []
    for row in results["row"].drop_duplicates():
        scores = [over_partitions(results, row, metric) for metric in PROBED]
        if len(scores[0]):
            cells = map(mean_and_std, scores)
            lines.append((row_name(row, conditions), *cells, str(len(scores[0]))))
    frame = pd.DataFrame(lines, columns=["starts from", *PROBED.values(), "partitions"])
    notes = (
        "Percent; mean ± standard deviation over partitions, each the mean of its folds. Encoders "
        "are frozen, and those of the first pretraining seed. Trained and scored on the labels as "
        "Table 1's rule flipped them.",
        "kNN: the commonest label of the 20 nearest training images by cosine similarity. Always "
        "answering with the commoner class may score as much: read it beside the AUC.",
    )
    caption = f"What a frozen encoder knows of the label: {reached_on(conditions)}"
    return Table(frame, caption, notes, (*PROBED.values(), "partitions"), ("starts from",))


def pretraining_seeds_table(probes: pd.DataFrame, conditions: Conditions) -> Table:
    """Return the probe AUC of each pretraining seed, for rows that have several, and the spread.

    With UD and "none" both there, a last line holds their difference seed by seed. Where no row
    has several, the table says so.
    """
    chosen = probes[probes["metric"] == "probe_auc"]
    means = chosen.groupby(["row", "pretraining_seed"], sort=False)["value"].mean().unstack()
    means = means[means.notna().sum(axis=1) > 1]
    lines = [
        (row_name(row, conditions), *map(percent, values), mean_and_std(values))
        for row, values in means.iterrows()
    ]
    if {UD, NONE} <= set(means.index):
        gain = (means.loc[UD] - means.loc[NONE]).dropna()
        spread = f"{points(gain.mean())} ± {percent(gain.std(ddof=1))}"
        cells = [points(gain.get(seed, float("nan"))) for seed in means.columns]
        lines.append((f"{UD} - {NONE}", *cells, spread))
    seeds = [f"seed {seed}" for seed in means.columns]
    lines = lines or [(NOT_RUN, *[ABSENT] * (len(seeds) + 1))]
    frame = pd.DataFrame(lines, columns=["probe AUC", *seeds, "over seeds"])
    note = (
        "Percent; each cell the mean over partitions and folds of one encoder, last column mean ± "
        "standard deviation over encoders. The other tables and all intervals use seed 0."
    )
    if means.empty:
        note = "PRETRAINING_SEEDS says how many encoders a row has; one has no spread to show."
    caption = f"Other pretraining seeds: {reached_on(conditions)}"
    return Table(frame, caption, (note,), (*seeds, "over seeds"))


def excluded_table(
    results: pd.DataFrame, conditions: Conditions, experiment: str = "table2"
) -> Table:
    """Return a row against the same without the test fold's patients, paired over folds.

    In Table 2 that is UD; in Table 3 ("table3") thyroids with filtered synthetic images, whose
    generator and filter have not seen these patients either. Raises `UserError` for another table.
    """
    full, without = WITHOUT_TEST[one_of(experiment, WITHOUT_TEST, "table")]
    lines = []
    for (metric, suffix), name in COMPARED.items():
        contrast = beats(full, without, metric, suffix)
        if contrast.missing(results):
            continue
        found = contrast.interval(results, conditions)
        both = [runs_of(results, row, metric + suffix) for row in (full, without)]
        paired = pd.concat(both, axis=1, join="inner")
        cells = [percent(paired.iloc[:, i].mean()) for i in range(2)]
        interval = f"{points(found.effect, 1)} {bracket(found.low, found.high)}"
        resolvable = percent(found.resolvable, 1)
        lines.append((name, *cells, interval, resolvable, str(found.n)))
    notes = [
        "Percent, difference in points [95 %, corrected resampled t over pairs]: what it is worth "
        "to a score that the encoder"
        + (", the generator and the filter have" if experiment == "table3" else " has")
        + " seen the test images, without their labels. Half its "
        "width is the smallest difference that could have been resolved.",
    ]
    if not lines:
        lines = [(NOT_RUN, *[ABSENT] * 5)]
        also = "trains a generator, filters and " if experiment == "table3" else ""
        notes = [f"EXCLUDE_TEST=1 {also}pretrains once per fold without the fold's patients."]
    columns = ["metric", "with", "without", "difference [95 %]", "resolvable", "pairs"]
    shown = row_name(full, conditions)
    caption = f"{shown} with and without the test fold's patients: {reached_on(conditions)}"
    return Table(pd.DataFrame(lines, columns=columns), caption, tuple(notes), tuple(columns[1:]))


def encoders_table(encoders: pd.DataFrame, conditions: Conditions) -> Table:
    """Return how each encoder was pretrained: organs, images, losses, steps, time.

    With a column for the fold whose patients were left out, where there is such an encoder.
    """
    lines = [
        {
            "row": row_name(found.row, conditions),
            "seed": str(found.pretraining_seed),
            "fold out": str(found.fold) if found.fold >= 0 else ABSENT,
            "organs": found.organs,
            "images": str(found.images),
            "losses": _losses(found.contrastive, found.organ_loss),
            "steps": str(found.steps),
            "minutes": f"{found.seconds / 60:.1f}",
        }
        for found in encoders.itertuples()
    ]
    frame = pd.DataFrame(lines)
    if not (encoders["fold"] >= 0).any():
        frame = frame.drop(columns="fold out")
    notes = (
        "Minutes: of the pretraining, also where it was found in the store, where each encoder "
        "lies as encoder.safetensors. encoders.csv names the files.",
    )
    caption = f"Pretrained encoders: {reached_on(conditions)}"
    right = ("seed", "fold out", "images", "steps", "minutes")
    return Table(without_repeats(frame, ["row"]), caption, notes, right, ("row", "organs"))


def _losses(contrastive: bool, organ_weight: float) -> str:
    if not contrastive:
        return "organ alone"
    return f"contrastive + {organ_weight:g} organ" if organ_weight else "contrastive"
