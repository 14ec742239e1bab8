from dataclasses import replace

import pytest
import torch

from testiculus.base.errors import UserError
from testiculus.diffusion import DiffusionSettings, SamplerSettings, checked_inputs
from testiculus.diffusion.interface import checked_sampler, snapshot_steps


def images(n=3, side=8, dtype=torch.uint8, channels=1):
    return torch.zeros(n, channels, side, side, dtype=dtype)


def test_the_defaults_are_the_articles():
    settings = DiffusionSettings(steps=1)
    assert (settings.width, settings.multipliers, settings.attention) == (
        128, (1, 1, 2, 2, 4, 4), (16, 8),
    )  # fmt: skip
    assert (settings.chain, settings.vlb_weight, settings.batch_size) == (1000, 0.001, 16)
    checked_inputs(images(side=256), settings)


@pytest.mark.parametrize(
    ("pixels", "words"),
    [
        (images(dtype=torch.float32), "must be uint8"),
        (images(channels=3), "must be uint8"),
        (images()[0], "must be uint8"),
        (images()[..., :4], "must be uint8"),
        (images(n=1), "on 1 images"),
        (images(n=0), "on 0 images"),
        (images(side=9), "images of 9 px cannot be halved 1 times"),
    ],
)
def test_images_that_no_generator_can_learn_are_refused(pixels, words, tiny):
    with pytest.raises(UserError, match=words):
        checked_inputs(pixels, tiny)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"attention": (8, 2, 3)}, "attention is wanted at 2, 3 px, which no stage has"),
        ({"decoder_attention": (16,)}, "attention is wanted at 16 px"),
        ({"heads": 3}, "3 heads do not share the 16 channels at 4 px"),
        ({"width": 7}, "is odd"),
        ({"width": 0}, "at least 1"),
        ({"multipliers": ()}, "at least 1"),
        ({"steps": 0}, "steps must be at least 1, not 0"),
        ({"batch_size": 0}, "batch_size must be"),
        ({"chain": 1}, "chain must be at least 2"),
        ({"snapshots": 0}, "snapshots must be"),
        ({"lr": 0.0}, "lr must be"),
        ({"lr": float("nan")}, "lr must be"),
        ({"vlb_weight": -1.0}, "vlb_weight cannot be"),
        ({"ema_decay": 1.0}, "ema_decay must lie"),
        ({"precision": "fp16"}, "unknown precision 'fp16'"),
    ],
)
def test_settings_out_of_range_are_refused_by_name(change, words, tiny):
    with pytest.raises(UserError, match=words):
        checked_inputs(images(), replace(tiny, **change))


def test_the_sides_that_can_have_attention_are_listed(tiny):
    with pytest.raises(UserError, match="have sides of 8, 4 px"):
        checked_inputs(images(), replace(tiny, attention=(2,)))


def test_a_batch_may_be_larger_than_the_data(tiny):
    checked_inputs(images(n=2), replace(tiny, batch_size=16))


@pytest.mark.parametrize("steps", [0, -1, 21])
def test_a_sampler_of_more_steps_than_the_chain_or_none_is_refused(steps):
    with pytest.raises(UserError, match=f"{steps} steps does not fit a chain of 20"):
        checked_sampler(SamplerSettings(steps, chain=20))


def test_a_sampler_of_empty_batches_is_refused():
    with pytest.raises(UserError, match="batches of 0 images"):
        checked_sampler(SamplerSettings(2, batch_size=0))


@pytest.mark.parametrize(
    ("steps", "expected"), [(1, [1]), (4, [1, 2, 3, 4]), (7, [2, 3, 4, 5, 6, 7])]
)
def test_snapshots_are_spread_over_the_training_and_end_with_it(steps, expected):
    assert snapshot_steps(DiffusionSettings(steps=steps)) == expected
