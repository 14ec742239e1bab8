"""Plots of Fig. 4: a generator's losses, the filter's k, distances to the nearest training image.

`generation_history` draws history.csv, `sweep_plot` sweep.csv (after thesis Fig. 4.4).
"""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from testiculus.base.errors import one_of
from testiculus.claims.schema import Conditions, require_columns
from testiculus.paper.generation import METRIC_NEIGHBOURS
from testiculus.report.generation_words import features_of
from testiculus.report.plot_words import on_conditions, say
from testiculus.report.style import (
    BLACK,
    BLUE,
    GREY,
    ORANGE,
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

SMOOTHING = 20  # a line's running mean spans this fraction (one twentieth) of the steps
LOSSES = {
    "simple": ("simple loss", "mean square error"),
    "vlb": ("variational bound", "bits per dimension"),
}
SWEPT = ("precision", "recall", "frechet", "score")
PERCENT = ("precision", "recall")
# kind of image: (colour, line, width)
SUBJECTS = {
    "generated": (BLUE, "-", 2.0),
    "filtered": (SKY, (0, (5, 1.5)), 2.0),
    "held-out real": (BLACK, (0, (1, 1.2)), 2.0),
    "planted": (VERMILION, (0, (3, 1.2, 1, 1.2)), 1.0),
}
MANY = 25  # points on a line; with more, they have no markers


def generation_history(history: pd.DataFrame, conditions: Conditions | None = None) -> "Figure":
    """Draw both losses of a generator over its steps, on a logarithmic scale if they vary much.

    `history` is history.csv: step, simple (mean square error per dimension) and vlb (bits per
    dimension). Faint: every step; strong: the running mean over a twentieth of them. Raises
    `UserError` where a column is missing.
    """
    require_columns(history, ("step", *LOSSES), "history")
    with book_style():
        figure, axes = panels(1, 2, 2.9)
        for axis, (column, (title, unit)) in zip(axes, LOSSES.items(), strict=True):
            _draw_loss(axis, history["step"], history[column].astype("float64"))
            axis.set_title(title)
            axis.set(xlabel="step", ylabel=unit)
            bare(axis, left=True)
    note = (
        "Faint: each step, with one noise level drawn for each image; strong: running mean. The "
        "bound, here its term at the drawn noise level, trains the variance alone"
    )
    return finished(figure, "Training the generator", on_conditions(conditions, note))


def _draw_loss(axis: "Axes", steps: pd.Series, values: pd.Series) -> None:
    from matplotlib.ticker import MaxNLocator

    if values.isna().all():
        say(axis, "not known here")
        return
    mean = values.rolling(max(1, len(values) // SMOOTHING), min_periods=1, center=True).mean()
    single = {"marker": "o", "markersize": 4} if len(values) < 2 else {}
    axis.plot(steps, values, color=BLUE, linewidth=0.5, alpha=0.3, rasterized=True)
    axis.plot(steps, mean, color=BLUE, linewidth=1.8, **single)
    if 0 < 10 * values.min() < values.max():
        axis.set_yscale("log")
    axis.xaxis.set_major_locator(MaxNLocator(6, integer=True))


def sweep_plot(
    sweep: pd.DataFrame,
    chosen_k: int,
    fidelity: pd.DataFrame | None = None,
    conditions: Conditions | None = None,
    *,
    space: str | None = None,
) -> "Figure":
    """Draw what the filter's k does: precision, recall, distance, score, images kept and dropped.

    After thesis Fig. 4.4. `sweep` is sweep.csv, of which one feature `space` is drawn (default: the
    first); `chosen_k` is the k in use, as of 880 real images (dashed). `fidelity` (fidelity.csv)
    names the features and gives the level without a filter (dotted). Raises `UserError` for a space
    that was not swept, or where a column is missing.
    """
    needed = ("space", "k", "k_at_880", "kept", "dropped", *SWEPT)
    require_columns(sweep, needed, "sweep")
    space = sweep["space"].iloc[0] if space is None else space
    one_of(space, list(sweep["space"].unique()), "feature space")
    chosen = sweep[sweep["space"] == space].sort_values("k_at_880")
    features = features_of(space, fidelity)
    with book_style():
        figure, axes = panels(2, 3, 4.6, sharex=True)
        for axis, metric in zip(axes, SWEPT, strict=False):
            _draw_swept(axis, chosen, metric, _unfiltered(fidelity, space, metric))
            axis.set_title(features.name(metric))
        _draw_kept(axes[4], chosen)
        for axis in axes[:5]:
            _finish_swept(axis, chosen, chosen_k)
        _sweep_legend(axes, fidelity is not None)
    note = f"In {features.words}; the metrics' own k stays {METRIC_NEIGHBOURS}. Fréchet distances "
    note += "also change with the number of images"
    return finished(figure, "The filter's k", on_conditions(conditions, note))


def _draw_swept(axis: "Axes", chosen: pd.DataFrame, metric: str, level: float) -> None:
    scale = 100 if metric in PERCENT else 1
    values = scale * chosen[metric].astype("float64")
    if values.isna().all():
        say(axis, "not known here")
        return
    _line(axis, chosen["k_at_880"], values, BLUE, "o", "-")
    if np.isfinite(level):
        axis.axhline(scale * level, color=BLACK, linewidth=1.1, linestyle=(0, (1, 1.6)))
    axis.set_ylabel("percent" if metric in PERCENT else "")


def _draw_kept(axis: "Axes", chosen: pd.DataFrame) -> None:
    _line(axis, chosen["k_at_880"], chosen["kept"], BLUE, "o", "-", label="kept")
    _line(axis, chosen["k_at_880"], chosen["dropped"], ORANGE, "s", (0, (4, 2)), label="dropped")
    axis.set_title("kept and dropped")
    axis.set_ylabel("images")
    axis.set_ylim(bottom=0)


def _line(axis: "Axes", x, y, colour: str, marker: str, line, label: str | None = None) -> None:
    dots = {"marker": marker, "markersize": 4, "markeredgecolor": "white", "markeredgewidth": 0.4}
    look = {"color": colour, "linewidth": 1.6, "linestyle": line, "label": label}
    axis.plot(x, y, **look, **(dots if len(x) <= MANY else {}))


def _unfiltered(fidelity: pd.DataFrame | None, space: str, metric: str) -> float:
    """Return a metric of all generated images against all real ones, NaN where it is not there."""
    if fidelity is None:
        return float("nan")
    chosen = fidelity.query("space == @space and metric == @metric and reference == 'whole'")
    return float(chosen.loc[chosen["row"] == "before", "value"].mean())


def _finish_swept(axis: "Axes", chosen: pd.DataFrame, chosen_k: int) -> None:
    """Scale k by logarithm, mark the k in use, and say how many neighbours that is here."""
    from matplotlib.ticker import FuncFormatter, NullLocator

    if len(chosen) > 1:
        axis.set_xscale("log")
        axis.xaxis.set_minor_locator(NullLocator())
    axis.set_xticks(_few(chosen["k_at_880"].to_numpy(), chosen_k))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    if axis.lines:
        axis.axvline(chosen_k, color=GREY, linewidth=1.2, linestyle=(0, (5, 3)), zorder=1)
    axis.tick_params(labelbottom=True)
    axis.set_xlabel("k")
    if not (chosen["k"] == chosen["k_at_880"]).all():
        axis.set_xlabel("k, as of 880 real images")
    bare(axis, left=True)


def _few(values: np.ndarray, first: float) -> list[float]:
    """Return values far enough apart to be written below a logarithmic axis, `first` among them."""
    least = (np.log(values.max()) - np.log(values.min())) / 6
    shown = [first] if values.min() <= first <= values.max() else []
    for value in sorted(values):
        if all(abs(np.log(value) - np.log(other)) >= least for other in shown):
            shown.append(value)
    return sorted(shown)


def _sweep_legend(axes: "list[Axes]", with_level: bool) -> None:
    """Make the last axes the place of the legend."""
    from matplotlib.lines import Line2D

    axes[5].axis("off")
    handles = {name: line for line, name in zip(*axes[4].get_legend_handles_labels(), strict=True)}
    handles["the k in use"] = Line2D([], [], color=GREY, linewidth=1.2, linestyle=(0, (5, 3)))
    if with_level:
        look = {"color": BLACK, "linewidth": 1.1, "linestyle": (0, (1, 1.6))}
        handles["without a filter"] = Line2D([], [], **look)
    axes[5].legend(handles.values(), handles, loc="center left")


def nearest_distances(
    distances: pd.DataFrame, copies: pd.DataFrame, conditions: Conditions | None = None
) -> "Figure":
    """Draw how clearly images single out one training patient: cumulative shares, per space.

    `distances` are those of the search for copies: subject, space, distance (relative, 0 to 1) and
    kept (by the filter), one line an image; `copies` (copies.csv) gives each space's threshold, at
    and below which an image counts as a copy (shaded). Planted copies are drawn thin, one line a
    kind, and named once. Raises `UserError` where a column is missing.
    """
    require_columns(distances, ("subject", "space", "distance", "kept"), "distances")
    require_columns(copies, ("space", "threshold"), "copies")
    spaces = list(distances["space"].unique())
    columns = min(len(spaces), 3)
    rows = -(-len(spaces) // columns)
    with book_style():
        figure, axes = panels(rows, columns, 0.5 + 2.7 * rows, sharey=True)
        for axis in axes[len(spaces) :]:
            axis.axis("off")
        for axis, space in zip(axes, spaces, strict=False):
            _draw_distances(axis, distances[distances["space"] == space])
            _draw_threshold(axis, copies.loc[copies["space"] == space, "threshold"].mean())
            axis.set_title("pixels" if space == "pixels" else f"features ({space})")
            axis.set_xlabel("relative distance")
            bare(axis, left=True)
        for axis in axes[::columns]:
            axis.set_ylabel("percent, as near or nearer")
        found = {
            n: h for axis in axes for h, n in zip(*axis.get_legend_handles_labels(), strict=True)
        }
        names = [name for name in (*SUBJECTS, "planted copies") if name in found]
        handles = [found[name] for name in names]
        figure.legend(handles, names, loc="outside upper center", ncols=max(1, len(names)))
    note = (
        "Distance to the nearest training image, over that to the nearest of any other patient: "
        "near 0 for a copy, near 1 where no one is singled out. Shaded: counts as a copy"
    )
    return finished(figure, "", on_conditions(conditions, note))


def _draw_distances(axis: "Axes", found: pd.DataFrame) -> None:
    """Draw one line a kind of image: the share that lies at a distance or nearer."""
    filtered = found[found["kept"].astype(bool)].assign(subject="filtered")
    for subject, values in pd.concat([found, filtered]).groupby("subject")["distance"]:
        kind = next((kind for kind in SUBJECTS if subject.startswith(kind)), None)
        if kind is None:  # what set the threshold
            continue
        colour, line, width = SUBJECTS[kind]
        ordered = np.sort(values.dropna().to_numpy())
        share = 100 * np.arange(1, len(ordered) + 1) / max(len(ordered), 1)
        name = "planted copies" if kind == "planted" else kind
        look = {"color": colour, "linestyle": line, "linewidth": width, "label": name}
        axis.step(ordered, share, where="post", **look)
    axis.set(xlim=(0, 1.02), ylim=(0, 102))


def _draw_threshold(axis: "Axes", threshold: float) -> None:
    if np.isfinite(threshold):
        axis.axvspan(0, threshold, color=ORANGE, alpha=0.18, linewidth=0, zorder=0)
        axis.axvline(threshold, color=ORANGE, linewidth=1.2, zorder=1)
