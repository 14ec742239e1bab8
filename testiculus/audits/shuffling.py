"""Labels shuffled as chance would deal them, patient by patient: `shuffled_labels`.

The images of a patient are no independent witnesses, so that what is dealt anew are patients.
"""

import numpy as np


def shuffled_labels(
    labels: np.ndarray, patients: np.ndarray, draws: int, rng: np.random.Generator
) -> np.ndarray:
    """Return `labels` dealt anew `draws` times, (draws, n), of the same type.

    Where every patient's images carry one label, the patients' labels change places. Elsewhere
    whole patients change places with others of as many images, each keeping the order of its
    labels (exchangeable blocks: Winkler et al. 2014, NeuroImage 92); a patient whose number of
    images nobody shares keeps its own, which makes a test careful, never bold.

    Args:
        labels: shape (n,), any values.
        patients: shape (n,), the patient of each image.
        draws: how many shufflings, at least 0.
        rng: decides them.
    """
    labels, codes = np.asarray(labels), np.unique(patients, return_inverse=True)[1]
    order = np.argsort(codes, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(codes[order]) > 0]) if len(codes) else []
    members = np.split(order, starts[1:]) if len(codes) else []
    if all((labels[m] == labels[m[0]]).all() for m in members):
        per_patient = labels[[m[0] for m in members]]
        dealt = rng.permuted(np.broadcast_to(per_patient, (draws, len(per_patient))), axis=1)
        return dealt[:, codes]
    result = np.broadcast_to(labels, (draws, len(labels))).copy()
    sizes = np.array([len(m) for m in members])
    for size in np.unique(sizes):
        alike = np.stack([m for m in members if len(m) == size])  # patients x size
        places = rng.permuted(np.broadcast_to(np.arange(len(alike)), (draws, len(alike))), axis=1)
        result[:, alike] = labels[alike][places]
    return result


def p_value(value: float, shuffled: np.ndarray) -> float:
    """Return the share of shufflings, the deal as it is among them, that reach `value`.

    >>> p_value(2.0, np.array([0.0, 1.0, 2.0]))
    0.5
    """
    return float((1 + np.sum(shuffled >= value - 1e-12)) / (1 + len(shuffled)))
