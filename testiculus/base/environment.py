"""Setting up `.venv` from the lock, with uv where it is present, else with pip.

`setup` comes before every other make target: where the environment is current it only compares a
stamp, and needs no network. Standard library only: a bare Python 3.11 or 3.12 runs this on a fresh
machine. `wheelhouse` fills a folder for a machine without internet.
"""

import hashlib
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from testiculus.base import installers, lockfile
from testiculus.base.errors import UserError
from testiculus.base.files import atomic_write, read_json, write_json
from testiculus.base.installers import VENV, Installer, Source
from testiculus.base.wheels import fill_wheelhouse, read_card

SUPPORTED_PYTHONS = ("3.11", "3.12")
ROOT = Path(__file__).resolve().parents[2]
STAMP = ".testiculus-setup"  # in .venv, written last: what was installed, and where
UNFINISHED = ".venv.unfinished"  # beside it: held while a setup runs, left over by a killed one
FIRST_IMPORT = "import torch, torchvision, testiculus"  # where mismatched builds show
GIGABYTES = {True: 6.0, False: 2.5}  # of disk while installing: with PyPI's torch, with another


def check_python(version: Sequence[int]) -> None:
    """Raise `UserError` unless `version` (major, minor, ...) is one that the lock is made for."""
    found = f"{version[0]}.{version[1]}"
    if found not in SUPPORTED_PYTHONS:
        raise UserError(
            f"testiculus needs Python {' or '.join(SUPPORTED_PYTHONS)}; this is Python {found}",
            where=sys.executable,
            remedy="`make setup PYTHON=python3.12`, or `python3.12 -m testiculus setup`",
        )


def setup(
    wheels: Path | str | None = None, torch_index: str | None = None, root: Path = ROOT
) -> bool:
    """Make `.venv` hold what the lock says; return False where it already does.

    wheels       folder made by `wheelhouse`; no index is asked then
    torch_index  address of an index for torch and torchvision alone, such as one of small CPU-only
                 builds; these two are then unhashed. Remembered; "" goes back to the lock's own.

    What a killed setup left is removed and made anew; a complete environment is brought up to date
    in place; one made by hand is added to, never removed. Raises `UserError` for an unsupported
    Python, missing files, or an installer that fails (whose own words stand above the message).
    """
    check_python(sys.version_info)
    if not (root / lockfile.LOCK).is_file():
        raise UserError(f"no {lockfile.LOCK}", str(root), "call this in the project's folder")
    if state_of(root).is_current(root, torch_index):
        return False
    with _only_one(root / UNFINISHED) as marker:
        state = state_of(root)
        if state.is_current(root, torch_index):  # the setup we waited for has done it
            return False
        if torch_index is None:
            torch_index = state.stamp.get("torch_index", "")
        source = _source(wheels, torch_index, root)
        _fill(root, state, source, was_killed=bool(marker.read()), marker=marker)
    return True


def wheelhouse(to: Path | str = "wheels", torch_index: str = "", root: Path = ROOT) -> Path:
    """Download what `setup` needs into the folder `to`, and say what to do with it.

    torch_index  as for `setup`. Raises `UserError` for an unsupported Python or a failed download.
    """
    check_python(sys.version_info)
    say(f"downloading into {to}: up to 3 GB (well under 1 GB with CPU-only builds of torch)")
    folder = fill_wheelhouse(to, root, torch_index)
    size = sum(file.stat().st_size for file in folder.iterdir()) / 1e9
    say(f"{size:.1f} GB in {folder}; copy it and this project, and there: make setup WHEELS={to}")
    return folder


# --- the state of .venv ---


@dataclass(frozen=True)
class State:
    """What is known of `.venv`: its Python ("" where it does not run), its stamp ({}: none)."""

    python: str
    stamp: dict

    def is_current(self, root: Path, torch_index: str | None) -> bool:
        """Return whether it holds what the lock asks for, its torch from where it was asked."""
        return (
            bool(self.python)
            and self.stamp.get("digest") == digest(root, self.python)
            and self.stamp.get("folder") == str(root)
            and torch_index in (None, self.stamp.get("torch_index"))
        )


def state_of(root: Path) -> State:
    """Look at `.venv`: read the stamp, and ask the interpreter for its version."""
    try:
        stamp = read_json(root / VENV / STAMP)
    except (UserError, OSError, ValueError):
        stamp = {}
    version = "import sys; print('%d.%d.%d' % sys.version_info[:3])"
    python = installers.answer([str(installers.venv_python(root)), "-I", "-c", version])
    return State(python, stamp if isinstance(stamp, dict) else {})


def digest(root: Path, python: str) -> str:
    """Return the sha256 of what decides the installation: lock, pyproject, Python's version."""
    files = [(root / name).read_bytes() for name in (lockfile.LOCK, "pyproject.toml")]
    return hashlib.sha256(b"\0".join([*files, python.encode()])).hexdigest()


