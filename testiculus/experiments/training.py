"""The computation of one fine-tuning run: what the store's key of a run covers.

Kept apart from the planning around it, so that a change there does not recompute a run.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from testiculus.finetune import Checkpoint, FinetuneSettings, finetune
from testiculus.models import build_classifier, weights_fingerprint


def train_one(
    pixels: torch.Tensor,
    labels: np.ndarray,
    train_index: np.ndarray,
    test_index: np.ndarray,
    settings: FinetuneSettings,
    device: torch.device,
    checkpoint: Checkpoint | None,
    on_epoch: Callable[[int, int, float], None] | None = None,
    encoder: Path | None = None,
) -> dict[str, np.ndarray]:
    """Fine-tune one classifier and return `probabilities`, `sample` and `loss` as arrays.

    Arguments and errors are those of `finetune`; the model is built from the settings, and from the
    file `encoder` where these start from a pretrained one.
    """
    result = finetune(
        pixels,
        labels,
        train_index,
        test_index,
        settings,
        device=device,
        model=build_classifier(settings.initialisation, settings.seed, file=encoder),
        checkpoint=checkpoint,
        on_epoch=on_epoch,
    )
    return {"probabilities": result.probabilities, "sample": result.sample, "loss": result.loss}


def run_fingerprint(
    pixels: str,
    labels: np.ndarray,
    train_index: np.ndarray,
    test_index: np.ndarray,
    initialisation: str,
    encoder: Path | None = None,
) -> str:
    """Return the sha256 (hex) of all data a run reads: images, labels, split, initial weights.

    `pixels` names the images' pixels, `labels` are those that are trained on: what else is known of
    the images changes no run.
    """
    digest = hashlib.sha256(pixels.encode())
    for values in (np.asarray(labels)[train_index], train_index, test_index):
        digest.update(np.ascontiguousarray(values, dtype=np.int64).tobytes() + b"|")
    digest.update(weights_fingerprint(initialisation, file=encoder).encode())
    return digest.hexdigest()
