"""The lock: every version and hash that `make setup` installs, and what is derived from it.

`parse_lock` reads requirements.lock, `without_torch` leaves out what another index provides,
`conda_environment` writes the same pins for conda users, `write_lock` makes both files anew.
Standard library only: this runs before anything is installed.
"""

import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from testiculus.base.errors import UserError
from testiculus.base.files import atomic_write

LOCK = "requirements.lock"
CONDA = "environment.yml"

# torch and torchvision are built for one another and may come from an index of their own. The
# libraries that only PyPI's build of torch needs are left out with them: another build brings its
# own, or, on a CPU, needs none.
TORCH = ("torch", "torchvision")
TORCH_LIBRARIES = ("nvidia-", "cuda-", "triton")

_PIN = re.compile(
    r"(?P<name>[a-z0-9-]+)(\[[^\]]*\])?==(?P<version>\S+)( ; (?P<marker>.+?))?( \\)?$"
)


@dataclass(frozen=True)
class Pin:
    """One locked package: its name, its version, where it applies, and its lines in the lock."""

    name: str
    version: str
    marker: str  # a PEP 508 marker, "" for everywhere
    text: str  # the requirement with its hashes, as it stands in the lock

    @property
    def requirement(self) -> str:
        """The pin without its hashes, as pip and conda read it."""
        return f"{self.name}=={self.version}" + (f" ; {self.marker}" if self.marker else "")


def parse_lock(text: str) -> list[Pin]:
    r"""Return the pins of a lock, in its order.

    Raises `UserError` for a line that is no hashed pin: an address, an option, a range.

    >>> parse_lock("six==1.17.0 \\\n    --hash=sha256:00\n")[0].requirement
    'six==1.17.0'
    """
    blocks = re.split(r"\n(?=\S)", text.strip("\n"))
    return [_pin(block) for block in blocks if block.strip()]


def _pin(block: str) -> Pin:
    first, *hashes = block.split("\n")
    found = _PIN.match(first)
    if not found or not hashes or any("--hash=sha256:" not in line for line in hashes):
        raise UserError(
            f"not a pinned version with its hashes: {first.strip()!r}",
            where=LOCK,
            remedy="restore the file from git, or make it anew with `make lock`",
        )
    return Pin(found["name"], found["version"], found["marker"] or "", block)


def without_torch(text: str) -> str:
    """Return the lock without torch, torchvision and the libraries only PyPI's torch needs."""
    kept = [pin for pin in parse_lock(text) if not _comes_with_torch(pin.name)]
    return "".join(pin.text + "\n" for pin in kept)


def _comes_with_torch(name: str) -> bool:
    return name in TORCH or name.startswith(TORCH_LIBRARIES)


def torch_requirements(text: str) -> list[str]:
    """Return the locked torch and torchvision as requirements without hashes."""
    return [f"{pin.name}=={pin.version}" for pin in parse_lock(text) if pin.name in TORCH]


def conda_environment(text: str) -> str:
    """Return environment.yml for a lock: Python from conda-forge, every locked version by pip.

    pip understands the markers, so the pins are the lock's own. conda has no place for hashes.
    """
    pins = "".join(f"      - {pin.requirement}\n" for pin in parse_lock(text))
    return (
        "# The versions of requirements.lock for conda users; written by `make lock`.\n"
        "#   conda env create -f environment.yml && conda activate testiculus\n"
        "#   python -m testiculus --help\n"
        "name: testiculus\n"
        "channels:\n"
        "  - conda-forge\n"
        "  - nodefaults\n"
        "dependencies:\n"
        "  - python=3.11\n"
        "  - pip\n"
        "  - pip:\n" + pins + "      - --editable .\n"
    )


def write_lock(root: Path, upgrade: bool = False) -> None:
    """Resolve pyproject.toml into requirements.lock, and write environment.yml from that.

    Versions already locked are kept where they still fit; `upgrade` takes the newest instead. One
    lock serves Python 3.11 and 3.12 on Linux and macOS. Needs uv and an index; raises `UserError`
    where either is missing or the ranges contradict each other. Nothing is written then.
    """
    uv = shutil.which("uv")
    if uv is None:
        raise UserError("making the lock needs uv", remedy="install it: python -m pip install uv")
    with tempfile.TemporaryDirectory() as folder:
        lock = Path(folder) / LOCK
        if (root / LOCK).exists() and not upgrade:
            shutil.copyfile(root / LOCK, lock)
        _compile(uv, root, lock)
        text = lock.read_text()
    conda = conda_environment(text)
    atomic_write(root / LOCK, lambda part: part.write_text(text))
    atomic_write(root / CONDA, lambda part: part.write_text(conda))


def _compile(uv: str, root: Path, lock: Path) -> None:
    # --no-header and --no-annotate leave no path and no address of the machine that resolved it.
    # --fork-strategy fewest: one version of a package for both Pythons wherever one exists.
    options = "--extra dev --universal --python-version 3.11 --fork-strategy fewest"
    options += " --generate-hashes --no-header --no-annotate --quiet"
    command = [uv, "pip", "compile", "pyproject.toml", *options.split(), "--output-file", str(lock)]
    if subprocess.run(command, cwd=root).returncode:
        raise UserError(
            "no set of versions fits pyproject.toml (uv says why above)",
            where=str(root / "pyproject.toml"),
            remedy="mend the ranges, or check the connection to the package index",
        )
