"""Plots of the comparison of rules: how well each ranks wrong labels, what acting on it gains."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from testiculus.claims.peers import CURATED_METRIC
from testiculus.claims.peers_schema import (
    AS_LABELLED,
    AVERAGE_PRECISION,
    CORRECTED,
    CURATIONS,
    SUMMARY_COLUMNS,
    curated_row,
)
from testiculus.claims.schema import BASELINE, TRUTH, Conditions, require_columns, runs_of
from testiculus.noise.peers import (
    ARTICLE,
    CLEANLAB,
    CONFIDENCE,
    MARGIN,
    MEAN_LOSS,
    RANDOM,
    RULES,
)
from testiculus.report.pictures import image_grid
from testiculus.report.plot_words import on_conditions, say
from testiculus.report.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    bare,
    book_style,
    finished,
    panels,
)
from testiculus.report.tables_peers import CONDITIONAL, METRIC_TITLES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from testiculus.data.images import ImageSet

LOOKS = {  # colour and marker
    ARTICLE: (VERMILION, "D"),
    CLEANLAB: (GREEN, "s"),
    MARGIN: (BLUE, "o"),
    CONFIDENCE: (SKY, "^"),
    MEAN_LOSS: (ORANGE, "v"),
    RANDOM: (GREY, "x"),
}
CURATION_COLOURS = dict(zip(CURATIONS, (BLUE, PURPLE), strict=True))
SHOWN_IMAGES = 6


def ranking_plot(
    summary: pd.DataFrame, conditions: Conditions, metric: str = AVERAGE_PRECISION
) -> "Figure":
    """Draw a metric of every rule against the rate of wrong labels, a panel for each kind of noise.

    Percent; bars are intervals over patients, moved aside a little so that they can be told apart.
    The labels as they came stand in a panel of their own.
    """
    require_columns(summary, SUMMARY_COLUMNS, "summary")
    chosen = summary[summary["metric"] == metric]
    kinds = list(dict.fromkeys(chosen["kind"]))
    with book_style():
        columns = min(len(kinds), 2)
        rows = -(-len(kinds) // columns)
        figure, axes = panels(rows, columns, 0.9 + 2.7 * rows, sharey=True)
        for axis, kind in zip(axes, kinds, strict=False):
            _draw_kind(axis, chosen[chosen["kind"] == kind], kind)
        for axis in axes[len(kinds) :]:
            axis.set_axis_off()
        axes[0].set_ylim(0, 103)
        for axis in axes[::columns]:
            axis.set_ylabel(f"{METRIC_TITLES[metric].lower()} (%)", fontsize=9)
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper right", ncols=3, columnspacing=1.2)
    note = f"{CONDITIONAL} Random: what a random order gives on average"
    return finished(figure, "", on_conditions(conditions, note))


def _draw_kind(axis: "Axes", part: pd.DataFrame, kind: str) -> None:
    rates = sorted(part["rate"].unique())
    for number, rule in enumerate(RULES):
        colour, marker = LOOKS[rule]
        found = part[part["rule"] == rule].sort_values("rate")
        places = np.searchsorted(rates, found["rate"]) + 0.07 * (number - (len(RULES) - 1) / 2)
        ends = 100 * found[["ci_low", "ci_high"]].to_numpy()
        axis.vlines(places, ends[:, 0], ends[:, 1], color=colour, linewidth=1.5, alpha=0.55)
        style = {"color": colour, "marker": marker, "markersize": 5, "linewidth": 1.2}
        line = "-" if len(rates) > 1 else "none"
        axis.plot(places, 100 * found["value"], linestyle=line, label=rule, **style)
    axis.set_title(kind)
    axis.set_xticks(range(len(rates)), [f"{100 * rate:.3g} %" for rate in rates])
    axis.set_xlim(-0.5, len(rates) - 0.5)
    axis.set_xlabel("labels that are wrong" if kind == AS_LABELLED else "labels made wrong")
    axis.grid(axis="x", visible=False)
    bare(axis, left=True)


def curated_plot(results: pd.DataFrame, conditions: Conditions, retrained: str = "") -> "Figure":
    """Draw F1 on true labels of the models trained on each rule's curated labels, run by run.

    Small dots are runs (seed and fold), large ones their mean; lines are the mean of labels as they
    are, and of true labels.
    """
    with book_style():
        figure, (axis,) = panels(1, 1, 1.6 + 0.42 * len(RULES))
        for place, rule in enumerate(RULES):
            for offset, curation in zip((-0.16, 0.16), CURATIONS, strict=True):
                runs = runs_of(results, curated_row(rule, curation), CURATED_METRIC + TRUTH)
                _draw_runs(axis, place + offset, runs, curation)
            if not any((results["row"] == curated_row(rule, c)).any() for c in CURATIONS):
                say(axis, "not run", height=place)
        for row, style, name in (
            (BASELINE, "--", "labels as they are"),
            (CORRECTED, "-", CORRECTED),
        ):
            mean = runs_of(results, row, CURATED_METRIC + TRUTH).mean()
            if pd.notna(mean):
                axis.axvline(100 * mean, color=BLACK, linewidth=1.1, linestyle=style, label=name)
        axis.set_yticks(range(len(RULES)), RULES)
        axis.set_ylim(len(RULES) - 0.5, -0.5)
        axis.set_xlabel("F1 on true labels (%)")
        axis.grid(axis="y", visible=False)
        handles, labels = axis.get_legend_handles_labels()
        unique = dict(zip(labels, handles, strict=True))
        figure.legend(unique.values(), unique, loc="outside upper right", ncols=4)
        bare(axis)
    where = f"Trained again at: {retrained}. " if retrained else ""
    note = f"{where}Small: single runs; large: their mean. The table has the intervals"
    return finished(figure, "", on_conditions(conditions, note))


def _draw_runs(axis: "Axes", height: float, runs: pd.Series, curation: str) -> None:
    values, colour = 100 * runs.dropna().to_numpy(), CURATION_COLOURS[curation]
    if not len(values):
        return
    axis.plot(values, [height] * len(values), "o", color=colour, markersize=3, alpha=0.5)
    axis.plot(values.mean(), height, "D", color=colour, markersize=6, label=curation)


def wrong_examples(
    images: "ImageSet", scores: pd.DataFrame, condition: str, *, shown: int = SHOWN_IMAGES
) -> "Figure":
    """Draw images whose label is wrong under a condition, the first `shown` in the set's order.

    `scores` holds the conditions' labels, one line per image in the set's order.
    """
    part = scores[scores["condition"] == condition].reset_index(drop=True)
    wrong = part[(part["label"] != part["true_label"]) & part["true_label"].notna()].head(shown)
    pairs = zip(wrong["label"].astype(int), wrong["true_label"].astype(int), strict=True)
    titles = [f"label {label}, true {true}" for label, true in pairs]
    chosen = images.pixels[wrong.index.tolist()]
    return image_grid(chosen, titles, columns=shown, heading=f"Wrong labels: {condition}")
