"""The public sets as their publishers gave them: where a set lies, and one table row per image.

Main functions: `find_set`, `set_table` and `open_outline`. A prepared folder has a `labels.csv`,
which is read as it is. Without one the rows come from the folders of the publisher's archive and
from the facts in `tables/`, which its README explains.
"""

import json
from importlib.resources import as_file, files
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw

from testiculus.base.errors import UserError
from testiculus.data.decode import DecodeError, open_image
from testiculus.data.importers.names import SUFFIXES
from testiculus.data.table_text import read_table

FOLDERS = {"liver": "liver_aul", "nerve": "nerve_usgra", "lung": "lung_pocus_ccby"}
ARCHIVES = {  # the folders by which an archive is known, whatever its own name
    "liver": ("Benign", "Malignant", "Normal"),
    "nerve": ("images", "masks", "test"),
    "lung": ("covid", "pneumonia", "regular"),
}
NEEDED = {
    "liver": ("image", "patient", "label", "stratum", "matched", "has_liver", "has_mass"),
    "nerve": ("image", "mask", "split"),
    "lung": ("image", "label", "source_clip", "upstream_patient_no", "licence", "url"),
}
TABLES = files("testiculus.data.importers") / "tables"
SPLITS = {"images": "train", "test/images": "test"}  # of the nerve set


def find_set(folder: Path, name: str) -> Path:
    """Return the folder of the set `name`: a sub-folder of its usual name, or `folder` itself.

    Raises `UserError` if neither holds the table or the folders of that set.
    """
    inside = folder / FOLDERS[name]
    if _prepared(inside) or _archive(inside, name):
        return inside
    if _archive(folder, name) or (_prepared(folder) and folder.name == FOLDERS[name]):
        return folder
    *most, last = ARCHIVES[name]
    raise UserError(
        f"the public set {name} is not there",
        where=str(inside),
        remedy=f"give the publisher's folder, which holds {', '.join(most)} and {last}, or the "
        f"folder that holds it as {FOLDERS[name]}: --from DIR",
    )


def _prepared(place: Path) -> bool:
    return (place / "labels.csv").is_file()


def _archive(place: Path, name: str) -> bool:
    return all((place / part).is_dir() for part in ARCHIVES[name])


def set_table(place: Path, name: str) -> pd.DataFrame:
    """Return the rows of a set as strings, with the columns `NEEDED[name]` at least.

    Raises `UserError` if a `labels.csv` is there and is not the set's.
    """
    if not _prepared(place):
        return {"liver": _liver_rows, "nerve": _nerve_rows, "lung": _lung_rows}[name](place)
    cells, problems = read_table(place / "labels.csv", "table of labels")
    missing = [column for column in NEEDED[name] if column not in cells]
    if missing or problems:
        what = "; ".join([f"column {column} is missing" for column in missing] + problems[:5])
        raise UserError(f"not the table of the set {name}: {what}", str(place / "labels.csv"))
    return cells


def _shipped(name: str) -> pd.DataFrame:
    with as_file(TABLES / f"{name}.csv") as path:
        return read_table(path)[0]


def _liver_rows(_: Path) -> pd.DataFrame:
    cells = _shipped("liver")
    parts = cells["image"].str.extract(r"^(?P<kind>\w+)/image/(?P<number>\d+)\.")
    cells["patient"] = parts["kind"].str[0] + parts["number"]
    cells["label"] = parts["kind"].str.lower()
    cells["has_mass"] = (parts["kind"] != "Normal").map({True: "1", False: "0"})
    return cells


def _nerve_rows(place: Path) -> pd.DataFrame:
    rows = []
    for images, split in SPLITS.items():
        masks = (PurePosixPath(images).parent / "masks").as_posix()
        by_stem = {path.stem: f"{masks}/{path.name}" for path in _pictures(place / masks)}
        rows += [
            {"image": f"{images}/{path.name}", "mask": by_stem.get(path.stem, ""), "split": split}
            for path in _pictures(place / images)
        ]
    if not rows:
        raise UserError("no images in the set nerve", str(place / "images"), "unpack it again")
    return pd.DataFrame(rows)


def _pictures(folder: Path) -> list[Path]:
    found = folder.iterdir() if folder.is_dir() else ()
    return sorted(p for p in found if p.suffix.lower() in SUFFIXES and not p.name.startswith("."))


def _lung_rows(_: Path) -> pd.DataFrame:
    return _shipped("lung")


def open_outline(path: Path, image: Path) -> tuple[np.ndarray, None]:
    """Return the inside of an outline as H x W of 0 and 1, of the size of the picture `image`.

    `path` is JSON: the corners of one polygon as [[x, y], ...] in pixels. Pillow fills it, with the
    fractions of the coordinates cut off and the edge inside. Raises `DecodeError` if the outline
    or the picture is absent or damaged.
    """
    try:
        corners = _corners(path)
    except DecodeError as error:
        raise DecodeError(f"has an outline, {path.name}, that {error}") from error
    mask = Image.new("1", open_image(image)[0].size)
    ImageDraw.Draw(mask).polygon([tuple(corner) for corner in corners], fill=1)
    return np.asarray(mask).astype(np.uint8), None


def _corners(path: Path) -> np.ndarray:
    try:
        corners = np.asarray(json.loads(path.read_text(encoding="utf-8")), np.float64)
    except FileNotFoundError as error:
        raise DecodeError("is not there; check the path") from error
    except (OSError, ValueError, TypeError) as error:
        raise DecodeError("is damaged; copy it again from its source") from error
    pairs = corners.ndim == 2 and corners.shape[1] == 2 and len(corners) >= 3
    if not pairs or not np.isfinite(corners).all():
        raise DecodeError("is no polygon of three or more corners; copy it again from its source")
    return corners
