"""Plots of pretraining: how the losses fall, how features spread, and where images come to lie.

`losses_over_steps` and `alignment_uniformity` draw history.csv, `feature_map` draws map.csv.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from testiculus.claims.schema import Conditions, require_columns
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

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = (BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY, GREY, BLACK)
MARKERS = ("o", "s", "D", "^", "v", "P", "X", "*")
SMOOTHING = 20  # a line's running mean spans this fraction (one twentieth) of the steps
UNKNOWN = "not known here"
PALE = "#C9C9C9"
LABEL_COLOURS = {"negative": SKY, "positive": VERMILION}
LOSSES = {
    "contrastive": ("contrastive loss (NT-Xent)", "nats"),
    "organ": ("organ loss", "cross-entropy (nats)"),
    "learning_rate": ("learning rate", ""),
}
MOST_KINDS = 6  # organs or scanners; where there are others, the rarest share one colour
MORE = " more"
MAP_HEIGHT, LEGEND_LINE = 3.25, 0.19  # inches: pictures with titles and note, a legend's line


def losses_over_steps(history: pd.DataFrame, conditions: Conditions | None = None) -> "Figure":
    """Draw both losses and the learning rate over the steps, one colour per row of the table.

    Faint: every step; strong: the running mean over a twentieth of the steps. Further pretraining
    seeds are drawn thin. A row that trains without a loss has no line for it. Raises UserError
    where `history` lacks a column.
    """
    require_columns(history, ("row", "pretraining_seed", "step", *LOSSES), "history")
    with book_style():
        figure, axes = panels(2, 2, 4.9)
        for axis, (column, (title, unit)) in zip(axes[:3], LOSSES.items(), strict=True):
            axis.set_title(title)
            axis.set_ylabel(unit)
            axis.set_xlabel("step")
            bare(axis, left=True)
            if column == "learning_rate":
                _draw_rates(axis, history)
            else:
                _draw_losses(axis, history, column)
        _legend_of_rows(axes[3], history, marker="none")
    note = "Faint: each step; strong: running mean" + _several_seeds(history, "; thin")
    return finished(figure, "Pretraining, step by step", on_conditions(conditions, note))


def _draw_losses(axis: "Axes", history: pd.DataFrame, column: str) -> None:
    for _, seed, run, look in _runs(history):
        values = run[column].astype("float64")
        if values.isna().all():
            continue
        mean = values.rolling(max(1, len(run) // SMOOTHING), min_periods=1, center=True).mean()
        width = 1.8 if seed == history["pretraining_seed"].min() else 0.8
        axis.plot(run["step"], values, color=look["color"], linewidth=0.5, alpha=0.25)
        axis.plot(run["step"], mean, color=look["color"], linewidth=width, alpha=0.9)
    if not axis.lines:
        say(axis, "no row trains it")


def _draw_rates(axis: "Axes", history: pd.DataFrame) -> None:
    """Draw each row's learning rate; one black line where all are the same, as they should be."""
    runs = [(run, look) for _, _, run, look in _runs(history)]
    curves = [run[["step", "learning_rate"]].to_numpy(dtype=float) for run, _ in runs]
    same = all(np.array_equal(curve, curves[0], equal_nan=True) for curve in curves)
    if same and len(curves) > 1:
        axis.set_title("learning rate, the same for all")
    for curve, (_, look) in zip(curves, runs, strict=True):
        axis.plot(*curve.T, color=BLACK if same else look["color"], linewidth=1.6)
    axis.set_ylim(bottom=0)
    axis.ticklabel_format(axis="y", scilimits=(-2, 4))


def alignment_uniformity(history: pd.DataFrame, conditions: Conditions | None = None) -> "Figure":
    """Draw alignment against uniformity, one path per row; markers grow with the steps.

    Both are measures of Wang & Isola (2020), lower is better, so that a path to the lower left is
    what the contrastive loss asks for. Rows that were not measured have no path. Raises UserError
    where `history` lacks a column.
    """
    needed = ("row", "pretraining_seed", "step", "alignment", "uniformity")
    require_columns(history, needed, "history")
    measured = history.dropna(subset=["alignment", "uniformity"])
    with book_style():
        figure, (axis, names) = panels(1, 2, 4.2, width_ratios=(1, 0.42))
        for _, seed, run, look in _runs(measured, order=_rows(history)):
            first = seed == measured["pretraining_seed"].min()
            _draw_path(axis, run, look, 1.0 if first else 0.4)
        if measured.empty:
            say(axis, UNKNOWN)
        axis.set_xlabel("uniformity: closeness of other images\n(NT-Xent's denominator lowers it)")
        axis.set_ylabel("alignment: distance of two views\n(NT-Xent's numerator lowers it)")
        bare(axis, left=True)
        _legend_of_rows(names, history, only=_rows(measured))
    note = (
        "On the unit sphere (Wang & Isola 2020); markers grow with the steps, rings: the first "
        "measurement" + _several_seeds(measured, "; pale")
    )
    return finished(
        figure, "What the contrastive loss does to features", on_conditions(conditions, note)
    )


def _draw_path(axis: "Axes", run: pd.DataFrame, look: dict, alpha: float) -> None:
    run = run.sort_values("step")
    x, y = run["uniformity"].to_numpy(), run["alignment"].to_numpy()
    sizes = np.linspace(10, 60, len(run))
    colour, marker = look["color"], look["marker"]
    axis.plot(x, y, color=colour, linewidth=1.3, alpha=0.7 * alpha, zorder=2)
    drawn = {"marker": marker, "linewidths": 0.7, "alpha": alpha, "zorder": 3}
    axis.scatter(x[1:], y[1:], s=sizes[1:], color=colour, edgecolors="white", **drawn)
    drawn |= {"linewidths": 1.4}
    axis.scatter(x[:1], y[:1], s=30, facecolors="white", edgecolors=colour, **drawn)


