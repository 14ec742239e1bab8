"""Where a result comes from: commit, parameters, data, versions, device, time and memory.

`provenance` gathers it, `is_stale` compares it with the code of today. A provenance names no host
and no folder, so that it can be shared.
"""

import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from testiculus.base.code import code_fingerprint

# What can change a number. Direct dependencies only: the lock file names the rest.
PACKAGES = (
    "torch torchvision timm numpy scipy pandas scikit-learn pillow pandera papermill ipykernel"
).split()
# What decides a result; a change elsewhere (prose, committed results) does not make it "dirty".
_SOURCES = ("testiculus", "notebooks", "pyproject.toml", "requirements.lock")


def provenance(
    root: Path,
    experiment: str,
    parameters: Mapping[str, object],
    wall_seconds: float,
    from_kernel: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the record kept beside a result.

    `parameters` are the notebook's as the user set them, without folders; `from_kernel` is what
    only the run itself knows (data fingerprint and licence, device, cost) and comes first.
    """
    module = f"testiculus.experiments.{experiment}"
    return {
        "experiment": experiment,
        **from_kernel,
        "device": from_kernel.get("settings", {}).get("device"),
        "licence": from_kernel.get("data_settings", {}).get("licence"),
        "parameters": dict(parameters),
        **git_state(root),
        "code_module": module,
        "code_fingerprint": code_fingerprint(module),
        "versions": versions(),
        "system": f"{platform.system()} {platform.machine()}",
        "cpus": usable_cpus(),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "wall_seconds": round(wall_seconds, 1),
        "peak_memory_bytes": peak_memory(),
    }


def git_state(root: Path) -> dict[str, object]:
    """Return the commit and whether the sources differ from it; None where git cannot say."""
    commit = _git(root, "rev-parse", "HEAD")
    changed = _git(root, "status", "--porcelain", "--", *_SOURCES)
    dirty = None if commit is None or changed is None else bool(changed)
    return {"commit": commit, "dirty": dirty}


def _git(root: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", *words], cwd=root, capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that can change a number."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def usable_cpus() -> int:
    """Return the number of CPUs this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        return os.cpu_count() or 1


def peak_memory() -> int | None:
    """Return the largest resident size of any finished child process, in bytes, or None.

    The kernel is a child of the runner, so this is the memory that the run needed at most.
    """
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def is_stale(record: Mapping[str, Any]) -> bool:
    """Return whether the code that makes this result has changed since it was made.

    Comments and docstrings do not count (`testiculus.base.code`). A record without a fingerprint,
    or of a module that is gone, is stale.
    """
    try:
        return record["code_fingerprint"] != code_fingerprint(record["code_module"])
    except (KeyError, ModuleNotFoundError):
        return True
