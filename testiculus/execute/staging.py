"""Results folders that are either the old run's or the new one's, never a mixture.

A run writes into `<results>/.staging/<experiment>-<process>/<data>/<profile>/<experiment>`, an
audit into `.../<data>/audit`; only when everything is there does that folder take the old one's
place. What a killed run left behind is cleared, or its last step finished, when the next run
starts.
"""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from testiculus.base.errors import UserError
from testiculus.base.files import disk_full_is_a_user_error

STAGING = ".staging"
_OLD = ".old"
_STALE_SECONDS = 3600.0  # another machine may share the folder: younger leftovers are left alone


@contextmanager
def staging(results: Path, experiment: str) -> Iterator[Path]:
    """Yield an empty folder inside `results` to write into; it is gone afterwards.

    Raises `UserError` when `results` cannot be written to. What killed runs left is tidied first.
    """
    folder = results / STAGING / f"{experiment}-{os.getpid()}"
    with disk_full_is_a_user_error(results):
        try:
            recover(results)
            folder.mkdir(parents=True)
        except (PermissionError, NotADirectoryError, FileExistsError) as error:
            raise UserError(
                f"cannot write results: {error.strerror}",
                where=str(results),
                remedy="choose another folder with RESULTS=",
            ) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        _remove_if_empty(folder.parent)
        _remove_if_empty(results)


def staged_folder(stage: Path, experiment: str) -> Path:
    """Return the one `<data>/<profile>/<experiment>` folder that a run wrote into `stage`."""
    found = sorted(stage.glob(f"*/*/{experiment}"))
    if len(found) != 1:
        raise RuntimeError(f"the notebook wrote {len(found)} results folders, not one")
    return found[0]


def swap_in(stage: Path, results: Path, folder: Path) -> Path:
    """Put the finished `folder` (inside `stage`) in its place under `results`; return that place.

    Two renames on one file system: a reader sees the old folder, for an instant none, then the
    new one. A kill between the two is made good by `recover`.
    """
    target = results / folder.relative_to(stage)
    old = folder.with_name(folder.name + _OLD)
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        os.rename(target, old)
    os.rename(folder, target)
    shutil.rmtree(old, ignore_errors=True)
    return target


def recover(results: Path) -> None:
    """Finish or clear what killed runs left in the staging folder of `results`."""
    for stage in sorted((results / STAGING).glob("*-*")):
        if _may_be_running(stage):
            continue
        for old in _set_aside(stage):
            target = results / old.relative_to(stage).with_suffix("")
            new = old.with_suffix("")
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                os.rename(new if new.exists() else old, target)
        shutil.rmtree(stage, ignore_errors=True)


def _set_aside(stage: Path) -> list[Path]:
    """Return the old folders between whose two renames a run was killed.

    Two levels deep (`<data>/audit`) or three (`<data>/<profile>/<experiment>`); a file of that name
    inside a folder is none.
    """
    found = (stage.glob(f"{above}*{_OLD}") for above in ("*/", "*/*/"))
    return [old for level in found for old in sorted(level) if old.is_dir()]


def _may_be_running(stage: Path) -> bool:
    number = stage.name.rpartition("-")[2]
    if not number.isdigit() or int(number) == os.getpid():
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return not _set_aside(stage) and time.time() - stage.stat().st_mtime < _STALE_SECONDS
    except OSError:
        pass
    return True


def _remove_if_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        pass
