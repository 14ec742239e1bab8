"""A data set as one CSV: one row per single view, checked as a whole before anything trains.

Main functions: `read_manifest` and `write_manifest`. The settings (name, class names, licence) are
a JSON file of the same stem beside the CSV.
"""

import json
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from testiculus.base.errors import InputProblems, InputWarning, nearest
from testiculus.base.files import write_csv, write_json
from testiculus.data.manifest_schema import (
    COLUMNS,
    KNOWN_ORGANS,
    LABELS,
    SLUG_RULE,
    USUAL,
    cell_problems,
    file_problems,
    is_slug,
    real_paths,
    slugify,
)
from testiculus.data.table_text import read_table

RESERVED = ("phantom",)  # results/phantom belongs to the simulator, and is published
# Results under these names are published too (.gitignore lists them): public sets, and no others.
PUBLIC = ("liver", "nerve", "lung")
PUBLIC_LICENCE = "CC BY 4.0"
TEXT_SETTINGS = ("name", "positive_class", "negative_class", "licence", "source", "group")
BITS = range(8, 17)  # the setting `bits`: how many bits of a 16-bit image are used


@dataclass(frozen=True, eq=False)
class Manifest:
    """A checked manifest.

    `frame` has a RangeIndex and every column of `COLUMNS`: label and true_label are Int8 with <NA>
    where empty, all others are strings, "" where empty. Further columns follow as strings, as they
    were written. `rows` holds the spreadsheet's row number of each, for messages.
    """

    name: str
    folder: Path
    frame: pd.DataFrame
    settings: dict[str, Any]
    path: Path | None = None
    rows: tuple[int, ...] = field(default=(), repr=False)

    def row(self, position: int) -> int:
        """Return the row of the CSV, as a spreadsheet shows it, of the frame's row `position`."""
        return self.rows[position] if self.rows else position + 2

    def __len__(self) -> int:
        return len(self.frame)


def read_manifest(path: Path | str) -> Manifest:
    """Read and check a manifest, its settings, and that the files it names are there.

    Raises `UserError` when there is no table to check, else `InputProblems` with every problem
    found; each names row, column, value and remedy. Warns (`InputWarning`) about what is odd but
    usable: organs that are not known, an image listed twice. The images are decoded later, by
    `images.load_images`.
    """
    path = Path(path)
    cells, problems = read_table(path)
    settings, faults = _read_settings(path.with_suffix(".json"))
    problems += faults
    if cells.columns.is_unique:
        problems += cell_problems(cells)
        problems += file_problems(cells, path.parent)
    name = settings.get("name", _default_name(path))
    if not problems:
        problems += _name_problems(name, path, settings)
    if problems:
        raise _all_problems(path, problems)
    _warn_of_oddities(cells, path)
    frame = _typed(cells)
    return Manifest(name, path.parent, frame, settings | {"name": name}, path, tuple(cells.index))


def write_manifest(folder: Path | str, frame: pd.DataFrame, settings: Mapping[str, Any]) -> Path:
    """Write `manifest.csv` and `manifest.json` into `folder`, each atomically; return the CSV.

    Columns of `COLUMNS` come first, then the others; missing values become empty cells. Raises
    `InputProblems`, and writes nothing, where the cells or settings would not be read back.
    """
    path = Path(folder) / "manifest.csv"
    known = [name for name in COLUMNS if name in frame]
    frame = frame[known + [name for name in frame if name not in COLUMNS]].reset_index(drop=True)
    cells = frame.astype(object).where(frame.notna(), "").map(str)
    cells.index = pd.RangeIndex(2, 2 + len(cells))
    problems = cell_problems(cells) + _setting_problems(settings, "the settings")
    name = settings.get("name", _default_name(path))
    if problems := problems or _name_problems(name, path, settings):
        raise _all_problems(path, problems)
    write_json(path.with_suffix(".json"), dict(settings))
    return write_csv(path, cells)


def _all_problems(path: Path, problems: list[str]) -> InputProblems:
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    in_order = sorted(problems, key=_row_of)
    return InputProblems(
        f"{count} in {path}", in_order, "correct these and run the same command again"
    )


