"""An audited training: Table 1's to the bit, resumed alike, one draw a batch where asked to."""

from dataclasses import asdict, replace

import numpy as np
import pytest
import torch

from testiculus.augment import apply
from testiculus.base.errors import UserError
from testiculus.base.store import Checkpoint
from testiculus.experiments import protocol, table1
from testiculus.experiments.protocol import (
    PER_BATCH,
    AuditSettings,
    AuditTraining,
    Shown,
    train_audited,
)
from testiculus.experiments.training import train_one
from testiculus.finetune import FinetuneSettings
from testiculus.finetune import training as finetuning
from testiculus.finetune.training import draw_epoch, to_float, training_set
from testiculus.models import build_classifier

CPU = torch.device("cpu")
SETTINGS = AuditSettings(
    initialisation="scratch-A",
    epochs=3,
    batch_size=6,
    encoder_lr=1e-3,
    head_lr=1e-3,
    augmentation="article",
    precision="fp32",
    every_epoch=True,
)


def pictures(n, seed=0):
    random = np.random.default_rng(seed)
    return torch.from_numpy(random.integers(0, 256, (n, 1, 32, 32), np.uint8))


INPUTS = (pictures(16), np.tile([0, 1], 8), np.arange(11), np.arange(11, 16))
FRESH = pictures(7, seed=1)


@pytest.fixture(scope="module")
def whole():
    """A training that nothing interrupts, and that predicts after every epoch."""
    return train_audited(*INPUTS, SETTINGS, CPU, None, fresh=FRESH)


def plain(**changes):
    told = {name: value for name, value in asdict(SETTINGS).items() if name in PLAIN}
    return FinetuneSettings(**{**told, **changes})


PLAIN = asdict(FinetuneSettings())


def same(found, wanted):
    assert found.keys() == wanted.keys()
    for name in wanted:
        np.testing.assert_array_equal(found[name], wanted[name], err_msg=name)


def test_it_trains_as_every_other_fine_tuning_to_the_bit(whole):
    wanted = train_one(*INPUTS, plain(), CPU, None)
    same({name: whole[name] for name in wanted}, wanted)


def test_table_1s_own_training_at_smoke_size_ends_in_the_same_bits():
    planned = table1.plan(profile="smoke", patients=9, pixels=16, epochs=2, device="cpu")
    job = planned.noise_jobs[0][1].job
    pixels, labels, train, test, settings, device = job.compute.args
    audited = AuditSettings(**asdict(settings), every_epoch=True)

    wanted = job.compute(None)
    found = train_audited(pixels, labels, train, test, audited, device, None, fresh=pixels[:5])
    same({name: found[name] for name in wanted}, wanted)
    np.testing.assert_array_equal(found["test"][-1], wanted["probabilities"])


def test_looking_after_every_epoch_changes_nothing_that_comes_after_it(whole):
    once = train_audited(*INPUTS, replace(SETTINGS, every_epoch=False), CPU, None)

    assert once["test"].shape == (1, 5) and once["fresh"].shape == (1, 0)
    assert whole["test"].shape == (3, 5) and whole["fresh"].shape == (3, 7)
    for name in ("probabilities", "sample", "loss"):
        np.testing.assert_array_equal(once[name], whole[name])
    np.testing.assert_array_equal(once["test"][0], whole["test"][-1])


def test_what_it_predicts_after_an_epoch_is_what_that_models_logits_say(whole):
    settings = plain()
    model = build_classifier("scratch-A", 0)
    data = training_set(*INPUTS[:2], INPUTS[2], CPU)
    training = finetuning.Training(model, data, settings)
    for epoch in range(3):
        training.train_epoch()
        model.eval()
        with torch.no_grad():
            for name, shown in (("test", INPUTS[0][11:]), ("fresh", FRESH)):
                chances = model((shown.float() / 255 - 0.5) / 0.25).softmax(dim=1)[:, 1]
                np.testing.assert_allclose(whole[name][epoch], chances, rtol=1e-4, atol=1e-6)
    assert not np.allclose(whole["test"][0], whole["test"][1])


class Killed(Exception):
    """Stands for kill -9 right after an epoch."""


