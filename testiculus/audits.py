"""Audits of a data set: what a classifier can know without looking at the picture.

`acquisition_control` predicts the label from how an image was taken (its size, tint, place in the
frame, scanner) and from nothing else. Where it scores well, so may a network, for the wrong reason.
"""

import numpy as np
import pandas as pd

FRAME = ("width", "height", "tint", "crop_left", "crop_top", "crop_right", "crop_bottom")


def acquisition_features(frame: pd.DataFrame) -> pd.DataFrame:
    """Return all that is known of the acquisition: numbers, and one 0/1 column per device.

    Constant columns are left out, so that the result may have none.
    """
    numeric = frame[[c for c in FRAME if c in frame]].apply(pd.to_numeric, errors="coerce")
    devices = pd.get_dummies(frame["device"].fillna("unknown").astype(str), prefix="device")
    return _varying(pd.concat([numeric, devices.astype(float)], axis=1))


def features_after_cropping(frame: pd.DataFrame) -> pd.DataFrame:
    """Return what of the acquisition a cropped grey image still has: its crop's width and height.

    Tint is gone, and so is the place of the picture in its frame. Without crop columns, no columns.
    """
    if "crop_left" not in frame:
        return pd.DataFrame(index=frame.index)
    box = frame[[*FRAME[3:]]].apply(pd.to_numeric, errors="coerce")
    width, height = box["crop_right"] - box["crop_left"], box["crop_bottom"] - box["crop_top"]
    return _varying(pd.DataFrame({"crop_width": width, "crop_height": height}))


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
