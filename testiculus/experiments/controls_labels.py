"""Labels that mean nothing: the images' own, dealt out anew.

Main function: `meaningless_labels`. What goes together stays together: both views of a testis get
the labels of both views of another, so that the number of positives and the agreement of views are
those of the real labels.
"""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from testiculus.base.devices import derive_seed
from testiculus.base.errors import UserError

SHUFFLES = 100  # tries before giving up on labels of which every fold has both


def units_of(frame: pd.DataFrame) -> np.ndarray:
    """Return the number of the testis of each image, int64 (N,); of its own where sides are open.

    A testis is a patient and a side; where any image has no side, each image stands for itself.

    >>> units_of(pd.DataFrame({"patient": ["a", "a", "a"], "side": ["l", "r", "l"]})).tolist()
    [0, 1, 0]
    """
    if not sides_known(frame):
        return np.arange(len(frame))
    names = frame["patient"].astype(str) + "\0" + frame["side"].astype(str)
    return np.unique(names.to_numpy(dtype=str), return_inverse=True)[1].ravel()


def sides_known(frame: pd.DataFrame) -> bool:
    """Return whether every image says of which side it is."""
    return "side" in frame and bool((frame["side"].notna() & (frame["side"] != "")).all())


def dealt_out(labels: np.ndarray, units: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return `labels` (N,) dealt out anew among the `units` (N,) of equal size.

    Each unit gets all labels of another one, view by view; one that is the only one of its size
    keeps its own.
    """
    counts = np.bincount(units)
    places, starts = np.argsort(units, kind="stable"), np.cumsum(counts) - counts
    dealt = np.array(labels)
    for size in np.unique(counts[counts > 0]):
        alike = np.flatnonzero(counts == size)
        images = places[starts[alike][:, None] + np.arange(size)]  # units x size
        dealt[images] = labels[images[random.permutation(len(alike))]]
    return dealt


def meaningless_labels(
    frame: pd.DataFrame, labels: np.ndarray, foldings: Iterable[np.ndarray], *draw: object
) -> np.ndarray:
    """Return `labels` (int64, N) dealt out anew among the testes; `draw` names which drawing.

    Under each of the `foldings` (int64, N) every fold has both labels. Raises `UserError` where no
    such draw is found.
    """
    units, foldings = units_of(frame), list(foldings)
    for attempt in range(SHUFFLES):
        random = np.random.default_rng(derive_seed("labels without meaning", *draw, attempt))
        dealt = dealt_out(np.asarray(labels, dtype=np.int64), units, random)
        if all(_has_both(dealt[folds == fold]) for folds in foldings for fold in np.unique(folds)):
            return dealt
    raise UserError(
        "no permuted labels were found of which every fold has both",
        where=f"labels dealt out {SHUFFLES} times",
        remedy="use fewer folds, or label more patients of the rarer class",
    )


def _has_both(labels: np.ndarray) -> bool:
    return len(np.unique(labels)) == 2