def _row_of(problem: str) -> int:
    found = re.match(r"row (\d+)", problem)
    return int(found[1]) if found else 0  # the settings file comes first


def _default_name(path: Path) -> str:
    return slugify(path.stem if path.stem != "manifest" else path.resolve().parent.name)


def _name_problems(name: str, path: Path, settings: Mapping[str, Any]) -> list[str]:
    where = f'{path.with_suffix(".json").name}, "name"'
    if name in RESERVED:
        return [f'{where}: "{name}" is the simulator\'s own name; give the data set another']
    if name in PUBLIC and settings.get("licence") != PUBLIC_LICENCE:
        return [
            f'{where}: "{name}" is the name of a public set, whose results may be published; '
            f'give yours another, or write its "licence" ("{PUBLIC_LICENCE}") if it is that set'
        ]
    if not is_slug(name):
        return [f'{where}: "{name}" is no name of a folder ({SLUG_RULE}); write another']
    return []


def _read_settings(path: Path) -> tuple[dict[str, Any], list[str]]:
    if not path.exists():
        return {}, []
    try:
        settings = json.loads(path.read_bytes().decode("utf-8-sig"))
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        return {}, [f"{path.name}, {place}: not valid JSON ({error.msg}); correct or remove it"]
    except (OSError, UnicodeDecodeError, RecursionError) as error:
        return {}, [f"{path.name}: cannot be read as UTF-8 JSON ({error}); save it again"]
    if not isinstance(settings, dict):
        kind = type(settings).__name__
        return {}, [f'{path.name}: holds a {kind}; write an object such as {{"name": "ward-3"}}']
    return settings, _setting_problems(settings, path.name)


def _setting_problems(settings: Mapping[str, Any], where: str) -> list[str]:
    problems = [
        f'{where}, "{key}": {json.dumps(settings[key])} is no text; write it in quotes'
        for key in TEXT_SETTINGS
        if key in settings and not isinstance(settings[key], str)
    ]
    bits = settings.get("bits", 8)
    if not isinstance(bits, int) or isinstance(bits, bool) or bits not in BITS:
        problems.append(
            f'{where}, "bits": {json.dumps(bits)} is no number of bits; write 8 to 16, or remove it'
        )
    return problems


def _typed(cells: pd.DataFrame) -> pd.DataFrame:
    """Return the frame of a `Manifest` from its checked cells."""
    frame = cells.reset_index(drop=True)
    frame = frame.assign(**{name: "" for name in COLUMNS if name not in frame})
    for name in LABELS:
        frame[name] = pd.array([int(t[0]) if t else None for t in frame[name]], dtype="Int8")
    return frame[[*COLUMNS, *(name for name in frame if name not in COLUMNS)]]


def _warn_of_oddities(cells: pd.DataFrame, path: Path) -> None:
    for organ, rows in cells.groupby("organ").groups.items():
        if organ not in KNOWN_ORGANS:
            near = nearest(organ, KNOWN_ORGANS)
            hint = (
                f"the nearest known name is {near}" if near else "known: " + ", ".join(KNOWN_ORGANS)
            )
            _warn(f'{path}, row {rows[0]}, column "organ": "{organ}" is not a known organ; {hint}')
    for column, usual in USUAL.items():
        odd = sorted(set(cells.get(column, [])) - {"", *usual})
        if odd:
            _warn(f'{path}, column "{column}": {odd[:5]} beside the usual {", ".join(usual)}')
    _warn_of_repeats(cells, path)


def _warn_of_repeats(cells: pd.DataFrame, path: Path) -> None:

    real = np.array(real_paths(path.parent, cells["image"]))
    for rows in cells.index.to_series().groupby(real).groups.values():
        if len(rows) > 1:
            patients = list(dict.fromkeys(cells.loc[rows, "patient"]))
            whose = "the patients " + " and ".join(patients) if len(patients) > 1 else patients[0]
            listed = ", ".join(map(str, rows))
            _warn(
                f'{path}, rows {listed}: the image "{cells.at[rows[0], "image"]}" is there '
                f"{len(rows)} times, under {whose}; a copy in training and test flatters a model"
            )


def _warn(message: str) -> None:
    warnings.warn(message, InputWarning, stacklevel=4)
