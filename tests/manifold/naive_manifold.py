"""The definitions, written as loops over single distances: what the fast code must equal."""

import numpy as np


def distance(a, b) -> np.float32:
    """Return the float32 nearest to the root of the squared differences' sum in float64."""
    gap = a.astype(np.float64) - b.astype(np.float64)
    return np.float32(np.sqrt(np.square(gap).sum()))


def kth(points, k) -> list:
    """Return each point's k-th smallest distance to the other points."""
    found = []
    for i, a in enumerate(points):
        found.append(sorted(distance(a, b) for j, b in enumerate(points) if j != i)[k - 1])
    return found


def in_any_ball(point, centres, radii) -> bool:
    return any(distance(point, c) <= r for c, r in zip(centres, radii, strict=True))


def manifold(points, k, asked) -> list:
    """Return for each asked point whether it lies in the manifold of `points`."""
    radii = kth(points, k)
    return [in_any_ball(point, points, radii) for point in asked]
