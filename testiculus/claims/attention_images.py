"""Every test image's measures of a map, with those that follow from others, and by cell.

Main functions: `derived` completes the measures, `cell_values` and `predictions` arrange them.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from testiculus.base.errors import UserError
from testiculus.claims.attention_schema import (
    IMAGE_MEASURES,
    MEASURE_COLUMNS,
    UNMARKED,
)
from testiculus.claims.schema import require_columns

LABELS = {"original": "label", "truth": "true_label"}  # what scores end in: the column
PARTS = ("parenchyma", "lesion", "markers")  # of a picture, with a mask
RUN = ["row", "strength", "seed", "fold"]  # one trained model


class Cell(NamedTuple):
    """One row of models on one kind of test images, mapped at one layer."""

    row: str
    strength: float
    condition: str
    layer: str


def derived(measures: pd.DataFrame) -> pd.DataFrame:
    """Return `measures` with the measures that follow from others (see `IMAGE_MEASURES`).

    gain_x = energy_x - area_x, shift_markers = energy_markers - there_markers; and against the same
    model's probability p for the unmarked image, |p' - p|, that over the standard deviation of p
    over the images, p' - p, and whether p' > 0.5 differs.
    Raises UserError where a column is missing, where there is no line, and where one model has two
    lines for one image, condition and layer.
    """
    require_columns(measures, MEASURE_COLUMNS, "measures")
    if not len(measures):
        raise UserError("there are no measures of maps", remedy="map at least one model's images")
    frame = measures.copy()
    frame["strength"] = frame["strength"].astype("float64")
    for column in ("row", "condition", "layer", "image", "patient"):
        frame[column] = frame[column].astype(str)
    one = [*RUN, "image", "condition", "layer"]
    if (twice := frame.duplicated(one)).any():
        where = ", ".join(f"{c} {frame.loc[twice, c].iloc[0]}" for c in one)
        raise UserError("an image is measured twice", where, "judge one experiment's measures")
    for part in PARTS:
        frame[f"gain_{part}"] = frame[f"energy_{part}"] - frame[f"area_{part}"]
    frame["shift_markers"] = frame["energy_markers"] - frame["there_markers"]
    marked, probability = frame["condition"] != UNMARKED, frame["probability"]
    key = [*RUN, "image"]
    before = frame[~marked].drop_duplicates(key).set_index(key)["probability"]
    spread = before.groupby(level=RUN).std().replace(0.0, np.nan)
    before = before.reindex(pd.MultiIndex.from_frame(frame[key])).to_numpy()
    change = (probability - before).where(marked)
    frame["probability_shift"], frame["probability_change"] = change, change.abs()
    spread = spread.reindex(pd.MultiIndex.from_frame(frame[RUN])).to_numpy()
    frame["probability_change_relative"] = change.abs() / spread
    flipped = ((probability > 0.5) != (before > 0.5)).astype("float64")
    frame["flipped"] = flipped.where(change.notna())
    return frame


def cell_values(frame: pd.DataFrame, images: pd.Index) -> dict[Cell, np.ndarray]:
    """Return the mean over seeds of each cell's measures, images x measures."""
    columns = list(IMAGE_MEASURES)
    values = {}
    for key, group in frame.groupby(list(Cell._fields), sort=False):
        means = group.groupby("image")[columns].mean()
        values[Cell(*key)] = means.reindex(images).to_numpy("float64")
    return values


def run_means(frame: pd.DataFrame) -> dict[Cell, pd.DataFrame]:
    """Return each cell's mean over the images of every run: (seed, fold) x `IMAGE_MEASURES`."""
    groups = frame.groupby(list(Cell._fields), sort=False)
    columns = list(IMAGE_MEASURES)
    return {Cell(*key): part.groupby(["seed", "fold"])[columns].mean() for key, part in groups}


def predictions(
    frame: pd.DataFrame, images: pd.Index, patients: np.ndarray
) -> dict[tuple[str, float, str], pd.DataFrame]:
    """Return the predictions of each row, strength and condition, each model's once an image."""
    known = frame[frame["probability"].notna()]
    known = known.drop_duplicates([*RUN, "image", "condition"])
    at = images.get_indexer(known["image"])
    columns = {name: pd.to_numeric(known[name]).astype("float64") for name in LABELS.values()}
    known = known.assign(image=at, patient=patients[at], **columns)
    kept = ["seed", "fold", "image", "patient", *columns, "probability"]
    groups = known.groupby(["row", "strength", "condition"], sort=False)
    return {key: group[kept] for key, group in groups}


def empty_maps(frame: pd.DataFrame) -> dict[Cell, tuple[int, int]]:
    """Return how many maps of each cell are zero everywhere, and how many maps it has."""
    groups = frame.groupby(list(Cell._fields), sort=False)["map"]
    return {Cell(*key): (int((~has.astype(bool)).sum()), len(has)) for key, has in groups}
