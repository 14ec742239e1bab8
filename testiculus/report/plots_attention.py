"""Plots of Fig. 5: what a biased training costs, which markers draw a map, and image by image.

`dose_plot` and `kinds_plot` draw summary.csv, `paired_plot` the measures of every image.
"""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from testiculus.base.errors import one_of
from testiculus.claims.attention_schema import (
    ALL_KINDS,
    AS_TRAINED,
    MEASURE_COLUMNS,
    NO_STRENGTH,
    ROWS,
    UNMARKED,
    WITH,
    WITHOUT,
)
from testiculus.claims.schema import Conditions, require_columns
from testiculus.report.attention_words import condition_name, kinds_of, lines_of, main_layer
from testiculus.report.plot_words import on_conditions, say
from testiculus.report.style import BLACK, BLUE, GREY, VERMILION, bare, book_style, finished, panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# model: (name in a legend, colour, marker, side to which its points are moved to stand apart)
LOOKS = {
    WITHOUT: ("trained without markers", VERMILION, "s", -1),
    WITH: ("trained with markers", BLUE, "o", 1),
}
SCORED_ON = {"original": "labels as they came", "truth": "true labels"}
CHANCE = 50  # percent: the AUC of a coin
DOSES = (  # measure (the labels follow those of a score), test images, title, unit, what is none
    ("auc", UNMARKED, "AUC, unmarked test images", "percent", CHANCE),
    ("auc", AS_TRAINED, "AUC, biased test images", "percent", CHANCE),
    ("shift_markers", AS_TRAINED, "energy drawn to the marks", "percentage points", 0),
)
SWAYED = (  # measure, title, unit
    ("shift_markers", "energy drawn to the marker", "percentage points"),
    ("probability_change", "change of the probability", "percentage points"),
    ("flipped", "decisions that flip", "percent"),
)
PAIRED = (  # measure, test images, title
    ("energy_parenchyma", UNMARKED, "energy inside the parenchyma"),
    ("shift_markers", ALL_KINDS, "energy drawn to the markers"),
    ("probability_change", ALL_KINDS, "change of the probability"),
)


def dose_plot(
    summary: pd.DataFrame,
    conditions: Conditions | None = None,
    *,
    scoring: str = "original",
    layer: str | None = None,
) -> "Figure":
    """Draw what training on marks that go with the label costs, against how strongly they do.

    AUC on unmarked test images, AUC where the test images are as biased as training, and how much
    of the map's energy those marks draw above what the same pixels had (what lies on them at all
    says where they stand: the phantom's are on the tissue). `scoring` is "original" (labels as they
    came) or "truth". Bars: 95 % over patients. Raises `UserError` for an unknown scoring, for a
    layer that was not measured, or where a column is missing.
    """
    one_of(scoring, SCORED_ON, "scoring")
    chosen = lines_of(summary, main_layer(summary, layer)).query("row in @ROWS")
    strengths = sorted(chosen["strength"].unique())
    with book_style():
        figure, axes = panels(1, len(DOSES), 3.2)
        for axis, (measure, images, title, unit, none) in zip(axes, DOSES, strict=True):
            name = f"{measure}_{scoring}" if measure == "auc" else measure
            found = _at_doses(chosen[chosen["measure"] == name], images)
            _draw_dose(axis, found, strengths, none)
            axis.set_title(title)
            axis.set(xlabel="marked positives in training", ylabel=unit)
            bare(axis, left=True)
        _same_scale(axes[:2])
        _legend(figure, axes)
    note = (
        "Across: how many of the training images labelled positive carry measuring marks; of the "
        "others none does, and biased test images go by the same rule. AUC against "
        f"{SCORED_ON[scoring]}; dashed: chance. Drawn: the share of the map's energy on the marks "
        "less what the same pixels have in the unmarked image's map, on the images that carry any. "
        "Bars: 95 % over patients, for these trained models"
    )
    return finished(figure, "", on_conditions(conditions, note))


def _at_doses(chosen: pd.DataFrame, images: str) -> pd.DataFrame:
    """Return the lines on these test images; unbiased ones are the unmarked ones."""
    unbiased = (chosen["strength"] == NO_STRENGTH) & (chosen["condition"] == UNMARKED)
    return chosen[(chosen["condition"] == images) | unbiased].sort_values("strength")


