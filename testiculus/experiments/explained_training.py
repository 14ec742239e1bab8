"""The computation of one fine-tuning that is kept to be looked into: what the store's key covers.

As `training.train_one`, and the whole classifier stays in the run's folder as `model.safetensors`,
45 MB. Main functions: `train_and_keep`, `load_trained`, and `build_untrained` for the control.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn

from testiculus.base.devices import derive_seed
from testiculus.base.errors import UserError
from testiculus.base.files import load_state_dict, write_tensors
from testiculus.base.store import Checkpoint
from testiculus.finetune import FinetuneSettings, finetune
from testiculus.models import SCRATCH, Classifier, build_classifier

MODEL = "model.safetensors"


def train_and_keep(
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
    """Fine-tune one classifier, keep it, and return `probabilities`, `sample` and `loss`.

    Arguments and errors are those of `finetune`; the model is built from the settings, and from the
    file `encoder` where these start from a pretrained one. Nothing is kept without a `checkpoint`.
    """
    model = build_classifier(settings.initialisation, settings.seed, file=encoder)
    result = finetune(
        pixels,
        labels,
        train_index,
        test_index,
        settings,
        device=device,
        model=model,
        checkpoint=checkpoint,
        on_epoch=on_epoch,
    )
    if checkpoint is not None:
        write_tensors(checkpoint.folder / MODEL, model.state_dict())
    return {"probabilities": result.probabilities, "sample": result.sample, "loss": result.loss}


def load_trained(folder: Path, device: torch.device) -> Classifier:
    """Return the classifier that a finished run keeps in `folder`, on `device`, in evaluation mode.

    Laid out as in training, so that it predicts the same bits. Raises `UserError` where the file is
    absent, damaged, or no such classifier's.
    """
    model = build_classifier(SCRATCH[0], 0)  # its weights are replaced
    try:
        model.load_state_dict(load_state_dict(folder / MODEL))
    except RuntimeError as error:
        raise UserError(
            "the kept model is no ResNet-18 classifier",
            where=str(folder / MODEL),
            remedy="delete this run's folder; the same command trains it again",
        ) from error
    return model.to(device=device, memory_format=torch.channels_last).eval()


def build_untrained(seed: int, fold: int, device: torch.device) -> Classifier:
    """Return a classifier of random weights, on `device`, in evaluation mode: the control.

    It shares no weight with any training's start. A residual block of a fresh ResNet adds nothing
    yet: the gain of its last normalisation is 0. Here that is 1, as everywhere else, so that every
    layer takes part.
    """
    model = build_classifier(SCRATCH[0], derive_seed("random weights", seed, fold))
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.ones_(module.weight)
    return model.to(device=device, memory_format=torch.channels_last).eval()
