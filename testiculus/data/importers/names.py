"""Files of a folder and what their names say: patient, side and view by a regular expression.

Main functions: `image_files`, `found_by_name` and `checked_folder`.
"""

import re
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from testiculus.base.errors import InputWarning, UserError
from testiculus.data import decode
from testiculus.data.importers.staging import check_destination
from testiculus.data.manifest_schema import is_slug, slugify

SUFFIXES = (
    ".png",
    ".jpg",
    ".jpeg",
    ".tif",
    ".tiff",
    ".bmp",
    ".gif",
    ".webp",
    ".pgm",
    ".ppm",
    ".jp2",
)
GROUPS = ("patient", "side", "view", "device", "split")
DEFAULT_PATTERN = r"(?:^|/)(?P<patient>[^_/]+)_(?P<side>[^_/]+)(?:_(?P<view>[^_/]+))?$"
SIDES = {"l": "left", "sx": "left", "sin": "left", "sn": "left", "r": "right", "dx": "right"}
SHOWN = 10  # names listed in a warning


@dataclass(frozen=True)
class Found:
    """A source file: its path, its name in messages and tables, and what is known about it."""

    path: Path
    relative: str
    known: dict[str, str] = field(default_factory=dict)


def checked_folder(folder: Path | str, to: Path | str, force: bool = False) -> Path:
    """Return the source folder, before anything is read from it.

    Raises `UserError` if it is absent or overlaps the output, or the output may not be replaced.
    """
    folder = Path(folder)
    if not folder.is_dir():
        what = "the source is a file, not a folder" if folder.exists() else "no such source folder"
        raise UserError(what, str(folder), "give the folder that holds the material: --from DIR")
    source, output = folder.resolve(), Path(to).resolve()
    if source == output or output in source.parents or source in output.parents:
        raise UserError(
            "the output folder and the source folder lie in each other",
            where=f"--from {folder} --to {to}",
            remedy="give an output folder beside the source",
        )
    check_destination(Path(to), force)
    return folder


def checked_organ(organ: str) -> str:
    """Return the organ's name; raises `UserError` for one that no manifest may hold."""
    if not is_slug(organ):
        what = f'"{organ}" is no organ name'
        raise UserError(what, "--organ", f"write {slugify(organ) or 'testis, thyroid, ...'}")
    return organ


def visible_files(folder: Path) -> list[Path]:
    """Return all files under a folder, sorted by their names; hidden ones are passed over."""
    inside = (p for p in folder.rglob("*") if p.is_file())
    shown = (p for p in inside if not any(x.startswith(".") for x in p.relative_to(folder).parts))
    return sorted(shown, key=lambda p: p.relative_to(folder).as_posix())


def image_files(folder: Path) -> list[Path]:
    """Return the image files under a folder, sorted; raises `UserError` if there are none."""
    files = visible_files(folder)
    images = [path for path in files if path.suffix.lower() in SUFFIXES]
    if not images:
        endings = ", ".join(sorted({p.suffix.lower() or "(none)" for p in files})) or "no files"
        raise UserError(
            "no image files in the folder",
            where=f"{folder} (found: {endings})",
            remedy=f"images end in {', '.join(SUFFIXES)}",
        )
    return images


def found_by_name(folder: Path, files: Sequence[Path], pattern: str) -> list[Found]:
    """Return the files whose names match, with the values of the pattern's named groups.

    `pattern` is searched in the path relative to the folder, without its ending, / between
    folders. Files that do not match are left out and listed in a warning. Raises `UserError` for
    a pattern that is not valid, has no named group that is known, or matches nothing.
    """
    expression = compiled(pattern)
    found, strangers = [], []
    for path in files:
        relative = path.relative_to(folder).as_posix()
        match = expression.search(path.relative_to(folder).with_suffix("").as_posix())
        if match:
            values = {k: v for k, v in match.groupdict().items() if v}
            found.append(Found(path, relative, normalised(values)))
        else:
            strangers.append(relative)
    if not found:
        raise UserError(
            f"no file name matches the pattern {pattern}",
            where=f"{folder}: {listed(strangers, 3)}",
            remedy="give a pattern that fits: --pattern, with (?P<patient>...) in it",
        )
    if strangers:
        warn(f"left out, for the pattern does not match: {counted(strangers, 'file')}")
    return found


def compiled(pattern: str) -> re.Pattern:
    """Return the compiled pattern; raises `UserError` if it is wrong or names unknown groups."""
    try:
        expression = re.compile(pattern)
    except re.error as error:
        what = f"the pattern is no regular expression: {error}"
        raise UserError(what, pattern, "write named groups as (?P<patient>...)") from error
    unknown = sorted(set(expression.groupindex) - set(GROUPS))
    if unknown or not expression.groupindex:
        what = (
            f"the pattern has {'unknown' if unknown else 'no'} named groups {unknown or ''}".strip()
        )
        raise UserError(what, pattern, f"the groups that are read: {', '.join(GROUPS)}")
    return expression


def normalised(values: dict[str, str]) -> dict[str, str]:
    """Return the values with side, view and split in small letters, and side spelled out.

    >>> normalised({"patient": "A7", "side": "SX"})
    {'patient': 'A7', 'side': 'left'}
    """
    small = {
        k: v.strip().lower() if k in ("side", "view", "split") else v.strip()
        for k, v in values.items()
    }
    if "side" in small:
        small["side"] = SIDES.get(small["side"], small["side"])
    return small


def open_picture(path: Path) -> Image.Image:
    """Return the picture in a file; raises `DecodeError` where there is none."""
    image, notes = decode.open_image(path)
    for note in notes:
        warn(f"{path} {note}")
    return image


def open_mask(path: Path) -> tuple[np.ndarray, list[int] | None]:
    """Return a mask's H x W values (0 outside) and its palette, None unless it is indexed.

    Indexed masks keep their classes; all others become 0 and 1 by the rule of `decode.read_mask`.
    Raises `DecodeError` where there is no mask.
    """
    try:
        image = open_picture(path)
        if image.mode == "P":
            return np.asarray(image), image.getpalette()
        return decode.read_mask(path).values, None
    except decode.DecodeError as error:
        raise decode.DecodeError(f"has a mask, {path.name}, that {error}") from error


def listed(names: Iterable[str], most: int = SHOWN) -> str:
    """Return the first names, and how many more there are.

    >>> listed(["a", "b", "c"], 2)
    'a, b and 1 more'
    """
    names = list(names)
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")


def counted(names: Iterable[str], what: str) -> str:
    """Return how many names there are, and the first of them.

    >>> counted(["a.png"], "file"), counted(["a.png", "b.png"], "file")
    ('1 file (a.png)', '2 files (a.png, b.png)')
    """
    names = list(names)
    return f"{len(names)} {what}{'' if len(names) == 1 else 's'} ({listed(names)})"


def warn(message: str) -> None:
    """Warn about input that is odd but usable."""
    warnings.warn(message, InputWarning, stacklevel=3)
