"""The computation of one fine-tuning run: what the store's key of a run covers.

Kept apart from the planning around it, so that a change there does not recompute a run.
"""

import hashlib
from collections.abc import Callable

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
) -> dict[str, np.ndarray]:
    """Fine-tune one classifier and return `probabilities`, `sample` and `loss` as arrays.

    Arguments and errors are those of `finetune`; the model is built from the settings.
    """
    result = finetune(
        pixels,
        labels,
        train_index,
        test_index,
        settings,
        device=device,
        model=build_classifier(settings.initialisation, settings.seed),
        checkpoint=checkpoint,
        on_epoch=on_epoch,
    )
    return {"probabilities": result.probabilities, "sample": result.sample, "loss": result.loss}


def run_fingerprint(
    images_fingerprint: str,
    labels: np.ndarray,
    train_index: np.ndarray,
    test_index: np.ndarray,
    initialisation: str,
) -> str:
    """Return the sha256 (hex) of all data a run reads: images, labels, split, initial weights."""
    digest = hashlib.sha256(images_fingerprint.encode())
    for values in (labels, train_index, test_index):
        digest.update(np.ascontiguousarray(values, dtype=np.int64).tobytes() + b"|")
    digest.update(weights_fingerprint(initialisation).encode())
    return digest.hexdigest()
