"""What a valid manifest is: a pandera schema for its cells, and checks of the files it names.

Main functions: `cell_problems` and `file_problems`; each returns one line per problem, which names
the row (as a spreadsheet shows it), the column, the value and the remedy.
"""

import os
import posixpath
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path, PureWindowsPath

import pandas as pd

from testiculus.base.errors import nearest
from testiculus.base.progress import progress

REQUIRED = ("image", "patient", "organ")
OPTIONAL = ("side", "view", "device", "label", "true_label", "mask", "split")
COLUMNS = REQUIRED + OPTIONAL
LABELS = ("label", "true_label")
FILES = ("image", "mask", "lesion_mask")  # columns that hold paths; lesion_mask need not be there

KNOWN_ORGANS = (
    *("testis", "thyroid", "liver", "lung", "nerve", "breast", "kidney", "appendix", "bladder"),
    *("bowel", "brain", "eye", "fetus", "gallbladder", "heart", "joint", "lymph-node", "muscle"),
    *("ovary", "pancreas", "placenta", "prostate", "salivary-gland", "skin", "spleen", "tendon"),
    *("uterus", "vessel"),
)
USUAL = {"side": ("left", "right"), "split": ("train", "validation", "test")}
SLUG = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)*")
SLUG_RULE = "small letters and digits, parts joined by - or _"
LABEL_TEXT = re.compile(r"[01](?:\.0+)?")  # a column with gaps leaves pandas as 0.0 and 1.0


def is_slug(text: str) -> bool:
    """Return whether `text` is a name that is safe as a folder's name: at most 64 characters.

    >>> is_slug("lymph-node"), is_slug("Lymph node")
    (True, False)
    """
    return len(text) <= 64 and SLUG.fullmatch(text) is not None


def slugify(text: str) -> str:
    """Return the slug nearest to `text`, or "" where it holds no letter or digit.

    >>> slugify("Ward 3 (left)")
    'ward-3-left'
    """
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:64].strip("-")


def path_fault(text: str) -> str | None:
    """Return what is wrong with a path as written in a manifest, or None.

    >>> path_fault("../b.png")
    'leaves the folder of the manifest; move the file into that folder'
    """
    if "\\" in text:
        return "is written with backslashes; write / between folders, on every system"
    if "\x00" in text or "\n" in text or "\r" in text:
        return "holds a control character; write a plain path"
    if text.startswith("/") or PureWindowsPath(text).drive or "://" in text:
        return "is no path relative to the manifest; write it from the manifest's folder"
    inside = posixpath.normpath(text)
    if inside == ".." or inside.startswith("../"):
        return "leaves the folder of the manifest; move the file into that folder"
    return None


def _organ_remedy(text: str) -> str:
    if not text:
        return "is empty; name the organ, for example testis or thyroid"
    return f"is no organ name ({SLUG_RULE}); write {slugify(text) or 'testis'}"


def _remedy(column: str, value: str) -> str:
    if column == "organ":
        return _organ_remedy(value)
    if column in LABELS:
        return "is no label; write 0 or 1, or leave the cell empty where it is not known"
    if not value:
        return {
            "image": "is empty; write the path of the image",
            "patient": "is empty; name the patient, or what groups the images (file, clip)",
        }[column]
    return path_fault(value) or "is not valid"


def _schema(columns: list[str]):
    """Return the pandera schema for a frame of strings with these columns."""
    import pandera.pandas as pa

    def each(test, name: str) -> "pa.Check":
        return pa.Check(lambda series: series.map(test).astype(bool), name=name)

    filled = each(bool, "filled")
    path = each(lambda text: path_fault(text) is None, "path")
    label = each(lambda text: not text or LABEL_TEXT.fullmatch(text) is not None, "label")
    checks = {"image": [filled, path], "patient": [filled], "organ": [each(is_slug, "slug")]}
    checks |= {name: [label] for name in LABELS} | {name: [path] for name in FILES[1:]}
    present = {name: found for name, found in checks.items() if name in (*columns, *REQUIRED)}
    return pa.DataFrameSchema({name: pa.Column(str, found) for name, found in present.items()})


