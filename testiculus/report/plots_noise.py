"""Plots of the noise protocol: how losses run, and how many images each rule flags."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from testiculus.claims.schema import Conditions
from testiculus.noise import (
    COMPARED_OCCASIONS,
    LossRecord,
    Rule,
    exceedances,
    images_flagged_at_least,
    times_flagged,
)
from testiculus.paper import (
    EVALUATIONS,
    LABELLED_IMAGES,
    LOSS_THRESHOLD,
    released_flag_counts,
)
from testiculus.report.style import (
    BLACK,
    GREY,
    OCCASION_COLOURS,
    PURPLE,
    RIGHT,
    THRESHOLD,
    WRONG,
    bare,
    book_style,
    finished,
    panels,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

THIN_LINES = 120  # of a group, drawn in the background; more would be a solid patch
EXAMPLES = 2


def loss_trajectories(
    record: LossRecord,
    n: int,
    conditions: Conditions,
    *,
    wrong: np.ndarray | None = None,
    known: np.ndarray | None = None,
    examples: int = EXAMPLES,
    seed: int = 0,
) -> "Figure":
    """Draw each training sample's loss at every draw of one run (the thesis's Fig. 3.2).

    `n` is the number of images of the set; `wrong` (bool, n) marks labels known to be wrong, which
    then have a panel of their own; so have those whose truth is not `known` (bool, n; default: all
    known). Exceedances are counted by the rule of `conditions`. Thin: single samples (at most 120,
    chosen by `seed`); thick: the `examples` with the most exceedances; band: middle 80 % of each
    epoch's draws, with the median.
    """
    rule, groups = conditions.rule, _groups(np.unique(record.sample), wrong, known)
    counts = exceedances(record, n, rule.loss_threshold, rule.occasion)
    with book_style():
        figure, axes = panels(1, len(groups), 3.7, sharex=True, sharey=True)
        for axis, (name, (samples, colour)) in zip(axes, groups.items(), strict=True):
            chosen = _sample(samples, THIN_LINES, seed)
            _draw_losses(axis, record, chosen, colour, width=0.5, alpha=0.16)
            _draw_band(axis, record, samples, colour)
            most = samples[np.argsort(-counts[samples], kind="stable")[:examples]]
            _draw_losses(axis, record, most, BLACK, width=1.1, alpha=0.85, dots=True)
            axis.set_title(f"{len(samples)} {name}{_share(counts[samples], rule.occasions)}")
            axis.set_xlabel("epoch")
        _finish_loss_axes(axes, record, rule.loss_threshold)
    note = (
        f"{conditions.data}, profile {conditions.profile}; one run, from "
        f"{conditions.initialisation}. Thin: samples; band: middle 80 % and median; black: the "
        f"highest. Flagged: {rule.of_a_run()}."
    )
    return finished(figure, "Training loss of single samples, draw by draw", note)


def _groups(trained: np.ndarray, wrong, known) -> dict[str, tuple[np.ndarray, str]]:
    """Return the samples of each panel, and their colour, by what is known of their labels."""
    if wrong is None:
        return {"labels": (trained, RIGHT)}
    is_wrong = np.asarray(wrong, dtype=bool)[trained]
    is_known = np.ones_like(is_wrong) if known is None else np.asarray(known, dtype=bool)[trained]
    groups = {
        "labels that are right": (trained[is_known & ~is_wrong], RIGHT),
        "labels that are wrong": (trained[is_known & is_wrong], WRONG),
    }
    unknown = {"labels of unknown truth": (trained[~is_known], GREY)}
    return groups if is_known.all() else groups | unknown


def _share(counts: np.ndarray, occasions: int) -> str:
    """Return how many of the samples the rule flags in this run, in words."""
    return f"\n{(counts >= occasions).mean():.0%} flagged in this run" if len(counts) else ""


def _finish_loss_axes(axes: "list[Axes]", record: LossRecord, threshold: float) -> None:
    """Scale the loss from zero to the bulk of the draws, and draw the threshold."""
    top = max(2.5 * threshold, float(np.quantile(record.loss, 0.999)))
    for axis in axes:
        axis.axhline(threshold, color=THRESHOLD, linewidth=1.1, linestyle=(0, (5, 3)), zorder=5)
        axis.set_ylim(0, top)
        axis.set_xlim(0, len(record.loss))
        bare(axis, left=True)
    axes[0].set_ylabel("cross-entropy (nats)")
    axes[0].annotate(
        f"threshold {threshold:g}",
        (0, threshold),
        xytext=(3, 3),
        textcoords="offset points",
        fontsize=8.5,
        color=THRESHOLD,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5, "alpha": 0.8},
        zorder=6,
    )


def _sample(samples: np.ndarray, number: int, seed: int) -> np.ndarray:
    if len(samples) <= number:
        return samples
    return np.random.default_rng(seed).choice(samples, number, replace=False)


def _draw_losses(axis, record, samples, colour, *, width, alpha, dots=False) -> None:
    """Draw one line a sample through its draws, at epoch plus position within the epoch."""
    from matplotlib.collections import LineCollection

    epochs, draws = record.loss.shape
    time = np.arange(epochs)[:, None] + np.arange(draws)[None, :] / draws
    drawn = [record.sample == image for image in samples]
    lines = [np.stack([time[d], record.loss[d]], axis=1) for d in drawn]
    look = {"linewidths": width, "alpha": alpha, "colors": colour, "rasterized": not dots}
    axis.add_collection(LineCollection(lines, **look))
    for line in lines if dots else ():
        axis.plot(*line.T, "o", color=colour, markersize=2.4, alpha=alpha)


def _draw_band(axis, record, samples, colour) -> None:
    """Draw the median and the middle 80 % of each epoch's losses, at the epoch's middle."""
    if not len(samples):
        return
    losses = np.where(np.isin(record.sample, samples), record.loss, np.nan)
    middle = np.arange(len(losses)) + 0.5
    drawn = ~np.isnan(losses).all(axis=1)
    low, median, high = np.nanquantile(losses[drawn], [0.1, 0.5, 0.9], axis=1)
    axis.fill_between(middle[drawn], low, high, color=colour, alpha=0.2, linewidth=0, zorder=3)
    axis.plot(middle[drawn], median, color=colour, linewidth=2.2, zorder=4)


def flags_at_least(flags: pd.DataFrame, conditions: Conditions) -> "Figure":
    """Draw the share of images flagged in at least n evaluations, for 1, 3, 4 and 5 occasions.

    The number of occasions in use is drawn too if it is none of these. `flags` is the noise
    protocol's table. Beside it the released lists' counts as shares of their
    880 images (dashed), because the sets differ in size. Where an image has fewer than 16
    evaluations here, n is stretched to 16.
    """
    evaluations = int(flags["evaluations"].max())
    at_least = np.arange(1, evaluations + 1)
    with book_style():
        figure, (axis,) = panels(1, 1, 3.9)
        for occasions in sorted({*COMPARED_OCCASIONS, conditions.rule.occasions}):
            images = images_flagged_at_least(times_flagged(flags, occasions), evaluations)
            x, share = at_least * EVALUATIONS / evaluations, images / len(flags)
            _line(axis, x, share, str(occasions), f"here, {occasions}", solid=True)
        for occasions, counts in released_flag_counts().groupby("occasions"):
            share = counts["images"].to_numpy() / LABELLED_IMAGES
            _line(axis, counts["evaluations"], share, occasions, f"released, {occasions}", False)
        _finish_flag_axes(axis, evaluations, conditions.rule)
    note = (
        f"Here: {len(flags)} images of {conditions.data}, profile {conditions.profile}; released: "
        f"the authors' {LABELLED_IMAGES}, loss > {LOSS_THRESHOLD:g}. 4?: a folder without a name, "
        "probably 4."
    )
    return finished(figure, "Images flagged in at least n evaluations", note)


def _line(axis, x, shares, occasions: str, label: str, solid: bool) -> None:
    colour = OCCASION_COLOURS.get(occasions.rstrip("?"), PURPLE)
    look = {"marker": "o", "markersize": 4.2} if solid else {"linestyle": (0, (4, 2.5))}
    axis.plot(x, 100 * shares, color=colour, linewidth=1.8, label=label, **look)


def _finish_flag_axes(axis: "Axes", evaluations: int, rule: Rule) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    step = EVALUATIONS / evaluations
    axis.set_xlim(step * 0.6, EVALUATIONS + 0.4)
    axis.set_ylim(bottom=0)
    axis.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} %"))
    axis.set_xlabel(f"n, of {EVALUATIONS} evaluations")
    if evaluations != EVALUATIONS:
        axis.set_xlabel(f"n, as of {EVALUATIONS} evaluations (here {evaluations})")
    axis.set_ylabel("share of all images")
    kind = f"{rule.occasion}s with {'mean ' if rule.occasion == 'epoch' else ''}loss"
    axis.legend(title=f"{kind} > {rule.loss_threshold:g}", ncols=2, loc="upper right")
    bare(axis, left=True)
