"""A kept model: trained as ever, found again to the bit, resumed alike; and random weights."""

import numpy as np
import pytest
import torch
from torch import nn

from testiculus.base.errors import UserError
from testiculus.base.files import write_tensors
from testiculus.base.store import Checkpoint
from testiculus.experiments.explained_training import (
    MODEL,
    build_untrained,
    load_trained,
    train_and_keep,
)
from testiculus.experiments.training import train_one
from testiculus.finetune import FinetuneSettings, finetune
from testiculus.finetune.training import normalise, predict, to_float
from testiculus.models import build_classifier

CPU = torch.device("cpu")
SETTINGS = FinetuneSettings(
    initialisation="scratch-A",
    epochs=2,
    batch_size=6,
    encoder_lr=1e-3,
    head_lr=1e-3,
    augmentation="article",
    precision="fp32",
)


@pytest.fixture(scope="module")
def inputs():
    """What a training takes: pixels, labels, train and test index, settings, device."""
    random = np.random.default_rng(0)
    pixels = torch.from_numpy(random.integers(0, 256, (16, 1, 32, 32), np.uint8))
    return pixels, np.tile([0, 1], 8), np.arange(12), np.arange(12, 16), SETTINGS, CPU


@pytest.fixture(scope="module")
def kept(inputs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    return folder, train_and_keep(*inputs, Checkpoint(folder / "checkpoint.pt"))


def same(some, other):
    assert some.keys() == other.keys()
    for name in some:
        assert torch.equal(torch.as_tensor(some[name]), torch.as_tensor(other[name])), name


def test_it_trains_as_every_other_fine_tuning(inputs, kept):
    same(kept[1], train_one(*inputs, None))


def test_the_kept_model_predicts_what_the_run_predicted(inputs, kept):
    model = load_trained(kept[0], CPU)
    assert not model.training
    found = predict(model, inputs[0], inputs[3]).numpy()
    np.testing.assert_array_equal(found, kept[1]["probabilities"])


def test_a_killed_training_ends_in_the_same_model(inputs, kept, tmp_path):
    checkpoint = Checkpoint(tmp_path / "checkpoint.pt")

    def kill(*_):
        raise KeyboardInterrupt

    model = build_classifier("scratch-A", SETTINGS.seed)
    with pytest.raises(KeyboardInterrupt):
        finetune(
            *inputs[:5],
            device=CPU,
            model=model,
            checkpoint=checkpoint,
            on_epoch=kill,
            checkpoint_seconds=0,
        )
    done = []
    train_and_keep(*inputs, checkpoint, on_epoch=lambda epoch, *_: done.append(epoch))
    assert done == [2]  # the first epoch was not trained again
    same(load_trained(tmp_path, CPU).state_dict(), load_trained(kept[0], CPU).state_dict())


def test_without_a_checkpoint_nothing_is_kept(inputs, kept, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    same(train_and_keep(*inputs, None), kept[1])
    assert not list(tmp_path.iterdir())


def test_a_model_that_is_gone_or_another_kind_is_refused(tmp_path):
    with pytest.raises(UserError, match="weights file not found"):
        load_trained(tmp_path, CPU)
    write_tensors(tmp_path / MODEL, {"weight": torch.zeros(2)})
    with pytest.raises(UserError, match="no ResNet-18 classifier"):
        load_trained(tmp_path, CPU)


def test_random_weights_are_those_of_no_training_and_every_layer_takes_part(inputs):
    one, again, other = (build_untrained(0, fold, CPU) for fold in (0, 0, 1))
    start = build_classifier("scratch-A", 0)
    same(one.state_dict(), again.state_dict())
    for model in (other, start):
        assert not torch.equal(one.encoder.conv1.weight, model.encoder.conv1.weight)
        assert not torch.equal(one.head.weight, model.head.weight)
    gains = [part.weight for part in one.modules() if isinstance(part, nn.BatchNorm2d)]
    assert all(bool((gain == 1).all()) for gain in gains)
    shown = normalise(to_float(inputs[0]))
    with torch.no_grad():
        logits = one.eval()(shown)
        one.encoder.layer4[1].conv2.weight.zero_()
        assert torch.isfinite(logits).all() and not torch.equal(one(shown), logits)
