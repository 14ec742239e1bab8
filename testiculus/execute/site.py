"""The built book as one file for readers: `pack`.

The book is built anew first, without a person's own results, so that what is packed can be given
away. A reader unpacks it anywhere and opens `index.html`: no server, no internet.
"""

import zipfile
from pathlib import Path

import testiculus
from testiculus.base.errors import UserError
from testiculus.base.files import atomic_write
from testiculus.execute.book import HTML, build

FOLDER = "testiculus-book"
NOTE = "READ ME FIRST.txt"
LEFT_OUT = (".buildinfo", ".doctrees", "objects.inv")  # what only a builder reads
STAMP = (1980, 1, 1, 0, 0, 0)  # of every file: the same book gives the same archive
_TEXT = f"""Open index.html in a browser. Nothing needs to be installed, and no page asks the
internet for anything.

The book of testiculus {testiculus.__version__}. Research software: not a medical device, and the
phantom is no patient. Text: CC BY 4.0. Code: MIT.
"""


def pack(root: Path, target: Path | None = None) -> Path:
    """Build the book without anybody's own results, and pack it; return the archive.

    `target` is a .zip file, `_build/testiculus-book-<version>.zip` by default. The same book gives
    the same bytes. Raises `UserError` outside the project's folder, for another ending, and for a
    target inside the book itself or that is a folder, and `BookFailed` where the book has a
    problem.
    """
    target = target or root / HTML.parent / f"{FOLDER}-{testiculus.__version__}.zip"
    folder = root / HTML
    _check(target, folder)
    build(root, own=False)
    return atomic_write(target, lambda file: _write(file, folder))


def _check(target: Path, folder: Path) -> None:
    if target.suffix != ".zip":
        raise UserError(
            f"the packed book is a .zip, not {target.name!r}",
            remedy="give a name that ends in .zip",
        )
    if target.resolve().is_relative_to(folder.resolve()):
        raise UserError("the packed book would lie inside the book", where=str(target))
    if target.is_dir():
        raise UserError("there is a folder of that name", where=str(target))


def _write(file: Path, folder: Path) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        _add(archive, NOTE, _TEXT.encode())
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder)
            if path.is_file() and not set(name.parts) & set(LEFT_OUT):
                _add(archive, name.as_posix(), path.read_bytes())


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    about = zipfile.ZipInfo(f"{FOLDER}/{name}", STAMP)
    about.external_attr = 0o644 << 16
    about.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(about, content)
