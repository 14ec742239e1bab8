"""The manifold filter: what it keeps, a control of the same number, and the sweep over its k.

`apply_filter` is thesis Algorithm 1 with the article's scaling of k, and `sweep_frame` thesis
Fig. 4.4: distance, score, precision, recall and numbers against k. Article, section 4.2; thesis,
section 4.4.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from testiculus.base.progress import progress
from testiculus.experiments.fidelity_measures import Space, measured, score
from testiculus.experiments.generation_parameters import SEED, random_control
from testiculus.manifold.filtering import keep, sweep
from testiculus.manifold.neighbours import radii
from testiculus.paper.generation import FILTER_NEIGHBOURS, filter_neighbours

# k at 880 real images, over the range of the thesis's Fig. 4.4 and beyond.
AT_880 = (1, 2, 3, 5, 10, 20, 30, 50, 75, 100, 150, 200, 300, 400, 600, 800)
SWEEP_COLUMNS = (
    *("space", "k", "k_at_880", "kept", "dropped"),
    *("frechet", "score", "precision", "recall"),
)
ROWS_AT_ONCE = 1024  # generated images; bounds the memory to 1,024 x n distances


@dataclass(frozen=True, eq=False)
class Filtered:
    """What a filter keeps (bool, m), a random choice of as many (bool, m), and its k."""

    kept: np.ndarray
    random: np.ndarray
    k: int


def apply_filter(
    real: np.ndarray, generated: np.ndarray, at_880: int = FILTER_NEIGHBOURS, seed: int = SEED
) -> Filtered:
    """Keep the generated images that lie in a ball around a real one (thesis, Algorithm 1).

    A ball's radius is the distance to its k-th nearest real neighbour; k is `at_880` in proportion
    to the number of real images. `real` (n, d), `generated` (m, d); `seed` is the random control's.
    Raises `UserError` where k is not smaller than n.
    """
    k = filter_neighbours(len(real), at_880)
    kept = keep(real, generated, k)
    return Filtered(kept, random_control(kept, seed), k)


def sweep_ks(real: int, at_880: int) -> dict[int, int]:
    """Return the k to compare for `real` images, each with its k at 880; `at_880` is among them.

    >>> sweep_ks(44, 50)
    {1: 1, 2: 50, 4: 75, 5: 100, 8: 150, 10: 200, 15: 300, 20: 400, 30: 600, 40: 800}
    """
    scaled = {filter_neighbours(real, wanted): wanted for wanted in reversed(AT_880)}
    scaled[filter_neighbours(real, at_880)] = at_880
    return {k: scaled[k] for k in sorted(scaled) if k < real}


def sweep_frame(space: Space, at_880: int) -> pd.DataFrame:
    """Return the figures of the filter's images for each k: `SWEEP_COLUMNS`, one line a k.

    The filter is built in this space, from all real images, and measured against them: the thesis's
    Fig. 4.4. Figures are NaN where too few images are kept. The measures' own k stays 3.
    """
    ks = sweep_ks(len(space.real), at_880)
    masks = sweep(space.real, space.generated, list(ks))
    lines = []
    for (k, wanted), kept in progress(
        zip(ks.items(), masks, strict=True), total=len(ks), desc=f"sweep over k, {space.id}"
    ):
        told = measured(space.real, space.generated[kept])
        told["score"] = score(None if space.chances is None else space.chances[kept])
        number = int(kept.sum())
        line = {"space": space.id, "k": k, "k_at_880": wanted, "kept": number}
        lines.append({**line, "dropped": len(kept) - number, **told})
    return pd.DataFrame(lines, columns=list(SWEEP_COLUMNS))


def filtered_frame(space: Space, filtered: Filtered) -> pd.DataFrame:
    """Return one line per generated image: image, kept, ratio, nearest.

    `ratio` is the smallest distance to a real image divided by that one's radius: up to 1 inside.
    `nearest` is the nearest real image, by its number among the labelled ones.
    """
    reach = radii(space.real, filtered.k).astype(np.float64)
    ratios, nearest = [], []
    for start in range(0, len(space.generated), ROWS_AT_ONCE):
        distances = _distances(space.generated[start : start + ROWS_AT_ONCE], space.real)
        nearest.append(distances.argmin(axis=1))
        with np.errstate(divide="ignore", invalid="ignore"):  # a ball of radius 0 holds its centre
            ratio = np.where(distances == 0, 0.0, distances / reach)
        ratios.append(ratio.min(axis=1))
    return pd.DataFrame(
        {
            "image": np.arange(len(space.generated)),
            "kept": filtered.kept,
            "ratio": np.concatenate(ratios),
            "nearest": np.concatenate(nearest),
        }
    )


def _distances(some: np.ndarray, real: np.ndarray) -> np.ndarray:
    from scipy.spatial.distance import cdist

    return cdist(some.astype(np.float64), real.astype(np.float64))