def _draw_dose(axis: "Axes", found: pd.DataFrame, strengths: list[float], none: float) -> None:
    """Draw one measure of both models against the strength of the bias; `none`: chance, or 0."""
    widest = max([1.0, *strengths])
    for row, (name, colour, marker, side) in LOOKS.items():
        of_row = found[found["row"] == row]
        x = of_row["strength"] + 0.015 * side * widest
        axis.plot(x, 100 * of_row["value"], color=colour, linewidth=1.3, alpha=0.7)
        _points(axis, x, of_row, name, colour, marker)
    if found.empty:
        say(axis, "not run")
        return
    dashes = (0, (4, 3)) if none else "solid"
    axis.axhline(none, color=BLACK, linewidth=1, linestyle=dashes, zorder=1)
    axis.set_xticks(strengths, [f"{100 * s:g} %" for s in strengths])
    axis.set_xlim(-0.07 * widest, 1.07 * widest)
    axis.grid(axis="x", visible=False)


def _points(axis: "Axes", x, found: pd.DataFrame, name: str, colour: str, marker: str) -> None:
    """Draw upright bars and dots, in percent."""
    axis.vlines(x, 100 * found["ci_low"], 100 * found["ci_high"], color=colour, lw=2, alpha=0.5)
    look = {"color": colour, "marker": marker, "linestyle": "none", "markersize": 6}
    axis.plot(x, 100 * found["value"], label=name, markeredgecolor="white", zorder=3, **look)


def _same_scale(axes: "list[Axes]") -> None:
    """Give axes that hold something one scale, so that their heights can be compared."""
    held = [axis for axis in axes if axis.lines]
    if held:
        low, high = (f(axis.get_ylim()[i] for axis in held) for i, f in enumerate((min, max)))
        for axis in held:
            axis.set_ylim(low, min(high, 102))


def _legend(figure: "Figure", axes: "list[Axes]") -> None:
    found: dict = {}
    for handles, names in (axis.get_legend_handles_labels() for axis in axes):
        found |= dict(zip(names, handles, strict=True))
    names = [name for name, *_ in LOOKS.values() if name in found]
    if names:
        handles = [found[name] for name in names]
        figure.legend(handles, names, loc="outside upper right", ncols=len(names))


def kinds_plot(
    summary: pd.DataFrame, conditions: Conditions | None = None, *, layer: str | None = None
) -> "Figure":
    """Draw how each kind of marker, inserted alone, sways both models: map, probability, decision.

    The first line has all kinds together. Bars: 95 % over patients. Raises `UserError` for a layer
    that was not measured, or where a column is missing.
    """
    chosen = lines_of(summary, main_layer(summary, layer), NO_STRENGTH)
    kinds = kinds_of(chosen)
    with book_style():
        figure, axes = panels(1, len(SWAYED), 1.35 + 0.34 * len(kinds), sharey=True)
        for axis, (measure, title, unit) in zip(axes, SWAYED, strict=True):
            of_measure = chosen[chosen["measure"] == measure]
            for row, look in LOOKS.items():
                _draw_kinds(axis, of_measure[of_measure["row"] == row], kinds, look)
            axis.axvline(0, color=BLACK, linewidth=1, zorder=1)
            axis.set_title(title)
            axis.set_xlabel(unit)
            axis.grid(axis="y", visible=False)
            bare(axis)
        _finish_kinds(axes[0], kinds)
        _legend(figure, axes)
    note = (
        f"{ALL_KINDS.capitalize()}: the markers of the training's augmentation, at least one in "
        "every image; below, one kind alone. Drawn: the share of the map's energy on the marker "
        "less what the same pixels have in the unmarked image's map. Bars: 95 % over patients, for "
        "these trained models"
    )
    return finished(figure, "", on_conditions(conditions, note))


def _draw_kinds(axis: "Axes", found: pd.DataFrame, kinds: list[str], look: tuple) -> None:
    name, colour, marker, side = look
    found = found[found["condition"].isin(kinds)]
    heights = np.array([kinds.index(kind) for kind in found["condition"]]) + 0.14 * side
    ends = 100 * found["ci_low"], 100 * found["ci_high"]
    axis.hlines(heights, *ends, color=colour, linewidth=2, alpha=0.5)
    look = {"color": colour, "marker": marker, "linestyle": "none", "markersize": 5.5}
    dots = 100 * found["value"]
    axis.plot(dots, heights, label=name, markeredgecolor="white", zorder=3, **look)


