"""The shape of a cloud of features: alignment and uniformity on the sphere, and a plane to see it.

`alignment` and `uniformity` are the two properties that contrastive learning optimises in the limit
of many negatives (Wang & Isola 2020, "Understanding contrastive representation learning through
alignment and uniformity on the hypersphere", ICML); `plane` gives a picture's coordinates.
"""

import numpy as np
import torch

from testiculus.base.devices import derive_seed
from testiculus.base.errors import UserError

ROWS_AT_ONCE = 512  # bounds the memory of all pairs to 512 x n distances
COMPONENTS = 50  # what t-SNE starts from: the usual reduction, and it takes out most noise
PERPLEXITY = 30.0  # scikit-learn's default
FEWEST_FOR_TSNE = 10  # below, neighbourhoods mean nothing: two principal components are shown

Vectors = np.ndarray | torch.Tensor


def alignment(a: Vectors, b: Vectors) -> float:
    """Return the mean squared distance of positive pairs on the unit sphere, in [0, 4].

    l_align = E ||f(x) - f(y)||^2 (Wang & Isola 2020, section 4.1, alpha = 2) with f divided by
    its length; 0 where the two views of every image fall together, 2 for unrelated ones.

    Args:
        a, b: features of the two views, (n, d); row i of both is one image. Any float type, on any
            device; computed in float64.

    Raises:
        UserError: for shapes that differ or are not (n, d), and for a vector that is not finite or
            has length zero.

    >>> alignment(np.eye(2), np.eye(2)), alignment(np.eye(2), -np.eye(2))
    (0.0, 4.0)
    """
    a, b = _on_sphere(a), _on_sphere(b)
    if a.shape != b.shape:
        raise UserError(f"two views of the same images differ in shape: {a.shape} and {b.shape}")
    return float((a - b).square().sum(dim=1).mean())


def uniformity(x: Vectors, t: float = 2.0) -> float:
    """Return how evenly features cover the unit sphere: lower is more even; in [-4 t, 0].

    l_uniform = log E exp(-t ||f(x) - f(y)||^2) over pairs of different images (Wang & Isola 2020,
    section 4.1, t = 2 as there); 0 where all features fall together. A uniform cloud in d
    dimensions has the limit -2 t + 2 t^2 / d + O(1 / d^2), near -4 for t = 2 and large d.

    Args:
        x: features, (n, d) with n >= 2. Any float type, on any device; computed in float64.
        t: positive; how fast the influence of a pair falls with its distance.

    Raises:
        UserError: for fewer than two vectors, one that is not finite or has length zero, and a t
            that is not positive.

    >>> uniformity(np.array([[1.0, 0.0], [0.0, 1.0]]))  # log exp(-2 * 2)
    -4.0
    """
    x = _on_sphere(x)
    if len(x) < 2 or not 0 < t < float("inf"):
        raise UserError(f"uniformity needs at least two vectors and t > 0: {len(x)}, t = {t}")
    sums = []
    for start in range(0, len(x), ROWS_AT_ONCE):
        rows = x[start : start + ROWS_AT_ONCE]
        exponents = -t * (2 - 2 * rows @ x.T).clamp(min=0)  # ||a - b||^2 = 2 - 2 a.b on the sphere
        exponents.diagonal(start).fill_(-torch.inf)  # a vector is no pair with itself
        sums.append(exponents.flatten().logsumexp(0))
    return float(torch.stack(sums).logsumexp(0) - np.log(len(x) * (len(x) - 1)))


def plane(features: np.ndarray, seed: int) -> np.ndarray:
    """Return coordinates of the features for a picture in the plane, float32 (n, 2).

    Principal components (at most 50), then t-SNE with perplexity 30 (or a third of n, if less),
    started from the first two components: the same seed, machine and library versions give the same
    picture. Below 10 images the first two components themselves. Neighbourhoods mean something
    in such a picture; distances between groups, and axes, do not.

    Raises:
        UserError: for features that are not finite (n, d), or none.
    """
    features = np.asarray(features, dtype=np.float64)
    if features.ndim != 2 or len(features) == 0 or not np.isfinite(features).all():
        raise UserError(f"a plane needs finite features, n x d, not {features.shape}")
    if len(features) == 1:
        return np.zeros((1, 2), dtype=np.float32)
    reduced = _components(features, min(COMPONENTS, *features.shape))
    if len(features) < FEWEST_FOR_TSNE:
        missing = max(0, 2 - reduced.shape[1])
        return np.pad(reduced, ((0, 0), (0, missing)))[:, :2].astype(np.float32)
    from sklearn.manifold import TSNE

    perplexity = min(PERPLEXITY, len(features) / 3)
    state = derive_seed("plane", seed) % 2**32
    tsne = TSNE(2, perplexity=perplexity, init="pca", random_state=state)
    return tsne.fit_transform(reduced).astype(np.float32)


def _components(features: np.ndarray, number: int) -> np.ndarray:
    """Return the first principal components, (n, number), signs fixed by scikit-learn."""
    from sklearn.decomposition import PCA

    return PCA(number, svd_solver="full").fit_transform(features)


def _on_sphere(vectors: Vectors) -> torch.Tensor:
    """Return the vectors divided by their lengths, float64 (n, d)."""
    x = torch.as_tensor(vectors).detach().double()
    if x.ndim != 2 or len(x) == 0:
        raise UserError(f"features have the shape n x d with n > 0, not {tuple(x.shape)}")
    lengths = torch.linalg.vector_norm(x, dim=1, keepdim=True)
    if not bool((torch.isfinite(lengths) & (lengths > 0)).all()):
        raise UserError(
            "a feature vector is zero or not finite: it has no direction",
            remedy="the representation has collapsed or diverged; lower the learning rate",
        )
    return x / lengths
