import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from testiculus.base.devices import generator
from testiculus.base.errors import UserError
from testiculus.base.store import Store
from testiculus.data.images import ImageSet
from testiculus.diffusion import DiffusionSettings, SamplerSettings, read_card
from testiculus.experiments import generation_bars
from testiculus.experiments.generating import GENERATOR, generator_file
from testiculus.experiments.generation import (
    Generated,
    Generation,
    finish_generation,
    finish_generations,
    generated_set,
    generation_seconds,
    synthetic_settings,
)
from testiculus.experiments.sampling import read_samples, shard_name

CPU = torch.device("cpu")
SETTINGS = DiffusionSettings(
    steps=3, batch_size=2, chain=6, width=8, multipliers=(1,), blocks=1, attention=(), heads=1,
    snapshots=1,
)  # fmt: skip
SAMPLER = SamplerSettings(steps=2, chain=6, batch_size=2)
FRAME = pd.DataFrame({"organ": "liver", "patient": [f"p{i // 2}" for i in range(6)]})
PIXELS = torch.randint(0, 256, (6, 1, 8, 8), generator=generator("real")).to(torch.uint8)
IMAGES = ImageSet.build(PIXELS, FRAME, "ward-3", {"licence": "CC BY-NC-SA 4.0"})
PLAN = Generation.of(IMAGES, SETTINGS, SAMPLER, 4, CPU)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("runs"))
    return store, finish_generation(store, PLAN)


def test_a_generator_is_trained_and_its_images_drawn(finished):
    store, done = finished
    card = read_card(generator_file(done.generator))

    assert done.pixels.shape == (4, 1, 8, 8) and torch.equal(
        done.pixels, read_samples(done.samples)
    )
    assert (done.n, done.steps, done.name, done.is_imported) == (4, 3, "all patients", False)
    assert (card["data"], card["organ"], card["licence"]) == ("ward-3", "liver", "CC BY-NC-SA 4.0")
    assert done.seconds == done.generator.seconds + done.samples.seconds > 0
    assert done.runs == (done.generator, done.samples)


def test_what_is_stored_is_found_and_not_computed_again(finished):
    store, done = finished
    found, again = PLAN.stored(store), finish_generation(store, PLAN)
    assert [run.key for run in found.runs] == [run.key for run in again.runs]
    assert all(run.reused for run in again.runs) and torch.equal(again.pixels, done.pixels)
    assert PLAN.stored(Store(store.root / "elsewhere")) is None


def test_more_images_of_the_same_generator_do_not_train_it_again(finished):
    store, done = finished
    more = replace(PLAN, n=5)
    assert more.stored(store) is None
    drawn = finish_generation(store, more)
    assert drawn.generator.reused and not drawn.samples.reused
    assert torch.equal(drawn.pixels[:4], done.pixels)


def test_images_may_come_from_a_function_and_make_the_same_run():
    assert replace(PLAN, pixels=lambda: PIXELS).wanted.key == PLAN.wanted.key


def test_a_job_to_look_up_holds_no_images_and_does_not_compute():
    with pytest.raises(RuntimeError, match="looking up"):
        PLAN.wanted.compute(None)
    assert PLAN.wanted.key == PLAN.job().key


def test_without_a_fold_only_the_other_patients_are_learnt():
    others = np.array([True, True, False, False, True, True])
    left = PLAN.without_fold(1, others)
    assert left.name == "without fold 1" and torch.equal(left.training, PIXELS[[0, 1, 4, 5]])
    assert left.wanted.key != PLAN.wanted.key and left.about == PLAN.about


def test_several_generations_finish_the_same_with_an_executor(tmp_path, finished):
    plans = [PLAN, PLAN.without_fold(0, np.arange(6) > 1)]
    with ThreadPoolExecutor(1) as executor:
        done = finish_generations(Store(tmp_path), plans, executor)
    assert torch.equal(done[0].pixels, finished[1].pixels)
    assert [each.name for each in done] == ["all patients", "without fold 0"]
    assert done[0].samples.key != done[1].samples.key


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"n": 0}, "cannot draw 0 images"),
        ({"sampler": replace(SAMPLER, steps=7)}, "7 steps.*chain of 6"),
        ({"sampler": replace(SAMPLER, chain=9)}, "chain has 6 steps, the sampler's 9"),
        ({"pixels": PIXELS[:1]}, "1 image"),
        ({"settings": replace(SETTINGS, multipliers=(1, 1, 1, 1, 1))}, "8 px cannot be halved"),
    ],
)
def test_what_cannot_be_trained_or_drawn_is_refused_when_it_is_planned(change, said):
    with pytest.raises(UserError, match=f"(?s){said}"):
        replace(PLAN, **change)