def _finish_kinds(axis: "Axes", kinds: list[str]) -> None:
    axis.set_yticks(range(len(kinds)), [condition_name(kind) for kind in kinds])
    axis.set_ylim(max(len(kinds), 1) - 0.45, -0.55)
    for label in axis.get_yticklabels()[: ALL_KINDS in kinds]:
        label.set_fontweight("bold")


def paired_plot(
    measures: pd.DataFrame, conditions: Conditions | None = None, *, layer: str | None = None
) -> "Figure":
    """Draw every test image once: a measure under the model trained without markers, and with.

    `measures` has `MEASURE_COLUMNS`; models are those trained on the images as they are, the mean
    over seeds where there are several. Points below the diagonal are lower with the augmentation.
    A measure that no image has is left out. Raises `UserError` where a column is missing, or for a
    layer that was not measured.
    """
    require_columns(measures, MEASURE_COLUMNS, "measures")
    chosen = measures[measures["row"].isin(ROWS) & (measures["strength"] == NO_STRENGTH)]
    layers = list(dict.fromkeys(chosen["layer"]))
    layer = one_of(layer, layers, "layer") if layer else next(iter(layers), "")
    chosen = chosen[chosen["layer"] == layer]
    pairs = {part: _pairs(chosen, *part[:2]) for part in PAIRED}
    there = [part for part in PAIRED if len(pairs[part])]
    with book_style():
        figure, axes = panels(1, max(len(there), 2), 3.4)
        for axis, part in zip(axes, there, strict=False):
            _draw_pairs(axis, pairs[part], *part[1:])
        for axis in axes[len(there) :]:
            say(axis, "not measured")
    note = (
        "Each point: one test image, mapped by a model that was not trained on it (with grouped "
        "folds: on no image of its patient). "
        "Shaded: lower with marker augmentation. Up, down: images above and below the diagonal"
    )
    if len(there) and PAIRED[0] not in there:
        note += ". No mask of the parenchyma: what lies inside it is left out"
    return finished(figure, "", on_conditions(conditions, note))


def _pairs(chosen: pd.DataFrame, measure: str, images: str) -> pd.DataFrame:
    """Return a measure of both models, one line an image, in percent, where both have one."""
    if measure == "shift_markers":
        values = chosen["energy_markers"] - chosen["there_markers"]
    elif measure == "probability_change":
        key = ["row", "seed", "fold", "image"]
        plain = chosen[chosen["condition"] == UNMARKED].set_index(key)["probability"]
        before = plain.reindex(pd.MultiIndex.from_frame(chosen[key])).to_numpy()
        values = (chosen["probability"] - before).abs()
    else:
        values = chosen[measure]
    told = chosen.assign(value=100 * values)[chosen["condition"] == images]
    pairs = told.pivot_table(index="image", columns="row", values="value")
    return pairs.reindex(columns=list(ROWS)).dropna()


def _draw_pairs(axis: "Axes", pairs: pd.DataFrame, images: str, title: str) -> None:
    low, high = min(0.0, pairs.min().min()), pairs.max().max()
    edge = 0.04 * (high - low) or 1.0
    ends = np.array([low - edge, high + edge])
    axis.fill_between(ends, ends, ends[0], color=BLUE, alpha=0.07, linewidth=0)
    axis.plot(ends, ends, color=GREY, linewidth=1)
    dots = {"s": 14, "color": BLACK, "alpha": 0.45, "linewidths": 0, "zorder": 3}
    axis.scatter(pairs[WITHOUT], pairs[WITH], **dots)
    gain = pairs[WITH] - pairs[WITHOUT]
    axis.set_title(f"{title}\n{images}: {(gain > 0).sum():,} up, {(gain < 0).sum():,} down")
    axis.set(xlim=ends, ylim=ends, xlabel="without markers (percent)")
    axis.set_ylabel("with markers (percent)")
    axis.set_box_aspect(1)
    bare(axis, left=True)
