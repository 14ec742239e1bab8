"""The store of runs: a finished run is never computed twice, a killed one resumes.

A run is one training of one model. Its key covers its settings, the content of its data, the code
that computes it, the kind of device and torch's version. Main function: `Store.finish`, which any
executor like those of `concurrent.futures` may call.
"""

import hashlib
import json
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from testiculus.base.code import code_fingerprint
from testiculus.base.errors import InputWarning
from testiculus.base.files import atomic_write, read_arrays, write_arrays, write_json

Arrays = dict[str, np.ndarray]


class Checkpoint:
    """Where a training loop leaves its state, and finds it after a kill.

    The loop does not know where that is. A checkpoint holds tensors, numbers, strings and
    containers of them, and is read with `weights_only=True`.
    """

    def __init__(self, path: Path):
        self.path = path

    @property
    def folder(self) -> Path:
        """The run's folder: a file put there while it computes is kept and watched with it."""
        return self.path.parent

    def load(self) -> dict | None:
        """Return the last saved state, or None where there is none that can be read."""
        import torch

        if not self.path.is_file():
            return None
        try:
            return torch.load(self.path, map_location="cpu", weights_only=True)
        except Exception as error:
            warnings.warn(f"damaged checkpoint left aside: {error}", InputWarning, stacklevel=2)
            return None

    def save(self, state: dict) -> None:
        """Replace the saved state by `state`, in one step."""
        import torch

        atomic_write(self.path, lambda part: torch.save(state, part))

    def clear(self) -> None:
        """Forget the saved state."""
        self.path.unlink(missing_ok=True)


@dataclass(frozen=True)
class Job:
    """A run that is wanted.

    `settings` is a frozen dataclass of plain values; `module` names the module whose code (and
    imports) computes the run; `compute` takes a `Checkpoint` and returns arrays. It is only called
    when the store does not hold the run. Nothing here assumes shared memory: a job whose `compute`
    can be pickled may run anywhere.
    """

    settings: Any
    data_fingerprint: str
    module: str
    device_class: str
    compute: Callable[[Checkpoint], Arrays] = field(compare=False, repr=False)

    @property
    def key(self) -> str:
        """The run's name in the store: 24 hex digits of a sha256 over what decides it."""
        return hashlib.sha256(json.dumps(self.identity(), sort_keys=True).encode()).hexdigest()[:24]

    def identity(self) -> dict:
        """Return what decides the run's result, as plain values."""
        from importlib.metadata import version

        return {
            "kind": type(self.settings).__name__,
            "settings": asdict(self.settings),
            "data": self.data_fingerprint,
            "module": self.module,
            "code": code_fingerprint(self.module),
            "device": self.device_class,
            "torch": version("torch"),
        }


@dataclass(frozen=True)
class Run:
    """A finished run: its arrays, the seconds its last attempt took, and whether it was reused.

    `folder` holds the files, if any, that the computation kept beside its arrays.
    """

    key: str
    arrays: Arrays
    seconds: float
    reused: bool
    folder: Path


class Store:
    """A folder of finished runs, one subfolder each: `run.json`, `arrays.npz`, `checkpoint.pt`.

    What else a computation wrote into its folder (weights, say) belongs to the run: `run.json`
    lists it under `files` with its checksum.
    """

    def __init__(self, root: Path | str):
        self.root = Path(root)

    def finish(self, job: Job) -> Run:
        """Return the job's run, computing it where it is not there yet.

        Raises whatever the computation raises; a full disk is a `UserError`.
        """
        return self.find(job) or self._compute(job)

    def has(self, job: Job) -> bool:
        """Return whether the job's run is finished (its files are not read)."""
        return (self.root / job.key / "run.json").is_file()

    def find(self, job: Job) -> Run | None:
        """Return the job's run if the store holds it whole; a damaged one is dropped, aloud."""
        folder = self.root / job.key
        try:
            note = json.loads((folder / "run.json").read_text(encoding="utf-8"))
            for name, checksum in {"arrays.npz": note["sha256"], **note.get("files", {})}.items():
                _require_whole(folder / name, checksum)
            arrays = read_arrays(folder / "arrays.npz")
            return Run(job.key, arrays, note["seconds"], reused=True, folder=folder)
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            warnings.warn(
                f"stored run {job.key} is damaged ({error}); computing it again",
                InputWarning,
                stacklevel=2,
            )
            return None

    def _compute(self, job: Job) -> Run:
        folder = self.root / job.key
        checkpoint = Checkpoint(folder / "checkpoint.pt")
        start = time.perf_counter()
        arrays = job.compute(checkpoint)
        seconds = time.perf_counter() - start
        write_arrays(folder / "arrays.npz", **arrays)
        note = {"seconds": seconds, "sha256": _sha256(folder / "arrays.npz"), **job.identity()}
        note["files"] = {path.name: _sha256(path) for path in _kept(folder)}
        write_json(folder / "run.json", note)  # last: only now is the run finished
        checkpoint.clear()
        return Run(job.key, arrays, seconds, reused=False, folder=folder)


def _kept(folder: Path) -> list[Path]:
    """Return the files that a computation left; hidden ones are parts of killed writes."""
    own = ("run.json", "arrays.npz", "checkpoint.pt")
    files = sorted(path for path in folder.iterdir() if path.is_file())
    return [path for path in files if path.name not in own and not path.name.startswith(".")]


def _require_whole(path: Path, checksum: str) -> None:
    if not path.is_file():
        raise ValueError(f"{path.name} is missing")
    if _sha256(path) != checksum:
        raise ValueError(f"checksum of {path.name} differs")


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
