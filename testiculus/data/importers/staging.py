"""A folder that appears as a whole or not at all.

Main function: `staged_folder`. Everything is written into a hidden folder beside the destination,
which is renamed into place at the end: a kill, a full disk or bad input leaves the destination as
it was.
"""

import glob
import os
import shutil
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from testiculus.base.errors import InputWarning, UserError
from testiculus.base.files import disk_full_is_a_user_error

MARK = "manifest.csv"  # a folder that holds one is an import, and may be replaced by force
ABANDONED_AFTER = 3600.0  # seconds without a new file: whoever filled that folder is gone


@contextmanager
def staged_folder(to: Path, force: bool = False) -> Iterator[Path]:
    """Give a temporary folder to fill; put it in place of `to` when the block ends well.

    An existing `to` is refused unless it is empty, or holds an earlier import and `force` is set.
    Raises `UserError` for that, for a place that cannot be written, and for a full disk.
    """
    to = Path(os.path.abspath(to))
    replaced = to.with_name(f".{to.name}.replaced")
    _finish_interrupted(to, replaced)
    _refuse_occupied(to, force)
    with _writable(to), disk_full_is_a_user_error(to):
        to.parent.mkdir(parents=True, exist_ok=True)
        _clear_abandoned(to)
        part = Path(tempfile.mkdtemp(dir=to.parent, prefix=f".{to.name}.", suffix=".part"))
        try:
            yield part
            _put_in_place(part, to, replaced)
        finally:
            shutil.rmtree(part, ignore_errors=True)


def check_destination(to: Path, force: bool) -> None:
    """Raise `UserError` if something is at `to` that may not be replaced.

    Warns if `to` lies in a git checkout that does not ignore it.
    """
    _refuse_occupied(to, force)
    if _may_be_committed(to):
        warnings.warn(
            f"the output {to} lies in a git checkout that does not ignore it, where one `git add` "
            "publishes the images; give another --to DIR, or name it in .gitignore",
            InputWarning,
            stacklevel=3,
        )


def _may_be_committed(to: Path) -> bool:
    to = to.resolve()
    parent = next(folder for folder in (to, *to.parents) if folder.is_dir())
    # the slash: to git a path that is not there yet is a folder only if it says so
    command = ["git", "-C", str(parent), "check-ignore", "-q", "--", f"{to}/"]
    # in a hook these name the checkout of the hook, which need not be that of the output
    elsewhere = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE")
    environment = {k: v for k, v in os.environ.items() if k not in elsewhere}
    try:
        done = subprocess.run(command, env=environment, capture_output=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):  # no git, or none that answers
        return False
    return done.returncode == 1  # 0: ignored; 128: not in a checkout


def _refuse_occupied(to: Path, force: bool) -> None:
    if not to.exists() or (to.is_dir() and not any(to.iterdir())):
        return
    if not to.is_dir():
        raise UserError("the output is a file, not a folder", str(to), "give another --to DIR")
    if not (to / MARK).is_file():
        what = "the output folder holds something that is no import; it is left as it is"
        raise UserError(what, str(to), "give another --to DIR")
    if not force:
        what = "the output folder holds an earlier import; it is left as it is"
        raise UserError(what, str(to), "give another --to DIR, or --force to replace it")


def _put_in_place(part: Path, to: Path, replaced: Path) -> None:
    mask = os.umask(0)
    os.umask(mask)
    part.chmod(0o777 & ~mask)  # mkdtemp makes folders that only their owner may enter
    if to.exists():
        os.rename(to, replaced)
    os.rename(part, to)
    shutil.rmtree(replaced, ignore_errors=True)


def _finish_interrupted(to: Path, replaced: Path) -> None:
    """Undo a replacement that was killed between its two renames, or tidy up after one."""
    if replaced.exists() and not to.exists():
        os.rename(replaced, to)
    elif replaced.exists():
        shutil.rmtree(replaced, ignore_errors=True)


def _clear_abandoned(to: Path) -> None:
    for part in to.parent.glob(f".{glob.escape(to.name)}.*.part"):
        newest = max(p.stat().st_mtime for p in (part, *part.glob("*")))
        if time.time() - newest > ABANDONED_AFTER:
            shutil.rmtree(part, ignore_errors=True)


@contextmanager
def _writable(to: Path) -> Iterator[None]:
    try:
        yield
    except (PermissionError, NotADirectoryError, FileExistsError) as error:
        what = f"cannot write the output: {error.strerror}"
        raise UserError(what, str(error.filename or to), "give another --to DIR") from error
