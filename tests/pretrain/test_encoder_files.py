import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from testiculus.base.errors import UserError
from testiculus.base.files import load_state_dict
from testiculus.models import build_classifier
from testiculus.pretrain import PretrainResult, PretrainSettings
from testiculus.pretrain.encoder_files import encoder_card, read_card, write_encoder

SETTINGS = PretrainSettings(steps=2, batch_size=4, organ_weight=0.3, seed=7)
CARD = {f"entry {i}": f"ä {i}" for i in range(12)}


def result(organ=0.25):
    two, points = np.zeros(2), np.zeros(3)
    losses = (np.array([5.0, 4.5]), np.array([0.5, organ]))
    return PretrainResult(two, *losses, two, points, points, points, points, seconds=1.0)


def small_encoder():
    encoder = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4))
    return encoder.to(memory_format=torch.channels_last)


def test_an_encoder_comes_back_as_it_was_with_its_card(tmp_path):
    encoder = small_encoder()
    path = write_encoder(tmp_path / "a" / "encoder.safetensors", encoder, CARD)
    stored = load_state_dict(path)
    assert read_card(path) == CARD
    assert stored.keys() == encoder.state_dict().keys()
    assert all(torch.equal(stored[name], value) for name, value in encoder.state_dict().items())


def test_the_same_encoder_and_card_are_the_same_bytes(tmp_path):
    encoder = small_encoder()
    backwards = dict(reversed(CARD.items()))
    files = [
        write_encoder(tmp_path / f"{i}", encoder, card) for i, card in enumerate((CARD, backwards))
    ]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_the_project_loads_it_as_an_initialisation(tmp_path):
    encoder = build_classifier("scratch-A", 5).encoder
    path = write_encoder(tmp_path / "encoder.safetensors", encoder, CARD)
    loaded = build_classifier("pretrained", 0, file=path).encoder
    for one, other in zip(loaded.parameters(), encoder.parameters(), strict=True):
        assert torch.equal(one, other)


def test_the_card_says_what_the_encoder_was_made_of_and_how():
    organs = np.array([0, 2, 2, 0, 0])
    names = ("testis", "liver", "thyroid")
    card = encoder_card(
        SETTINGS, result(), organs, names, "abc", {"commit": "f00", "data": "phantom"}
    )
    assert card["organs"] == "testis 3, thyroid 2" and card["images"] == "5"
    assert (card["steps"], card["batch_size"], card["seed"]) == ("2", "4", "7")
    assert (card["lambda"], card["loss"]) == ("0.3", "contrastive + 0.3 x organ loss")
    assert (card["contrastive_loss"], card["organ_loss"]) == ("4.5000", "0.2500")
    assert (card["data_fingerprint"], card["commit"], card["data"]) == ("abc", "f00", "phantom")
    assert "not a medical device" in card["notice"] and "build_classifier" in card["load"]
    assert all(isinstance(value, str) for value in card.values())


def test_a_loss_that_was_not_trained_on_is_said_to_be_none():
    card = encoder_card(SETTINGS, result(np.nan), np.zeros(3, int), ("testis",), "abc")
    assert card["organ_loss"] == "not part of the loss" and card["commit"] == "unknown"


def test_a_card_of_other_things_than_texts_is_refused(tmp_path):
    with pytest.raises(UserError, match="texts only; 'steps' is none"):
        write_encoder(tmp_path / "e.safetensors", small_encoder(), {"a": "b", "steps": 3})
    assert not list(tmp_path.iterdir())


def test_a_file_of_others_without_a_card_has_an_empty_one(tmp_path):
    save_file({"a": torch.zeros(2)}, tmp_path / "e.safetensors")
    assert read_card(tmp_path / "e.safetensors") == {}


@pytest.mark.parametrize("content", [b"", b"not an encoder", b"\x80\x02." * 20])
def test_a_file_that_is_no_encoder_is_refused_by_name(tmp_path, content):
    (tmp_path / "e.safetensors").write_bytes(content)
    with pytest.raises(UserError, match="(?s)not a safetensors file.*e.safetensors"):
        read_card(tmp_path / "e.safetensors")


def test_a_truncated_encoder_is_refused(tmp_path):
    path = write_encoder(tmp_path / "e.safetensors", small_encoder(), CARD)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UserError, match="damaged"):
        read_card(path)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UserError, match=r"(?s)not found.*e\.safetensors"):
        read_card(tmp_path / "e.safetensors")
