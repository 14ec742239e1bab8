"""A forest plot of the audits of the protocol: how far every error moves a figure."""

from textwrap import fill
from typing import TYPE_CHECKING

import pandas as pd

from testiculus.claims.audits_parts import Audit, Reading
from testiculus.claims.audits_schema import EFFECT_COLUMNS
from testiculus.claims.schema import Conditions, require_columns
from testiculus.report.audits_words import DOWN, UP, line_of, read_on, shown_readings
from testiculus.report.plot_words import on_conditions, say
from testiculus.report.style import (
    BLACK,
    BLUE,
    GREY,
    VERMILION,
    bare,
    book_style,
    finished,
    panels,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = dict.fromkeys(UP, VERMILION) | dict.fromkeys(DOWN, BLUE)
MARKERS = {"f1": "o", "auc": "D", "probe_auc": "D"}
APART = 0.17  # half the distance between the two metrics of a line
WRAPPED = 44  # characters of a line's name
HEADED = 62  # characters of a line of a heading


def protocol_audits_plot(effects: pd.DataFrame, conditions: Conditions) -> "Figure":
    """Draw every error's effects with their intervals, a block per error.

    Percentage points, right of zero where the error makes a figure look better. Circles are F1,
    diamonds AUC (of models, or of a probe); orange flatters or raises, blue understates or lowers,
    grey is anything else; hollow is by construction, or nearly. Lines without a figure say why.
    Raises `UserError` where a column is missing.
    """
    require_columns(effects, EFFECT_COLUMNS, "effects")
    blocks: dict[str, list[tuple[Audit, list[Reading]]]] = {}
    for audit, readings in shown_readings():
        blocks.setdefault(audit.error, []).append((audit, readings))
    rows = sum(len(lines) + 1 for lines in blocks.values())
    with book_style():
        figure, (axis,) = panels(1, 1, 1.2 + 0.31 * rows)
        height, ticks = 0, {}
        for error, lines in blocks.items():
            _heading(axis, height, error)
            for audit, readings in lines:
                height += 1
                ticks[height] = fill(read_on(readings[0]), WRAPPED)
                _draw(axis, height, effects, audit, readings, conditions)
            height += 1
        axis.axvline(0, color=BLACK, linewidth=1)
        axis.set_yticks(list(ticks), list(ticks.values()), fontsize=8)
        axis.set_ylim(height - 0.4, -0.6)
        axis.set_xlabel("points: with the error less without it")
        axis.grid(axis="y", visible=False)
        bare(axis)
    legend = (
        "Circles: F1; diamonds: AUC. Orange: flatters or raises; blue: understates or lowers; "
        "grey: neither; hollow: (nearly) by construction"
    )
    if conditions.claims_nothing:
        legend = "Circles: F1; diamonds: AUC. The smoke profile claims nothing"
    return finished(figure, "", on_conditions(conditions, f"{legend}. Bars: 95 %"))


def _heading(axis: "Axes", height: float, error: str) -> None:
    transform = axis.get_yaxis_transform()
    box = {"facecolor": "white", "edgecolor": "none", "pad": 1}  # the words cross the line of zero
    look = {"fontsize": 9, "fontweight": "bold", "va": "center", "ha": "left", "bbox": box}
    axis.text(0.0, height, fill(error, HEADED), transform=transform, **look)


def _draw(
    axis: "Axes",
    height: float,
    effects: pd.DataFrame,
    audit: Audit,
    readings: list[Reading],
    conditions: Conditions,
) -> None:
    """Draw one line: its metrics one below the other, or why there is none."""
    found = [(r, line_of(effects, audit, r)) for r in readings]
    drawn = [(r, line) for r, line in found if line is not None and pd.notna(line["effect"])]
    if not drawn:
        ways = [str(line["direction"]) for _, line in found if line is not None]
        say(axis, next(iter(ways), "not run"), height=height)
        return
    for place, (reading, line) in enumerate(drawn):
        offset = APART * (2 * place - 1) if len(drawn) > 1 else 0.0
        colour = GREY if conditions.claims_nothing else COLOURS.get(line["direction"], GREY)
        ends = [100 * line["ci_low"], 100 * line["ci_high"]]
        if pd.notna(line["ci_low"]):
            axis.plot(ends, [height + offset] * 2, color=colour, linewidth=2, alpha=0.75)
        look = {"color": colour, "marker": MARKERS.get(reading.metric, "s"), "markersize": 5}
        look |= {"markerfacecolor": "white"} if reading.given else {}
        axis.plot(100 * line["effect"], height + offset, linestyle="none", **look)
