import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from testiculus.base.errors import UserError
from testiculus.diffusion import (
    DiffusionResult,
    generator_card,
    read_card,
    read_generator,
    write_generator,
)


@pytest.fixture
def result():
    simple = np.linspace(1, 0.1, 5, dtype=np.float32)
    pictures = np.zeros((1, 16, 1, 8, 8), np.uint8)
    return DiffusionResult(simple, 4 * simple, np.array([5]), pictures, 1.5)


@pytest.fixture
def card(tiny, result):
    return generator_card(tiny, result, 880, "abc", {"commit": "1234567", "data": "phantom"})


def metadata(file):
    from safetensors import safe_open

    with safe_open(file, framework="numpy") as stored:
        return stored.metadata()


def test_a_generator_is_read_back_to_the_same_bits(lively, card, tmp_path):
    file = write_generator(tmp_path / "generator.safetensors", lively, card)
    state = torch.random.get_rng_state()
    model = read_generator(file)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert model.shape == lively.shape and not model.training
    x, t = torch.ones(2, 1, 8, 8), torch.tensor([3, 9])
    assert torch.equal(model(x, t).sample, lively(x, t).sample)


def test_the_same_generator_makes_the_same_bytes(lively, card, tmp_path):
    files = [write_generator(tmp_path / name, lively, card) for name in "ab"]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_the_card_says_what_the_generator_is(lively, card, tmp_path):
    file = write_generator(tmp_path / "generator.safetensors", lively, card)
    read = read_card(file)
    assert read == card
    assert read["images"] == "880" and read["data_fingerprint"] == "abc"
    assert read["commit"] == "1234567" and read["simple_loss"] == "0.5500"
    assert "not a medical device" in read["notice"]
    assert "1.5" not in read.values()  # the wall time: the same training makes the same file


def test_a_card_of_anything_but_texts_is_refused(lively, tmp_path):
    with pytest.raises(UserError, match="'steps' is none"):
        write_generator(tmp_path / "a.safetensors", lively, {"steps": 3})


def test_an_absent_or_damaged_file_is_told(tmp_path):
    with pytest.raises(UserError, match="generator file not found"):
        read_generator(tmp_path / "none.safetensors")
    (tmp_path / "broken.safetensors").write_bytes(b"nothing of the kind")
    for read in (read_generator, read_card):
        with pytest.raises(UserError, match="not a safetensors file"):
            read(tmp_path / "broken.safetensors")


@pytest.mark.parametrize("about", [None, {"generator": "{}"}, {"generator": "no JSON"}])
def test_weights_of_something_else_are_refused(about, tmp_path):
    save_file({"conv1.weight": torch.zeros(2)}, tmp_path / "other.safetensors", metadata=about)
    with pytest.raises(UserError, match="not a generator of this project"):
        read_generator(tmp_path / "other.safetensors")


def test_weights_of_another_layout_are_refused_by_name(lively, card, tmp_path):
    file = write_generator(tmp_path / "generator.safetensors", lively, card)
    tensors, about = load_file(file), metadata(file)
    del tensors["conv_in.bias"]
    tensors["extra"] = torch.zeros(1)
    tensors["conv_out.bias"] = torch.zeros(3)
    save_file(tensors, file, metadata=about)
    with pytest.raises(UserError) as caught:
        read_generator(file)
    told = str(caught.value)
    assert "conv_in.bias missing; extra left over; conv_out.bias of another shape" in told