@pytest.mark.parametrize("epoch", [2])
def test_a_killed_training_ends_in_the_same_bits_with_all_its_predictions(whole, epoch, tmp_path):
    checkpoint = Checkpoint(tmp_path / "checkpoint.pt")

    def kill(done, *_):
        if done == epoch:
            raise Killed

    told = {"fresh": FRESH, "checkpoint_seconds": 0}
    with pytest.raises(Killed):
        train_audited(*INPUTS, SETTINGS, CPU, checkpoint, on_epoch=kill, **told)
    epochs = []
    found = train_audited(
        *INPUTS, SETTINGS, CPU, checkpoint, on_epoch=lambda done, *_: epochs.append(done), **told
    )
    assert epochs == list(range(epoch + 1, 4))
    same(found, whole)


def test_the_checkpoint_of_another_draw_is_refused(tmp_path):
    checkpoint = Checkpoint(tmp_path / "checkpoint.pt")
    train_audited(*INPUTS, SETTINGS, CPU, checkpoint, checkpoint_seconds=0)
    with pytest.raises(UserError, match="another run"):
        train_audited(*INPUTS, replace(SETTINGS, draw=PER_BATCH), CPU, checkpoint)


def shown_images(monkeypatch, draw, augmentation):
    """Return the augmented images of one epoch, batch by batch, and its draws."""
    settings, seen = replace(SETTINGS, draw=draw, augmentation=augmentation), []
    data = training_set(*INPUTS[:2], INPUTS[2], CPU)
    training = AuditTraining(
        build_classifier("scratch-A", 0), data, settings, Shown(INPUTS[3], FRESH)
    )

    def keep(images, drawn):
        seen.append(apply(images, drawn))
        return seen[-1]

    monkeypatch.setattr(finetuning, "apply", keep)
    training.train_epoch()
    return seen, draw_epoch(data, settings, 0)


@pytest.mark.parametrize("augmentation", ["article", "released", "none"])
def test_with_one_draw_a_batch_every_image_is_changed_as_the_first_of_its_batch(
    monkeypatch, augmentation
):
    seen, draws = shown_images(monkeypatch, PER_BATCH, augmentation)
    assert [len(batch) for batch in seen] == [6, 5]
    for batch, first in zip(seen, (0, 6), strict=True):
        for place, found in enumerate(batch):
            image = to_float(INPUTS[0][draws.sample[first + place]][None])
            own = apply(image, draws.augmentations[first : first + 1])
            torch.testing.assert_close(found, own[0], rtol=0, atol=1e-6)


def test_with_a_draw_an_image_each_is_changed_by_its_own(monkeypatch):
    seen, draws = shown_images(monkeypatch, "image", "article")
    images = to_float(INPUTS[0][draws.sample])
    torch.testing.assert_close(torch.cat(seen), apply(images, draws.augmentations), rtol=0, atol=0)


def test_one_draw_a_batch_draws_the_same_images_and_learns_something_else(whole):
    found = train_audited(*INPUTS, replace(SETTINGS, draw=PER_BATCH), CPU, None, fresh=FRESH)
    np.testing.assert_array_equal(found["sample"], whole["sample"])
    assert not np.array_equal(found["loss"], whole["loss"])


def test_a_prediction_that_is_no_number_names_run_and_epoch(monkeypatch):
    def broken(model, pixels, index):
        return torch.full((len(index),), float("nan"))

    monkeypatch.setattr(protocol, "predict", broken)
    with pytest.raises(UserError, match="after epoch 1 is not a number"):
        train_audited(*INPUTS, SETTINGS, CPU, None)


@pytest.mark.parametrize(
    ("changes", "fresh", "says"),
    [
        ({"draw": "epoch"}, None, "allowed: image, batch"),
        ({}, pictures(2)[..., :16], "fresh images are"),
        ({}, pictures(2).float(), "fresh images are"),
        ({"epochs": 0}, None, "0 epochs"),
    ],
)
def test_what_cannot_be_trained_or_predicted_is_refused(changes, fresh, says):
    with pytest.raises(UserError, match=says):
        train_audited(*INPUTS, replace(SETTINGS, **changes), CPU, None, fresh=fresh)
