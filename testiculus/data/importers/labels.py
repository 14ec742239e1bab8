"""Labels and masks from a CSV, matched to files by name or by patient and side.

Main function: `read_labels`. Only the columns named here leave the CSV: whatever else a hospital's
table holds about a patient stays in it.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pandas as pd

from testiculus.base.errors import InputProblems, UserError
from testiculus.data.importers.names import Found, counted, normalised, warn
from testiculus.data.table_text import read_table

CARRIED = ("side", "view", "device", "split")  # copied as they are, if the CSV has them
LABELS = ("label", "true_label")
CLASS_NAMES = {"testis": ("inhomogeneous", "homogeneous")}  # label 1 and 0, in the article's words


@dataclass(frozen=True)
class LabelColumns:
    """How a labels CSV is read: its columns' names, and the words that mean 1 and 0.

    Without a column `image`, rows belong to files by patient, and by side and view if these are
    columns too: a label given to a testis is inherited by its views.
    """

    image: str = "image"
    label: str = "label"
    mask: str = "mask"
    positive: str = "positive"
    negative: str = "negative"

    @classmethod
    def of(
        cls, organ: str, positive: str | None = None, negative: str | None = None, **columns: str
    ) -> "LabelColumns":
        """Return the columns with the words given, else the article's if `organ` is testis.

        >>> LabelColumns.of("testis").positive, LabelColumns.of("thyroid").positive
        ('inhomogeneous', 'positive')
        """
        words = CLASS_NAMES.get(organ, ("positive", "negative"))
        return cls(positive=positive or words[0], negative=negative or words[1], **columns)


def read_labels(
    path: Path, found: Sequence[Found], columns: LabelColumns
) -> dict[Path, dict[str, object]]:
    """Return, for each file that has a row, its label (0, 1 or None), mask path and other columns.

    Files without a row stay unlabelled, with a warning. Raises `InputProblems` with every row that
    belongs to no file or to one that another row has taken, every label that is neither word nor
    number, and every mask that is not there; `UserError` if nothing can be matched.
    """
    cells, problems = read_table(Path(path), "table of labels")
    match = _matcher(cells, found, columns, path)
    rows: dict[Path, dict] = {}
    taken: dict[Path, int] = {}
    for number, cell in zip(cells.index, cells.to_dict("records"), strict=True):
        files, what = match(cell)
        if not files:
            problems.append(f"row {number}: {what}")
        values, faults = _values(cell, columns, Path(path).parent)
        problems += [f"row {number}, {fault}" for fault in faults]
        for file in files:
            if file.path in taken:
                problems.append(f"row {number}: {file.relative} has row {taken[file.path]} already")
            rows[file.path], taken[file.path] = values, number
    if problems:
        remedy = "correct the table, or give the folder, pattern and columns that fit it"
        raise InputProblems(f"{len(problems)} problems in {path}", problems, remedy)
    without = [file.relative for file in found if file.path not in rows]
    if without:
        warn(f"no row in {path}, stay unlabelled: {counted(without, 'file')}")
    return rows


def _matcher(cells: pd.DataFrame, found: Sequence[Found], columns: LabelColumns, path: Path):
    """Return a function: row -> (its files, what to say if there are none)."""
    if columns.image in cells:
        return _by_name(found, columns.image)
    keys = [name for name in ("patient", "side", "view") if name in cells]
    if "patient" not in keys:
        raise UserError(
            f'the labels have neither a column "{columns.image}" nor "patient"',
            where=f"{path}, row 1: {', '.join(cells.columns)}",
            remedy="name the column of the files: --image-column NAME",
        )
    return _by_keys(found, keys)


def _by_name(found: Sequence[Found], column: str):
    index: dict[str, list[Found]] = defaultdict(list)
    for file in found:
        name = PurePosixPath(file.relative)
        for text in {file.relative, name.name, name.stem, name.with_suffix("").as_posix()}:
            index[text].append(file)

    def match(cell: dict[str, str]) -> tuple[list[Found], str]:
        text = cell[column].replace("\\", "/").removeprefix("./")
        files = index.get(text, [])
        if len(files) > 1:
            names = " and ".join(file.relative for file in files[:2])
            return [], f'column "{column}": "{text}" may be {names}; write its folder too'
        return files, f'column "{column}": no imported file is called "{text}"'

    return match


def _by_keys(found: Sequence[Found], keys: list[str]):
    index: dict[tuple[str, ...], list[Found]] = defaultdict(list)
    for file in found:
        index[tuple(file.known.get(name, "") for name in keys)].append(file)

    def match(cell: dict[str, str]) -> tuple[list[Found], str]:
        wanted = normalised({name: cell[name] for name in keys})
        text = ", ".join(f"{name} {value}" for name, value in wanted.items())
        return index.get(tuple(wanted.values()), []), f"no imported file is of {text}"

    return match


def _values(cell: dict[str, str], columns: LabelColumns, folder: Path):
    """Return the values that leave a row, and what is wrong with them."""
    values: dict[str, object] = {name: cell[name] for name in CARRIED if cell.get(name)}
    values = dict(normalised(values))
    if cell.get("patient"):
        values["patient"] = cell["patient"]
    faults = []
    for name, column in ((LABELS[0], columns.label), (LABELS[1], LABELS[1])):
        if column in cell:
            try:
                values[name] = as_label(cell[column], columns)
            except ValueError as error:
                faults.append(f'column "{column}": {error}')
    if cell.get(columns.mask):
        values["mask"] = folder / cell[columns.mask]
        if not values["mask"].is_file():
            faults.append(f'column "{columns.mask}": "{cell[columns.mask]}" is not there')
    return values, faults


def as_label(text: str, columns: LabelColumns) -> int | None:
    """Return 0, 1, or None for an empty cell; raises `ValueError` for anything else.

    >>> testis = LabelColumns.of("testis")
    >>> as_label("Inhomogeneous", testis), as_label("0", testis)
    (1, 0)
    """
    known = {"": None, "0": 0, "0.0": 0, "1": 1, "1.0": 1}
    known |= {columns.negative.lower(): 0, columns.positive.lower(): 1}
    if text.lower() not in known:
        words = f"0, 1, {columns.negative} or {columns.positive}"
        raise ValueError(f'"{text}" is no label; write {words}, or name the words: --positive')
    return known[text.lower()]
