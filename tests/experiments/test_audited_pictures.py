import numpy as np
import pandas as pd
from PIL import Image

from testiculus.data.images import load_images
from testiculus.data.manifest import read_manifest, write_manifest
from testiculus.experiments.audited_pictures import (
    AFTER_CROP,
    ALL_ACQUISITION,
    CROP,
    DEVICE,
    GREY_LEVELS,
    SIZE,
    families,
    pictures_frame,
)

MEASURED = ["black", "grey_10", "grey_50", "grey_90", "grey_mean", "grey_spread", "white"]
SHARP = ["sharp_down", "sharp_across", "grain", "grain_ratio"]


def test_pictures_are_measured_at_their_own_size_with_their_tint(tmp_path):
    grey = np.random.default_rng(0).integers(20, 200, (60, 90)).astype(np.uint8)
    tinted = np.stack([grey, grey, np.minimum(grey + 30, 255)], axis=-1)
    Image.fromarray(grey).save(tmp_path / "a.png")
    Image.fromarray(tinted.astype(np.uint8)).save(tmp_path / "b.png")
    rows = [["a.png", "p", "testis"], ["b.png", "q", "testis"]]
    frame = pd.DataFrame(rows, columns=["image", "patient", "organ"])
    manifest = write_manifest(tmp_path, frame, {})

    images = load_images(read_manifest(manifest), 32, cache=None)
    looked = pictures_frame(str(manifest), images)

    assert looked[["width", "height"]].to_numpy().tolist() == [[90, 60], [90, 60]]
    assert looked["tint"].tolist() == [0.0, 30.0]
    assert looked.loc[0, "grey_mean"] == grey.mean()
    assert looked["writing"].tolist() == [0, 0]


def looked_at(number, **columns):
    return pd.DataFrame({name: np.arange(number) for name in MEASURED + SHARP} | columns)


def test_the_manifests_columns_come_before_the_files_own():
    frame = pd.DataFrame({"patient": ["a", "b"], "width": [768, 640], "device": ["x", "y"]})

    found = families(frame, looked_at(2, width=[9, 9], height=[5, 6]))

    assert found[SIZE]["width"].tolist() == [768, 640] and found[SIZE]["height"].tolist() == [5, 6]
    assert list(found[DEVICE]) == ["device_x", "device_y"]
    assert list(found[ALL_ACQUISITION]) == ["width", "height", "device_x", "device_y"]
    assert found[CROP].shape == found[AFTER_CROP].shape == (2, 0)
    assert list(found[GREY_LEVELS]) == MEASURED


def test_crop_boxes_are_a_family_and_so_is_the_size_they_leave():
    box = {"crop_left": [0, 4], "crop_top": [0, 0], "crop_right": [10, 15], "crop_bottom": [8, 8]}

    found = families(pd.DataFrame({"patient": ["a", "b"], **box}), looked_at(2))

    assert list(found[CROP]) == ["crop_left", "crop_right"]
    assert found[AFTER_CROP]["crop_width"].tolist() == [10, 11]
