"""Improved precision and recall of generated images (Kynkaanniemi et al. 2019).

Main function: `precision_recall`. Precision is the share of generated images in the real manifold,
recall the share of real images in the generated manifold; a manifold is the union of balls about
its images that reach to their k-th nearest other (article, equations 5 and 6, with k = 3).
"""

from dataclasses import dataclass

import numpy as np
import torch

from testiculus.manifold.bounds import Cloud, clouds
from testiculus.manifold.coverage import covered
from testiculus.manifold.neighbours import (
    checked_pair,
    in_balls,
    nearest_in_rows,
    require_neighbours,
)

NEIGHBOURS = 3  # article, section 4.2; Kynkaanniemi et al. 2019, section 2
NUMBERS_AT_ONCE = 2**26  # of the matrix between the two sets: 256 MiB


@dataclass(frozen=True)
class PrecisionRecall:
    """Shares in [0, 1], and what they are shares of.

    Attributes:
        precision: share of generated images inside the real manifold.
        recall: share of real images that the generated manifold covers.
        inside: bool (m,), for each generated image.
        covered: bool (n,), for each real image.
    """

    precision: float
    recall: float
    inside: np.ndarray
    covered: np.ndarray


def precision_recall(
    real: np.ndarray | torch.Tensor, generated: np.ndarray | torch.Tensor, k: int = NEIGHBOURS
) -> PrecisionRecall:
    """Return precision, recall, and membership for each image.

    The surface of a ball belongs to it. Identical generated images have balls of radius 0: they
    cover a real image only where it is identical too.

    Args:
        real: features of n real images, (n, d).
        generated: features of m generated images, (m, d), from the same encoder.
        k: which neighbour a ball reaches to; 1 <= k < min(n, m).

    Raises:
        UserError: for features that are no finite table, none, or of different widths, and a k
            that is not smaller than both numbers of images.

    >>> real, generated = np.arange(5.0)[:, None], np.array([[1.4], [1.5], [1.6], [9.0]])
    >>> found = precision_recall(real, generated, k=1)
    >>> found.precision, found.recall, found.inside.tolist()
    (0.75, 0.6, [True, True, True, False])
    """
    real, generated = checked_pair(real, generated)
    require_neighbours(k, len(real), "real images")
    k = require_neighbours(k, len(generated), "generated images")
    cloud, balls = clouds(generated, real)
    radii = _radii(balls, k)
    inside, cover = np.zeros(len(cloud), dtype=bool), np.zeros(len(balls), dtype=bool)
    step = max(1, NUMBERS_AT_ONCE // len(cloud))
    for start in range(0, len(balls), step):
        some = slice(start, start + step)
        part = balls.part(some)
        low, mine, its = cloud.bounds(slice(None), part)
        inside |= in_balls(cloud, 0, part, radii[some], low, mine, its)
        cover[some] = covered(part, cloud, low, mine, its, k)
    return PrecisionRecall(float(inside.mean()), float(cover.mean()), inside, cover)


def _radii(balls: Cloud, k: int) -> np.ndarray:
    """Return the radius of every ball, float32 (n,)."""
    parts = []
    for rows in torch.arange(len(balls)).split(max(1, NUMBERS_AT_ONCE // 4 // len(balls))):
        low, _, _ = balls.bounds(rows, balls)
        parts.append(nearest_in_rows(balls, rows, low, k)[:, -1])
    return np.concatenate(parts)
