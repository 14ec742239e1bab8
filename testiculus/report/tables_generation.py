"""Fig. 4 in figures: generated images against real ones, with the filter and without it.

`fidelity_table` has what the article and the thesis print, `heldout_table` what is left of the
filter's effect on patients that it has not seen. Both read fidelity.csv.
"""

from collections.abc import Iterator

import pandas as pd

from testiculus.claims.schema import Conditions, require_columns
from testiculus.paper.generation import (
    GENERATED,
    KEPT,
    METRIC_NEIGHBOURS,
    reported_generation,
)
from testiculus.report.generation_words import (
    Features,
    decimals,
    features_of,
    first_space,
    spread,
)
from testiculus.report.render import ABSENT, Table, reached_on, without_repeats

COLUMNS = (
    *("features", "space", "is_fid", "reference", "row", "batch", "metric", "value"),
    *("n_real", "n_generated"),
)
METRICS = ("precision", "recall", "frechet", "score")
ROWS = ("before", "filtered", "random", "real")
# Which document's figures stand beside a reference. The thesis names none [15].
DOCUMENTS = {"whole": "thesis", "batch": "article"}
HALVES = {"insample": "the filter's own half", "heldout": "the other patients"}
PRINTED_NUMBERS = {  # [15]: images before and after the filter, as each document gives them
    "article": {"before": f"about {GENERATED:,}", "filtered": "about 9,000"},
    "thesis": {"before": f"about {GENERATED:,}", "filtered": f"{KEPT:,}"},
}


def fidelity_table(
    fidelity: pd.DataFrame,
    conditions: Conditions,
    replicates: pd.DataFrame | None = None,
    *,
    space: str | None = None,
) -> Table:
    """Return precision, recall, distance and score: the paper's, and here for four sets of images.

    Against all labelled images (with the thesis's figures above) and against batches of them (the
    article's); in one feature `space`, by default the first. `before`: every generated image;
    `filtered`: those kept; `random`: as many, drawn blindly; `real`: other real images. Batches
    show their standard deviation; the whole set that of `replicates` (replicates.csv), where it is
    given and is of these features. Raises `UserError` for an unknown space or a missing column.
    """
    require_columns(fidelity, COLUMNS, "fidelity")
    space = space or first_space(fidelity)
    features = features_of(space, fidelity)
    chosen = fidelity[fidelity["space"] == space]
    resampled = replicates if space == first_space(fidelity) else None
    metrics = [m for m in METRICS if chosen.loc[chosen["metric"] == m, "value"].notna().any()]
    lines = [
        (_against(chosen, reference), *line)
        for reference in DOCUMENTS
        for line in (
            *_paper_lines(reference, metrics, features),
            *_lines_here(chosen, reference, metrics, resampled),
        )
    ]
    figures = [features.name(metric) for metric in metrics]
    names = ["against", "images", "number", *figures]
    frame = without_repeats(pd.DataFrame(lines, columns=names), ["against"])
    caption = f"Generated images against real ones, in {features.words}: {reached_on(conditions)}"
    spreads = ""
    if resampled is not None:
        spreads = "; of the whole set, over replicates that take half of the patients and half of "
        spreads += "the generated images"
    notes = (
        f"Precision and recall in percent (k = {METRIC_NEIGHBOURS}). Before: all generated images; "
        "filtered: those that the filter keeps; random: as many, drawn blindly; real: other real "
        "images in their place, for comparison. Distance and recall also depend on how many images "
        "there are, so that filtered is best compared with random.",
        features.in_full("score" in metrics),
        "Paper: its own images, in Inception's features; the thesis does not say against which "
        f"images [15]. ±: standard deviation over batches{spreads}.",
        *(f"Not run, {name}: {remedy}" for name, remedy in conditions.not_run.items()),
    )
    wrapping = ("against", "images", "number", *figures)
    return Table(frame, caption, notes, ("number", *figures), wrapping)


def _paper_lines(reference: str, metrics: list[str], features: Features) -> Iterator[tuple]:
    """Yield what the document that goes with a reference prints, before and after its filter."""
    document = DOCUMENTS[reference]
    figures = reported_generation().query("document == @document").set_index(["row", "metric"])
    for row, number in PRINTED_NUMBERS[document].items():
        cells = []
        for metric in metrics:
            name = "fid" if metric == "frechet" else metric
            cell = ABSENT
            if (row, name) in figures.index:
                found = figures.loc[(row, name)]
                cell = spread(metric, [found["mean"]], 1, found["std"])
            cells.append(f"FID {cell}" if name == "fid" and not features.is_fid else cell)
        yield f"{row} ({document})", number, *cells


