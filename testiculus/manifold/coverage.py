"""Which real images the generated manifold covers, without most of its radii.

A real image is covered if it lies in the ball of some generated image, whose radius is the distance
to its k-th nearest other generated image. All radii take all pairs of generated images. But a
generated image matters only while its radius may reach the nearest real image not yet covered, and
that is soon settled from both sides: every row of distances to the generated images gives its own
image's radius, which may cover real ones, and lowers the ceiling over every other image's radius,
which rules images out. Rows are computed until no image matters. The result is that of all radii.

Main function: `covered`.
"""

import numpy as np
import torch

from testiculus.manifold.bounds import Cloud, pair_distances
from testiculus.manifold.neighbours import nearest_in_rows, squared

FEWEST = 64  # rows at once: fewer would not make a matrix product faster
NUMBERS_AT_ONCE = 2**24  # in a block of rows: 64 MiB, and a few times that while it is worked on


class _Search:
    """What is known so far; `low` (m, n) and `mine` (m,), `its` (n,) bound real distances.

    Attributes:
        open: positions of the generated images that may still matter, (o,).
        low: their lower bounds to the real images that are not covered yet, (o, u).
        left: positions of these real images, (u,).
        ceiling: the k lowest upper bounds known of an open image's distances to others, (o, k).
        done: whether an open image's radius has been used, (o,).
    """

    def __init__(self, generated: Cloud, real: Cloud, low, mine, its, k: int):
        self.generated, self.real, self.k = generated, real, k
        self.low, self.mine, self.its = low, mine, its
        self.open = torch.arange(len(generated))
        self.left = torch.arange(low.shape[1])
        self.done = torch.zeros(len(generated), dtype=torch.bool)
        self.ceiling = torch.full((len(generated), k), torch.inf)

    def choose(self) -> torch.Tensor:
        """Return places in `open` for the next rows, (q,): one for each real image left, or so.

        The generated image whose ceiling reaches farthest beyond the real one; while nothing is
        known of ceilings, the nearest one. Where few real images are left, several for each.
        """
        if len(self.open) <= max(FEWEST, len(self.left)):
            return torch.arange(len(self.open))
        reach = self.ceiling[:, -1]
        if bool(torch.isinf(reach).all()):
            return self.low.argmin(dim=0).unique()
        each = -(-FEWEST // len(self.left))
        return (reach[:, None] - self.low).topk(each, dim=0).indices.unique()

    def take(self, places: torch.Tensor) -> None:
        """Compute the rows of some open images; use their radii, lower the others' ceilings."""
        rows = self.open[places]
        low, mine, its = self.generated.bounds(rows, self.generated, coarse=True)
        self._lower_ceilings(rows, low, mine, its)
        low[torch.arange(len(rows)), rows] = torch.inf
        self.done[places] = True
        kth = (low + its[None]).topk(self.k, dim=1, largest=False).values[:, -1] + mine
        near = self.low[places].amin(dim=1)
        may = (kth >= near).nonzero()[:, 0]
        if len(may):
            radius = nearest_in_rows(self.generated, rows[may], low[may], self.k)[:, -1]
            self._cover(places[may], radius)

    def _lower_ceilings(self, rows, low, mine, its) -> None:
        """Take upper bounds to the computed rows into the ceilings of the open images."""
        high = (low + mine[:, None])[:, self.open].T + its[self.open, None]
        high[self.open[:, None] == rows[None]] = torch.inf
        both = torch.cat([self.ceiling, high], dim=1)
        self.ceiling = both.topk(self.k, dim=1, largest=False).values

    def _cover(self, places: torch.Tensor, radius: np.ndarray) -> None:
        """Strike out the real images in the balls of some open images, exactly."""
        reach = torch.from_numpy(squared(radius, self.generated.scale))
        rows = self.open[places].numpy()
        low, mine = self.low[places], self.mine[self.open[places]]
        sure = low + mine[:, None] + self.its[self.left][None] <= reach[:, None]
        hit = sure.any(dim=0).numpy()
        i, j = ((low <= reach[:, None]) & ~torch.from_numpy(hit)[None]).nonzero().numpy().T
        real = self.left.numpy()[j]
        exact = pair_distances(self.generated.points, rows[i], self.real.points, real)
        hit[j[exact <= radius[i]]] = True
        still = ~torch.from_numpy(hit)
        self.left, self.low = self.left[still], self.low[:, still]

    def close(self) -> None:
        """Drop the images that are done, or whose ceiling lies under all real images left."""
        if len(self.left) == 0:
            self.open = self.open[:0]
            return
        matter = (self.ceiling[:, -1] >= self.low.amin(dim=1)) & ~self.done
        self.open, self.low = self.open[matter], self.low[matter]
        self.ceiling, self.done = self.ceiling[matter], self.done[matter]


def covered(
    real: Cloud, generated: Cloud, low: torch.Tensor, mine: torch.Tensor, its: torch.Tensor, k: int
) -> np.ndarray:
    """Return which real images lie in the ball of a generated one; bool (n,).

    Args:
        real: n real images.
        generated: m generated images, m > k.
        low, mine, its: their bounds, `generated.bounds(slice(None), real)`: (m, n), (m,), (n,).
        k: the radius of a ball is the distance to its k-th nearest other generated image.
    """
    search = _Search(generated, real, low, mine, its, k)
    most = max(1, NUMBERS_AT_ONCE // len(generated))
    while len(search.open):
        places = search.choose()
        for some in places.split(most):
            if len(search.left):
                search.take(some)
        search.close()
    found = np.ones(low.shape[1], dtype=bool)
    found[search.left.numpy()] = False
    return found
