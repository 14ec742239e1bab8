from dataclasses import replace
from importlib import import_module
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from testiculus.base.code import imported_modules
from testiculus.base.devices import generator
from testiculus.base.errors import UserError
from testiculus.base.store import Store
from testiculus.experiments import features
from testiculus.experiments.features import (
    Extractor,
    encoder_extractor,
    features_job,
    finish_features,
    finish_probabilities,
    finished,
    inception_extractor,
)
from testiculus.pretrain import write_encoder
from testiculus.representation import features as plainly

room = import_module("testiculus.manifold.inception")  # the room shows a function of that name
CPU = torch.device("cpu")
PIXELS = torch.randint(0, 256, (7, 1, 8, 8), generator=generator("f")).to(torch.uint8)


def encoder(seed=0):
    layer = nn.Linear(64, 4)
    with torch.no_grad():
        layer.weight.normal_(generator=torch.Generator().manual_seed(seed))
        layer.bias.zero_()
    return nn.Sequential(nn.Flatten(), layer)


@pytest.fixture
def built(monkeypatch):
    """Build a linear network instead of a ResNet-18; note how often."""
    times = []

    def build(initialisation, seed, file):
        from testiculus.base.files import load_state_dict

        times.append(file)
        network = encoder()
        network.load_state_dict(load_state_dict(file))
        return SimpleNamespace(encoder=network)

    monkeypatch.setattr(features, "build_classifier", build)
    return times


def extractor(folder, name="ud", seed=0):
    file = write_encoder(folder / f"{name}.safetensors", encoder(seed), {"made": name})
    return encoder_extractor(name, f"features of {name}", file, CPU)


def test_an_encoders_features_are_those_of_the_frozen_encoder(tmp_path, built, monkeypatch):
    expected = plainly(encoder(), PIXELS, CPU)
    monkeypatch.setattr(features, "CHUNK", 3)
    found = finish_features(Store(tmp_path), extractor(tmp_path), PIXELS)
    assert found.dtype == np.float32 and found.shape == (7, 4)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_the_same_images_are_asked_once_and_no_network_is_built_before(tmp_path, built):
    store, ud = Store(tmp_path), extractor(tmp_path)
    assert not built
    first, again = finished(store, ud, PIXELS), finished(store, ud, PIXELS.clone())
    assert len(built) == 1 and again.reused and not first.reused
    assert np.array_equal(first.arrays["features"], again.arrays["features"])


def test_weights_and_images_decide_and_neither_names_nor_places_do(tmp_path):
    ud = extractor(tmp_path)
    key = features_job(ud, PIXELS).key
    (tmp_path / "moved").mkdir()
    assert features_job(extractor(tmp_path / "moved", "again"), PIXELS).key == key
    others = [features_job(extractor(tmp_path, "other", seed=1), PIXELS)]
    others += [features_job(ud, PIXELS.flip(0)), features_job(ud, PIXELS[:6])]
    others += [features_job(ud, PIXELS.view(7, 1, 4, 16))]
    others += [features_job(replace(ud, is_inception=True), PIXELS)]
    others += [features_job(replace(ud, device_class="cuda:a GPU"), PIXELS)]
    assert len({key, *(job.key for job in others)}) == 1 + len(others)


def test_no_images_are_refused_and_leave_no_run(tmp_path, built):
    store, ud = Store(tmp_path / "runs"), extractor(tmp_path)
    with pytest.raises(UserError, match="need images"):
        finish_features(store, ud, PIXELS[:0])
    assert not store.has(features_job(ud, PIXELS[:0]))


def test_an_absent_encoder_is_refused_by_name(tmp_path):
    with pytest.raises(UserError, match="none.safetensors"):
        encoder_extractor("x", "x", tmp_path / "none.safetensors", CPU)


def test_any_function_of_images_is_an_extractor(tmp_path):
    mean = Extractor("mean", "mean grey", "1", False, lambda p: p.double().mean((1, 2, 3))[:, None])
    found = finish_features(Store(tmp_path), mean, PIXELS)
    assert found.shape == (7, 1) and found.dtype == np.float32
    assert finish_probabilities(Store(tmp_path), mean, PIXELS) is None


@pytest.fixture
def inception(tmp_path, monkeypatch):
    """Weights in their place and a small network instead of Inception; note how often it runs."""
    times = []

    def network(pixels, weights, device, on_batch=None):
        times.append(len(pixels))
        on_batch(len(pixels), len(pixels))
        flat = pixels.flatten(1).numpy().astype(np.float32)
        return flat, flat / flat.sum(1, keepdims=True)

    monkeypatch.setenv("TESTICULUS_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setattr(room, "inception", network)
    (tmp_path / "weights").mkdir()
    torch.save({"fc.weight": torch.ones(2)}, tmp_path / "weights" / room.FILE)
    return times


def test_inceptions_features_and_probabilities_come_from_one_pass(tmp_path, inception):
    store, ours = Store(tmp_path), inception_extractor(CPU)
    assert ours.is_inception and ours.id == "inception"
    assert finish_features(store, ours, PIXELS).shape == (7, 64)
    assert np.allclose(finish_probabilities(store, ours, PIXELS).sum(1), 1)
    assert np.array_equal(ours.extract(PIXELS), finish_features(store, ours, PIXELS))
    assert inception == [7, 7]  # once for the store, once by `extract`


def test_without_inceptions_weights_the_reason_names_their_file(tmp_path, monkeypatch):
    monkeypatch.setenv("TESTICULUS_WEIGHTS", str(tmp_path))
    assert room.FILE in inception_extractor(CPU)


def test_features_are_kept_apart_from_what_is_computed_from_them():
    imported = imported_modules(features.MODULE)
    assert not any(name.startswith("testiculus.experiments.") for name in imported)