def _lines_here(
    chosen: pd.DataFrame, reference: str, metrics: list[str], replicates: pd.DataFrame | None
) -> Iterator[tuple]:
    """Yield the figures of every row that was measured against a reference."""
    of = chosen[chosen["reference"] == reference]
    for row in [row for row in ROWS if (of["row"] == row).any()]:
        of_row, cells = of[of["row"] == row], []
        for metric in metrics:
            digits = decimals(metric, *of.loc[of["metric"] == metric, "value"])
            std = _replicate_std(replicates, reference, row, metric)
            cells.append(
                spread(metric, of_row.loc[of_row["metric"] == metric, "value"], digits, std)
            )
        yield row, f"{of_row['n_generated'].max():,.0f}", *cells


def _replicate_std(replicates, reference: str, row: str, metric: str) -> float | None:
    """Return the standard deviation over replicates of half the patients and images, or None."""
    if replicates is None or reference != "whole":
        return None
    found = replicates.query("reference == @reference and row == @row and metric == @metric")
    return float(found["value"].std(ddof=1)) if len(found) > 1 else None


def _against(chosen: pd.DataFrame, reference: str) -> str:
    """Return in words what is measured against."""
    of = chosen[chosen["reference"] == reference]
    number = int(of["n_real"].max()) if len(of) else 0
    if reference == "whole":
        return f"all {number:,}\nlabelled images"
    return f"{of['batch'].nunique()} batches of {number:,}\nlabelled images"


def heldout_table(
    fidelity: pd.DataFrame, conditions: Conditions, *, space: str | None = None
) -> Table:
    """Return the filter's effect on its own real images, and on patients it has not seen.

    The labelled images are split into halves by patient, several times; the filter's manifold is
    built on one half, and the metrics are taken against that half (in sample) and against the other
    (held out). Means ± standard deviations over splits; gains are paired by split. Raises
    `UserError` for an unknown space or a missing column.
    """
    require_columns(fidelity, COLUMNS, "fidelity")
    space = space or first_space(fidelity)
    features = features_of(space, fidelity)
    chosen = fidelity[(fidelity["space"] == space) & fidelity["reference"].isin(HALVES)]
    lines = list(_half_lines(chosen, features))
    rows = ["before", "random", "filtered"]
    gains = ["filtered\n- before", "filtered\n- random"]
    names = ["metric", "measured against", *rows, *gains]
    lines = lines or [("not run", *[ABSENT] * (len(names) - 1))]
    frame = without_repeats(pd.DataFrame(lines, columns=names), ["metric"])
    splits = chosen["batch"].nunique()
    notes = (
        f"Mean ± standard deviation over {splits} splits of the patients into halves; precision "
        "and recall in percent, their gains in points. The filter is built on one half, its k "
        "scaled to the half's images. Chosen for nearness to the images that it is then measured "
        "against, a set gains by construction: the other half's patients have no part in the "
        "choice [27].",
        features.in_full(),
    )
    caption = f"The filter on patients it has not seen: {reached_on(conditions)}"
    return Table(frame, caption, notes, (*rows, *gains), ("metric", "measured against"))


def _half_lines(chosen: pd.DataFrame, features: Features) -> Iterator[tuple[str, ...]]:
    for metric in METRICS:
        of_metric = chosen[chosen["metric"] == metric]
        if of_metric["value"].isna().all():
            continue
        digits = decimals(metric, *of_metric["value"])
        for reference, words in HALVES.items():
            values = of_metric[of_metric["reference"] == reference].pivot_table(
                index="batch", columns="row", values="value", aggfunc="mean"
            )
            values = values.reindex(columns=["before", "random", "filtered"])
            cells = [spread(metric, values[row], digits) for row in values]
            gains = [values["filtered"] - values[row] for row in ("before", "random")]
            signed = [spread(metric, gain, digits, sign=True) for gain in gains]
            yield features.name(metric), words, *cells, *signed
