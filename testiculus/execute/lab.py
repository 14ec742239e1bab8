"""Opening JupyterLab on copies of the notebooks: `lab`.

A notebook that was run holds pictures of its images. The notebooks of the project belong to git, so
a person's own images must never end up in them: the lab shows copies, in a folder that git ignores.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import testiculus
from testiculus.base.errors import UserError
from testiculus.base.places import runs_folder


def lab(root: Path) -> int:
    """Open JupyterLab on copies of the notebooks of the project at `root`; return its exit status.

    Blocks until the person stops it. Raises `UserError` where there are no notebooks.
    """
    if not (root / "notebooks").is_dir():
        raise UserError("no notebooks here", where=str(root), remedy="run this in the project")
    folder = runs_folder() / "lab"
    kept = copy_notebooks(root / "notebooks", folder)
    print(f"the lab works on copies of the notebooks: {folder}")
    if kept:
        print(f"kept, not the same as the project's: {', '.join(kept)}; delete one to copy it anew")
    path = [str(Path(testiculus.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, path))}
    command = lab_command(folder, root)
    return subprocess.run(command, cwd=root, env=environment, check=False).returncode


def copy_notebooks(source: Path, folder: Path) -> list[str]:
    """Copy the notebooks in `source` that `folder` lacks; a copy that is there is never replaced.

    Returns the names of the copies that are not, or no longer, the same as their originals.
    """
    folder.mkdir(parents=True, exist_ok=True)
    kept = []
    for notebook in sorted(source.glob("*.ipynb")):
        copy = folder / notebook.name
        if not copy.exists():
            shutil.copyfile(notebook, copy)
        elif copy.read_bytes() != notebook.read_bytes():
            kept.append(copy.name)
    return kept


def lab_command(folder: Path = Path(), root: Path = Path()) -> list[str]:
    """Return the command: this Python's JupyterLab on `folder`, on localhost.

    Its kernels start in `root`, so that a relative path in a notebook means what it means to make.
    It asks no server for news, so that it starts the same without internet.
    """
    options = {
        "ServerApp.ip": "localhost",
        "ServerApp.root_dir": folder.absolute(),
        "MappingKernelManager.root_dir": root.absolute(),
        "LabApp.default_url": "/lab",
        "LabApp.news_url": "None",
        "LabApp.check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
    }
    return [sys.executable, "-m", "jupyterlab", *(f"--{k}={v}" for k, v in options.items())]
