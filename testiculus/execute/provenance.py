"""Where a result comes from: commit, code, parameters, data, versions, machine, time and memory.

`origin` says what the result is made with, `provenance` adds what the run knew and what it cost,
and `is_stale` compares a record with the code and the sources of today. A provenance names no host
and no folder, so that it can be shared.
"""

import csv
import hashlib
import io
import json
import os
import platform
import sys
import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path
from typing import Any

from testiculus.base.code import code_fingerprint, normalised
from testiculus.base.errors import UserError
from testiculus.base.places import project_root
from testiculus.base.repository import git_state
from testiculus.execute.parameters import notebook_path

# What can change a number. Direct dependencies only: the lock file names the rest.
PACKAGES = (
    "torch torchvision timm diffusers torch-fidelity grad-cam numpy scipy pandas scikit-learn "
    "pillow pandera papermill ipykernel"
).split()
# Figures of the paper that a table shows and whose file does not carry its name.
_SHOWN_TOO = {"table1": ("flag_counts.csv",), "table3": ("table2.csv",)}
# Experiments whose profiles decide too: the noise protocol, where no flags are there to be read.
_PROFILES_TOO = {
    **{table: ("table1",) for table in ("table2", "table4")},
    "table3": ("table1", "fig4"),
    "audits": ("table1", "table2"),
    "controls": ("table1", "table2", "table3", "fig4"),
}
_CPU_INFO = Path("/proc/cpuinfo")


def origin(root: Path, experiment: str) -> dict[str, Any]:
    """Return what an experiment would be made with now: the commit, its code and its sources.

    To be asked before a run, because files can change while it runs. `root` is the project's
    folder. Raises `UserError` for an experiment without a notebook.
    """
    module = f"testiculus.experiments.{experiment}"
    return {
        **git_state(root),
        "code_module": module,
        "code_fingerprint": code_fingerprint(module),
        "sources_fingerprint": sources_fingerprint(root, experiment),
    }


def provenance(
    experiment: str,
    parameters: Mapping[str, object],
    made_with: Mapping[str, Any],
    wall_seconds: float,
    from_kernel: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the record kept beside a result.

    `parameters` are the notebook's as the user set them, without folders; `made_with` is `origin`
    as it was before the run; `from_kernel` is what only the run itself knows (settings, data and
    its fingerprint, cost). It stands at the top of the file, for people; a key that is set here as
    well has the value set here.
    """
    return {
        "experiment": experiment,
        **from_kernel,
        "device": from_kernel.get("settings", {}).get("device"),
        "licence": from_kernel.get("data_settings", {}).get("licence"),
        "parameters": dict(parameters),
        **made_with,
        "versions": versions(),
        "system": f"{platform.system()} {platform.machine()}",
        "cpu": cpu_model(),
        "cpus": usable_cpus(),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "wall_seconds": round(wall_seconds, 1),
        "peak_memory_bytes": peak_memory(),
    }


def sources_fingerprint(root: Path, experiment: str) -> str:
    """Return the sha256 (hex) of what an experiment is made of besides modules.

    That is the code of its notebook below `root`, its sections of `profiles.toml`, and the figures
    and claims of the paper that belong to it; of what the files say, so that neither comments nor
    layout count. Raises `UserError` where it has no notebook.
    """
    parts = {
        "notebook": _notebook_code(notebook_path(root, experiment)),
        "profiles": _profiles(experiment),
        "paper": _paper(experiment),
    }
    # default=str: TOML and YAML know dates, JSON does not.
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _notebook_code(notebook: Path) -> list[str]:
    """Return the syntax tree of each code cell as text; a cell that is no plain Python as it is."""
    try:
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"cannot read the notebook: {error}", where=str(notebook)) from error
    sources = ("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    return [_tree(source) for source in sources if source.strip()]


def _tree(source: str) -> str:
    try:
        return normalised(source)
    except SyntaxError:  # a magic of IPython
        return source.strip()


def _profiles(experiment: str) -> dict[str, Any]:
    text = files("testiculus.experiments").joinpath("profiles.toml").read_text("utf-8")
    read = (experiment, *_PROFILES_TOO.get(experiment, ()))
    return {
        profile: own if read == (experiment,) else {name: table.get(name) for name in read}
        for profile, table in tomllib.loads(text).items()
        if (own := table.get(experiment)) is not None
    }


def _paper(experiment: str) -> dict[str, Any]:
    folder = files("testiculus.paper").joinpath("data")
    found = {}
    for file in folder.iterdir():
        stem = file.name.rpartition(".")[0]
        if experiment in stem.split("_") or file.name in _SHOWN_TOO.get(experiment, ()):
            found[file.name] = _parsed(file.name, file.read_text("utf-8"))
    return found


def _parsed(name: str, text: str) -> Any:
    """Return what a CSV or YAML file says, as plain values; other files as their text."""
    if name.endswith(".csv"):
        rows = csv.reader(io.StringIO(text))
        return [[cell.strip() for cell in row] for row in rows if row]
    if name.endswith((".yaml", ".yml")):
        import yaml

        return yaml.safe_load(text)
    return text


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that can change a number."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def cpu_model() -> str:
    """Return what the CPU calls itself, such as "AMD EPYC 7763 64-Core Processor", or "".

    Seconds mean little without it. It names a product, not a machine.
    """
    try:
        lines = _CPU_INFO.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # not Linux
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "") or platform.processor()


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
    """Return whether what makes this result has changed since it was made.

    That is the code (`testiculus.base.code`) and the sources (`sources_fingerprint`); in neither do
    comments and layout count. A record that lacks a fingerprint, or whose module or
    notebook is gone, is stale.
    """
    try:
        code = code_fingerprint(record["code_module"])
        sources = sources_fingerprint(project_root(), record["experiment"])
        return (record["code_fingerprint"], record["sources_fingerprint"]) != (code, sources)
    except (KeyError, ModuleNotFoundError, UserError):
        return True
