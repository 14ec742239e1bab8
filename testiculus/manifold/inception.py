"""Features and class probabilities of the Inception network that the FID is defined with.

Main functions: `inception`, and `missing_inception`, which says beforehand which file to put where.
The network and its TensorFlow-like resizing are torch-fidelity's; its weights are a file in the
weights folder, never fetched from anywhere.
"""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn

from testiculus.base.errors import UserError
from testiculus.base.files import load_state_dict
from testiculus.base.places import weights_folder

FILE = "inception_fid.pth"
SUFFIXES = (".pth", ".safetensors", ".pt")
SOURCE = (
    "torch-fidelity's release v0.2.0 has it as weights-inception-2015-12-05-6726825d.pth: "
    "TensorFlow's InceptionV3 of 2015"
)
LAYERS = ["2048", "logits_unbiased"]  # torch-fidelity's for FID and for the Inception score
BATCH = 32  # images at a time; 2 cores make about 10 a second


def inception_weights(weights: Path | None = None) -> Path | None:
    """Return the file with Inception's weights, or None where there is none.

    `weights`: the folder to look in; the project's weights folder by default.
    """
    file = (weights or weights_folder()) / FILE
    return next((f for f in map(file.with_suffix, SUFFIXES) if f.is_file()), None)


def missing_inception(weights: Path | None = None) -> str | None:
    """Return which file to put where for Inception's features, or None if nothing is missing."""
    if inception_weights(weights) is not None:
        return None
    file = (weights or weights_folder()) / FILE
    shown = file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file
    return f"put Inception's weights at {shown} ({SOURCE})"


def inception(
    pixels: torch.Tensor,
    weights: Path,
    device: torch.device | str,
    on_batch: Callable[[int, int], None] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return Inception's features (n, 2048) and class probabilities (n, 1008), float32.

    Grey images go in as three equal channels, 0 to 255, resized to 299 px as TensorFlow 1 does
    (torch-fidelity). Features are the pooled ones of the FID; probabilities leave out the last
    layer's bias, as the Inception score does. Computed in fp32.

    Args:
        pixels: uint8 (n, 1, h, w).
        weights: the file with the weights; see `inception_weights`.
        device: where to compute.
        on_batch: told after every batch how many images are done, and of how many.

    Raises:
        UserError: for other pixels, none at all, and a file that is missing, unsafe to read, or
            another network's (the keys are named).
    """
    if pixels.dtype != torch.uint8 or pixels.ndim != 4 or pixels.shape[1] != 1:
        raise UserError(
            "Inception needs pixels of type uint8 and shape n x 1 x h x w, not "
            f"{pixels.dtype} and {tuple(pixels.shape)}"
        )
    if len(pixels) == 0:
        raise UserError("Inception needs at least one image")
    network = inception_network(weights).to(device)
    features, probabilities = [], []
    with torch.inference_mode(), torch.autocast(torch.device(device).type, enabled=False):
        for some in pixels.split(BATCH):
            pooled, logits = network(some.to(device).expand(-1, 3, -1, -1))
            features.append(pooled.float().cpu())
            probabilities.append(logits.double().softmax(dim=1).float().cpu())
            if on_batch is not None:
                on_batch(sum(map(len, features)), len(pixels))
    return torch.cat(features).numpy(), torch.cat(probabilities).numpy()


def inception_network(weights: Path) -> nn.Module:
    """Return torch-fidelity's network with the weights of a file, in evaluation mode.

    torch-fidelity reads a file with `weights_only=False`, which runs what a file says. So the
    tensors are read here, safely, and handed over in memory. The global random state is untouched.
    Raises `UserError` where the file is missing, unsafe, or another network's.
    """
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    memory = io.BytesIO()
    torch.save(load_state_dict(weights), memory)
    memory.seek(0)
    try:
        with torch.random.fork_rng(devices=[]):
            return FeatureExtractorInceptionV3(
                "inception-v3-compat", LAYERS, feature_extractor_weights_path=memory
            )
    except RuntimeError as error:
        lines = [line.strip() for line in str(error).splitlines()[1:4] if line.strip()]
        raise UserError(
            f"these weights are not Inception's: {'; '.join(line[:160] for line in lines)}",
            where=str(weights),
            remedy=SOURCE,
        ) from error
