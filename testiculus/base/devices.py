"""Devices, precision and random streams.

Every random draw of the project comes from a generator made here from a readable list of parts
(`generator("fold", seed, 2)`); nothing uses global random state.
"""

import hashlib
import sys
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from testiculus.base.errors import UserError, one_of

if TYPE_CHECKING:
    import torch

PRECISIONS = ("auto", "fp32", "bf16")


def resolve_device(name: str = "auto") -> "torch.device":
    """Return the device that `name` means: "auto", "cpu", "cuda" or "cuda:<number>".

    "auto" is the GPU where there is one. Raises `UserError` for an unknown name, and for a GPU
    that is not there.
    """
    import torch

    kind, _, number = str(name).partition(":")
    one_of(kind, ("auto", "cpu", "cuda"), "device")
    if kind == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if kind == "cpu":
        return torch.device("cpu")
    found = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if (number and not number.isdigit()) or int(number or 0) >= found:
        raise UserError(
            f"device {name!r} is not there: this machine has {found} usable GPUs",
            remedy="use DEVICE=cpu or DEVICE=auto, or install a driver for this torch build",
        )
    return torch.device(name)


def device_class(device: "torch.device") -> str:
    """Return what decides the bits of a result on this device: "cpu", or "cuda:<GPU's name>"."""
    import torch

    return f"cuda:{torch.cuda.get_device_name(device)}" if device.type == "cuda" else "cpu"


def resolve_precision(device: "torch.device", name: str = "auto") -> str:
    """Return "fp32" or "bf16"; "auto" takes bf16 where the device multiplies it in hardware."""
    import torch

    one_of(name, PRECISIONS, "precision")
    if name != "auto":
        return name
    if device.type == "cuda":
        return "bf16" if torch.cuda.get_device_capability(device)[0] >= 8 else "fp32"
    fast = torch.cpu.is_available() and any(
        getattr(torch.cpu, check, lambda: False)()
        for check in ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    )
    return "bf16" if fast else "fp32"


def autocast(device: "torch.device", precision: str) -> AbstractContextManager:
    """Return the autocast context of a resolved precision."""
    import torch

    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bf16")


def derive_seed(*parts: object) -> int:
    """Return a seed in [0, 2**63) that depends on all `parts` and on nothing else.

    >>> derive_seed("fold", 0) == derive_seed("fold", 0), derive_seed("fold", 0) == derive_seed(0)
    (True, False)
    """
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:8], "big") >> 1


def generator(*parts: object, device: "torch.device | str" = "cpu") -> "torch.Generator":
    """Return a torch generator on `device`, seeded by `derive_seed(*parts)`."""
    import torch

    return torch.Generator(device=device).manual_seed(derive_seed(*parts))


def peak_memory() -> int:
    """Return the largest resident size of this process so far, in bytes (0 where unknown)."""
    try:
        import resource
    except ImportError:  # Windows
        return 0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