def cell_problems(frame: pd.DataFrame) -> list[str]:
    """Return every problem of the cells of a frame of strings, its index being the row numbers."""
    from pandera.errors import SchemaErrors

    try:
        _schema(list(frame.columns)).validate(frame, lazy=True)
    except SchemaErrors as errors:
        cases = errors.failure_cases
        missing = cases[cases["check"] == "column_in_dataframe"]["failure_case"]
        lines = [_missing(name, list(frame.columns)) for name in missing]
        cells = cases[cases["index"].notna()].drop_duplicates(["index", "column"])
        cells = cells.sort_values(["index", "column"], kind="stable")
        return lines + [
            f'row {int(row)}, column "{column}": "{value}" {_remedy(column, value)}'
            for row, column, value in zip(
                cells["index"], cells["column"], cells["failure_case"], strict=True
            )
        ]
    return []


def _missing(name: str, columns: list[str]) -> str:
    alike = {column.lower(): column for column in columns}
    near = alike.get(nearest(name, alike) or "")
    hint = f'rename "{near}" to "{name}"' if near else f'add a column "{name}"'
    needed = ", ".join(REQUIRED)
    return f'row 1: the column "{name}" is missing; {hint} (every manifest has {needed})'


def file_problems(frame: pd.DataFrame, folder: Path) -> Iterator[str]:
    """Yield every problem of the files that the rows name: absent, empty, outside the folder.

    Cells that `cell_problems` complains about are passed over.
    """
    inside = os.path.join(os.path.realpath(folder), "")
    names = cache(_names)
    for column in (name for name in FILES if name in frame):
        paths = frame[column][frame[column].map(lambda t: bool(t) and path_fault(t) is None)]
        rows = zip(paths.items(), real_paths(folder, paths), strict=True)
        bar = progress(rows, total=len(paths), desc=f"checking {column} files", unit="file")
        for (row, text), real in bar:
            fault = _file_fault(os.path.join(folder, text), real, inside, names)
            if fault:
                yield f'row {row}, column "{column}": "{text}" {fault}'
    if "mask" in frame and "image" in frame:
        for row in frame.index[(frame["mask"] == frame["image"]) & (frame["mask"] != "")]:
            text = frame.at[row, "mask"]
            yield f'row {row}, column "mask": "{text}" is the image itself; name its mask'


def real_paths(folder: Path, texts: Iterable[str]) -> list[str]:
    """Return where each path below `folder` really lies, links followed; each folder once."""
    real_folder = cache(os.path.realpath)
    paths = []
    for text in texts:
        parent, name = os.path.split(os.path.join(folder, text))
        path = os.path.join(real_folder(parent), name)
        plain = name not in ("", ".", "..") and not os.path.islink(path)
        paths.append(path if plain else os.path.realpath(path))
    return paths


def _file_fault(path: str, real: str, inside: str, names: Callable) -> str | None:
    try:
        found = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        near = names(os.path.dirname(path)).get(Path(path).stem.lower())
        return "is not there; " + (f"did you mean {near}?" if near else "check the path")
    except OSError as error:
        return f"cannot be reached ({error.strerror}); check the path"
    if not real.startswith(inside):
        return "is a link that leaves the folder of the manifest; copy the file into it"
    if not stat.S_ISREG(found.st_mode):
        return "is no file; write the path of the image file"
    if not found.st_size:
        return "is an empty file; copy it again from its source"
    return None


def _names(folder: str) -> dict[str, str]:
    """Return the file names of a folder by their stem in small letters."""
    return (
        {Path(name).stem.lower(): name for name in os.listdir(folder)}
        if os.path.isdir(folder)
        else {}
    )
