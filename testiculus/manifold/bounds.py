"""Distances between features: exact for single pairs, and bounded for all pairs at once.

A distance here is the float32 nearest to the root of the sum of squared differences in float64. A
million of them are dear, a matrix product is cheap but rounds: so `Cloud.bounds` gives, for all
pairs, a product with a proven limit on its error, and `pair_distances` settles the few pairs that
the limit leaves open. What is decided that way is what exact distances alone would have decided,
ties and doubles included.
"""

from dataclasses import dataclass

import numpy as np
import torch

from testiculus.base.devices import resolve_precision

FP32 = 2.0**-24  # largest relative error of one rounding
BF16 = 2.0**-8
TINY = 1e-30  # what products below float32's range may add, where the largest coordinate is about 1
PAIRS_AT_ONCE = 2**18  # numbers in a block of differences: it stays in a core's cache
WORTH_BF16 = 2**30  # multiplications below which a coarser product would save nothing


@dataclass(frozen=True, eq=False)
class Cloud:
    """Points made ready for bounds on their distances; clouds of one `clouds` call fit together.

    Attributes:
        points: float32 (n, d), as given: exact distances are of these.
        moved: float32 (n, d), less the common centre, times a common power of two (`scale`). The
            nearer the centre, the less a product of two lengths says more than their distance.
        squares: float32 (n,), squared lengths of `moved`.
        slack: float32 (n,), this point's share of the largest error of a float32 bound.
        scale: distances in `moved` are distances in `points` times this.
        coarse: bfloat16 (n, d) copy of `moved` for cheaper bounds, where the processor multiplies
            it in hardware; with `coarse_slack` for their larger error.
    """

    points: np.ndarray
    moved: torch.Tensor
    squares: torch.Tensor
    slack: torch.Tensor
    scale: float
    coarse: torch.Tensor | None = None
    coarse_slack: torch.Tensor | None = None

    def __len__(self) -> int:
        return len(self.points)

    def part(self, rows: slice) -> "Cloud":
        """Return some of the points as a cloud that fits the same others."""
        coarse = None if self.coarse is None else self.coarse[rows]
        coarse_slack = None if self.coarse_slack is None else self.coarse_slack[rows]
        exact = (self.points[rows], self.moved[rows], self.squares[rows], self.slack[rows])
        return Cloud(*exact, self.scale, coarse, coarse_slack)

    def bounds(
        self, rows: slice | torch.Tensor, other: "Cloud", coarse: bool = False
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return `low` (q, m), `mine` (q,) and `its` (m,): bounds on scaled squared distances.

        For row i and point j of `other`, with r their distance as a float32 times `scale`:
        low[i, j] <= r^2 <= low[i, j] + mine[i] + its[j]. From |a - b|^2 = |a|^2 + |b|^2 - 2 a.b.
        `coarse` takes the bfloat16 copies, where there are any.
        """
        if coarse and self.coarse is not None and other.coarse is not None:
            low = (self.coarse[rows] @ other.coarse.T).float().mul_(-2)
            low += (other.squares - other.coarse_slack)[None]
            low += (self.squares[rows] - self.coarse_slack[rows])[:, None]
            return low, 2 * self.coarse_slack[rows], 2 * other.coarse_slack
        low = torch.addmm(
            (other.squares - other.slack)[None], self.moved[rows], other.moved.T, alpha=-2
        )
        low += (self.squares[rows] - self.slack[rows])[:, None]
        return low, 2 * self.slack[rows], 2 * other.slack


def clouds(*features: np.ndarray, coarse: bool | None = None) -> tuple[Cloud, ...]:
    """Return the checked features (n, d), of one width, as clouds about a common centre.

    `coarse`: whether to keep bfloat16 copies; None where they are worth it. That decides time, and
    no result.
    """
    tensors = [torch.from_numpy(x) for x in features]
    largest = max(float(max(-x.min(), x.max())) for x in tensors)
    scale = 2.0 ** -int(np.frexp(largest)[1]) if largest > 0 else 1.0
    centre = max(tensors, key=len).mean(dim=0)
    if coarse is None:
        work = max(len(x) for x in tensors) ** 2 * features[0].shape[1]
        coarse = work > WORTH_BF16 and resolve_precision(torch.device("cpu")) == "bf16"
    moved = [torch.sub(x, centre).mul_(scale) for x in tensors]
    return tuple(_cloud(x, y, scale, coarse) for x, y in zip(features, moved, strict=True))


def _cloud(points: np.ndarray, moved: torch.Tensor, scale: float, coarse: bool) -> Cloud:
    """Return one cloud with the slack of its bounds.

    Rounding, for any order of summation (Higham 2002, section 3.1), u = 2^-24: a product of d terms
    errs by at most d u |a| |b| and a squared length by d u |a|^2, to first order. As
    2 |a| |b| <= |a|^2 + |b|^2, all of |a - b|^2 errs by at most 2 d u (|a|^2 + |b|^2). Subtracting
    the centre, the few additions, and the rounding of the distance to float32 add less than 64 u.
    """
    width = moved.shape[1]
    squares = torch.linalg.vector_norm(moved, dim=1).square_()
    share = (2 * width + 64) * _product_unit()
    slack = share * squares + width * TINY
    if not coarse:
        return Cloud(points, moved, squares, slack, scale)
    rough = moved.bfloat16()
    share += _coarse_share(moved, rough, squares)
    return Cloud(points, moved, squares, slack, scale, rough, share * squares + width * TINY)


def _product_unit() -> float:
    """Return the relative error of one operation in a float32 product, as torch is set up."""
    return FP32 if torch.get_float32_matmul_precision() == "highest" else BF16


def _coarse_share(moved: torch.Tensor, rough: torch.Tensor, squares: torch.Tensor) -> float:
    """Return what bfloat16 adds to the error, as a share of |a|^2 + |b|^2.

    With p the largest |a - rough(a)| / |a|: a.b errs by (2 p + p^2) |a| |b|, and its rounding to
    bfloat16 by 2^-8 of itself.
    """
    blocks = zip(moved.split(512), rough.split(512), strict=True)
    lost = torch.cat([torch.linalg.vector_norm(a - b, dim=1) for a, b in blocks])
    part = float((lost / squares.sqrt().clamp(min=TINY)).max()) * (1 + 1e-3)
    return 2 * part + part**2 + BF16 * (1 + 2 * part) * (1 + 1e-3)


def pair_distances(a: np.ndarray, i: np.ndarray, b: np.ndarray, j: np.ndarray) -> np.ndarray:
    """Return the distance of a[i[p]] and b[j[p]] for every pair p, float32 (pairs,).

    Root of the sum of squared differences in float64, rounded to float32. Equal points have equal
    distances to the bit, wherever they stand.
    """
    found = np.empty(len(i), dtype=np.float32)
    step = max(1, PAIRS_AT_ONCE // a.shape[1])
    for start in range(0, len(i), step):
        some = slice(start, start + step)
        gap = np.subtract(a[i[some]], b[j[some]], dtype=np.float64)
        found[some] = np.sqrt(np.square(gap, out=gap).sum(axis=1))
    return found
