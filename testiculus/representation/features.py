"""Features of a frozen encoder.

Main function: `features`.
"""

import numpy as np
import torch
from torch import nn

from testiculus.base.errors import UserError
from testiculus.paper import MEAN, STD

BATCH = 256  # images at a time


def features(
    encoder: nn.Module, pixels: torch.Tensor, device: torch.device | str, batch: int = BATCH
) -> np.ndarray:
    """Return the encoder's features of every image, float32 (n, 512 for a ResNet-18).

    The encoder sees what it sees in fine-tuning, (x - 0.5) / 0.25 with x in [0, 1] (article,
    section 5), without augmentation, in fp32 and in evaluation mode: running statistics, so that an
    image's features do not depend on the images beside it. Neither is the encoder trained nor are
    its statistics moved. It is moved to `device` and stays there; every module's mode (training or
    evaluation) is what it was before, also after an error.

    Args:
        encoder: maps normalised images, float (b, 1, h, w), to features (b, d).
        pixels: uint8 (n, 1, h, w), on any device.
        device: where to compute.
        batch: images at a time; decides memory, and nothing else but rounding.

    Raises:
        UserError: for pixels that are not uint8 (n, 1, h, w), for none at all, for a batch below 1
            and for features that are not finite.
    """
    if pixels.dtype != torch.uint8 or pixels.ndim != 4 or pixels.shape[1] != 1:
        raise UserError(
            f"features need pixels of type uint8 and shape n x 1 x h x w, not {pixels.dtype} and "
            f"{tuple(pixels.shape)}"
        )
    if len(pixels) == 0 or batch < 1:
        raise UserError(f"features need images and a batch of at least 1: {len(pixels)}, {batch}")
    modes = [(module, module.training) for module in encoder.modules()]
    encoder.to(device).eval()
    try:
        found = _forward(encoder, pixels, torch.device(device), batch)
    finally:
        for module, mode in modes:
            module.training = mode  # not .train(), which would also switch the modules inside
    if not np.isfinite(found).all():
        raise UserError(
            "the encoder's features are not finite",
            remedy="the encoder has diverged or its file is damaged: pretrain it again",
        )
    return found


def _forward(encoder: nn.Module, pixels: torch.Tensor, device: torch.device, batch: int):
    parts = []
    with torch.inference_mode(), torch.autocast(device.type, enabled=False):
        for some in pixels.split(batch):
            # One small image alone may come out as NaN (see `finetune.predict`): it goes in twice.
            shown = some.repeat(2, 1, 1, 1) if len(some) == 1 else some
            images = (shown.to(device).float() / 255 - MEAN) / STD
            images = images.contiguous(memory_format=torch.channels_last)
            parts.append(encoder(images)[: len(some)].float().cpu())
    return torch.cat(parts).numpy()
