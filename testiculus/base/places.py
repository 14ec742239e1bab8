"""Where the project keeps things: runs, caches and weights, which git ignores, and results.

Each can be moved with an environment variable, so that a test or a cluster never touches a
person's own.
"""

import os
from pathlib import Path


def project_root() -> Path:
    """Return the project's folder: where this package lies, if notebooks lie beside it.

    Else (installed without its checkout) the working directory.
    """
    checkout = Path(__file__).resolve().parents[2]
    return checkout if (checkout / "notebooks").is_dir() else Path.cwd()


def runs_folder() -> Path:
    """Return the folder of the runs store (`TESTICULUS_RUNS`, else `.runs` in the project)."""
    return Path(os.environ.get("TESTICULUS_RUNS") or project_root() / ".runs")


def cache_folder() -> Path:
    """Return the folder of decoded images (`TESTICULUS_CACHE`, else `.cache` in the project)."""
    return Path(os.environ.get("TESTICULUS_CACHE") or project_root() / ".cache")


def weights_folder() -> Path:
    """Return the folder of pretrained weights (`TESTICULUS_WEIGHTS`, else `weights`)."""
    return Path(os.environ.get("TESTICULUS_WEIGHTS") or project_root() / "weights")


def results_folder() -> Path:
    """Return the folder of results (`TESTICULUS_RESULTS`, else `results` in the project)."""
    return Path(os.environ.get("TESTICULUS_RESULTS") or project_root() / "results")
