"""Random draws of one patient: `Draws`, a CPU generator that deals values in the shape of views.

A patient is always drawn and rendered as one chunk of four views (left and right side, each
transverse and sagittal), from generators derived from seed, organ and patient number. So no draw
and no summation order depends on who else was asked for. Drawing on the CPU, whatever the device,
keeps a GPU's pictures those of the CPU.
"""

import torch

from testiculus.base.devices import generator

VIEWS = 4
SIDES = ("left", "left", "right", "right")
PLANES = ("transverse", "sagittal", "transverse", "sagittal")


class Draws:
    """A patient's random stream for one purpose ("anatomy", "speckle", ...).

    Values come as float32 tensors V x 1 x 1 (V = 4 views) on `device`, ready to broadcast against
    maps V x H x W; those drawn per side are the same in both views of a testis.
    """

    def __init__(self, *parts: object, device: torch.device | str = "cpu"):
        self.generator = generator("phantom", *parts)
        self.device = device

    def uniform(self, low: float, high: float, per: str = "view") -> torch.Tensor:
        """Return uniform values in [low, high), one `per` "view", "side" or "patient"."""
        return low + (high - low) * self._shape(self._rand(per), per)

    def normal(self, mean: float, sigma: float, per: str = "view") -> torch.Tensor:
        """Return normal values, one `per` "view", "side" or "patient"."""
        count = _COUNTS[per]
        return mean + sigma * self._shape(torch.randn(count, generator=self.generator), per)

    def chance(self, probability: float, per: str = "view") -> torch.Tensor:
        """Return 1.0 with `probability`, else 0.0."""
        return self._shape((self._rand(per) < probability).float(), per)

    def sign(self, per: str = "view") -> torch.Tensor:
        """Return -1.0 or 1.0."""
        return 2 * self.chance(0.5, per) - 1

    def noise(self, *shape: int) -> torch.Tensor:
        """Return standard normal numbers of `shape`."""
        return torch.randn(shape, generator=self.generator).to(self.device)

    def _rand(self, per: str) -> torch.Tensor:
        return torch.rand(_COUNTS[per], generator=self.generator)

    def _shape(self, values: torch.Tensor, per: str) -> torch.Tensor:
        repeats = VIEWS // _COUNTS[per]
        return values.repeat_interleave(repeats).view(VIEWS, 1, 1).to(self.device)


_COUNTS = {"view": VIEWS, "side": VIEWS // 2, "patient": 1}


def in_plane(plane: str, device: torch.device | str = "cpu") -> torch.Tensor:
    """Return V x 1 x 1 of 1.0 where the view is in `plane`, else 0.0."""
    flags = [float(p == plane) for p in PLANES]
    return torch.tensor(flags, device=device).view(VIEWS, 1, 1)


def on_side(side: str, device: torch.device | str = "cpu") -> torch.Tensor:
    """Return V x 1 x 1 of 1.0 where the view is of `side`, else 0.0."""
    flags = [float(s == side) for s in SIDES]
    return torch.tensor(flags, device=device).view(VIEWS, 1, 1)
