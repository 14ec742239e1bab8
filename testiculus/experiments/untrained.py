"""The computation of an untrained generator: what the store's key of its run covers.

Main function: `untrained_job`. The network is the one that a training would start from, written as
a trained one is, so that the same sampler draws from it. As in ADM its last layers start at zero:
it predicts no noise at all, whatever it sees.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from testiculus.base.devices import device_class
from testiculus.base.store import Checkpoint, Job
from testiculus.diffusion import DiffusionSettings, write_generator
from testiculus.diffusion.model import build_unet
from testiculus.experiments.generating import GENERATOR

MODULE = "testiculus.experiments.untrained"


@dataclass(frozen=True)
class UntrainedSettings:
    """The net of `network` for images of a side of `pixels`, its weights drawn from its seed."""

    network: DiffusionSettings
    pixels: int


def build_untrained(settings: UntrainedSettings, checkpoint: Checkpoint) -> dict[str, np.ndarray]:
    """Write the network with its first weights into the run's folder; return their number.

    Raises `UserError` for a net that cannot be built.
    """
    model = build_unet(settings.network, settings.pixels)
    card = {
        "title": "The diffusion model's network before any training: a control, no generator",
        "images": "0",
        "steps": "0",
        "seed": str(settings.network.seed),
        "notice": "Research software: a control. It has learnt nothing, and draws noise.",
    }
    write_generator(checkpoint.folder / GENERATOR, model, card)
    number = sum(weights.numel() for weights in model.parameters())
    return {"parameters": np.array([number], dtype=np.int64)}


def untrained_job(network: DiffusionSettings, pixels: int, device: torch.device) -> Job:
    """Return the run of an untrained generator, for a `Store` to finish."""
    settings = UntrainedSettings(network, pixels)
    compute = partial(build_untrained, settings)
    return Job(settings, "no images", MODULE, device_class(device), compute)
