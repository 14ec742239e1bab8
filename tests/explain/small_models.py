"""Models and images that the tests of this room share."""

import torch
from torch import nn

from testiculus.base.devices import generator
from testiculus.models import Classifier, build_classifier


def noise(n: int, size: int | tuple[int, int] = 64, name: str = "images") -> torch.Tensor:
    """Images as the encoder expects them, between -2 and 2, float32 (n, 1, h, w)."""
    height, width = (size, size) if isinstance(size, int) else size
    return torch.rand(n, 1, height, width, generator=generator("test", name)) * 4 - 2


def classifier() -> Classifier:
    """The project's own, with running statistics that differ from what it was made with."""
    model = build_classifier("scratch-A", 0).train()
    with torch.no_grad():
        model(noise(8, name="statistics"))
    return model.eval()


def without_maps() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(8 * 8, 8), nn.ReLU(), nn.Linear(8, 2))
