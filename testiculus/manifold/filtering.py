"""The filter: keep generated images inside the manifold of real ones (thesis, Algorithm 1).

Main functions: `keep` for one k, `sweep` for several (thesis, Fig. 4.4), and `keep_at_random`, the
control: as many images, chosen without looking at them.
"""

from collections.abc import Sequence

import numpy as np
import torch

from testiculus.base.errors import UserError
from testiculus.manifold.neighbours import (
    checked_pair,
    inside_each,
    neighbour_distances,
    require_neighbours,
)


def keep(
    real: np.ndarray | torch.Tensor, generated: np.ndarray | torch.Tensor, k: int
) -> np.ndarray:
    """Return which generated images the filter keeps, bool (m,).

    Kept are those in the ball of any real image, which reaches to its k-th nearest other real image
    (thesis, Algorithm 1; article, section 4.2, with k = 50 at 880 images).

    Args:
        real: features of n real images, (n, d).
        generated: features of m generated images, (m, d), from the same encoder.
        k: 1 <= k < n.

    Raises:
        UserError: for features that are no finite table, none, or of different widths, and a k out
            of range.

    >>> keep(np.array([[0.0], [1.0], [3.0]]), np.array([[-1.0], [-1.1], [5.0]]), 1)
    array([ True, False,  True])
    """
    return sweep(real, generated, [k])[0]


def sweep(
    real: np.ndarray | torch.Tensor, generated: np.ndarray | torch.Tensor, ks: Sequence[int]
) -> np.ndarray:
    """Return what `keep` returns for every k, bool (len(ks), m), from one pass of distances.

    A larger k keeps what a smaller one keeps, and more. Raises what `keep` does, also for no k.
    """
    real, generated = checked_pair(real, generated)
    if len(ks) == 0:
        raise UserError("a sweep of the filter needs at least one k")
    places = [require_neighbours(k, len(real), "real images") - 1 for k in ks]
    distances = neighbour_distances(real, max(places) + 1)
    return inside_each(generated, real, distances[:, places].T)


def keep_at_random(m: int, kept: int, generator: torch.Generator) -> np.ndarray:
    """Return a mask of `kept` among m images, all such masks alike likely; bool (m,).

    Raises `UserError` unless 0 <= kept <= m.
    """
    if not 0 <= kept <= m:
        raise UserError(f"of {m} generated images, {kept} cannot be kept")
    found = np.zeros(m, dtype=bool)
    found[torch.randperm(m, generator=generator)[:kept].numpy()] = True
    return found
