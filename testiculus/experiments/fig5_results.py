"""Fig. 5's tidy results: what each model scores, and where its maps look, per seed and fold."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from testiculus.claims.attention import (
    ALL_KINDS,
    BLIND,
    CONDITION_SUFFIXES,
    UNMARKED,
    model_row,
)
from testiculus.claims.schema import ORIGINAL, RESULT_COLUMNS, TRUTH
from testiculus.classification_metrics import scores

MODEL = ["row", "strength", "seed", "fold"]
LABEL_COLUMNS = {ORIGINAL: "label", TRUTH: "true_label"}
WRITTEN_CONDITIONS = (UNMARKED, ALL_KINDS)


def result_frame(measures: pd.DataFrame, layer: str, experiment: str) -> pd.DataFrame:
    """Return the results, tidy, of the models' maps and probabilities in `measures`.

    Scores end in `_original` (labels as they came) or `_truth` (true labels, only where all images
    have one), and then in `_marked` or `_as_trained` where the test images carry markers. At
    `layer` also the means over a fold's images of `energy_parenchyma`, `energy_parenchyma_marked`,
    `shift_markers_marked` and `flipped_marked`; what is not defined for any image is left out.
    Rows are named by `claims.attention.model_row`; maps without a model have none. All values are
    fractions, a shift a signed one.
    """
    shown = measures[(measures["layer"] == layer) & ~measures["row"].isin(BLIND)]
    columns = {
        suffix: column
        for suffix, column in LABEL_COLUMNS.items()
        if column == "label" or shown[column].notna().all()
    }
    lines = []
    for (row, strength, seed, fold), part in shown.groupby(MODEL, sort=False):
        run = (experiment, model_row(row, strength), seed, fold)
        by_condition = {name: images for name, images in part.groupby("condition", sort=False)}
        for condition, suffix in CONDITION_SUFFIXES.items():
            if condition in by_condition:
                found = _scored(by_condition[condition], columns, suffix)
                lines += [(*run, metric, value) for metric, value in found]
        lines += [(*run, *found) for found in _looked(by_condition)]
    return pd.DataFrame(lines, columns=RESULT_COLUMNS).dropna(subset="value", ignore_index=True)


def _scored(
    images: pd.DataFrame, columns: dict[str, str], suffix: str
) -> Iterator[tuple[str, float]]:
    for scoring, column in columns.items():
        found = scores(images[column].to_numpy(np.int64), images["probability"].to_numpy())
        for metric, value in found.items():
            yield metric + scoring + suffix, value


def _looked(by_condition: dict[str, pd.DataFrame]) -> Iterator[tuple[str, float]]:
    """Return where a model's maps look, on average, and how often markers flip its decision."""
    marked_suffix = CONDITION_SUFFIXES[ALL_KINDS]
    for condition in WRITTEN_CONDITIONS:
        if condition in by_condition:
            mean = by_condition[condition]["energy_parenchyma"].mean()
            yield "energy_parenchyma" + CONDITION_SUFFIXES[condition], mean
    if not set(WRITTEN_CONDITIONS) <= by_condition.keys():
        return
    unmarked, marked = (by_condition[name] for name in WRITTEN_CONDITIONS)  # in the same order
    shift = marked["energy_markers"] - marked["there_markers"]
    yield "shift_markers" + marked_suffix, shift.mean()
    before, after = (part["probability"].to_numpy() > 0.5 for part in (unmarked, marked))
    yield "flipped" + marked_suffix, float((before != after).mean())


def written_measures(measures: pd.DataFrame, layer: str) -> pd.DataFrame:
    """Return the part of `measures` that is put on disk: strength 0, two conditions, one layer."""
    chosen = (measures["strength"] == 0) & (measures["layer"] == layer)
    return measures[chosen & measures["condition"].isin(WRITTEN_CONDITIONS)].reset_index(drop=True)
