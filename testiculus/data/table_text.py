"""A comma-separated file as a frame of strings whose index is the row a spreadsheet shows.

Main function: `read_table`. Nothing is guessed: a cell that reads 007 stays "007", and a file in
another encoding or with another separator is refused with the way to save it again.
"""

import csv
import io
import stat
from pathlib import Path

import pandas as pd

from testiculus.base.errors import UserError

SAVE_AS = 'save it again as "CSV UTF-8 (comma delimited)"'
BYTES_LIMIT = 512 * 2**20  # a million rows of 500 characters; anything larger is no manifest


def read_table(path: Path, noun: str = "manifest") -> tuple[pd.DataFrame, list[str]]:
    """Return the cells of a CSV as stripped strings, and a list of the problems of its layout.

    The index is the row number a spreadsheet shows (the header is row 1, so data start at 2);
    rows without any content are left out, but counted. `noun` is what messages call the file.
    Raises `UserError` where there is no table to look at: no such file, no text, no
    comma-separated columns.
    """
    rows = _records(_text(path, noun), path)
    header = [name.strip() for name in rows[0]]
    while header and not header[-1]:
        header.pop()
    problems = _header_problems(header)
    cells, numbers = [], []
    for number, row in enumerate(rows[1:], start=2):
        row = [cell.strip() for cell in row]
        if not any(row):
            continue
        if any(row[len(header) :]) or len(row) < len(header):
            problems.append(_ragged(number, len(row), len(header)))
        cells.append((row + [""] * len(header))[: len(header)])
        numbers.append(number)
    if not cells:
        what = f"the {noun} has a header and no rows"
        raise UserError(what, str(path), "add one row per image")
    return pd.DataFrame(
        cells, columns=header, index=pd.Index(numbers, name="row"), dtype=str
    ), problems


def _ragged(number: int, found: int, expected: int) -> str:
    return (
        f"row {number}: {found} cells where the header has {expected} columns; "
        "put quotes around cells that hold a comma, and write a comma for every empty cell"
    )


def _header_problems(header: list[str]) -> list[str]:
    problems = [
        f'row 1, column "{name}": this column name is there twice; rename or remove one'
        for name in sorted({name for name in header if name and header.count(name) > 1})
    ]
    problems += [
        f"row 1, column {position}: this column has no name; name or remove it"
        for position, name in enumerate(header, start=1)
        if not name
    ]
    return problems


def _bytes(path: Path, noun: str) -> bytes:
    try:
        found = path.stat()
        if stat.S_ISREG(found.st_mode) and found.st_size <= BYTES_LIMIT:
            return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UserError(f"no such {noun}", str(path), _tables_in(path.parent)) from error
    except (OSError, ValueError) as error:
        remedy = "check the path, and that you may read it"
        raise UserError(f"cannot read the {noun}: {error}", str(path), remedy) from error
    if path.is_dir():
        raise UserError(f"the {noun} is a folder, not a file", str(path), _tables_in(path))
    limit = f"no file, or larger than {BYTES_LIMIT // 2**20} MiB"
    raise UserError(f"the {noun} is no table ({limit})", str(path), "name a CSV file")


def _tables_in(folder: Path) -> str:
    names = sorted(p.name for p in folder.glob("*.csv"))[:3] if folder.is_dir() else []
    return f"in {folder} there is: {', '.join(names)}" if names else "check the path"


def _text(path: Path, noun: str) -> str:
    raw = _bytes(path, noun)
    if not raw.strip():
        raise UserError(f"the {noun} is empty", str(path), "write a header and one row per image")
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise UserError(f"the {noun} is UTF-16 text, not UTF-8", str(path), SAVE_AS)
    if raw[:2] == b"PK" or raw[:4] == b"\xd0\xcf\x11\xe0":
        raise UserError(f"the {noun} is a spreadsheet file, not a CSV", str(path), SAVE_AS)
    if b"\x00" in raw:
        raise UserError(f"the {noun} is a binary file, not a CSV", str(path), "name a CSV file")
    try:
        return raw.decode("utf-8-sig")  # -sig: spreadsheets put a byte order mark in front
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        what = f"the {noun} is not UTF-8 text (byte 0x{raw[error.start]:02x} in line {line})"
        raise UserError(what, str(path), SAVE_AS) from error


def _records(text: str, path: Path) -> list[list[str]]:
    first = text.lstrip("\r\n").split("\n", 1)[0]
    for separator, name in ((";", "semicolons"), ("\t", "tabs")):
        if separator in first and "," not in first:
            raise UserError(f"the columns are separated by {name}, not commas", str(path), SAVE_AS)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[list[str]] = []
    try:
        rows.extend(reader)
    except csv.Error as error:
        where = f"{path}, in or after row {len(rows) + 1} (line {reader.line_num} of the text)"
        raise UserError(f"malformed CSV: {error}", where, "look for a quote not closed") from error
    if not rows[0]:
        raise UserError("the first row is blank", str(path), "put the column names in row 1")
    return rows
