"""Files that are either whole or not there: atomic writes, and loading that runs no code.

Main functions: `atomic_write` for anything, `write_arrays`/`read_arrays` for NumPy arrays,
`write_tensors`/`load_state_dict` for weights.
"""

import errno
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from testiculus.base.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import torch


@contextmanager
def disk_full_is_a_user_error(path: Path):
    """Turn "no space left on device" into a message that names the file and the remedy."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise UserError(
            "the disk is full; nothing was changed",
            where=str(path),
            remedy="free some space (`make clean` removes caches) and run the same command again",
        ) from error


def atomic_write(path: Path | str, write: Callable[[Path], object]) -> Path:
    """Let `write` fill a temporary file beside `path`, then put it in place in one step.

    A reader, or a run started after a kill, sees the old file or the new one, never a part.
    Raises `UserError` when the disk is full.
    """
    path = Path(path)
    with disk_full_is_a_user_error(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
        os.close(handle)
        part = Path(name)
        try:
            write(part)
            part.chmod(0o666 & ~_umask())
            with part.open("rb") as stream:
                os.fsync(stream.fileno())
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)
    return path


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_text(path: Path | str, text: str) -> Path:
    """Write UTF-8 text atomically."""
    return atomic_write(path, lambda part: part.write_text(text, encoding="utf-8", newline="\n"))


def write_json(path: Path | str, value: Any) -> Path:
    """Write `value` as indented JSON, atomically."""
    return write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def read_json(path: Path | str) -> Any:
    """Read a JSON file; raises `UserError` with the line where it is malformed."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"not valid JSON: {error}", where=str(path)) from error


def write_csv(path: Path | str, frame: "pd.DataFrame") -> Path:
    """Write a frame as CSV without its index, atomically; floats keep 10 significant digits."""
    return atomic_write(
        path,
        lambda part: frame.to_csv(part, index=False, float_format="%.10g", lineterminator="\n"),
    )


def write_arrays(path: Path | str, **arrays: "np.ndarray") -> Path:
    """Write named arrays to one `.npz`, atomically."""
    import numpy as np

    def save(part: Path) -> None:
        with part.open("wb") as stream:
            np.savez(stream, **arrays)

    return atomic_write(path, save)


def read_arrays(path: Path | str) -> dict[str, "np.ndarray"]:
    """Read a file of `write_arrays`; pickled objects are refused, damage raises `ValueError`."""
    import zipfile
    import zlib

    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, OSError) as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise ValueError(f"damaged array file {Path(path).name}: {error}") from error


def write_tensors(
    path: Path | str, tensors: Mapping[str, "torch.Tensor"], metadata: dict[str, str] | None = None
) -> Path:
    """Write tensors as safetensors, atomically; `metadata` is a flat dict of strings."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    contiguous = {name: t.detach().cpu().contiguous() for name, t in tensors.items()}

    def write(part: Path) -> None:
        try:
            save_file(contiguous, part, metadata=metadata)
        except SafetensorError as error:
            # Its own kind of error for what the system says, so the number is only in the text.
            if f"os error {errno.ENOSPC}" in str(error):
                raise OSError(errno.ENOSPC, str(error)) from error
            raise

    return atomic_write(path, write)


def load_state_dict(path: Path | str) -> dict[str, "torch.Tensor"]:
    """Read weights from `.safetensors`, or from a `.pth`/`.pt` with `weights_only=True`.

    A `.pth` may hold the dictionary itself or keep it under `state_dict` or `model`. Raises
    `UserError` when the file is absent, damaged, or would need to run code to be read.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError("weights file not found", where=str(path), remedy="put the file there")
    try:
        loaded = _load_weights(path)
    except Exception as error:
        reason = str(error).strip().splitlines()[0][:200] if str(error).strip() else repr(error)
        raise UserError(
            f"cannot read these weights safely: {reason}",
            where=str(path),
            remedy="use a .safetensors file, or a .pth that holds tensors only",
        ) from error
    for key in ("state_dict", "model"):
        if isinstance(loaded.get(key), dict):
            loaded = loaded[key]
    return loaded


def _load_weights(path: Path) -> dict[str, "torch.Tensor"]:
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(path)
    import torch

    loaded = torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(loaded, dict):
        raise ValueError(f"it holds a {type(loaded).__name__}, not a dictionary of tensors")
    return loaded
