"""A plot of the negative controls: each beside chance and beside the table's own figure."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from testiculus.claims.controls_schema import CONTROL_COLUMNS
from testiculus.claims.schema import Conditions, require_columns
from testiculus.report.plot_words import on_conditions
from testiculus.report.style import BLACK, BLUE, ORANGE, bare, book_style, finished, panels
from testiculus.report.tables_controls import (
    DISTANCE,
    TABLE_TITLES,
    control_words,
    metric_words,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def negative_controls_plot(controls: pd.DataFrame, conditions: Conditions) -> "Figure":
    """Draw every figure of a control that is a fraction, in percent, with its interval.

    A black bar is what chance gives, a diamond the table's own row. A table that shares another's
    controls is left out: its dots would be the same.
    """
    require_columns(controls, CONTROL_COLUMNS, "controls")
    shown = controls[(controls["metric"] != DISTANCE) & (controls["table"] != "table4")]
    shown = shown.reset_index(drop=True)
    with book_style():
        figure, (axis,) = panels(1, 1, 1.3 + 0.27 * len(shown))
        _draw(axis, shown)
        axis.set_yticks(range(len(shown)), [_name(one) for one in shown.itertuples()], fontsize=8)
        axis.set_ylim(len(shown) - 0.5, -0.5)
        axis.set_xlim(-3, 103)
        axis.set_xlabel("percent")
        _separate(axis, shown["table"])
        axis.grid(axis="y", visible=False)
        figure.legend(loc="outside upper right", ncols=3)
        bare(axis)
    note = "Bars: 95 % intervals, see the table for what they rest on"
    return finished(figure, "", on_conditions(conditions, note))


def _draw(axis: "Axes", shown: pd.DataFrame) -> None:
    places = np.arange(len(shown))
    ends = 100 * shown[["ci_low", "ci_high"]].to_numpy(dtype=float)
    axis.hlines(places, ends[:, 0], ends[:, 1], color=BLUE, linewidth=1.8, alpha=0.7)
    style = {"linestyle": "none", "markersize": 5.5}
    for column, marker, colour, label in (
        ("chance", "|", BLACK, "chance"),
        ("beside_value", "D", ORANGE, "the table's own"),
        ("value", "o", BLUE, "control"),
    ):
        values = 100 * shown[column].to_numpy(dtype=float)
        size = {"markersize": 11, "markeredgewidth": 2} if column == "chance" else {}
        axis.plot(values, places, marker, color=colour, label=label, **style | size)


def _separate(axis: "Axes", tables: pd.Series) -> None:
    """Draw a thin line between tables."""
    for place in np.flatnonzero(tables.to_numpy()[1:] != tables.to_numpy()[:-1]):
        axis.axhline(place + 0.5, color="#C8C8C8", linewidth=0.8)


def _name(one) -> str:
    what = control_words(one.control, one.row)
    return f"{TABLE_TITLES.get(one.table, one.table)}: {what}; {metric_words(one.row, one.metric)}"
