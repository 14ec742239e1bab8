"""Plots of Table 1's results: three scorings side by side, the parts of a gain, the verdicts."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from testiculus.claims.schema import (
    CLAIM_SUFFIXES,
    METRIC_NAMES,
    ROWS,
    SCORINGS,
    Conditions,
    runs_of,
)
from testiculus.claims.verdicts import CONTRADICTED, SUPPORTED
from testiculus.intervals import corrected_resampled_interval
from testiculus.paper import claim_texts, reported
from testiculus.report.render import reached_on
from testiculus.report.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    SCORING_COLOURS,
    SCORING_MARKERS,
    VERMILION,
    bare,
    book_style,
    finished,
    panels,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

METRICS = ("accuracy", "f1")
PART_LABELS = {
    "reported": "reported",
    "rescoring": "rescoring alone",
    "retraining": "retraining",
    "original": "on original labels",
    "real": "real, on the truth",
    "circular": "circular",
}
PART_COLOURS = {
    "reported": BLACK,
    "rescoring": ORANGE,
    "retraining": GREEN,
    "original": GREY,
    "real": BLUE,
    "circular": VERMILION,
}
VERDICT_COLOURS = {SUPPORTED: BLUE, CONTRADICTED: VERMILION}


def three_way_scoring(
    results: pd.DataFrame, conditions: Conditions, metrics: tuple[str, ...] = METRICS
) -> "Figure":
    """Draw each row's mean score on curated, original and true labels, with its interval.

    Points are means over runs, in percent; bars the corrected resampled t interval of the mean;
    hollow diamonds the paper's own figures, on its own images.
    """
    paper = reported("table1").set_index(["row", "metric"])["mean"]
    with book_style():
        figure, axes = panels(1, len(metrics), 3.3, sharey=True)
        for axis, metric in zip(axes, metrics, strict=True):
            for place, row in enumerate(ROWS):
                _draw_scorings(axis, results, conditions, row, metric, place)
                if (row, metric) in paper.index:
                    _draw_paper(axis, 100 * paper[(row, metric)], place + 0.36)
            axis.set_title(METRIC_NAMES[metric])
            axis.set_xlabel("percent")
            axis.set_yticks(range(len(ROWS)), ROWS)
            axis.set_ylim(len(ROWS) - 0.4, -0.5)
            axis.grid(axis="y", visible=False)
            bare(axis)
        handles, labels = axes[0].get_legend_handles_labels()
        unique = dict(zip(labels, handles, strict=True))
        figure.legend(
            *(unique.values(), unique),
            loc="upper right",
            ncols=4,
            columnspacing=1.2,
            handletextpad=0.1,
            borderpad=0.1,
        )
    return finished(
        figure, "The same models, scored three ways", _note(conditions) + "; paper: its own images"
    )


def _draw_scorings(axis: "Axes", results, conditions, row: str, metric: str, place: int) -> None:
    for offset, (scoring, suffix) in zip((-0.24, -0.04, 0.16), SCORINGS.items(), strict=True):
        values = runs_of(results, row, metric + suffix).to_numpy()
        interval = corrected_resampled_interval(values, ratio=conditions.ratio)
        if np.isnan(interval.effect):
            continue
        look = {"color": SCORING_COLOURS[scoring], "marker": SCORING_MARKERS[scoring]}
        _dot(axis, place + offset, interval.effect, interval.low, interval.high, scoring, **look)


def _draw_paper(axis: "Axes", value: float, height: float) -> None:
    axis.plot(
        value,
        height,
        marker="D",
        markersize=5.5,
        markerfacecolor="white",
        markeredgecolor=BLACK,
        linestyle="none",
        label="paper",
    )


def circularity_plot(gains: pd.DataFrame, conditions: Conditions) -> "Figure":
    """Draw the parts of the gains over Complete (from `claims.circularity`) with intervals.

    Points are percentage points of the metric; bars the corrected resampled t interval.
    """
    metrics, rows = gains["metric"].unique(), gains["row"].unique()
    with book_style():
        figure, axes = panels(len(rows), len(metrics), 4.6, sharey=True, sharex="col")
        for axis, (row, metric) in zip(axes, _pairs(rows, metrics), strict=True):
            chosen = gains[(gains["row"] == row) & (gains["metric"] == metric)]
            for height, part in enumerate(chosen.itertuples()):
                if np.isnan(part.effect):
                    _say_unknown(axis, height, part.note)
                    continue
                look = {"color": PART_COLOURS[part.part], "marker": "o"}
                _dot(axis, height, part.effect, part.ci_low, part.ci_high, "", **look)
            axis.axvline(0, color=BLACK, linewidth=1)
            axis.axhline(0.5, color="#CFCFCF", linewidth=0.8)
            axis.axhline(2.5, color="#CFCFCF", linewidth=0.8)
            axis.set_title(f"{row} over Complete: {METRIC_NAMES[metric]}")
            axis.set_yticks(range(len(chosen)), [PART_LABELS[part] for part in chosen["part"]])
            axis.set_ylim(len(chosen) - 0.5, -0.5)
            axis.grid(axis="y", visible=False)
            bare(axis)
        for axis in axes[-len(metrics) :]:
            axis.set_xlabel("points")
    note = "reported = rescoring + retraining = real + circular. " + _note(conditions)
    return finished(figure, "What the gain is made of", note)


def verdict_plot(verdicts: pd.DataFrame, conditions: Conditions) -> "Figure":
    """Draw every claim's effect with the interval that decides, under each scoring.

    Colour says the verdict (blue supported, orange contradicted, grey neither); the thin bar is the
    patient bootstrap; the hollow diamond the difference the paper reports.
    """
    shown = [c for c in claim_texts("table1") if c.metric != "average_precision"]
    by_id = verdicts.set_index("claim")
    with book_style():
        figure, axes = panels(1, len(SCORINGS), 3.4, sharey=True, sharex=True)
        for axis, (scoring, suffix) in zip(axes, CLAIM_SUFFIXES.items(), strict=True):
            for height, claim in enumerate(shown):
                if claim.id + suffix in by_id.index:
                    _draw_verdict(axis, height, by_id.loc[claim.id + suffix], conditions)
            axis.axvline(0, color=BLACK, linewidth=1)
            axis.set_title(f"{'true' if scoring == 'truth' else scoring} labels")
            axis.set_xlabel("points")
            names = [f"{c.better} > {c.worse}, {METRIC_NAMES[c.metric]}" for c in shown]
            axis.set_yticks(range(len(shown)), names)
            axis.set_ylim(len(shown) - 0.5, -0.5)
            axis.grid(axis="y", visible=False)
            bare(axis)
    legend = "Blue: supported; orange: contradicted; grey: not resolved; diamond: the paper. "
    if conditions.claims_nothing:
        legend = "Grey: the smoke profile claims nothing; diamond: the paper. "
    return finished(figure, "Claims of Table 1", legend + _note(conditions))


def _draw_verdict(axis: "Axes", height: int, found: pd.Series, conditions: Conditions) -> None:
    if pd.notna(found.paper):
        _draw_paper(axis, 100 * found.paper, height - 0.27)
    if pd.isna(found.effect):
        _say_unknown(axis, height, found.note)
        return
    colour = VERDICT_COLOURS.get(found.verdict, GREY)
    axis.plot(
        [100 * found.boot_low, 100 * found.boot_high],
        [height + 0.2] * 2,
        color=colour,
        linewidth=1,
        alpha=0.8,
    )
    _dot(axis, height, found.effect, found.ci_low, found.ci_high, "", color=colour, marker="o")


def _dot(axis: "Axes", height: float, effect, low, high, label: str, *, color, marker) -> None:
    """Draw an effect and its interval (fractions, in percent); only the dot where it has none."""
    if not np.isnan(low):
        axis.plot(
            [100 * low, 100 * high], [height] * 2, color=color, linewidth=2.2, alpha=0.75, zorder=2
        )
    axis.plot(
        100 * effect,
        height,
        color=color,
        marker=marker,
        markersize=6,
        linestyle="none",
        markeredgecolor="white",
        markeredgewidth=0.7,
        label=label or None,
        zorder=3,
    )


def _say_unknown(axis: "Axes", height: float, note: str) -> None:
    axis.text(
        *(0.5, height, note or "unknown"),
        transform=axis.get_yaxis_transform(),
        ha="center",
        va="center",
        fontsize=8.5,
        color=GREY,
        style="italic",
    )


def _pairs(rows, metrics) -> list[tuple[str, str]]:
    return [(row, metric) for row in rows for metric in metrics]


def _note(conditions: Conditions) -> str:
    return f"{reached_on(conditions)}; bars: 95 %"
