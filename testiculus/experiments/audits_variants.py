"""What each trained variant of the protocol changes: labels, folds, or how augmentations are drawn.

Main function: `variants`, which also says which of them the images cannot tell apart from the
article's protocol, and why. The errors are points 5, 6 and 17 of `paper.contradictions`.
"""

from dataclasses import dataclass

import numpy as np

from testiculus.claims.audits_schema import AS_WRITTEN, ONE_DRAW, ROWS, UNGROUPED, WRONG_SIDE
from testiculus.data.images import ImageSet
from testiculus.experiments.plan_words import group_of
from testiculus.experiments.protocol import PER_BATCH, PER_IMAGE
from testiculus.folds import patient_folds

LEFT, RIGHT = "left", "right"


@dataclass(frozen=True, eq=False)
class Variant:
    """One way to train: the labels it reads (int64, N), and its folds by seed (int64, N).

    `draw` says how many images share an augmentation draw; `every_epoch` whether it predicts after
    every epoch.
    """

    row: str
    labels: np.ndarray
    folds: dict[int, np.ndarray]
    draw: str = PER_IMAGE
    every_epoch: bool = False


def variants(
    images: ImageSet, seeds: tuple[int, ...], folds: int
) -> tuple[dict[str, Variant], dict[str, str]]:
    """Return the variants by row, and the reason by row for those that these images cannot have.

    Wrong labels are planted in the article's own folds, so that runs can be paired. Raises
    `UserError` where these cannot be made.
    """
    labels = images.labels()
    grouped = _folds(images, labels, seeds, folds)
    found = {
        AS_WRITTEN: Variant(AS_WRITTEN, labels, grouped, every_epoch=True),
        ONE_DRAW: Variant(ONE_DRAW, labels, grouped, draw=PER_BATCH),
    }
    untestable = {}
    if reason := _ungrouped_alike(images):
        untestable[UNGROUPED] = reason
    else:
        single = _folds(images, labels, seeds, folds, grouped=False)
        found[UNGROUPED] = Variant(UNGROUPED, labels, single)
    wrong = right_side_labels(images)
    if reason := _sides_alike(images, wrong) or _one_class(wrong, grouped):
        untestable[WRONG_SIDE] = reason
    else:
        found[WRONG_SIDE] = Variant(WRONG_SIDE, wrong, grouped)
    return {row: found[row] for row in ROWS if row in found}, untestable


def right_side_labels(images: ImageSet) -> np.ndarray:
    """Return the labels, int64 (N,), with those of left testes read from the right one's.

    A left image gets the label of the same patient's right image of the same view, else of the
    patient's first right image. Images without a side, and of patients without a right testis, keep
    theirs. So the released data set reads its labels (point 6).
    """
    labels = images.labels()
    side, view = sides(images), _column(images, "view")
    patient = images.frame["patient"].astype(str).to_numpy()
    right: dict[tuple, int] = {}
    for i in np.flatnonzero(side == RIGHT):
        right.setdefault((patient[i], view[i]), labels[i])
        right.setdefault((patient[i],), labels[i])
    wrong = labels.copy()
    for i in np.flatnonzero(side == LEFT):
        any_view = right.get((patient[i],), labels[i])
        wrong[i] = right.get((patient[i], view[i]), any_view)
    return wrong


def sides(images: ImageSet) -> np.ndarray:
    """Return each image's side as plain text (N,): "left", "right", or what else stands there."""
    return _column(images, "side")


def _column(images: ImageSet, name: str) -> np.ndarray:
    values = images.frame.get(name)
    if values is None:
        return np.full(len(images), "")
    return values.fillna("").astype(str).str.strip().str.lower().to_numpy(dtype=str)


def _folds(
    images: ImageSet, labels: np.ndarray, seeds: tuple[int, ...], folds: int, grouped: bool = True
) -> dict[int, np.ndarray]:
    patients = images.frame["patient"].to_numpy()
    return {seed: patient_folds(labels, patients, folds, seed, grouped=grouped) for seed in seeds}


def _ungrouped_alike(images: ImageSet) -> str:
    """Return why folds of single views are folds of patients here; "" where they are not."""
    if images.frame["patient"].value_counts().max() > 1:
        return ""
    return f"every {group_of(images)} has one image, so that no split can part its images"


def _sides_alike(images: ImageSet, wrong: np.ndarray) -> str:
    """Return why no label would be read from the wrong side here; "" where some would."""
    if not {LEFT, RIGHT} <= set(sides(images)):
        return "the images are not told apart as left and right"
    if np.array_equal(wrong, images.labels()):
        return "every left testis has the label of the right one, or no right one"
    return ""


def _one_class(labels: np.ndarray, folds: dict[int, np.ndarray]) -> str:
    """Return why a fold could not be trained on these labels; "" where all can."""
    parts = (labels[own != fold] for own in folds.values() for fold in np.unique(own))
    if all(len(np.unique(part)) == 2 for part in parts):
        return ""
    return "read so, all labels of a training part are the same"
