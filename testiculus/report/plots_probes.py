"""What frozen features tell, drawn: `probe_rows`.

The linear probes in results.csv, with those of other pretraining seeds in probes.csv.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from testiculus.base.errors import one_of
from testiculus.claims.schema import METRIC_NAMES, Conditions, runs_of
from testiculus.intervals import corrected_resampled_interval
from testiculus.paper import FOLDS
from testiculus.report.plot_words import on_conditions, say
from testiculus.report.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    bare,
    book_style,
    finished,
    panels,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SEEDS = "each pretraining seed"
# metric's suffix: (what it was trained and scored on, colour, marker)
SUFFIXES = {
    "": ("flipped labels", BLUE, "o"),
    "_clean": ("true labels, trained and scored", GREEN, "s"),
    "_original": ("scored on labels as they came", GREY, "D"),
    "_truth": ("trained on flipped, scored on true labels", ORANGE, "^"),
}


def probe_rows(
    results: pd.DataFrame,
    rows: Sequence[str],
    metric: str = "probe_auc",
    suffixes: Sequence[str] = ("", "_clean"),
    *,
    probes: pd.DataFrame | None = None,
    conditions: Conditions | None = None,
) -> "Figure":
    """Draw a probe's mean and its interval for each row, in percent.

    Bars are corrected resampled t intervals over (partition, fold) pairs and hold for the one
    encoder that was pretrained; where `probes` (probes.csv) is given, small strokes are the means
    of all pretraining seeds. Rows without a figure say so; a suffix that no row has is left out.
    Raises UserError for an unknown suffix.
    """
    for suffix in suffixes:
        one_of(suffix, SUFFIXES, "suffix")
    suffixes = [s for s in suffixes if (results["metric"] == metric + s).any()] or [suffixes[0]]
    folds = conditions.folds if conditions else FOLDS
    step = 0.62 / max(len(suffixes), 2)
    with book_style():
        figure, (axis,) = panels(1, 1, 1.5 + 0.42 * len(rows))
        for place, row in enumerate(rows):
            found = [runs_of(results, row, metric + s).dropna().to_numpy() for s in suffixes]
            for number, (suffix, values) in enumerate(zip(suffixes, found, strict=True)):
                height = place + step * (number - (len(suffixes) - 1) / 2)
                _draw_probe(axis, height, values, 1 / (folds - 1), suffix)
                _draw_seeds(axis, height, probes, row, metric + suffix)
            if not any(map(len, found)):
                say(axis, "not run", height=place)
        _finish_probe_axis(axis, rows, metric)
    note = (
        "Bars: 95 % over partitions and folds, of each row alone and conditional on one pretrained "
        "encoder; rows are compared by the table of verdicts"
    )
    return finished(figure, "What frozen features tell", on_conditions(conditions, note))


def _draw_probe(axis: "Axes", height: float, values: np.ndarray, ratio, suffix: str) -> None:
    label, colour, marker = SUFFIXES[suffix]
    if not len(values):
        return
    interval = corrected_resampled_interval(values, ratio=ratio)
    if not np.isnan(interval.low):
        ends = [100 * interval.low, 100 * interval.high]
        axis.plot(ends, [height] * 2, color=colour, linewidth=2.2, alpha=0.6, zorder=2)
    look = {"color": colour, "marker": marker, "markersize": 6.5, "linestyle": "none"}
    look |= {"markeredgecolor": "white", "markeredgewidth": 0.7}
    axis.plot(100 * interval.effect, height, label=label, zorder=4, **look)


def _draw_seeds(axis: "Axes", height: float, probes, row: str, metric: str) -> None:
    """Draw the mean of every pretraining seed as a stroke below its dot, if there are several."""
    if probes is None:
        return
    chosen = probes[(probes["row"] == row) & (probes["metric"] == metric)]
    means = 100 * chosen.groupby("pretraining_seed")["value"].mean().dropna()
    if len(means) > 1:
        look = {"marker": "|", "markersize": 7, "markeredgewidth": 1.3, "linestyle": "none"}
        look |= {"color": BLACK, "zorder": 3, "label": SEEDS}
        axis.plot(means, [height + 0.13] * len(means), **look)


def _finish_probe_axis(axis: "Axes", rows: Sequence[str], metric: str) -> None:
    name = METRIC_NAMES.get(metric, metric.replace("_", " "))
    axis.set_xlabel(f"{name} (percent)")
    if metric.endswith("auc"):
        axis.axvline(50, color=BLACK, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
        axis.set_xlabel(f"{name} (percent; dashed: chance)")
    axis.set_yticks(range(len(rows)), rows)
    axis.set_ylim(len(rows) - 0.45, -0.55)
    axis.grid(axis="y", visible=False)
    bare(axis)
    handles, labels = axis.get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    if SEEDS in unique:
        unique[SEEDS] = unique.pop(SEEDS)  # last
    if unique:
        place = {"loc": "lower right", "bbox_to_anchor": (1, 1), "borderaxespad": 0.1}
        axis.legend(unique.values(), unique, ncols=3, handletextpad=0.2, columnspacing=1.2, **place)
