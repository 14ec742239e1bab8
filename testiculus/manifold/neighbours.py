"""Features as points: distances to neighbours, radii of balls, and who lies in a ball.

Main functions: `radii` and `inside`, which together are the manifold estimate of Kynkaanniemi et
al. (2019, "Improved precision and recall metric for assessing generative models", NeurIPS,
equations 1 and 2) and of the article (equation 5): the union of the balls about every point that
reach to its k-th nearest other point. Results are those of exact distances, as `bounds` says.
"""

import numpy as np
import torch

from testiculus.base.errors import UserError
from testiculus.manifold.bounds import TINY, Cloud, clouds, pair_distances

LARGEST = 1e30  # of a coordinate: above, a distance may leave float32
NUMBERS_AT_ONCE = 2**24  # in a block of a distance matrix: 64 MiB


def checked_features(features: np.ndarray | torch.Tensor, what: str) -> np.ndarray:
    """Return features as float32 (n, d), C-contiguous; `what` names them in errors.

    Raises `UserError` for anything but a table of numbers, for no rows or no columns, and for
    values that are not finite or beyond 1e30.
    """
    if isinstance(features, torch.Tensor):
        features = features.detach().cpu().float().numpy()
    found = np.asarray(features)
    if found.ndim != 2 or found.dtype.kind not in "fiub":
        raise UserError(f"{what} must be numbers, n x d, not {found.dtype} {found.shape}")
    if 0 in found.shape:
        raise UserError(
            f"{what} are none: their shape is {found.shape[0]} x {found.shape[1]}",
            remedy="there must be at least one image",
        )
    with np.errstate(over="ignore"):
        found = np.ascontiguousarray(found, dtype=np.float32)
    least, most = torch.aminmax(torch.from_numpy(found))
    if not max(-float(least), float(most)) <= LARGEST or not -float(least) <= LARGEST:
        raise UserError(f"{what} hold values that are not finite, or beyond {LARGEST:.0e}")
    return found


def checked_pair(
    real: np.ndarray | torch.Tensor, generated: np.ndarray | torch.Tensor
) -> tuple[np.ndarray, np.ndarray]:
    """Return both checked; raises `UserError` also where their widths differ."""
    real = checked_features(real, "features of real images")
    generated = checked_features(generated, "features of generated images")
    require_same_width(real, generated)
    return real, generated


def require_same_width(a: np.ndarray, b: np.ndarray) -> None:
    """Raise `UserError` where two tables of features differ in width."""
    if a.shape[1] != b.shape[1]:
        raise UserError(
            f"features of different widths cannot be compared: {a.shape[1]} and {b.shape[1]}",
            remedy="take both from the same encoder",
        )


def require_neighbours(k: int, n: int, what: str = "points") -> int:
    """Return k if each of n points has a k-th nearest other one; else raise `UserError`."""
    if int(k) != k or not 1 <= k < n:
        raise UserError(
            f"k = {k} neighbours of each of {n} {what}: each has {n - 1} others",
            remedy=f"use a k from 1 to {n - 1}" if n > 1 else "at least two are needed",
        )
    return int(k)


