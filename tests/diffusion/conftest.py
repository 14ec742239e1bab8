import io

import pytest
import torch

from testiculus.base.devices import generator
from testiculus.diffusion import DiffusionSettings
from testiculus.diffusion.model import build_unet

TINY = DiffusionSettings(
    steps=5, batch_size=4, lr=1e-3, chain=6, width=8, multipliers=(1, 2), blocks=1,
    attention=(4,), heads=2, ema_decay=0.9, seed=1, snapshots=2,
)  # fmt: skip


class Memory:
    """A checkpoint kept as bytes, as a file would keep it."""

    def __init__(self):
        self.saved = []

    def load(self):
        if not self.saved:
            return None
        return torch.load(io.BytesIO(self.saved[-1]), weights_only=True)

    def save(self, state):
        stream = io.BytesIO()
        torch.save(state, stream)
        self.saved.append(stream.getvalue())


@pytest.fixture
def tiny():
    """Settings of a network that trains in milliseconds, for images of 8 px."""
    return TINY


@pytest.fixture
def memory():
    return Memory()


@pytest.fixture
def pixels():
    """Ten images of noise, each of its own brightness."""
    grey = torch.linspace(40, 200, 10).view(-1, 1, 1, 1)
    noise = 20 * torch.randn(10, 1, 8, 8, generator=generator("pixels"))
    return (grey + noise).clamp(0, 255).to(torch.uint8)


@pytest.fixture
def lively():
    """A network of 8 px whose branches do not start at zero, as if it were trained."""
    model = build_unet(TINY, 8)
    random = generator("lively")
    with torch.no_grad():
        for weight in model.parameters():
            weight += 0.05 * torch.randn(weight.shape, generator=random)
    return model.eval()
