"""Opening JupyterLab on the notebooks: `lab`."""

import os
import subprocess
import sys
from pathlib import Path

import testiculus
from testiculus.base.errors import UserError


def lab(root: Path) -> int:
    """Open JupyterLab on the notebooks of the project at `root`; return its exit status.

    Blocks until the person stops it. Raises `UserError` where there are no notebooks.
    """
    if not (root / "notebooks").is_dir():
        raise UserError("no notebooks here", where=str(root), remedy="run this in the project")
    path = [str(Path(testiculus.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, path))}
    return subprocess.run(lab_command(), cwd=root, env=environment, check=False).returncode


def lab_command() -> list[str]:
    """Return the command: this Python's JupyterLab, rooted at the project, on localhost.

    It asks no server for news, so that it starts the same without internet.
    """
    options = {
        "ServerApp.ip": "localhost",
        "LabApp.default_url": "/lab/tree/notebooks",
        "LabApp.news_url": "None",
        "LabApp.check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
    }
    return [sys.executable, "-m", "jupyterlab", *(f"--{k}={v}" for k, v in options.items())]