def feature_map(frame: pd.DataFrame, conditions: Conditions | None = None) -> "Figure":
    """Draw the features' picture three times, coloured by organ, scanner and label.

    `frame` is map.csv: x, y, and organ, device and label (0, 1) where they are known; a missing
    column or value is drawn pale. At most six organs or scanners have a colour of their own, the
    most frequent. Raises UserError where x or y is missing.
    """
    require_columns(frame, ("x", "y"), "map")
    kinds = {
        "organ": _kinds(frame, "organ"),
        "scanner": _kinds(frame, "device"),
        "label": _kinds(frame, "label", {0.0: "negative", 1.0: "positive"}),
    }
    legend = 0.12 + LEGEND_LINE * max(kind.nunique(dropna=False) for kind in kinds.values())
    with book_style():
        figure, axes = panels(2, 3, MAP_HEIGHT + legend, height_ratios=(MAP_HEIGHT - 0.7, legend))
        for axis, below, (name, kind) in zip(axes[:3], axes[3:], kinds.items(), strict=True):
            _draw_kinds(axis, frame, kind)
            axis.set_title(f"by {name}")
            _legend_of_kinds(below, axis)
    note = "Each dot is an image. Neighbours mean something here; distances and axes do not"
    return finished(
        figure, "Features of the encoder, laid out in a plane", on_conditions(conditions, note)
    )


def _kinds(frame: pd.DataFrame, column: str, names: dict | None = None) -> pd.Series:
    """Return the kind of each image in words; None where the column or the value is missing."""
    if column not in frame:
        return pd.Series([None] * len(frame), index=frame.index, dtype=object)
    values = frame[column].astype(object).where(frame[column].notna() & (frame[column] != ""), None)
    if names is not None:
        return values.map(lambda value: value if value is None else names[float(value)])
    values = values.map(lambda value: value if value is None else str(value))
    frequent = values.value_counts().index
    if len(frequent) > MOST_KINDS:
        rest = set(frequent[MOST_KINDS - 1 :])
        values = values.map(lambda value: f"{len(rest)}{MORE}" if value in rest else value)
    return values


def _draw_kinds(axis: "Axes", frame: pd.DataFrame, kinds: pd.Series) -> None:
    """Draw each kind of image in its colour, the unknown below, the rarest on top."""
    counts = kinds.value_counts()
    colours = dict(zip(sorted(counts.index), COLOURS, strict=False))
    colours |= {kind: GREY for kind in counts.index if kind.endswith(MORE)}
    colours |= LABEL_COLOURS if {*counts.index} <= {*LABEL_COLOURS} else {}
    size = float(np.clip(6000 / max(len(frame), 1), 4, 22))
    for kind in (None, *counts.index):
        chosen = kinds == kind if kind else kinds.isna()
        if chosen.any():
            colour, name = (colours[kind], kind) if kind else (PALE, UNKNOWN)
            look = {"s": size, "linewidths": 0, "alpha": 0.75}
            label = f"{name} ({chosen.sum()})"
            axis.scatter(frame["x"][chosen], frame["y"][chosen], color=colour, label=label, **look)
    axis.set(xticks=[], yticks=[])
    axis.margins(0.04)
    for side in axis.spines.values():
        side.set_color(PALE)


def _legend_of_kinds(below: "Axes", axis: "Axes") -> None:
    """Make the axes below a picture the place of its legend, in alphabetical order."""
    below.axis("off")
    found = zip(*axis.get_legend_handles_labels(), strict=True)
    entries = sorted(found, key=lambda entry: (entry[1].startswith(UNKNOWN), entry[1]))
    if not entries:
        return
    look = {"loc": "upper left", "fontsize": 8.5, "handletextpad": 0.2, "labelspacing": 0.35}
    legend = below.legend(*zip(*entries, strict=True), borderpad=0, borderaxespad=0, **look)
    for handle in legend.legend_handles:
        handle.set_sizes([34])
        handle.set_alpha(1)


def _rows(history: pd.DataFrame) -> list[str]:
    return list(history["row"].unique())


def _looks(rows: Sequence[str]) -> dict[str, dict]:
    """Return the colour and the marker of every row; both are the same in all plots of a frame."""
    return {
        row: {"color": COLOURS[i % len(COLOURS)], "marker": MARKERS[i % len(MARKERS)]}
        for i, row in enumerate(rows)
    }


def _runs(
    history: pd.DataFrame, order: Sequence[str] | None = None
) -> Iterator[tuple[str, int, pd.DataFrame, dict]]:
    """Yield every pretraining's row, seed, steps in order, and look; seeds of a row together."""
    looks = _looks(order or _rows(history))
    for (row, seed), run in history.groupby(["row", "pretraining_seed"], sort=False):
        yield row, seed, run.sort_values("step"), looks[row]


def _legend_of_rows(
    axis: "Axes", history: pd.DataFrame, only: Sequence[str] | None = None, **override
) -> None:
    """Make the axes the place of a legend that names the history's rows (or only some)."""
    from matplotlib.lines import Line2D

    axis.axis("off")
    looks = _looks(_rows(history))
    kept = {row: look | override for row, look in looks.items() if only is None or row in only}
    if kept:
        handles = [Line2D([], [], linewidth=2, markersize=6, **look) for look in kept.values()]
        axis.legend(handles, list(kept), loc="center left", title="rows", alignment="left")


def _several_seeds(history: pd.DataFrame, word: str) -> str:
    return f"{word}: further pretraining seeds" if history["pretraining_seed"].nunique() > 1 else ""