def test_generated_images_are_an_unlabelled_set_of_the_organ_each_a_patient_of_its_own(finished):
    made = generated_set(finished[1], "liver")

    assert made.name == "ward-3-synthetic" and torch.equal(made.pixels, finished[1].pixels)
    assert made.frame["patient"].tolist() == [f"synthetic-0000{n}" for n in (1, 2, 3, 4)]
    assert set(made.frame["organ"]) == {"liver"} and set(made.frame["device"]) == {""}
    assert made.frame[["label", "true_label"]].isna().all(axis=None)
    assert made.settings["licence"] == "CC BY-NC-SA 4.0" and made.settings["synthetic"] is True
    assert made.settings["trained_on"] == "ward-3"


def test_an_imported_set_keeps_its_name_and_files_and_has_no_generator():
    frame = FRAME.assign(image=[f"a/{n}.png" for n in range(6)])
    brought = Generated.imported(ImageSet.build(PIXELS, frame, "theirs", {"licence": "x"}))
    made = generated_set(brought, "liver")

    assert (brought.n, brought.steps, brought.seconds, brought.runs) == (6, None, 0, ())
    assert brought.is_imported and brought.name == "imported: theirs"
    assert (made.name, made.settings["licence"]) == ("theirs", "x")
    assert made.frame["image"].tolist() == frame["image"].tolist()
    assert made.frame["patient"].is_unique


def test_a_name_that_is_as_long_as_can_be_still_gives_a_folders_name():
    name, settings = synthetic_settings({"data": "a" * 64})
    assert len(name) <= 64 and name.endswith("-synthetic") and settings["trained_on"] == "a" * 64


class Bar:
    """What a bar was told."""

    def __init__(self, total=None, desc="", unit="", **_):
        self.total, self.desc, self.unit = total, desc, unit
        self.n, self.initial, self.texts = 0, 0, []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def update(self, n):
        self.n += n

    def set_postfix_str(self, text, refresh):
        self.texts.append(text)


@pytest.fixture
def bars(monkeypatch):
    made = []
    note = lambda **more: made.append(Bar(**more)) or made[-1]  # noqa: E731
    monkeypatch.setattr(generation_bars, "progress", note)
    return made


def test_bars_count_steps_with_both_losses_and_then_images(tmp_path, bars):
    done = finish_generation(Store(tmp_path), PLAN)

    assert [(bar.unit, bar.n, bar.total) for bar in bars] == [("step", 3, 3), ("image", 4, 4)]
    assert "all patients" in bars[0].desc and len(bars[0].texts) == 3
    simple, vlb = (done.generator.arrays[name][-1] for name in ("simple", "vlb"))
    assert bars[0].texts[-1] == f"simple {simple:.4f}, bound {vlb:.3f} bits/dim"


def test_what_a_killed_run_has_left_does_not_count_into_the_speed():
    bar = Bar(total=10)
    move = generation_bars.mover(bar)
    for done in (6, 7, 10):
        move(done)
    assert (bar.n, bar.initial, bar.last_print_n) == (10, 6, 6)
    fresh = Bar(total=10)
    generation_bars.mover(fresh)(1)
    assert (fresh.n, fresh.initial) == (1, 0)


def test_the_time_is_estimated_and_is_nothing_for_what_is_stored(finished, tmp_path):
    store, _ = finished
    empty = Store(tmp_path)
    assert generation_seconds(PLAN, store) == 0.0
    whole = generation_seconds(replace(PLAN, n=4000), empty)
    sampling_alone = generation_seconds(replace(PLAN, n=4000), store)
    assert 0 < sampling_alone and 0 < whole < 3600
    assert not list(tmp_path.iterdir())  # an estimate leaves nothing


def test_images_that_an_interrupted_run_has_left_are_not_estimated_again(finished, monkeypatch):
    from testiculus.experiments import generation_cost

    monkeypatch.setattr(generation_cost, "_sampling_seconds", lambda planned, model: 0.5)
    store, done = finished
    larger = replace(PLAN, n=600)
    folder = store.root / larger.images_job(done.generator).key
    assert generation_seconds(larger, store) == 600 * 2 * 0.5
    folder.mkdir()
    for place in (0, 2):  # 256 and 88 images
        (folder / shard_name(place)).touch()
    assert generation_seconds(larger, store) == 256 * 2 * 0.5


def test_a_lost_generator_is_trained_again(tmp_path):
    store = Store(tmp_path)
    first = finish_generation(store, PLAN)
    (first.generator.folder / GENERATOR).unlink()
    with pytest.warns(UserWarning, match=f"{GENERATOR} is missing"):
        again = finish_generation(store, PLAN)
    assert not again.generator.reused and again.samples.reused  # the same weights: the same images


def test_planning_generations_does_not_wait_for_diffusers():
    code = "import sys, testiculus.experiments.generation; assert 'diffusers' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
