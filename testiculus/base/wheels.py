"""A folder with every file that setup needs, for a machine without internet.

`fill_wheelhouse` fills it on a connected machine of the same system and Python version; a card in
it says which. `make setup WHEELS=folder` installs from it. Standard library only.
"""

import hashlib
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

from testiculus.base import installers, lockfile
from testiculus.base.errors import UserError
from testiculus.base.files import read_json, write_json

CARD = "wheelhouse.json"


def fill_wheelhouse(to: Path | str, root: Path, torch_index: str = "") -> Path:
    """Download the lock's files into the folder `to`, torch from `torch_index` if one is given.

    Files already there are not fetched again; the card is written last. Raises `UserError` where
    pip is missing or a download fails.
    """
    folder = Path(to).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        pip = _pip(Path(scratch))
        for what, arguments in download_steps(root, folder, Path(scratch), torch_index):
            print(f"  {what}", flush=True)
            if subprocess.run([*pip, *arguments], env=installers.clean_environ()).returncode:
                remedy = "check the connection and the free disk space, then run it again"
                raise UserError("a download failed (pip says why above)", str(folder), remedy)
    write_json(folder / CARD, {**card(root), "own_torch": bool(torch_index)})
    return folder


def download_steps(
    root: Path, folder: Path, scratch: Path, torch_index: str
) -> list[tuple[str, list[str]]]:
    """Return what to say and the arguments for pip, in order; writes a filtered lock if needed."""
    text = (root / lockfile.LOCK).read_text()
    steps, lock = [], root / lockfile.LOCK
    fetch = ["download", "--disable-pip-version-check", "--dest", str(folder)]
    fetch += ["--only-binary", ":all:"]
    if torch_index:
        lock = scratch / lockfile.LOCK
        lock.write_text(lockfile.without_torch(text))
        torch = ["--index-url", torch_index, *lockfile.torch_requirements(text)]
        steps.append(("torch and torchvision, and what they need", [*fetch, *torch]))
    hashed = ["--no-deps", "--require-hashes", "--requirement", str(lock)]
    return [*steps, ("the locked packages", [*fetch, *hashed])]


def _pip(scratch: Path) -> list[str]:
    """Return a pip that runs: this Python's, or one in an environment made for the moment."""
    pip = [installers.base_python(), "-m", "pip"]
    if installers.answer([*pip, "--version"]):
        return pip
    subprocess.run([installers.base_python(), "-m", "venv", str(scratch / "pip")])
    pip = [str(scratch / "pip" / "bin" / "python"), "-m", "pip"]
    if installers.answer([*pip, "--version"]):
        return pip
    raise UserError(
        "this Python has no pip, which fetches the files",
        where=sys.executable,
        remedy="install pip and venv (Debian, Ubuntu: apt install python3-pip python3-venv)",
    )


def card(root: Path) -> dict[str, str]:
    """Return what has to agree between the machine that fetches and the one that installs."""
    return {
        "python": f"{sys.version_info[0]}.{sys.version_info[1]}",
        "system": f"{sys.platform} {platform.machine()}",
        "lock": hashlib.sha256((root / lockfile.LOCK).read_bytes()).hexdigest(),
    }


def read_card(folder: Path, root: Path) -> dict:
    """Return the card of a folder of wheels ({} where it has none: hashes then decide alone).

    Raises `UserError` for a folder without wheels, or one made for another system, Python or lock.
    """
    if not any(folder.glob("*.whl")):
        raise UserError("no wheels in this folder", str(folder), "make it with `make wheelhouse`")
    if not (folder / CARD).is_file():
        return {}
    found = read_json(folder / CARD)
    for what, here in card(root).items():
        if found.get(what) != here:
            raise UserError(
                f"these wheels were fetched for another {what}: {found.get(what)}, here {here}",
                where=str(folder / CARD),
                remedy="run `make wheelhouse` from this same checkout, on the same system, with"
                " the same Python version",
            )
    return found
