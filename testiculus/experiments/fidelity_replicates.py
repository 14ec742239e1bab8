"""How sure the figures of generated images are: replicates over patients and over images.

Main function: `replicate_frame`. A bootstrap draws some images twice, and a copy is its own nearest
neighbour at distance zero, which spoils every ball and every covariance. So each replicate takes
half of the patients and half of the generated images, without replacement: for means and their like
the spread over such halves is that of a bootstrap (Shao & Wu 1989, "A general theory for jackknife
variance estimation", Annals of Statistics 17: the jackknife that deletes half). Their centre is the
figure of sets of half the size; the claims keep the spread and take the shift out.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from testiculus.base.progress import progress
from testiculus.experiments.fidelity import HELD_OUT, WHOLE, Reference, half_of, rows_of
from testiculus.experiments.fidelity_measures import Space, measured
from testiculus.experiments.filter_study import Filtered

REPLICATED = (WHOLE, HELD_OUT)
COLUMNS = ("reference", "row", "metric", "replicate", "value")


def replicate_frame(
    space: Space,
    against: Sequence[Reference],
    patients: np.ndarray,
    further_patients: np.ndarray,
    replicates: int,
) -> pd.DataFrame:
    """Return the figures of whole and heldout in every replicate: `COLUMNS`.

    A value is the mean over the references of one name. Replicate r draws the same patients and
    images for all rows and references: differences are paired. Filters and generator stay as they
    are, so that what is said holds for these. `patients` (n,) are the labelled images',
    `further_patients` (f,) the further ones'; all of a patient's images are drawn or none.
    """
    wanted = [reference for reference in against if reference.name in REPLICATED]
    lines = []
    for number in progress(range(replicates), desc=f"replicates, {space.id}"):
        there = half_of(patients, "replicate, patients", number)
        drawn = half_of(np.arange(len(space.generated)), "replicate, images", number)
        further = half_of(further_patients, "replicate, further patients", number)
        some = replace(space, generated=space.generated[drawn], further=space.further[further])
        for reference in wanted:
            halved = _halved(reference, there, drawn)
            for row, shown in rows_of(some, halved).items():
                told = measured(space.real[halved.images], shown)
                lines += [(reference.name, row, name, number, told[name]) for name in told]
    frame = pd.DataFrame(lines, columns=list(COLUMNS))
    return frame.groupby(list(COLUMNS[:4]), sort=False)["value"].mean().reset_index()


def _halved(reference: Reference, there: np.ndarray, drawn: np.ndarray) -> Reference:
    """Return the reference with the labelled images and the generated ones that are drawn."""
    filtered, floor = reference.filtered, reference.floor
    return replace(
        reference,
        images=reference.images[there[reference.images]],
        filtered=Filtered(filtered.kept[drawn], filtered.random[drawn], filtered.k),
        floor=None if floor is None else floor[there[floor]],
    )
