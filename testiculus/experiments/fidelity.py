"""What the figures of generated images are worth: against which real images, and beside which.

`references` says what is measured against: all labelled images (thesis), batches of 64 (article),
and halves of the patients, so that the filter is built on one half and measured on the other.
`fidelity_frame` measures the images before and after the filter, a random choice of as many, and
real images in their place: the floor that no generator can be asked to go below.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from testiculus.base.devices import generator
from testiculus.experiments.fidelity_measures import Space, measured, score
from testiculus.experiments.filter_study import Filtered, apply_filter

WHOLE, BATCH, HELD_OUT, IN_SAMPLE = REFERENCES = ("whole", "batch", "heldout", "insample")
BEFORE, FILTERED, RANDOM, REAL = ROWS = ("before", "filtered", "random", "real")
COLUMNS = (
    *("features", "space", "is_fid", "reference", "row", "batch"),
    *("metric", "value", "n_real", "n_generated"),
)


@dataclass(frozen=True, eq=False)
class Reference:
    """Real images to measure against, and what is measured.

    `images` are positions among the labelled ones, `filtered` what the filter keeps that belongs to
    this reference, `floor` the positions of the labelled images that stand in for generated ones in
    the row "real", None where that are further images of other patients. `batch` numbers the
    references of one name.
    """

    name: str
    batch: int
    images: np.ndarray
    filtered: Filtered
    floor: np.ndarray | None


def references(
    space: Space,
    patients: np.ndarray,
    *,
    at_880: int,
    splits: int,
    batch: int,
    batches: int,
) -> list[Reference]:
    """Return all references; their filters are built in `space`, the features that decide.

    whole: every labelled image, and the filter that is built on them all. batch: `batches` of
    `batch` labelled images, none in two, with the same filter (article, section 4.2). heldout and
    insample: the labelled images' `patients` (n,) in two halves, `splits` times; the filter is
    built on the first half, k scaled, and measured on the second (heldout) and on the first
    (insample). No patient is in both halves, nor in a reference and its floor.
    """
    everyone = apply_filter(space.real, space.generated, at_880)
    found = [Reference(WHOLE, 0, np.arange(len(patients)), everyone, None)]
    found += batch_references(patients, everyone, batch, batches)
    for split, first in enumerate(halves(patients, splits)):
        seen, unseen = np.flatnonzero(first), np.flatnonzero(~first)
        filtered = apply_filter(space.real[seen], space.generated, at_880, seed=split)
        found.append(Reference(HELD_OUT, split, unseen, filtered, seen))
        found.append(Reference(IN_SAMPLE, split, seen, filtered, unseen))
    return found


def batch_references(
    patients: np.ndarray, filtered: Filtered, size: int, number: int, *draw: object
) -> list[Reference]:
    """Return `number` disjoint batches of `size` labelled images; `draw` names another drawing.

    Their floor is the labelled images of patients who are not in the batch.
    """
    order = _permutation(len(patients), "reference batches", *draw)
    chosen = [np.sort(order[size * turn : size * (turn + 1)]) for turn in range(number)]
    return [
        Reference(BATCH, turn, images, filtered, _of_others(patients, images))
        for turn, images in enumerate(chosen)
    ]


def _of_others(patients: np.ndarray, images: np.ndarray) -> np.ndarray:
    return np.flatnonzero(~np.isin(patients, patients[images]))


def halves(patients: np.ndarray, splits: int) -> list[np.ndarray]:
    """Return for each split which images (bool, n) are of the first half of the `patients` (n,).

    The first half has as many patients as the second, or one fewer.
    """
    return [half_of(patients, "halves by patient", split) for split in range(splits)]


def half_of(patients: np.ndarray, *draw: object) -> np.ndarray:
    """Return which images (bool, n) are of a random half of the patients; `draw` names which."""
    names, codes = np.unique(patients, return_inverse=True)
    chosen = _permutation(len(names), *draw)[: len(names) // 2]
    return np.isin(codes, chosen)


def _permutation(n: int, *draw: object) -> np.ndarray:
    return torch.randperm(n, generator=generator(*draw)).numpy()


def rows_of(space: Space, reference: Reference) -> dict[str, np.ndarray]:
    """Return the features (m, d) that each row measures against a reference.

    "real" is left out where there are no such images.
    """
    filtered, floor = reference.filtered, reference.floor
    real = space.further if floor is None else space.real[floor]
    rows = {
        BEFORE: space.generated,
        FILTERED: space.generated[filtered.kept],
        RANDOM: space.generated[filtered.random],
    }
    return rows | ({REAL: real} if len(real) else {})


def fidelity_frame(space: Space, against: Sequence[Reference]) -> pd.DataFrame:
    """Return every figure in one space: `COLUMNS`, one line a reference, row and metric.

    Metrics are precision, recall (fractions, k = 3), frechet and, under the reference whole, score,
    which needs no reference. Distance and recall depend on the numbers of images: `n_real` and
    `n_generated` (in the row "real", of the real images in their place) say them. NaN where there
    are too few images.
    """
    lines = [line for reference in against for line in _lines(space, reference)]
    frame = pd.DataFrame(lines, columns=list(COLUMNS[3:]))
    frame.insert(0, "features", space.words)
    frame.insert(1, "space", space.id)
    frame.insert(2, "is_fid", space.is_fid)
    return frame


def _lines(space: Space, reference: Reference) -> Iterator[tuple]:
    real, batch = space.real[reference.images], reference.batch
    for row, shown in rows_of(space, reference).items():
        for metric, value in measured(real, shown).items():
            yield reference.name, row, batch, metric, value, len(real), len(shown)
    if reference.name == WHOLE and space.chances is not None:
        for row, chances in _chances(space, reference.filtered).items():
            yield WHOLE, row, batch, "score", score(chances), len(real), len(chances)


def _chances(space: Space, filtered: Filtered) -> dict[str, np.ndarray]:
    rows = {
        BEFORE: space.chances,
        FILTERED: space.chances[filtered.kept],
        RANDOM: space.chances[filtered.random],
    }
    further = space.further_chances
    return rows | ({REAL: further} if further is not None and len(further) else {})
