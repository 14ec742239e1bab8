"""The plot of Table 4: scores against the weight of the organ loss."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from testiculus.claims.schema import LAMBDAS, SUPERVISED, Conditions, lambda_row, runs_of
from testiculus.intervals import corrected_resampled_interval
from testiculus.paper import reported
from testiculus.report.render import reached_on
from testiculus.report.style import BLACK, BLUE, GREEN, bare, book_style, finished, panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHOWN = {"probe_auc": "AUC of a linear probe", "f1": "F1, fine-tuned"}
# metric's suffix: (legend, colour, marker, shift along the axis so that bars stay apart)
LABELS = {
    "": ("flipped labels", BLUE, "o", -0.006),
    "_clean": ("clean: trained and scored on the truth", GREEN, "s", 0.006),
}
ALONE = 0.55  # where "supervised only" stands on the axis, beyond the largest lambda
STEP = 0.1


def lambda_curve(results: pd.DataFrame, conditions: Conditions) -> "Figure":
    """Draw the probe's AUC and the fine-tuned F1 against lambda, with corrected intervals.

    Points are means over (partition, fold) pairs or runs, in percent; supervised alone, which is no
    value of lambda, stands apart on the right; hollow diamonds are the paper's F1, on its own
    images. Rows of other weights than the paper's are drawn too, rows not run are left out.
    """
    with book_style():
        figure, axes = panels(1, len(SHOWN), 3.4, sharex=True)
        for axis, (metric, title) in zip(axes, SHOWN.items(), strict=True):
            for suffix, look in LABELS.items():
                _draw_curve(axis, results, conditions, metric + suffix, look)
            if metric == "f1":
                _draw_paper(axis)
            axis.set_title(title)
            _finish_axis(axis, results)
        handles = {name: line for axis in axes for line, name in zip(*_legend(axis), strict=True)}
        figure.legend(handles.values(), handles, loc="outside upper right", ncols=len(handles))
    note = (
        f"{reached_on(conditions)}; bars: 95 %, of each row alone and conditional on one "
        "pretrained encoder: rows are compared by the table of verdicts; paper: its own images"
    )
    return finished(figure, "", note)


def weights_of(results: pd.DataFrame) -> dict[str, float]:
    """Return the lambda of every row of the results that has one, by row, in rising order.

    >>> weights_of(pd.DataFrame({"row": ["lambda 0.2", "lambda 0.0", "supervised only"]}))
    {'lambda 0.0': 0.0, 'lambda 0.2': 0.2}
    """
    rows = [row for row in results["row"].unique() if row.startswith("lambda ")]
    return {row: float(row.split()[1]) for row in sorted(rows, key=lambda r: float(r.split()[1]))}


def _draw_curve(axis: "Axes", results, conditions: Conditions, metric: str, look: tuple) -> None:
    name, colour, marker, shift = look
    places = weights_of(results) | {SUPERVISED: _alone(results)}
    found = {}
    for row, place in places.items():
        values = runs_of(results, row, metric).dropna().to_numpy()
        if len(values):
            found[row] = (
                place + shift,
                corrected_resampled_interval(values, ratio=conditions.ratio),
            )
    line = [(x, 100 * interval.effect) for row, (x, interval) in found.items() if row != SUPERVISED]
    if line:
        axis.plot(*zip(*line, strict=True), color=colour, linewidth=1.2, alpha=0.6)
    for x, interval in found.values():
        if not np.isnan(interval.low):
            ends = [100 * interval.low, 100 * interval.high]
            axis.plot([x, x], ends, color=colour, linewidth=2, alpha=0.55)
    dots = [(x, 100 * interval.effect) for x, interval in found.values()]
    if dots:
        look = {"marker": marker, "color": colour, "linestyle": "none", "markersize": 6}
        axis.plot(*zip(*dots, strict=True), label=name, markeredgecolor="white", **look)


def _draw_paper(axis: "Axes") -> None:
    printed = reported("table4").query("metric == 'f1'").set_index("row")["mean"]
    places = {lambda_row(weight): weight for weight in LAMBDAS} | {SUPERVISED: ALONE}
    look = {"markerfacecolor": "white", "markeredgecolor": BLACK, "linestyle": "none"}
    heights = [100 * printed[row] for row in places]
    axis.plot(places.values(), heights, marker="D", markersize=5, label="paper", **look)


def _alone(results: pd.DataFrame) -> float:
    return max([ALONE, *(weight + 1.5 * STEP for weight in weights_of(results).values())])


def _finish_axis(axis: "Axes", results: pd.DataFrame) -> None:
    weights, alone = sorted({*LAMBDAS, *weights_of(results).values()}), _alone(results)
    axis.set_xticks([*weights, alone], [*(f"{w:g}" for w in weights), "organ loss\nalone"])
    axis.axvline(alone - 0.75 * STEP, color="#CFCFCF", linewidth=0.8)
    axis.set_xlabel("weight of the organ loss (lambda)")
    axis.set_ylabel("percent")
    axis.grid(axis="x", visible=False)
    low, high = axis.get_ylim()
    axis.set_ylim(max(low, 0), min(high, 100))  # an interval of three runs may pass either end
    bare(axis)


def _legend(axis: "Axes") -> tuple[list, list]:
    return axis.get_legend_handles_labels()
