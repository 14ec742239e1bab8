"""Fréchet distance between two sets of features, or two Gaussians.

Main function: `frechet_distance`. With features of the Inception network of Heusel et al. (2017,
"GANs trained by a two time-scale update rule", NeurIPS) it is the FID; with any others it is the
Fréchet distance in those features, and no FID.
"""

import numpy as np
import torch

from testiculus.base.errors import UserError
from testiculus.manifold.neighbours import checked_features, require_same_width

NEGATIVE = 1e-6  # how far below 0 rounding may put an eigenvalue, as a share of the largest


def frechet_distance(a: np.ndarray | torch.Tensor, b: np.ndarray | torch.Tensor) -> float:
    """Return |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)) of two sets' means and covariances.

    As usual for the FID it is the square of a distance, in squared units of the features. S divides
    by n - 1. With A and B the centred sets over the roots of n - 1, S1 = A'A and S2 = B'B, and the
    trace of (S1 S2)^(1/2) is the sum of the singular values of A B': no covariance is formed, no
    root of a matrix is taken and nothing is added to a diagonal. Singular covariances, as of fewer
    images than features, are therefore handled like any others. Computed in float64.

    Args:
        a, b: features, (n, d) and (m, d), with n and m at least 2.

    Raises:
        UserError: for features that are no finite table, of different widths, or fewer than two.

    >>> a = np.array([[-1.0, 0.0], [1.0, 0.0]])
    >>> frechet_distance(a, a + 3.0)  # the covariances are alike, and singular
    18.0
    """
    a, b = checked_features(a, "the first features"), checked_features(b, "the second features")
    require_same_width(a, b)
    if min(len(a), len(b)) < 2:
        raise UserError(
            f"a Frechet distance needs two images of each set at least, not {len(a)} and {len(b)}",
            remedy="one image has no covariance",
        )
    (mean1, factor1), (mean2, factor2) = _mean_and_factor(a), _mean_and_factor(b)
    return _distance(mean1 - mean2, factor1, factor2)


def frechet_gaussians(
    mean1: np.ndarray, cov1: np.ndarray, mean2: np.ndarray, cov2: np.ndarray
) -> float:
    """Return the Fréchet distance of two Gaussians (Dowson & Landau 1982), squared as above.

    Args:
        mean1, mean2: (d,).
        cov1, cov2: (d, d), symmetric, no eigenvalue below 0 but by rounding; singular or not.

    Raises:
        UserError: for shapes that do not fit, values that are not finite, and a matrix that is no
            covariance.

    >>> frechet_gaussians(np.zeros(1), np.array([[4.0]]), np.ones(1), np.array([[9.0]]))
    2.0
    """
    mean1, mean2 = (np.asarray(mean, dtype=np.float64) for mean in (mean1, mean2))
    gap = _checked_gap(mean1, mean2)
    return _distance(gap, _root_factor(cov1, len(mean1)), _root_factor(cov2, len(mean1)))


def _checked_gap(mean1: np.ndarray, mean2: np.ndarray) -> torch.Tensor:
    if mean1.ndim != 1 or mean1.shape != mean2.shape or not np.isfinite([mean1, mean2]).all():
        raise UserError(
            f"means must be finite and of one length, not {mean1.shape} and {mean2.shape}"
        )
    return torch.from_numpy(mean1 - mean2)


def _mean_and_factor(features: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the mean (d,) and F with F'F the covariance, (min(n, d), d); float64."""
    x = torch.from_numpy(features).double()
    mean = x.mean(dim=0)
    x = x.sub_(mean).div_((len(x) - 1) ** 0.5)
    # A triangular factor has the same F'F with d rows instead of n.
    return mean, torch.linalg.qr(x, mode="r").R if len(x) > x.shape[1] else x


def _root_factor(covariance: np.ndarray, width: int) -> torch.Tensor:
    """Return F (d, d) with F'F the covariance; raises `UserError` where it is none."""
    s = np.asarray(covariance, dtype=np.float64)
    if s.shape != (width, width) or not np.isfinite(s).all():
        raise UserError(f"a covariance must be finite and {width} x {width}, not {s.shape}")
    if not np.allclose(s, s.T, rtol=1e-5, atol=1e-8 * np.abs(s).max()):
        raise UserError("a covariance must be symmetric")
    values, vectors = torch.linalg.eigh(torch.from_numpy((s + s.T) / 2))
    if values[0] < -NEGATIVE * values[-1].abs():
        raise UserError(f"a covariance has no negative eigenvalue, as this one: {values[0]:.3g}")
    return values.clamp(min=0).sqrt()[:, None] * vectors.T


def _distance(gap: torch.Tensor, factor1: torch.Tensor, factor2: torch.Tensor) -> float:
    """Return |gap|^2 + |F1|^2 + |F2|^2 - 2 (sum of the singular values of F1 F2')."""
    cross = torch.linalg.svdvals(factor1 @ factor2.T).sum()
    spread = factor1.square().sum() + factor2.square().sum()
    return max(0.0, float(gap.square().sum() + spread - 2 * cross))
