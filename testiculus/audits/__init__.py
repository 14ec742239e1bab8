"""Audits of a data set: what a classifier can know without looking at the picture.

`acquisition_control` predicts the label from how an image was taken (its size, tint, place in the
frame, scanner) and from nothing else. Where it scores well, so may a network, for the wrong reason.
"""

import numpy as np
import pandas as pd

FRAME = ("width", "height", "tint", "crop_left", "crop_top", "crop_right", "crop_bottom")
CROP_SIDES = {
    "crop_width": ("crop_left", "crop_right"),
    "crop_height": ("crop_top", "crop_bottom"),
}


def acquisition_features(frame: pd.DataFrame) -> pd.DataFrame:
    """Return all that is known of the acquisition: numbers, and one 0/1 column per device.

    Constant columns are left out, and what `frame` lacks is not known: the result may have none.
    """
    known = frame[[c for c in FRAME if c in frame]].apply(pd.to_numeric, errors="coerce")
    if "device" in frame:
        devices = pd.get_dummies(frame["device"].fillna("unknown").astype(str), prefix="device")
        known = pd.concat([known, devices.astype(float)], axis=1)
    return _varying(known)


def features_after_cropping(frame: pd.DataFrame) -> pd.DataFrame:
    """Return what of the acquisition a cropped grey image still has: its crop's width and height.

    Tint is gone, and so is the place of the picture in its frame. A side of which `frame` lacks an
    end is not known: without crop columns, no columns.
    """
    size = pd.DataFrame(index=frame.index)
    for name, (start, end) in CROP_SIDES.items():
        if start in frame and end in frame:
            low, high = (pd.to_numeric(frame[c], errors="coerce") for c in (start, end))
            size[name] = high - low
    return _varying(size)


def acquisition_control(
    features: pd.DataFrame, labels: np.ndarray, folds: np.ndarray, seed: int
) -> np.ndarray | None:
    """Return each image's out-of-fold probability of the positive class, from `features` alone.

    A random forest (class-balanced) is trained on the other folds. `labels` and `folds` are int
    arrays of length N; the result is float64 of length N, or None where there is no feature.
    """
    from sklearn.ensemble import RandomForestClassifier

    if features.shape[1] == 0:
        return None
    table = features.to_numpy(dtype=float)
    probabilities = np.full(len(labels), np.nan)
    for fold in np.unique(folds):
        test = folds == fold
        forest = RandomForestClassifier(
            100, min_samples_leaf=3, class_weight="balanced", random_state=seed
        ).fit(table[~test], labels[~test])
        positive = list(forest.classes_).index(1)
        probabilities[test] = forest.predict_proba(table[test])[:, positive]
    return probabilities


def _varying(features: pd.DataFrame) -> pd.DataFrame:
    features = features.fillna(-1.0)
    return features.loc[:, features.nunique() > 1]
