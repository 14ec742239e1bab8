"""The audits of a data set, drawn: `acquisition_plot` and `likeness_plot`; no image is shown."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from testiculus.report.style import (
    BLACK,
    BLUE,
    GREY,
    ORANGE,
    VERMILION,
    bare,
    book_style,
    finished,
    panels,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SURE = 0.05  # adjusted p value up to which a dot is filled
BINS = np.linspace(0, 1, 41)


def acquisition_plot(acquisition: pd.DataFrame) -> "Figure":
    """Draw each comparison's balanced accuracy with its interval, and what chance reaches.

    `acquisition` is acquisition.csv. Filled dots survive the shufflings; the orange stroke is what
    one of 20 shufflings reaches. Raises ValueError without a line.
    """
    if acquisition.empty:
        raise ValueError("no comparison to draw")
    keys = ["column", "positive", "negative"]
    groups = list(acquisition.groupby(keys, sort=False))
    with book_style():
        figure, (axis,) = panels(1, 1, 1.1 + 0.24 * (len(acquisition) + 1.3 * len(groups)))
        place, ticks, words = 0.0, [], []
        for (column, positive, negative), part in groups:
            axis.text(0.0, place, f"{positive} or {negative} ({column})", fontweight="bold",
                      va="center", transform=axis.get_yaxis_transform())  # fmt: skip
            place += 1
            for row in part.to_dict("records"):
                _dot(axis, place, row)
                ticks.append(place)
                words.append(row["features"])
                place += 1
            place += 0.3
        _axes(axis, place, ticks, words)
    note = (
        "Bars: 95 % over resampled patients. Filled: survives the shufflings of the labels, "
        "adjusted. Orange: what chance reaches in 1 of 20."
    )
    return finished(figure, "", note)


def _axes(axis, place: float, ticks: list, words: list) -> None:
    axis.axvline(0.5, color=GREY, linewidth=1)
    axis.set_yticks(ticks, words)
    axis.set_ylim(place, -0.7)
    axis.set_xlim(0, 1)
    axis.set_xlabel("balanced accuracy (one half: a guess)")
    axis.grid(axis="y", visible=False)
    bare(axis)


def _dot(axis, place: float, row: dict) -> None:
    sure = row["p_adjusted"] <= SURE
    colour = VERMILION if sure else BLUE
    axis.plot([row["ci_low"], row["ci_high"]], [place, place], color=colour, linewidth=1.6)
    face = colour if sure else "white"
    axis.plot(row["balanced_accuracy"], place, "o", color=colour, markerfacecolor=face)
    axis.plot(row["chance_95"], place, "|", color=ORANGE, markersize=11, markeredgewidth=2)


def likeness_plot(likeness: pd.DataFrame, threshold: float) -> "Figure":
    """Draw how like each image is to the likest of other patients, and to an upside-down one.

    `likeness` is likeness.csv; `threshold` the likeness from which a pair counts as one picture.
    """
    with book_style():
        figure, (axis,) = panels(1, 1, 2.6)
        for name, colour, word in (
            ("upside_down", GREY, "upside-down images, of which there is no copy"),
            ("likeness", BLUE, "images of other patients"),
        ):
            values = likeness[name].dropna().clip(0, 1)
            style = {"histtype": "step", "linewidth": 1.8, "color": colour}
            axis.hist(values, BINS, label=word, **style)
        axis.axvline(threshold, color=BLACK, linewidth=1.2, linestyle="--", label="one picture")
        axis.set_yscale("symlog", linthresh=10)
        axis.set_xlabel("likeness of the likest pair")
        axis.set_ylabel("images")
        axis.set_ylim(bottom=0)
        axis.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, fontsize=8)
        bare(axis, left=True)
    note = "0: no pair was alike enough to be laid on one another."
    return finished(figure, "", note)
