"""Where the project keeps things that are not results: runs, caches, weights.

All three are ignored by git. Each can be moved with an environment variable, so that a test or a
cluster never touches a person's own.
"""

import os
from pathlib import Path


def project_root() -> Path:
    """Return the nearest folder at or above the working directory that holds this project.

    Falls back to the working directory, so that the installed package works anywhere.
    """
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "testiculus" / "base" / "places.py").is_file():
            return folder
    return here


def runs_folder() -> Path:
    """Return the folder of the runs store (`TESTICULUS_RUNS`, else `.runs` in the project)."""
    return Path(os.environ.get("TESTICULUS_RUNS") or project_root() / ".runs")


def cache_folder() -> Path:
    """Return the folder of decoded images (`TESTICULUS_CACHE`, else `.cache` in the project)."""
    return Path(os.environ.get("TESTICULUS_CACHE") or project_root() / ".cache")


def weights_folder() -> Path:
    """Return the folder of pretrained weights (`TESTICULUS_WEIGHTS`, else `weights`)."""
    return Path(os.environ.get("TESTICULUS_WEIGHTS") or project_root() / "weights")
