"""What is trained: encoder f, projection head g, organ head h; and how: LARS.

Main functions: `PretrainModel` and `lars`.
"""

from typing import TYPE_CHECKING

import torch
from torch import nn

from testiculus.base.devices import generator
from testiculus.paper.protocol import MEAN, STD
from testiculus.pretrain.interface import PretrainSettings

if TYPE_CHECKING:
    from timm.optim import Lars


class PretrainModel(nn.Module):
    """Encoder f with the two heads of pretraining, both of which read f's features.

    `projection` is g, linear layers with ReLU between them (released code [22]); z = g(f(x))
    (article, section 4.1). `organ_head` is h, one linear layer; logits c = h(f(x)). The heads are
    drawn from the seed alone, by PyTorch's usual rule for linear layers.
    """

    def __init__(self, encoder: nn.Module, features: int, organs: int, settings: PretrainSettings):
        super().__init__()
        self.encoder = encoder
        self.projection = _projection((features, *settings.projection), settings.seed)
        self.organ_head = _linear(features, organs, generator("organ head", settings.seed))


def _projection(widths: tuple[int, ...], seed: int) -> nn.Sequential:
    random = generator("projection head", seed)
    layers: list[nn.Module] = []
    for inputs, outputs in zip(widths, widths[1:], strict=False):
        layers += [_linear(inputs, outputs, random), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers[:-1])


def _linear(inputs: int, outputs: int, random: torch.Generator) -> nn.Linear:
    layer = nn.utils.skip_init(nn.Linear, inputs, outputs)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.uniform_(-(inputs**-0.5), inputs**-0.5, generator=random)
    return layer


def number_of_features(encoder: nn.Module, pixels: torch.Tensor) -> int:
    """Return the length of the encoder's feature vectors; its statistics are not moved."""
    encoder.eval()
    with torch.inference_mode():
        return encoder(normalise(to_float(pixels[:1]))).shape[1]


def lars(model: nn.Module, settings: PretrainSettings) -> "Lars":
    """Return LARS (You, Gitman & Ginsburg 2017) with momentum, at a learning rate of 0.

    Weights take steps in proportion to their own length; biases and the scales and shifts of
    normalisation layers, which are all the parameters of one dimension, take plain steps of
    gradient descent with momentum and do not decay (SimCLR, Chen et al. 2020).
    """
    from timm.optim import Lars

    weights = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    excluded = [parameter for parameter in model.parameters() if parameter.ndim <= 1]
    groups = [
        # Adapted even where nothing decays: timm would else take weight_decay=0 for "excluded".
        {"params": weights, "weight_decay": settings.weight_decay, "always_adapt": True},
        {"params": excluded, "weight_decay": 0.0, "always_adapt": False},
    ]
    return Lars(groups, lr=0.0, momentum=settings.momentum, trust_coeff=settings.trust_coefficient)


def lay_out_like_parameters(optimiser: torch.optim.Optimizer) -> None:
    """Give the momenta their parameter's memory layout, which they had before they were stored."""
    for parameter, state in optimiser.state.items():
        momentum = state["momentum_buffer"]
        if momentum is not None:
            state["momentum_buffer"] = torch.empty_like(parameter).copy_(momentum)


def to_float(pixels: torch.Tensor) -> torch.Tensor:
    """Bytes to float32 in [0, 1]."""
    return pixels.float().div_(255.0)


def normalise(images: torch.Tensor) -> torch.Tensor:
    """Images in [0, 1] to what the encoder expects: (x - 0.5) / 0.25 (article, section 5)."""
    return ((images - MEAN) / STD).contiguous(memory_format=torch.channels_last)
