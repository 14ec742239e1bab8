"""How sure and how varied a classifier's answers to generated images are.

Main function: `prediction_score`. Over the classes of the Inception network it is the Inception
score (Salimans et al. 2016, "Improved techniques for training GANs", NeurIPS, section 4); over the
classes of any other classifier it is not, and is not called so.
"""

import numpy as np

from testiculus.base.errors import UserError

SUM_TO_ONE = 1e-4  # how far rounding in float32 may take a row's sum from 1


def prediction_score(probabilities: np.ndarray) -> float:
    """Return exp(mean of KL(p(y|x) || p(y))) with p(y) the mean over all images, in [1, classes].

    1 where the classifier answers the same to every image; the number of classes where it is sure
    of every image and all classes occur alike often. All images at once, not ten parts as in
    Salimans et al.: fewer images would score lower.

    Args:
        probabilities: of each class for each image, (n, classes), rows adding up to 1.

    Raises:
        UserError: for no images, and rows that are no probabilities.

    >>> round(prediction_score(np.eye(3)), 6), prediction_score(np.full((4, 2), 0.5))
    (3.0, 1.0)
    """
    from scipy.special import rel_entr

    p = np.asarray(probabilities, dtype=np.float64)
    if p.ndim != 2 or 0 in p.shape:
        raise UserError(f"probabilities must be images x classes, not {p.shape}")
    if not (p >= 0).all() or not (np.abs(p.sum(axis=1) - 1) <= SUM_TO_ONE).all():
        raise UserError("probabilities must not be negative, and add up to 1 for each image")
    p = p / p.sum(axis=1, keepdims=True)
    return float(np.exp(rel_entr(p, p.mean(axis=0)).sum(axis=1).mean()))