def has_to_be_made(root: Path, state: State, was_killed: bool, torch_index: str) -> bool:
    """Return whether `.venv` must be made from nothing; False: it can be brought up to date.

    Ours is remade where a setup was killed in it, where its Python no longer runs, where the folder
    has moved (its scripts hold the old path), and for a torch from elsewhere (the one that is there
    has the same version and would stay). Raises `UserError` for one that is not ours and does not
    run: removing that is for its owner.
    """
    folder, stamp = root / VENV, state.stamp
    if was_killed or not folder.exists() or not any(folder.iterdir()):
        return True
    runs = state.python.rpartition(".")[0] in SUPPORTED_PYTHONS
    if stamp:
        here = (str(root), torch_index)
        return not runs or (stamp.get("folder"), stamp.get("torch_index")) != here
    if runs:
        return False
    raise UserError(
        f"{VENV} was made by hand, and its Python does not run or is not the right one",
        where=str(folder),
        remedy="move it away or remove it, then run the same command again",
    )


@contextmanager
def _only_one(path: Path) -> Iterator[TextIO]:
    """Hold the marker of a running setup, waiting for another's end; yields it, at its start."""
    import fcntl

    with path.open("a+") as marker:
        try:
            fcntl.flock(marker, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another setup is running in this folder; waiting for it")
            fcntl.flock(marker, fcntl.LOCK_EX)
        marker.seek(0)
        yield marker
        path.unlink(missing_ok=True)  # not where the setup failed: then the next starts anew


# --- filling it ---


def _source(wheels: Path | str | None, torch_index: str, root: Path) -> Source:
    if wheels is None:
        return Source(torch_index=torch_index)
    card = read_card(Path(wheels), root)
    return Source(Path(wheels).resolve(), torch_index, bool(card.get("own_torch")))


def _fill(root: Path, state: State, source: Source, was_killed: bool, marker: TextIO) -> None:
    fresh = has_to_be_made(root, state, was_killed, source.torch_index)
    marker.write("A setup is running in this folder, or was killed.\n")
    marker.flush()
    installer, started = installers.find_installer(), time.monotonic()
    if was_killed:
        say(f"the setup before did not come to its end: making {VENV} anew")
    _announce(root, installer, source)
    try:
        if fresh:
            _clear(root / VENV)
            _run(f"an empty {VENV}", installer.create(root / VENV), source, root)
        _install(root, installer, source)
    except UserError:
        if not fresh:  # installers fetch everything first: what worked before still does
            (root / UNFINISHED).unlink(missing_ok=True)
        raise
    stamp = {"folder": str(root), "torch_index": source.torch_index}
    write_json(root / VENV / STAMP, {"digest": digest(root, state_of(root).python), **stamp})
    say(f"done in {time.monotonic() - started:.0f} s: {VENV} holds the versions of {lockfile.LOCK}")


def _clear(folder: Path) -> None:
    # The folder itself stays: it may be a link to a larger disk.
    for child in folder.iterdir() if folder.exists() else ():
        if child.is_dir() and not child.is_symlink():
            shutil.rmtree(child)
        else:
            child.unlink()


def _announce(root: Path, installer: Installer, source: Source) -> None:
    need = GIGABYTES[source.torch_options is None]
    free = shutil.disk_usage(root).free / 1e9
    say(
        f"setting up {VENV} with {installer.name}: up to {need:g} GB on disk, some minutes"
        " (the first time; later calls only check)"
    )
    if free < need:
        say(f"warning: only {free:.1f} GB are free here")


def _install(root: Path, installer: Installer, source: Source) -> None:
    if source.torch_options is not None:
        text = lockfile.without_torch((root / lockfile.LOCK).read_text())
        atomic_write(installers.rest_of_lock(root), lambda part: part.write_text(text))
    for what, command in installers.install_steps(installer, root, source):
        _run(what, command, source, root)
    python = str(installers.venv_python(root))
    _run("a first import of torch", [python, "-I", "-c", FIRST_IMPORT], source, root)


def _run(what: str, command: list[str], source: Source, root: Path) -> None:
    say(f"  {what}")
    done = subprocess.run(command, cwd=root, env=installers.clean_environ())
    if done.returncode:
        what = f"setup stopped at: {what} (the reason stands above)"
        raise UserError(what, where=str(root), remedy=_remedy(source))


def _remedy(source: Source) -> str:
    if source.wheels:
        return "make the folder again with `make wheelhouse`, on a machine with the same system"
    asked = "TORCH_INDEX, " if source.torch_index else ""
    return (
        f"check {asked}the connection and the free disk space, then run the same command again;"
        " without internet: `make wheelhouse` elsewhere, then `make setup WHEELS=folder` here"
    )


def say(line: str) -> None:
    """Print a line of progress at once, also into a pipe."""
    print(line, flush=True)
