from dataclasses import replace

import numpy as np
import pytest
import torch

from testiculus.base.code import imported_modules
from testiculus.base.devices import generator
from testiculus.base.errors import InputWarning, UserError
from testiculus.base.files import load_state_dict
from testiculus.base.store import Store
from testiculus.diffusion import DiffusionSettings, read_card, train_generator
from testiculus.experiments.generating import (
    generating_fingerprint,
    generator_file,
    generator_job,
)

CPU = torch.device("cpu")
SETTINGS = DiffusionSettings(
    steps=2, batch_size=3, chain=8, width=8, multipliers=(1,), blocks=1, attention=(), heads=1,
    snapshots=1,
)  # fmt: skip
PIXELS = torch.randint(0, 256, (5, 1, 8, 8), generator=generator("g")).to(torch.uint8)


def job(pixels=PIXELS, settings=SETTINGS, **more):
    return generator_job(pixels, settings, CPU, **more)


def test_a_finished_training_leaves_its_history_its_generator_and_its_card(tmp_path):
    run = Store(tmp_path).finish(job(about={"data": "ward-3", "commit": "f00"}))
    result, model = train_generator(PIXELS, SETTINGS, device=CPU)

    stored, card = load_state_dict(generator_file(run)), read_card(generator_file(run))

    assert all(torch.equal(stored[name], value) for name, value in model.state_dict().items())
    assert run.arrays["snapshots"].shape == (1, 16, 1, 8, 8)
    for name, values in result.history().items():
        assert np.array_equal(run.arrays[name], values), name
    assert (card["data"], card["commit"], card["images"]) == ("ward-3", "f00", "5")
    assert card["data_fingerprint"] == generating_fingerprint(PIXELS)


def test_it_is_not_trained_again_until_its_generator_is_lost(tmp_path):
    store = Store(tmp_path)
    first = store.finish(job())
    written = generator_file(first).read_bytes()
    assert store.finish(job()).reused
    generator_file(first).unlink()
    with pytest.warns(InputWarning, match="generator.safetensors is missing"):
        again = store.finish(job())
    assert not again.reused and generator_file(again).read_bytes() == written


CHANGED = PIXELS.clone()
CHANGED[3, 0, 2, 2] += 1


@pytest.mark.parametrize(
    "change",
    [
        {"pixels": CHANGED},
        {"pixels": PIXELS.flip(0)},
        {"pixels": PIXELS[:4]},
        {"settings": replace(SETTINGS, steps=3)},
        {"settings": replace(SETTINGS, seed=1)},
        {"settings": replace(SETTINGS, ema_decay=0.9)},
    ],
)
def test_images_and_settings_decide_which_run_it_is(change):
    assert job().key != job(**change).key


def test_remarks_do_not():
    assert job().key == job(about={"data": "another name", "commit": "f00"}).key


def test_the_computation_is_kept_apart_from_the_planning_around_it():
    assert "testiculus.experiments.generation" not in imported_modules(job().module)


def test_a_single_image_is_refused_and_leaves_no_run(tmp_path):
    store, wanted = Store(tmp_path), job(pixels=PIXELS[:1])
    with pytest.raises(UserError, match="1 image"):
        store.finish(wanted)
    assert not store.has(wanted)
