"""Does a generator copy its training images? The nearest training image, and how near it is.

Main functions: `pixel_distances` and `feature_distances`; `copies_rate` turns distances into a rate
of copies. `authenticity` is another measure of the same.

What harms a patient is an image that points to ONE patient, and how near that is differs from image
to image: one of little contrast stays far even from its own noisy copy, an ordinary one is near to
many. The search is therefore read on the relative distance, to the nearest training image in units
of the distance to the nearest image of any OTHER patient (after Carlini et al. 2023, "Extracting
training data from diffusion models", USENIX Security, section 4.2, who divide by the mean distance
to the nearest training images): near 0 for a copy, near 1 for an image that is no nearer to one
patient than to the next. Two views of one testis are alike, so that images of the same patient must
not set the unit. On phantom images of 32 px a threshold on the plain distance, let through as many
honest images, misses a third of noisy copies; on the relative one it misses 1 in 100.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from testiculus.base.errors import UserError
from testiculus.manifold.copies_pixels import pixel_blocks
from testiculus.manifold.neighbours import checked_features, require_same_width

# Relative distance up to which two REAL images of different names are taken for one patient's. Of
# 800 phantom images, whose patients are known, none is nearer than 0.46 to another patient's; of
# 500 public liver images, stated to be of one patient each, 23 lie below 0.25, and all of these
# pairs look like one liver. Fixed before any generator was trained.
DOUBLE = 0.25
ROUNDING = 1e-6  # distances below, in units of the cloud's spread, are 0
ROWS_AT_ONCE = 1024


@dataclass(frozen=True, eq=False)
class Nearest:
    """Every image's nearest training image, arrays of length m.

    distance: float32, at least 0, in the unit of the space.
    nearest: int64, which training image.
    relative: float32 in [0, 1], the distance over that to the nearest image of any other patient
        than the nearest image's; 1 where both are 0.
    """

    distance: np.ndarray
    nearest: np.ndarray
    relative: np.ndarray

    def __getitem__(self, rows) -> "Nearest":
        return Nearest(self.distance[rows], self.nearest[rows], self.relative[rows])


def pixel_distances(
    images: torch.Tensor,
    training: torch.Tensor,
    patients: np.ndarray | None = None,
    skip: np.ndarray | None = None,
) -> Nearest:
    """Return the nearest training image of every image, by `copies_pixels.pixel_blocks`.

    1,000 against 880 images take about 1.5 s on one core.

    Args:
        images: uint8 (m, 1, h, w).
        training: uint8 (n, 1, h', w').
        patients: whose each training image is, (n,); None: all of different patients.
        skip: bool (m, n), pairs that do not count (an image and itself, say).

    Raises:
        UserError: for other pixels, none, patients or pairs that do not fit, and for an image that
            is left with training images of fewer than two patients.
    """
    return _nearest(pixel_blocks(images, training), len(training), patients, skip, ROUNDING)


def feature_distances(
    points: np.ndarray,
    training: np.ndarray,
    patients: np.ndarray | None = None,
    skip: np.ndarray | None = None,
) -> Nearest:
    """Return the nearest training point of every point by Euclidean distance.

    As `pixel_distances`, with features (m, d) and (n, d) instead of images; raises `UserError` also
    for widths that differ and features that are not finite.
    """
    a = checked_features(points, "features of the images")
    b = checked_features(training, "features of the training images")
    require_same_width(a, b)
    centre = b.mean(0, dtype=np.float64)
    spread = float(np.sqrt(np.square(b - centre).sum(1).mean()))
    # In float64, or the distance of a copy, a small difference of large squares, drowns in rounding
    a, b = (torch.from_numpy(some - centre) for some in (a, b))
    return _nearest(_feature_blocks(a, b), len(b), patients, skip, ROUNDING * spread)


def _feature_blocks(a: torch.Tensor, b: torch.Tensor) -> Iterator[tuple[slice, torch.Tensor]]:
    squares = b.square().sum(1)
    for start in range(0, len(a), ROWS_AT_ONCE):
        rows = slice(start, min(start + ROWS_AT_ONCE, len(a)))
        some = a[rows]
        squared = some.square().sum(1, keepdim=True) - 2 * some @ b.T + squares
        yield rows, squared.clamp_(min=0).sqrt_().float()


def _nearest(
    blocks: Iterable[tuple[slice, torch.Tensor]],
    n: int,
    patients: np.ndarray | None,
    skip: np.ndarray | None,
    rounding: float,
) -> Nearest:
    """Search blocks of distances (rows, n); those of at most `rounding` are 0."""
    names = np.arange(n) if patients is None else np.asarray(patients)
    if names.shape != (n,):
        raise UserError(f"{n} training images and patients of shape {names.shape} do not fit")
    whose = torch.from_numpy(np.unique(names, return_inverse=True)[1].ravel())
    parts = []
    for rows, block in blocks:
        block = torch.where(block <= rounding, 0.0, block)
        if skip is not None:
            block[torch.from_numpy(np.ascontiguousarray(skip[rows], dtype=bool))] = torch.inf
        distance, nearest = block.min(1)
        block[whose[None, :] == whose[nearest][:, None]] = torch.inf
        parts.append((distance, nearest, block.min(1).values))
    distance, nearest, other = (torch.cat(column) for column in zip(*parts, strict=True))
    if not bool(torch.isfinite(other).all()):
        raise UserError(
            "an image is left with training images of fewer than two patients to compare with",
            remedy="give training images of three patients or more",
        )
    relative = torch.where(other > 0, distance / other, 1.0)
    return Nearest(distance.numpy(), nearest.numpy(), relative.numpy())


def doubles(found: Nearest) -> np.ndarray:
    """Return which real images look like copies of another patient's, bool (m,): see `DOUBLE`."""
    return found.relative <= DOUBLE


def merged_patients(patients: np.ndarray, found: Nearest) -> np.ndarray:
    """Return patients with one number, int64 (n,), for all names that doubles link.

    `found` is the nearest image of another patient for each of these n images. One patient under
    two names would blind the search twice: a copy singles out neither, and to held-out images it
    would set a threshold that only copies of copies reach. Of a patient under three names no image
    may be a double: that is not noticed.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    codes = np.unique(patients, return_inverse=True)[1].ravel()
    linked = doubles(found)
    pairs = codes[linked], codes[found.nearest[linked]]
    size = int(codes.max()) + 1
    links = coo_array((np.ones(len(pairs[0])), pairs), shape=(size, size))
    return connected_components(links, directed=False)[1][codes].astype(np.int64)


def authenticity(points: np.ndarray, training: np.ndarray) -> float:
    """Return the share of points that are authentic (Alaa et al. 2022, section 3.2).

    A point is authentic if it is farther from its nearest training point than that training point
    is from its own nearest other one ("How faithful is your synthetic data?", ICML). Copies are
    not; but honest points are not all authentic either: compare with held-out real images'.
    `points` (m, d), `training` (n, d) with n > 2.
    Raises what `feature_distances` does.

    >>> authenticity(np.array([[0.1], [5.0]]), np.array([[0.0], [1.0], [2.5]]))
    0.5
    """
    own = feature_distances(training, training, skip=np.eye(len(training), dtype=bool))
    found = feature_distances(points, training)
    return float(authentic(found, own.distance[found.nearest]).mean())


def authentic(found: Nearest, own: np.ndarray) -> np.ndarray:
    """Return which images are authentic, bool (m,).

    `own` is, for every image, the distance of its nearest training image to that one's own nearest
    other training image, (m,).
    """
    return found.distance > own
