from dataclasses import replace

import numpy as np
import pytest
import torch

from testiculus.base.code import imported_modules
from testiculus.base.devices import generator
from testiculus.base.errors import InputWarning, UserError
from testiculus.base.files import load_state_dict
from testiculus.base.store import Store
from testiculus.experiments.pretraining import (
    encoder_file,
    pretrain_job,
    pretraining_fingerprint,
)
from testiculus.models import build_classifier
from testiculus.pretrain import PretrainSettings, pretrain, read_card

CPU = torch.device("cpu")
SETTINGS = PretrainSettings(steps=2, batch_size=4, projection=(16,), precision="fp32")
NAMES = ("testis", "thyroid")
PIXELS = torch.randint(0, 256, (10, 1, 16, 16), generator=generator("p")).to(torch.uint8)
ORGANS = np.arange(10) % 2


def job(pixels=PIXELS, organs=ORGANS, settings=SETTINGS, names=NAMES, **more):
    return pretrain_job(pixels, organs, names, settings, CPU, **more)


def test_a_finished_pretraining_leaves_its_history_its_encoder_and_its_card(tmp_path):
    run = Store(tmp_path).finish(job(about={"commit": "f00"}))
    encoder = build_classifier("scratch-A", 0).encoder
    alone = pretrain(PIXELS, ORGANS, SETTINGS, device=CPU, encoder=encoder)

    stored, card = load_state_dict(encoder_file(run)), read_card(encoder_file(run))

    assert all(torch.equal(stored[name], value) for name, value in encoder.state_dict().items())
    for name, values in alone.history().items():
        assert np.array_equal(run.arrays[name], values, equal_nan=True), name
    assert card["organs"] == "testis 5, thyroid 5" and card["commit"] == "f00"
    assert card["data_fingerprint"] == pretraining_fingerprint(PIXELS, ORGANS)


def test_it_is_not_computed_again_until_its_encoder_is_lost(tmp_path):
    store = Store(tmp_path)
    first = store.finish(job())
    written = encoder_file(first).read_bytes()
    assert store.finish(job()).reused
    encoder_file(first).unlink()
    with pytest.warns(InputWarning, match="encoder.safetensors is missing"):
        again = store.finish(job())
    assert not again.reused and encoder_file(again).read_bytes() == written


CHANGED = PIXELS.clone()
CHANGED[3, 0, 2, 2] += 1


@pytest.mark.parametrize(
    "change",
    [
        {"pixels": CHANGED},
        {"pixels": PIXELS.flip(0)},
        {"pixels": PIXELS.view(10, 1, 8, 32)},
        {"organs": 1 - ORGANS},
        {"settings": replace(SETTINGS, organ_weight=0.3)},
        {"settings": replace(SETTINGS, seed=1)},
    ],
)
def test_images_organs_and_settings_decide_which_run_it_is(change):
    assert job().key != job(**change).key


def test_names_of_organs_and_remarks_do_not():
    assert job().key == job(names=("a", "b"), about={"commit": "f00"}).key
    assert job().key == job(organs=torch.from_numpy(ORGANS)).key


def test_the_computation_is_kept_apart_from_the_planning_around_it():
    assert "testiculus.experiments.encoders" not in imported_modules(job().module)


def test_one_organ_with_a_lambda_is_refused_and_leaves_no_run(tmp_path):
    store, wanted = Store(tmp_path), job(organs=ORGANS * 0)
    with pytest.raises(UserError, match="one organ"):
        store.finish(wanted)
    assert not store.has(wanted)
