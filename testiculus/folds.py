"""Cross-validation folds: all images of a patient on one side of every split.

Main function: `patient_folds`. The article and the thesis group by patient; the released code
stratifies single images, which `grouped=False` reproduces.
"""

import numpy as np

from testiculus.base.devices import derive_seed
from testiculus.base.errors import UserError

SHUFFLES = 100  # tries before giving up on a partition where every fold holds both classes


def patient_folds(
    labels: np.ndarray, patients: np.ndarray, folds: int, seed: int, grouped: bool = True
) -> np.ndarray:
    """Return the fold of each image, balanced over classes (article, sections 3 and 5).

    Args:
        labels: class of each image, integers 0 or 1, shape (n,).
        patients: patient of each image, shape (n,), none empty.
        folds: number of folds, at least 2.
        seed: decides the shuffle; the same seed gives the same folds.
        grouped: keep a patient's images together (article, thesis). False stratifies single
            images (released code): a patient may then fall on both sides of a split.

    Returns:
        int64 array of shape (n,) with values 0 to folds - 1. Every fold holds both classes.

    Raises:
        UserError: for labels other than 0 and 1, only one class, fewer patients than folds, or no
            partition in which every fold holds images of both classes.

    >>> patient_folds([0, 0, 1, 1, 0, 1], ["a", "a", "b", "b", "c", "d"], folds=2, seed=0).shape
    (6,)
    """
    labels, groups = _checked(labels, patients, folds)
    if not grouped:
        groups = np.arange(len(labels))
    _require_enough(labels, groups, folds, "patients" if grouped else "images")
    for attempt in range(SHUFFLES):
        # The grouped splitter is greedy: on tiny sets a shuffle can leave a fold without a class
        state = derive_seed("folds", seed, attempt) % 2**32
        assigned = _split(labels, groups, folds, state, grouped)
        if _every_fold_has_both(labels, assigned, folds):
            return assigned
    raise UserError(
        f"no partition of these patients into {folds} folds was found in which every fold holds "
        "images of both classes",
        remedy="use fewer folds, or label more patients of the rarer class",
    )


def _split(
    labels: np.ndarray, groups: np.ndarray, folds: int, state: int, grouped: bool
) -> np.ndarray:
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    splitter = StratifiedGroupKFold if grouped else StratifiedKFold
    assigned = np.full(len(labels), -1, dtype=np.int64)
    parts = splitter(folds, shuffle=True, random_state=state).split(
        labels, labels, groups if grouped else None
    )
    for fold, (_, test) in enumerate(parts):
        assigned[test] = fold
    return assigned


def _checked(labels: np.ndarray, patients: np.ndarray, folds: int) -> tuple[np.ndarray, np.ndarray]:
    labels = np.asarray(labels)
    names = np.asarray(patients, dtype=object)
    if labels.ndim != 1 or labels.shape != names.shape:
        raise UserError(f"{labels.shape} labels do not fit {names.shape} patients")
    if not isinstance(folds, int | np.integer) or folds < 2:
        raise UserError(f"cross-validation needs at least 2 folds, not {folds}")
    if not np.isin(labels, (0, 1)).all():
        odd = next(i for i, label in enumerate(labels) if label not in (0, 1))
        raise UserError(
            f"label {labels[odd]} is neither 0 nor 1",
            where=f"image number {odd + 1}",
            remedy="cross-validate labelled images only, with labels 0 and 1",
        )
    nameless = [i + 1 for i, name in enumerate(names) if name is None or name != name or name == ""]
    if nameless:
        raise UserError("an image has no patient", where=f"image number {nameless[0]}")
    return labels.astype(np.int64), np.unique(names.astype(str), return_inverse=True)[1]


def _require_enough(labels: np.ndarray, groups: np.ndarray, folds: int, unit: str) -> None:
    """Say what is short before any split: classes, groups, or groups of one class."""
    present = np.unique(labels)
    if len(present) < 2:
        only = f"only class {present[0]}" if len(present) else "no images"
        raise UserError(
            f"cross-validation needs both classes; there is {only}",
            remedy="check the manifest's label column: 0 and 1 must both occur",
        )
    found = len(np.unique(groups))
    if found < folds:
        raise UserError(
            f"{folds} folds need at least {folds} {unit}; there are {found}",
            remedy="use fewer folds, or add patients",
        )
    for value, name in ((1, "positives"), (0, "negatives")):
        held = len(np.unique(groups[labels == value]))
        if held < folds:
            raise UserError(
                f"a fold would hold no {name}: {held} {unit} with label {value} for {folds} folds",
                remedy=f"use at most {held} folds, or label more {unit} of that class"
                if held >= 2
                else f"label more {unit} of that class: 2 are the least that can be split",
            )


def _every_fold_has_both(labels: np.ndarray, assigned: np.ndarray, folds: int) -> bool:
    counts = np.bincount(2 * assigned + labels, minlength=2 * folds)
    return bool((counts > 0).all())
