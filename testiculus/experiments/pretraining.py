"""The computation of one pretraining: what the store's key of its run covers.

Kept apart from the planning around it (`encoders`), so that a change there does not recompute a
run. Main functions: `pretrain_job` makes a run of it, `encoder_file` says where its encoder lies.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch

from testiculus.base.devices import device_class
from testiculus.base.store import Checkpoint, Job, Run
from testiculus.models import build_classifier
from testiculus.pretrain import PretrainSettings, encoder_card, pretrain, write_encoder

MODULE = "testiculus.experiments.pretraining"
START = "scratch-A"  # drawn from the seed: the encoder that the row "none" starts from
ENCODER = "encoder.safetensors"


def pretrain_one(
    pixels: torch.Tensor,
    organs: torch.Tensor | np.ndarray,
    organ_names: Sequence[str],
    settings: PretrainSettings,
    device: torch.device,
    checkpoint: Checkpoint,
    on_step: Callable[[int, int, float, float, float], None] | None = None,
    about: Mapping[str, str] | None = None,
) -> dict[str, np.ndarray]:
    """Pretrain a ResNet-18, keep it in the run's folder with its card, return its history.

    Arguments and errors are those of `pretrain`. `organ_names` name the organs' numbers, `about`
    (for example data set and commit) adds to the card; neither changes the weights.
    """
    encoder = build_classifier(START, settings.seed).encoder
    result = pretrain(
        pixels, organs, settings,
        device=device, encoder=encoder, checkpoint=checkpoint, on_step=on_step,
    )  # fmt: skip
    fingerprint = pretraining_fingerprint(pixels, organs)
    card = encoder_card(settings, result, np.asarray(organs), organ_names, fingerprint, about)
    write_encoder(checkpoint.folder / ENCODER, encoder, card)
    return result.history()


def pretraining_fingerprint(pixels: torch.Tensor, organs: torch.Tensor | np.ndarray) -> str:
    """Return the sha256 (hex) of all data a pretraining reads: images and organs, in their order.

    `pixels` uint8 (N, 1, h, w) and `organs` (N,) on the CPU.
    """
    digest = hashlib.sha256(f"{tuple(pixels.shape)}|".encode())
    digest.update(pixels.contiguous().numpy())
    digest.update(np.ascontiguousarray(organs, dtype=np.int64))
    return digest.hexdigest()


def pretrain_job(
    pixels: torch.Tensor,
    organs: torch.Tensor | np.ndarray,
    organ_names: Sequence[str],
    settings: PretrainSettings,
    device: torch.device,
    about: Mapping[str, str] | None = None,
) -> Job:
    """Return the run of a pretraining, for a `Store` to finish; see `pretrain_one`.

    Two rows with the same images, organs and settings are one run.
    """
    compute = partial(pretrain_one, pixels, organs, organ_names, settings, device, about=about)
    fingerprint = pretraining_fingerprint(pixels, organs)
    return Job(settings, fingerprint, MODULE, device_class(device), compute)


def encoder_file(run: Run) -> Path:
    """Return the file of a finished pretraining's encoder."""
    return run.folder / ENCODER
