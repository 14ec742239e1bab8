"""The generator's network: ADM's U-Net, from diffusers.

Main function: `build_unet`. One channel in, two out: the noise, and where the variance lies between
its bounds. The time enters as scale and shift of every residual block's normalisation, FiLM-like
(article). As in ADM, the last layer of every residual branch and of the whole starts at zero.
"""

from dataclasses import dataclass
from math import gcd

import torch
from torch import nn
from torch.nn import functional

from testiculus.base.devices import derive_seed
from testiculus.diffusion.interface import DiffusionSettings, check_shape

# Of the normalisation: ADM's 32 groups at a width of 128. A group of one channel would take each
# channel's mean away, and with it how bright the image is.
CHANNELS_A_GROUP = 4


@dataclass(frozen=True)
class Shape:
    """What a network looks like; see `DiffusionSettings` for the words. `pixels`: images' side."""

    pixels: int
    width: int
    multipliers: tuple[int, ...]
    blocks: int
    attention: tuple[int, ...]
    decoder_attention: tuple[int, ...]
    heads: int


def shape_of(settings: DiffusionSettings, pixels: int) -> Shape:
    """Return the shape that settings mean for images of a side of `pixels`."""
    return Shape(
        pixels, settings.width, tuple(settings.multipliers), settings.blocks,
        tuple(settings.attention), tuple(settings.upper_attention()), settings.heads,
    )  # fmt: skip


def build_unet(settings: DiffusionSettings, pixels: int) -> nn.Module:
    """Return a U-Net with weights drawn from `settings.seed`.

    It maps x_t (n, 1, pixels, pixels) and steps (n,) to an object whose `.sample` is
    (n, 2, pixels, pixels): eps and v. The global random state is neither read nor changed. Raises
    `UserError` for a shape that cannot be built.
    """
    check_shape(settings, pixels, f"a network for images of {pixels} px")
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(derive_seed("generator", settings.seed))
        return unet(shape_of(settings, pixels))


def unet(shape: Shape) -> nn.Module:
    """Return a network of this shape, its weights drawn from the global random state.

    `model.shape` says the shape again.
    """
    from diffusers import UNet2DModel

    sides = [shape.pixels >> stage for stage in range(len(shape.multipliers))]
    groups = shape.width // gcd(CHANNELS_A_GROUP, shape.width)
    model = UNet2DModel(
        sample_size=shape.pixels,
        in_channels=1,
        out_channels=2,
        block_out_channels=tuple(shape.width * factor for factor in shape.multipliers),
        layers_per_block=shape.blocks,
        down_block_types=[_block("Down", side in shape.attention) for side in sides],
        up_block_types=[_block("Up", side in shape.decoder_attention) for side in sides[::-1]],
        attention_head_dim=shape.width,  # any that divides all stages: see _share_heads
        norm_num_groups=groups,
        attn_norm_num_groups=groups,  # the middle's, which diffusers leaves out under scale_shift
        resnet_time_scale_shift="scale_shift",
    )
    _prepare_attention(model, shape.heads)
    _start_branches_at_zero(model)
    model.shape = shape
    return model


def output_of(model: nn.Module, x_t: torch.Tensor, t: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Return eps and v, float32 (n, 1, h, w) each, of a network at x_t and steps t (n,)."""
    eps, v = model(x_t, t).sample.float().chunk(2, dim=1)
    return eps, v


def _block(direction: str, attention: bool) -> str:
    return f"{'Attn' if attention else ''}{direction}Block2D"


class SelfAttention:
    """What diffusers' `AttnProcessor2_0` computes, without two things that are slow on a CPU.

    There attention, forward and back, takes twice as long in bf16 as in fp32 (34 and 15 ms a
    call at 16 x 4 heads x 256 pixels x 16 channels), and diffusers' result lies in memory in
    channels-last order, in which group normalisation takes up to ten times as long.
    """

    def __call__(
        self,
        attn: nn.Module,
        hidden_states: torch.Tensor,
        encoder_hidden_states: None = None,
        attention_mask: None = None,
        temb: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Return x + attention of x, (n, c, h, w); diffusers hands over the rest, none is used."""
        n, c, h, w = hidden_states.shape
        x = attn.group_norm(hidden_states.reshape(n, c, h * w)).transpose(1, 2)
        shares = (layer(x) for layer in (attn.to_q, attn.to_k, attn.to_v))
        q, k, v = (share.view(n, h * w, attn.heads, -1).transpose(1, 2) for share in shares)
        seen = _attention(q, k, v).transpose(1, 2).reshape(n, h * w, c)
        return hidden_states + attn.to_out[0](seen).transpose(1, 2).reshape(n, c, h, w)


def _attention(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    if q.device.type != "cpu":
        return functional.scaled_dot_product_attention(q, k, v)
    with torch.autocast("cpu", enabled=False):
        return functional.scaled_dot_product_attention(q.float(), k.float(), v.float())


def _prepare_attention(model: nn.Module, heads: int) -> None:
    """Give every attention the same number of heads; diffusers fixes the channels of a head."""
    from diffusers.models.attention_processor import Attention

    for module in model.modules():
        if isinstance(module, Attention):
            module.heads = heads
            module.scale = (module.inner_dim // heads) ** -0.5
            module.set_processor(SelfAttention())


def _start_branches_at_zero(model: nn.Module) -> None:
    from diffusers.models.attention_processor import Attention
    from diffusers.models.resnet import ResnetBlock2D

    last = [model.conv_out]
    last += [module.conv2 for module in model.modules() if isinstance(module, ResnetBlock2D)]
    last += [module.to_out[0] for module in model.modules() if isinstance(module, Attention)]
    for layer in last:
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)
