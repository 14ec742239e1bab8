from dataclasses import replace

import pytest
import torch
from diffusers.models.attention_processor import Attention, AttnProcessor2_0
from diffusers.models.resnet import ResnetBlock2D

from testiculus.base.devices import generator
from testiculus.base.errors import UserError
from testiculus.diffusion import DiffusionSettings
from testiculus.diffusion.model import build_unet, output_of, shape_of, unet

ARTICLE = DiffusionSettings(steps=1)


def parameters(model):
    return sum(weight.numel() for weight in model.parameters())


def attentions(model):
    return {name: m for name, m in model.named_modules() if isinstance(m, Attention)}


def sides_with_attention(settings, pixels):
    """Return the sides of the maps that attention sees, by half of the network."""
    model, seen = build_unet(settings, pixels), {}
    for name, module in attentions(model).items():
        half = name.split("_")[0]
        module.register_forward_hook(
            lambda _, inputs, __, half=half: seen.setdefault(half, []).append(inputs[0].shape[-1])
        )
    model(torch.zeros(1, 1, pixels, pixels), torch.zeros(1, dtype=torch.long))
    return seen


def test_the_articles_network_has_124_million_parameters_118_9_without_the_times_scales():
    with torch.device("meta"):
        model = build_unet(ARTICLE, 256)
    blocks = [m for m in model.modules() if isinstance(m, ResnetBlock2D)]
    scales = sum(block.out_channels * (block.time_emb_proj.in_features + 1) for block in blocks)
    assert parameters(model) == 124_049_794
    assert (parameters(model) - scales) / 1e6 == pytest.approx(118.9, abs=0.05)
    assert all(attention.heads == 4 for attention in attentions(model).values())
    assert len(blocks) == 6 * 2 + 2 + 6 * 3


@pytest.mark.parametrize("decoder", [None, (32, 16)])
def test_attention_is_at_16_and_8_px_in_both_halves_or_where_the_thesis_has_it(decoder):
    settings = DiffusionSettings(
        steps=1, width=8, multipliers=(1, 1, 2, 2), heads=2, decoder_attention=decoder
    )
    seen = sides_with_attention(settings, 64)
    assert seen["down"] == [16] * 2 + [8] * 2  # two blocks a stage
    assert seen["mid"] == [8]
    assert seen["up"] == ([8] * 3 + [16] * 3 if decoder is None else [16] * 3 + [32] * 3)


def test_without_attention_sides_only_the_middle_has_it(tiny):
    assert sides_with_attention(replace(tiny, attention=()), 8) == {"mid": [4]}


def test_stages_of_different_width_have_the_same_number_of_heads():
    settings = DiffusionSettings(steps=1, width=8, multipliers=(1, 2, 4), heads=2)
    model = build_unet(settings, 32)
    found = {(a.heads, a.inner_dim) for a in attentions(model).values()}
    assert found == {(2, 16), (2, 32)}
    output_of(model, torch.zeros(1, 1, 32, 32), torch.zeros(1, dtype=torch.long))


def test_time_scales_and_shifts_every_residual_block(tiny):
    model = build_unet(tiny, 8)
    for block in (m for m in model.modules() if isinstance(m, ResnetBlock2D)):
        assert block.time_embedding_norm == "scale_shift"
        assert block.time_emb_proj.out_features == 2 * block.out_channels


def test_our_attention_is_diffusers(lively):
    x, t = torch.randn(3, 1, 8, 8, generator=generator("x")), torch.tensor([0, 3, 19])
    ours = lively(x, t).sample
    assert all(attention.group_norm is not None for attention in attentions(lively).values())
    for attention in attentions(lively).values():
        attention.set_processor(AttnProcessor2_0())
    torch.testing.assert_close(ours, lively(x, t).sample, rtol=1e-5, atol=1e-5)
    assert ours.abs().max() > 0.1


def test_attention_keeps_the_order_in_memory(lively):
    x = torch.randn(2, 16, 4, 4, generator=generator("x"))
    assert all(attention(x).is_contiguous() for attention in attentions(lively).values())


def test_an_untrained_network_says_nothing_about_noise_and_variance(tiny):
    eps, v = output_of(build_unet(tiny, 8), torch.ones(2, 1, 8, 8), torch.tensor([0, 5]))
    assert eps.shape == v.shape == (2, 1, 8, 8)
    assert not eps.any() and not v.any()


def test_weights_come_from_the_seed_and_global_random_state_is_left_alone(tiny):
    before = torch.random.get_rng_state()
    first, again = build_unet(tiny, 8), build_unet(tiny, 8)
    other = build_unet(replace(tiny, seed=2), 8)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(first.conv_in.weight, again.conv_in.weight)
    assert not torch.equal(first.conv_in.weight, other.conv_in.weight)


def test_a_network_that_cannot_be_built_is_refused():
    with pytest.raises(UserError, match="images of 100 px cannot be halved 5 times"):
        build_unet(ARTICLE, 100)


@pytest.mark.parametrize(("width", "groups"), [(128, 32), (64, 16), (32, 8)])
def test_a_group_of_the_normalisation_has_several_channels_so_that_brightness_passes(width, groups):
    small = DiffusionSettings(steps=1, width=width, multipliers=(1, 2), attention=(), blocks=1)
    with torch.device("meta"):
        model = unet(shape_of(small, 16))

    found = [m for m in model.modules() if isinstance(m, torch.nn.GroupNorm)]
    assert {norm.num_groups for norm in found} == {groups}
    assert all(norm.num_channels // norm.num_groups >= 4 for norm in found)
