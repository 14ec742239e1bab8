"""Decoded images on disk, so that a data set is decoded once: one file per manifest and size.

Main functions: `read_entry` and `write_entry`. An entry is used only if its key is the one asked
for and its checksum holds; whatever else lies there is computed again. The cache is a convenience:
no failure of it stops a run.
"""

import hashlib
import json
import warnings
from dataclasses import dataclass
from pathlib import Path

import torch

from testiculus.base.errors import InputWarning, UserError
from testiculus.base.files import write_tensors


@dataclass(frozen=True)
class Entry:
    """What decoding a data set gives: uint8 tensors N x 1 x S x S by name, and facts on the files.

    `pixels_sha256` is the digest of tensors["pixels"]; `digests` hold one of each whole decoded
    image before resizing, `notes` say what was odd as (position, column, text).
    """

    tensors: dict[str, torch.Tensor]
    digests: tuple[str, ...]
    notes: tuple[tuple[int, str, str], ...]
    pixels_sha256: str


def sha256(tensor: torch.Tensor) -> str:
    """Return the sha256 (hex) of a tensor's values in memory order, its shape left out."""
    return hashlib.sha256(tensor.detach().cpu().contiguous().numpy().data).hexdigest()


def _seals(tensors: dict[str, torch.Tensor]) -> dict[str, list]:
    return {name: [str(t.dtype), list(t.shape), sha256(t)] for name, t in tensors.items()}


def write_entry(path: Path, key: str, entry: Entry) -> None:
    """Store an entry, atomically; where that fails, warn and go on."""
    from safetensors import SafetensorError

    facts = {"key": key, "digests": entry.digests, "notes": entry.notes}
    facts["seals"] = _seals(entry.tensors)
    text = json.dumps(facts, sort_keys=True).encode()
    seal = hashlib.sha256(text).digest()
    head = torch.frombuffer(bytearray(seal + text), dtype=torch.uint8)
    try:
        write_tensors(path, {**entry.tensors, "facts": head})
    except (OSError, UserError, SafetensorError) as error:
        reason = str(error).splitlines()[0]
        _warn(
            f"the cache of decoded images could not be written ({reason}); the run goes on "
            f"and will decode again next time\n  where:  {path}\n"
            "  remedy: free some space, or name another folder in TESTICULUS_CACHE"
        )


def read_entry(path: Path, key: str) -> Entry | None:
    """Return the entry at `path`, or None where there is none with this key.

    A damaged entry gives None as well, with an `InputWarning` that says so.
    """
    from safetensors.torch import load_file

    if not path.is_file():
        return None
    try:
        tensors = load_file(path)
        raw = tensors.pop("facts").numpy().tobytes()
        if hashlib.sha256(raw[32:]).digest() != raw[:32]:
            raise ValueError("its description is damaged")
        facts = json.loads(raw[32:])
        if facts["key"] != key:
            return None
        seals = _seals(tensors)
        if seals != facts["seals"]:
            raise ValueError("its checksum does not hold")
    except Exception as error:  # a damaged file fails in any way
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        _warn(
            f"a cache entry is corrupt ({reason}); the images are decoded again\n  where:  {path}"
        )
        return None
    notes = tuple((position, column, text) for position, column, text in facts["notes"])
    return Entry(tensors, tuple(facts["digests"]), notes, seals["pixels"][-1])


def _warn(message: str) -> None:
    warnings.warn(message, InputWarning, stacklevel=4)
