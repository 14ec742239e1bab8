"""The computation of one generator: what the store's key of its run covers.

Kept apart from the planning around it (`generation`), so that a change there does not recompute a
run. Main functions: `generator_job` makes a run of it, `generator_file` says where it lies.
"""

import hashlib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import torch

from testiculus.base.devices import device_class
from testiculus.base.store import Checkpoint, Job, Run
from testiculus.diffusion import (
    DiffusionSettings,
    generator_card,
    train_generator,
    write_generator,
)

MODULE = "testiculus.experiments.generating"
GENERATOR = "generator.safetensors"

OnStep = Callable[[int, int, float, float], None]


def generate_one(
    pixels: torch.Tensor,
    settings: DiffusionSettings,
    device: torch.device,
    checkpoint: Checkpoint,
    on_step: OnStep | None = None,
    about: Mapping[str, str] | None = None,
) -> dict[str, np.ndarray]:
    """Train a generator, keep its averaged weights with their card, return its history.

    Arguments and errors are those of `train_generator`. `about` (for example data set and commit)
    adds to the card and changes no weight. The history has both losses of every step and the
    snapshots of samples over training, uint8 (S, 16, 1, h, w).
    """
    result, model = train_generator(
        pixels, settings, device=device, checkpoint=checkpoint, on_step=on_step
    )
    fingerprint = generating_fingerprint(pixels)
    card = generator_card(settings, result, len(pixels), fingerprint, about)
    write_generator(checkpoint.folder / GENERATOR, model, card)
    return result.history()


def generating_fingerprint(pixels: torch.Tensor) -> str:
    """Return the sha256 (hex) of all data a generator is trained on: images in their order.

    `pixels` uint8 (N, 1, h, w) on the CPU.
    """
    digest = hashlib.sha256(f"{tuple(pixels.shape)}|".encode())
    digest.update(pixels.contiguous().numpy())
    return digest.hexdigest()


def generator_job(
    pixels: torch.Tensor,
    settings: DiffusionSettings,
    device: torch.device,
    about: Mapping[str, str] | None = None,
) -> Job:
    """Return the run of a generator, for a `Store` to finish; see `generate_one`."""
    compute = partial(generate_one, pixels, settings, device, about=about)
    fingerprint = generating_fingerprint(pixels)
    return Job(settings, fingerprint, MODULE, device_class(device), compute)


def generator_file(run: Run) -> Path:
    """Return the file of a finished run's generator."""
    return run.folder / GENERATOR