def neighbour_distances(features: np.ndarray | torch.Tensor, k: int) -> np.ndarray:
    """Return every point's distances to its k nearest other points, float32 (n, k), ascending.

    Another point at the same place is a neighbour at distance 0. Raises `UserError` for k < 1 or
    k >= n, and what `checked_features` does.

    >>> neighbour_distances(np.array([[0.0], [1.0], [3.0]]), 2)
    array([[1., 3.],
           [1., 2.],
           [2., 3.]], dtype=float32)
    """
    features = checked_features(features, "features")
    k = require_neighbours(k, len(features))
    (cloud,) = clouds(features)
    parts = []
    step = max(1, NUMBERS_AT_ONCE // len(cloud))
    for rows in torch.arange(len(cloud)).split(step):
        low, _, _ = cloud.bounds(rows, cloud)
        parts.append(nearest_in_rows(cloud, rows, low, k))
    return np.concatenate(parts)


def radii(features: np.ndarray | torch.Tensor, k: int) -> np.ndarray:
    """Return every point's distance to its k-th nearest other point, float32 (n,).

    Raises what `neighbour_distances` does.

    >>> radii(np.array([[0.0], [1.0], [3.0]]), 1)
    array([1., 1., 2.], dtype=float32)
    """
    return np.ascontiguousarray(neighbour_distances(features, k)[:, -1])


def nearest_in_rows(cloud: Cloud, rows: torch.Tensor, low: torch.Tensor, k: int) -> np.ndarray:
    """Return the distances of some points to their k nearest others, float32 (q, k), ascending.

    `rows` are the points' positions (q,); `low` (q, n) their lower bounds to the whole
    cloud. The distance of a point to itself is set to infinity in `low`. Exact are first the k that
    look nearest, then all whose lower bound lies under the farthest of these.
    """
    low[torch.arange(len(rows)), rows] = torch.inf
    first = low.topk(k, dim=1, largest=False).indices
    at = np.repeat(rows.numpy(), k)
    found = pair_distances(cloud.points, at, cloud.points, first.numpy().ravel())
    found = np.sort(found.reshape(-1, k), axis=1)
    reach = torch.from_numpy(squared(found[:, -1], cloud.scale))
    reach += TINY * (reach > 0)
    low.scatter_(1, first, torch.inf)  # these are done
    i, j = (low.clamp_(min=0) < reach[:, None]).nonzero().numpy().T
    if len(i) == 0:
        return found
    more = pair_distances(cloud.points, rows.numpy()[i], cloud.points, j)
    values = np.concatenate([found.ravel(), more])
    row = np.concatenate([np.repeat(np.arange(len(rows)), k), i])
    order = np.lexsort([values, row])
    starts = np.searchsorted(row[order], np.arange(len(rows)))
    return values[order][starts[:, None] + np.arange(k)]


def squared(distances: np.ndarray, scale: float) -> np.ndarray:
    """Return squared distances in a cloud's scale, float32 of the same shape."""
    return np.square(distances.astype(np.float64) * scale).astype(np.float32)


def inside(points: np.ndarray, centres: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """Return which points lie in at least one ball, its surface included; bool (m,).

    Args:
        points: (m, d).
        centres: (n, d).
        radii: of the ball about each centre, not negative, (n,).

    Raises:
        UserError: as `checked_features`; for widths that differ, and radii that do not fit.

    >>> inside(np.array([[0.5], [2.0], [4.1]]), np.array([[0.0], [3.0]]), np.array([1.0, 1.0]))
    array([ True,  True, False])
    """
    return inside_each(points, centres, np.asarray(radii)[None])[0]


def inside_each(points: np.ndarray, centres: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """Return `inside` for several sets of radii (s, n) about the same centres; bool (s, m)."""
    points = checked_features(points, "features of the points")
    centres = checked_features(centres, "features of the centres")
    require_same_width(points, centres)
    radii = np.asarray(radii, dtype=np.float32)
    if radii.ndim != 2 or radii.shape[1] != len(centres) or not (radii >= 0).all():
        raise UserError(f"radii must be one for each of {len(centres)} centres, and not negative")
    cloud, balls = clouds(points, centres)
    found = np.zeros((len(radii), len(points)), dtype=bool)
    step = max(1, NUMBERS_AT_ONCE // len(balls))
    for start in range(0, len(cloud), step):
        low, mine, its = cloud.bounds(slice(start, start + step), balls)
        for which, reach in zip(found, radii, strict=True):
            which[start : start + step] = in_balls(cloud, start, balls, reach, low, mine, its)
    return found


def in_balls(
    cloud: Cloud,
    start: int,
    balls: Cloud,
    reach: np.ndarray,
    low: torch.Tensor,
    mine: torch.Tensor,
    its: torch.Tensor,
) -> np.ndarray:
    """Return which of q points, from position `start` on, lie in a ball; bool (q,).

    `low` (q, n), `mine` (q,) and `its` (n,) bound their distances to the centres, `reach` (n,) are
    the radii. What the bounds leave open is decided by exact distances: for each point first to
    the ball that it is deepest in, then to all that may hold it.
    """
    most = torch.from_numpy(squared(reach, balls.scale))
    deepest = ((most - its)[None] - low).max(dim=1)
    found = (deepest.values >= mine).numpy()
    left = np.flatnonzero(~found)
    maybe = low[left] <= (most + TINY)[None]
    some = maybe.any(dim=1).numpy()
    left, maybe = left[some], maybe[some]

    def exactly(i: np.ndarray, j: np.ndarray) -> None:
        near = pair_distances(cloud.points, start + i, balls.points, j) <= reach[j]
        found[i[near]] = True

    exactly(left, deepest.indices.numpy()[left])
    i, j = maybe[~found[left]].nonzero().numpy().T
    exactly(left[~found[left]][i], j)
    return found
