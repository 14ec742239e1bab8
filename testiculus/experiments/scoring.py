"""From per-image predictions to tidy metrics, scored by whichever labels one asks for.

The article scores on test folds whose labels it has curated. `score_rows` scores the same
predictions also on the original labels of ALL test images and, where they are known, on the true
ones; and Complete's models on the test sets that Filtered and Flipped are judged on, which is what
rescoring alone gives, without any retraining.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from testiculus.claims.schema import CURATED, ORIGINAL, RESCORED, RESULT_COLUMNS, TRUTH
from testiculus.classification_metrics import scores
from testiculus.data.images import ImageSet
from testiculus.experiments.crossval import RowRun


def prediction_frame(
    runs: Iterable[RowRun], images: ImageSet, curated: dict[str, np.ndarray]
) -> pd.DataFrame:
    """Return one line per row, seed, fold and test image.

    `curated` gives each row's labels: int64 of length N, -1 where the image was removed. The
    probability is that of the positive class, between 0 and 1.
    """
    parts = [
        pd.DataFrame(
            {
                "row": done.plan.row,
                "seed": done.plan.seed,
                "fold": done.plan.fold,
                "image": done.plan.test_index,
                "curated_label": curated[done.plan.row][done.plan.test_index],
                "probability": done.run.arrays["probabilities"].astype(float),
            }
        )
        for done in runs
    ]
    frame = pd.concat(parts, ignore_index=True)
    about = images.frame[["patient", "label", "true_label"]].reset_index(drop=True)
    frame = frame.join(about, on="image")
    frame["curated_label"] = (
        frame["curated_label"].where(frame["curated_label"] >= 0).astype("Int8")
    )
    order = ["row", "seed", "fold", "image", "patient", "label", "curated_label", "true_label"]
    return frame[[*order, "probability"]]


def score_rows(
    predictions: pd.DataFrame,
    experiment: str,
    baseline: str | None = None,
    columns: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Return the tidy results of every row, seed and fold.

    Metrics without suffix are scored as the article does (curated labels, removed images left
    out); `_original` and `_truth` on all test images; for the row `baseline` also `_on_<other row>`
    by the other rows' curated labels. `columns` maps other suffixes to the column of labels that
    they are scored by, in place of these.
    """
    lines = []
    columns = scored_columns(predictions) if columns is None else columns
    for (row, seed, fold), part in predictions.groupby(["row", "seed", "fold"], sort=False):
        for suffix, column in columns.items():
            labels = part[column]
            lines += _lines(experiment, row, seed, fold, suffix, labels, part["probability"])
        if row == baseline:
            others = predictions.query("row != @row and seed == @seed and fold == @fold")
            for suffix, other in RESCORED.items():
                curated = others[others["row"] == other].set_index("image")["curated_label"]
                labels = curated.reindex(part["image"])
                lines += _lines(experiment, row, seed, fold, suffix, labels, part["probability"])
    return pd.DataFrame(lines, columns=RESULT_COLUMNS)


def scored_columns(frame: pd.DataFrame) -> dict[str, str]:
    """Return the column of labels behind each suffix; no `_truth` unless all of it is known."""
    columns = {CURATED: "curated_label", ORIGINAL: "label"}
    if frame["true_label"].notna().all():  # of the whole set, lest some folds have it
        columns[TRUTH] = "true_label"
    return columns


def _lines(
    experiment: str,
    row: str,
    seed: int,
    fold: int,
    suffix: str,
    labels: pd.Series,
    probabilities: pd.Series,
) -> Sequence[tuple]:
    there = labels.notna().to_numpy()
    if not there.any():  # every test image of this fold was removed: nothing was measured
        return []
    found = scores(
        labels.to_numpy(dtype=float, na_value=np.nan)[there].astype(np.int64),
        probabilities.to_numpy()[there],
    )
    return [(experiment, row, seed, fold, name + suffix, value) for name, value in found.items()]
