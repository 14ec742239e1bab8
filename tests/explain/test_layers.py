import re
from copy import deepcopy

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from small_models import classifier, without_maps
from torch import nn

from testiculus.base.errors import InputWarning, UserError
from testiculus.explain import GRID, layer_grid, resolve_layer

MODEL = classifier()
STAGES = {"layer1": 4, "layer2": 8, "layer3": 16, "layer4": 32}  # pixels to a cell


def halved(side: int, times: int) -> int:
    """A convolution of stride 2, its kernel 2 p + 1 wide with p padded, takes every second."""
    return side if times == 0 else halved((side + 1) // 2, times - 1)


@settings(max_examples=4)
@given(st.integers(1, 100), st.integers(1, 100))
@example(64, 48)
@example(1, 1)
def test_grids_are_the_images_sides_halved_by_every_stride(height, width):
    expected = {
        name: (halved(height, pixels.bit_length() - 1), halved(width, pixels.bit_length() - 1))
        for name, pixels in {"act1": 2, "maxpool": 4, **STAGES}.items()
    }
    assert list(layer_grid(MODEL, (height, width)).items()) == list(expected.items())


@pytest.mark.parametrize(
    "size, layer", [(224, "layer4"), (128, "layer3"), (64, "layer2"), (32, "layer1")]
)
def test_the_default_is_the_deepest_stage_with_seven_cells_a_side(size, layer):
    assert resolve_layer(MODEL, size) == layer
    assert size // STAGES[layer] >= GRID > size // STAGES[layer] // 2


def test_the_shorter_side_decides():
    assert resolve_layer(MODEL, (64, 224)) == resolve_layer(MODEL, (224, 64)) == "layer2"


def test_images_too_small_for_seven_cells_get_the_finest_stage_and_a_warning():
    with pytest.warns(InputWarning, match="7 x 7 cells.*layer1.*4 x 4"):
        assert resolve_layer(MODEL, 16) == "layer1"


def test_a_layer_that_exists_is_taken_however_coarse():
    assert resolve_layer(MODEL, 64, "layer4") == "layer4"


@pytest.mark.parametrize("name", ["layer5", "encoder.layer2", "conv1", "fc", ""])
def test_an_unknown_layer_is_told_those_that_exist(name):
    known = "act1, maxpool, layer1, layer2, layer3, layer4"
    with pytest.raises(UserError, match=f"unknown layer {re.escape(repr(name))}(.|\n)*{known}"):
        resolve_layer(MODEL, 64, name)


def test_a_network_of_another_make_is_searched_through_all_its_layers():
    twice = nn.ReLU()
    net = nn.Sequential(
        *(nn.Conv2d(1, 3, 3, padding=1), twice, nn.MaxPool2d(4), nn.Conv2d(3, 5, 3)),
        *(twice, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 2)),
    )
    # "1" runs twice; "0" and "3" have values below zero; after "5" there is one cell.
    assert layer_grid(net, 40) == {"2": (10, 10), "5": (1, 1)}
    assert resolve_layer(net, 40) == "2"


@pytest.mark.parametrize(
    "model", [without_maps(), nn.Flatten(), nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten())]
)
def test_a_model_without_maps_is_refused(model):
    with pytest.raises(UserError, match="needs a model with convolutional maps"):
        resolve_layer(model, 8)


def test_a_model_that_cannot_take_the_images_is_refused():
    with pytest.raises(UserError, match="cannot take one-channel images of 64 x 64 pixels"):
        layer_grid(nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU()), 64)


@pytest.mark.parametrize("size", [0, (64, 0), (-1, 64)])
def test_a_size_without_pixels_is_refused(size):
    with pytest.raises(UserError, match="at least one pixel"):
        layer_grid(MODEL, size)


def test_looking_leaves_the_model_as_it_was_and_draws_nothing_global():
    model = deepcopy(MODEL).train()
    model.encoder.layer1.eval()  # a frozen part stays frozen
    failing = nn.Sequential(model, nn.Linear(3, 2))  # the model has two logits
    before, random = deepcopy(model.state_dict()), torch.get_rng_state()
    layer_grid(model, 64)
    with pytest.raises(UserError, match="cannot take"):
        layer_grid(failing, 64)
    assert all(p.requires_grad for p in model.parameters())
    assert all(m.training != n.startswith("encoder.layer1") for n, m in model.named_modules())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not any(module._forward_hooks for module in model.modules())
    assert torch.equal(torch.get_rng_state(), random)
