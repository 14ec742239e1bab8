"""What is known of how each picture was taken, for the audits: `pictures_frame` and `families`.

The columns of a manifest come first (the importers write size, tint and crop of the source). Where
they are missing, the files themselves still have a size, and perhaps a tint.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd

from testiculus.audits import CROP_SIDES, acquisition_features, features_after_cropping
from testiculus.audits.appearance import GREY, SHARP, appearance
from testiculus.audits.overlay import burnt_in
from testiculus.base.progress import progress
from testiculus.data.decode import open_image, to_grey8
from testiculus.data.images import ImageSet
from testiculus.data.importers.output import tint
from testiculus.data.manifest import read_manifest

SIZE_AND_TINT = ("width", "height", "tint")
SIZE, DEVICE, CROP = "size and tint", "the device", "the crop box"
AFTER_CROP = "the crop's size"
ALL_ACQUISITION = "all that is known of the acquisition"
GREY_LEVELS, SHARPNESS = "grey levels", "sharpness"
ALL_PICTURE = "grey levels and sharpness"
LOOKS = (GREY_LEVELS, SHARPNESS, ALL_PICTURE)
THREADS = 8


def pictures_frame(data: str, images: ImageSet) -> pd.DataFrame:
    """Return one row per image: size and tint of its file, `appearance`, and pixels of writing.

    The phantom has no files: its pictures are measured as they are, and nothing is written outside
    their field, which fills them.
    """
    if data == "phantom":
        return pd.DataFrame([appearance(picture.numpy()) for picture in images.pixels[:, 0]])
    manifest = read_manifest(data)
    bits = manifest.settings.get("bits")
    paths = [manifest.folder / text for text in manifest.frame["image"]]
    with ThreadPoolExecutor(min(THREADS, os.cpu_count() or 1), "measure") as workers:
        rows = workers.map(lambda path: _measured(path, bits), paths)
        bar = progress(rows, total=len(paths), desc="measuring pictures", unit="image")
        return pd.DataFrame(list(bar))


def _measured(path: Path, bits: int | None) -> dict[str, float]:
    picture, _ = open_image(path)
    grey = to_grey8(picture, bits)
    size = {"width": picture.width, "height": picture.height, "tint": round(tint(picture), 3)}
    return size | appearance(grey) | {"writing": burnt_in(grey)}


def families(frame: pd.DataFrame, looked: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the features of all images by what they are of; some may be constant or empty.

    `frame` holds the manifest's columns, `looked` the measures of `pictures_frame`, which stand in
    for the columns of `SIZE_AND_TINT` that the manifest lacks.
    """
    looked = looked.reset_index(drop=True)
    lacking = [name for name in SIZE_AND_TINT if name not in frame and name in looked]
    frame = pd.concat([frame.reset_index(drop=True), looked[lacking]], axis=1)
    box = [side for sides in CROP_SIDES.values() for side in sides if side in frame]
    known = [name for name in SIZE_AND_TINT if name in frame]
    device = [name for name in ("device",) if name in frame]
    return {
        SIZE: acquisition_features(frame[known]),
        DEVICE: acquisition_features(frame[device]),
        CROP: acquisition_features(frame[box]),
        AFTER_CROP: features_after_cropping(frame),
        ALL_ACQUISITION: acquisition_features(frame),
        GREY_LEVELS: looked[list(GREY)],
        SHARPNESS: looked[list(SHARP)],
        ALL_PICTURE: looked[[*GREY, *SHARP]],
    }
