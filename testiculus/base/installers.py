"""uv and pip: which one is here, and the commands that fill `.venv` from the lock.

`find_installer` picks one, `install_steps` returns what to run. Nothing is run here but the
question whether uv works, so that the plan can be tested and shown. Standard library only.
"""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from testiculus.base import lockfile

VENV = ".venv"


def venv_python(root: Path) -> Path:
    """Return where the interpreter of the project's environment is, or will be."""
    return root / VENV / "bin" / "python"


def base_python() -> str:
    """Return the interpreter behind this one: outside `.venv`, so that `.venv` can be replaced."""
    return getattr(sys, "_base_executable", None) or sys.executable


def clean_environ() -> dict[str, str]:
    """Return the environment variables without those that lend Python other folders' packages.

    Clusters set PYTHONPATH; pip would take what lies there for installed.
    """
    return {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")}


def answer(command: list[str]) -> str:
    """Return what a command prints, or "" where it does not run or fails.

    Asking is better than looking: version managers leave commands on PATH that only say "not
    installed".
    """
    try:
        run = subprocess.run(
            command, capture_output=True, text=True, timeout=60, env=clean_environ()
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return run.stdout.strip() if run.returncode == 0 else ""


@dataclass(frozen=True)
class Installer:
    """uv or pip: how to make an environment, and how to install into it."""

    name: str
    command: tuple[str, ...] = ()  # how uv is called; pip is a module of the environment
    quiet: bool = False  # no bars and lists of packages: for logs

    def create(self, folder: Path) -> list[str]:
        """Return the command that makes an empty environment in `folder`."""
        if self.name == "uv":
            return [*self.command, "venv", "--quiet", "--python", base_python(), str(folder)]
        return [base_python(), "-m", "venv", str(folder)]

    def install(self, root: Path, *arguments: str) -> list[str]:
        """Return the command that installs `arguments` into the environment."""
        quiet = ["--quiet"] if self.quiet else []
        python = str(venv_python(root))
        if self.name == "uv":
            return [*self.command, "pip", "install", "--python", python, *quiet, *arguments]
        # Like uv, leave compiling to the first import: most of what Jupyter brings is never read.
        pip = [python, "-m", "pip", "install", "--disable-pip-version-check", "--no-compile"]
        return [*pip, *quiet, *arguments]


def find_installer() -> Installer:
    """Return uv where it runs, on PATH or as a module of this Python; else pip."""
    quiet = not sys.stderr.isatty()
    for command in (("uv",), (sys.executable, "-m", "uv")):
        if answer([*command, "--version"]).startswith("uv"):
            return Installer("uv", command, quiet)
    return Installer("pip", (), quiet)


@dataclass(frozen=True)
class Source:
    """Where packages come from: the installer's own index, or a folder; torch's own index."""

    wheels: Path | None = None
    torch_index: str = ""  # "": torch comes with the rest, hashed
    torch_in_wheels: bool = False  # the folder holds the torch of another index

    @property
    def options(self) -> list[str]:
        """Options of the installer for everything but torch."""
        return ["--no-index", "--find-links", str(self.wheels)] if self.wheels else []

    @property
    def torch_options(self) -> list[str] | None:
        """Options for a torch that is not the lock's own; None where it is the lock's own."""
        if self.wheels:
            return self.options if self.torch_in_wheels else None
        return ["--index-url", self.torch_index] if self.torch_index else None


def install_steps(installer: Installer, root: Path, source: Source) -> list[tuple[str, list[str]]]:
    """Return what to say and what to run, in order, to fill an empty or outdated `.venv`.

    Everything goes in by its hash and past the resolver (`--no-deps`: the lock is complete). Only a
    torch from another index is unhashed: it goes in first, then the lock without it, then what that
    build needs besides (a CUDA build's libraries; for a CPU build there is nothing left to ask).
    """
    lock = root / lockfile.LOCK
    hashed = ["--no-deps", "--require-hashes", *source.options, "--requirement"]
    if source.torch_options is None:
        steps = [("the locked packages", installer.install(root, *hashed, str(lock)))]
    else:
        torch = [*source.torch_options, *lockfile.torch_requirements(lock.read_text())]
        rest = str(rest_of_lock(root))
        steps = [
            ("torch and torchvision", installer.install(root, "--no-deps", *torch)),
            ("the other locked packages", installer.install(root, *hashed, rest)),
            ("what this build of torch needs besides", installer.install(root, *torch)),
        ]
    offline = "--offline" if installer.name == "uv" else "--no-index"
    itself = ["--no-deps", "--no-build-isolation", offline, "--editable", str(root)]
    return [*steps, ("this package", installer.install(root, *itself))]


def rest_of_lock(root: Path) -> Path:
    """Return where the lock without torch is written when torch comes from elsewhere."""
    return root / VENV / "without-torch.lock"
