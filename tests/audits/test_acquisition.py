import numpy as np
import pandas as pd

from testiculus.audits import (
    acquisition_control,
    acquisition_features,
    features_after_cropping,
)


def frame(width, device=None):
    return pd.DataFrame({"width": width, "device": device if device is not None else "one"})


def control(width, labels, folds, seed):
    return acquisition_control(acquisition_features(frame(width)), labels, folds, seed)


def test_a_label_that_goes_with_the_image_size_is_found():
    labels = np.tile([0, 1], 30)
    found = control(np.where(labels, 720, 768), labels, np.arange(60) % 3, 0)
    assert ((found > 0.5) == labels).all()


def test_a_label_that_goes_with_nothing_is_not_found():
    random = np.random.default_rng(0)
    labels, width = random.integers(0, 2, 300), random.integers(500, 900, 300)
    found = control(width, labels, np.arange(300) % 3, 0)
    assert abs(np.mean((found > 0.5) == labels) - 0.5) < 0.1


def test_images_taken_alike_give_no_control():
    labels = np.tile([0, 1], 6)
    assert control([5] * 12, labels, np.arange(12) % 3, 0) is None


def test_devices_become_one_column_each():
    features = acquisition_features(frame([1, 2, 3], ["a", "b", "a"]))
    assert list(features) == ["width", "device_a", "device_b"]


def test_a_fold_is_never_predicted_from_itself():
    labels = np.tile([0, 1], 30)
    folds = np.repeat([0, 1], 30)
    width = np.where(folds == 0, labels, 1 - labels)  # the rule is the opposite in the other fold
    found = control(width, labels, folds, 0)
    assert ((found > 0.5) != labels).all()


def test_cropping_leaves_the_crops_size_and_not_its_place():
    box = {"crop_left": [0, 5], "crop_top": [0, 0], "crop_right": [10, 15], "crop_bottom": [8, 9]}
    left = features_after_cropping(frame([1, 2]).assign(**box))
    assert list(left) == ["crop_height"]  # both are 10 wide; 8 and 9 high
    assert features_after_cropping(frame([1, 2])).shape == (2, 0)


def test_columns_that_a_frame_lacks_are_not_known_and_no_error():
    bare = pd.DataFrame({"width": [1, 2], "crop_left": [0, 5], "crop_top": [0, 0]})

    assert list(acquisition_features(bare)) == ["width", "crop_left"]
    assert features_after_cropping(bare).shape == (2, 0)
    assert list(features_after_cropping(bare.assign(crop_bottom=[8, 9]))) == ["crop_height"]
    assert acquisition_features(pd.DataFrame(index=range(3))).shape == (3, 0)
