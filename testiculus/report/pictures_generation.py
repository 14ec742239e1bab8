"""Pictures of generated images: over training, beside real ones, kept and dropped, nearest pairs.

All take uint8 images N x 1 x H x W or N x H x W (tensor or array, 0..255), of any size, and return
a closed Figure of book width. Nothing is chosen by its looks: images are shown in order, from the
first, or evenly from all.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from testiculus.base.errors import UserError, one_of
from testiculus.claims.schema import Conditions, require_columns
from testiculus.report.picture_blocks import Block, draw_blocks, filled_up, planes
from testiculus.report.plot_words import on_conditions
from testiculus.report.style import GREEN
from testiculus.report.tables_pretraining import row_name

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = 8
FEWEST = 4  # columns: a few pictures stay small
MOST_SNAPSHOTS = 8
RED = "#C8281E"  # as in the article; the line and the mark differ too
KEPT = {"color": GREEN, "linestyle": "-"}
DROPPED = {"color": RED, "linestyle": (0, (2.2, 1.3))}
KEPT_MARK, DROPPED_MARK = "\N{CHECK MARK}", "\N{BALLOT X}"


def snapshots(
    steps: Sequence[int],
    images,
    *,
    columns: int = COLUMNS,
    conditions: Conditions | None = None,
) -> "Figure":
    """Draw the samples that a generator gave while it was trained, one row a time.

    steps: (S,); images: (S, n, 1, h, w), the first `columns` of n are shown. Of more than eight
    times, eight are shown, evenly chosen, the first and the last among them. The same column has
    the same noise. Where there are none, because images were brought, the figure says so. Raises
    `UserError` where steps and images differ in number.
    """
    drawn = np.asarray(images)
    if len(drawn) != len(steps):
        raise UserError(
            f"{len(steps)} steps and {len(drawn)} sets of samples",
            remedy="give one set of samples for each step",
        )
    if not len(drawn):
        block = Block("samples over training", drawn)
        return draw_blocks([block], columns, on_conditions(conditions, "No generator was trained"))
    shown = _evenly(len(drawn), MOST_SNAPSHOTS)
    columns = min(columns, max(drawn.shape[1], FEWEST))
    rows = [filled_up(planes(drawn[i])[:columns], columns) for i in shown]
    labels = tuple(f"step {steps[i]:,}" for i in shown)
    block = Block("", np.concatenate(rows), beside=labels)
    note = "Each column: the same noise, in a short chain of its own"
    return draw_blocks([block], columns, on_conditions(conditions, note))


def real_and_generated(
    real,
    generated,
    *,
    columns: int = COLUMNS,
    rows: int = 2,
    conditions: Conditions | None = None,
) -> "Figure":
    """Draw `rows` rows of real images above as many of generated ones, evenly chosen.

    Raises `UserError` where either holds no image.
    """
    sources = {
        f"real: {len(real):,} that the generator was trained on": real,
        f"generated: {len(generated):,}": generated,
    }
    return source_grid(sources, columns=columns, rows=rows, conditions=conditions)


def source_grid(
    sources: Mapping[str, object],
    *,
    columns: int = COLUMNS,
    rows: int = 1,
    conditions: Conditions | None = None,
) -> "Figure":
    """Draw images of every source below its name, `rows` rows of each, evenly chosen.

    Names of Table 3's rows become those of the organs of `conditions`, as in its tables.

    Raises `UserError` for no source, or one without images.
    """
    empty = [name for name, images in sources.items() if not len(images)]
    if empty or not sources:
        raise UserError(
            f"no image of {', '.join(empty) or 'any source'}",
            remedy="a grid needs at least one image of each",
        )
    blocks = [
        Block(
            row_name(name, conditions) if conditions else name,
            planes(images)[_evenly(len(images), rows * columns)],
        )
        for name, images in sources.items()
    ]
    return draw_blocks(blocks, columns, on_conditions(conditions, ""))


def filter_grid(
    images,
    kept,
    *,
    columns: int = COLUMNS,
    rows: int = 2,
    conditions: Conditions | None = None,
) -> "Figure":
    """Draw images that the filter keeps, and images that it drops (article, Fig. 4).

    kept: bool (n,). Kept ones have a solid green frame and a check mark, dropped ones a dashed red
    frame and a cross; the first `rows` rows of each. Where there are none, words say so. Raises
    `UserError` where images and `kept` differ in number.
    """
    pictures, kept = planes(images), np.asarray(kept, dtype=bool)
    if len(pictures) != len(kept):
        raise UserError(
            f"{len(pictures)} images, and {len(kept)} decisions of the filter",
            remedy="give one decision for each image",
        )
    groups = {"kept": pictures[kept], "dropped": pictures[~kept]}
    blocks = [
        Block(f"{name}: {len(group):,} of {len(kept):,}", group[: rows * columns])
        for name, group in groups.items()
    ]
    looks = [(KEPT, KEPT_MARK), (DROPPED, DROPPED_MARK)]
    note = "Kept: solid green frame; dropped: dashed red frame"
    return draw_blocks(blocks, columns, on_conditions(conditions, note), gap=0.13, frames=looks)


def nearest_pairs(
    nearest: pd.DataFrame,
    generated,
    training,
    space: str,
    *,
    columns: int = COLUMNS,
    conditions: Conditions | None = None,
) -> "Figure":
    """Draw the generated images nearest to a training image, each above that image.

    `nearest` is nearest.csv: space, rank, image and training_image (positions in `generated` and
    `training`), distance (relative, 0 to 1). `space` is "pixels" or a feature space of the frame;
    rows of pairs hold `columns` each. Raises `UserError` for a space that the frame does not have,
    or where it lacks a column.
    """
    require_columns(nearest, ("space", "rank", "image", "training_image", "distance"), "nearest")
    one_of(space, list(nearest["space"].unique()), "space")
    pairs = nearest[nearest["space"] == space].sort_values("rank")
    columns = min(columns, max(len(pairs), FEWEST))
    made, real = planes(generated), planes(training)
    blocks = []
    for start in range(0, len(pairs), columns):
        part = pairs.iloc[start : start + columns]
        upper, lower = made[part["image"].to_numpy()], real[part["training_image"].to_numpy()]
        titles = tuple(f"{distance:#.3g}".rstrip(".") for distance in part["distance"])
        beside = ("generated", "nearest in\ntraining")
        filled = [filled_up(half, columns) for half in (upper, lower)]
        blocks.append(Block("", np.concatenate(filled), beside, titles))
    where = "pixels" if space == "pixels" else f"features ({space})"
    note = f"Above each pair: its relative distance in {where}, near 0 for a copy and near 1 where "
    note += "no patient is singled out"
    if space == "pixels":
        note += ". Training images are shown as they are; the distance allows for mirroring and "
        note += "small shifts"
    return draw_blocks(blocks, columns, on_conditions(conditions, note))


def _evenly(number: int, most: int) -> np.ndarray:
    """Return at most `most` of `number` positions, evenly spaced from the first to the last."""
    return np.linspace(0, number - 1, min(number, most)).round().astype(int)
