import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file

from testiculus.base.errors import InputWarning, UserError
from testiculus.base.store import Store
from testiculus.diffusion import (
    DiffusionSettings,
    SamplerSettings,
    draw_images,
    read_generator,
    write_generator,
)
from testiculus.diffusion.model import build_unet
from testiculus.experiments import sampling
from testiculus.experiments.sampling import SampleSettings, read_samples, samples_job, shard_name

CPU = torch.device("cpu")
SAMPLER = SamplerSettings(steps=2, chain=8, batch_size=2)


@pytest.fixture(scope="module")
def generator(tmp_path_factory):
    """A generator's file; it was not trained, which drawing does not ask."""
    settings = DiffusionSettings(
        steps=1, width=8, multipliers=(1,), blocks=1, attention=(), heads=1, chain=8
    )
    model, file = build_unet(settings, 8), tmp_path_factory.mktemp("g") / "generator.safetensors"
    with torch.no_grad():  # at the start the last layer is zero: every image would be its noise
        model.conv_out.weight.normal_(0, 0.1, generator=torch.Generator().manual_seed(0))
    return write_generator(file, model, {"data_fingerprint": "abc", "steps": "1"})


@pytest.fixture
def job(generator):
    def make(n=7, fingerprint="f", sampler=SAMPLER, shard=3, file=generator, **more):
        return samples_job(file, fingerprint, n, sampler, 8, CPU, shard=shard, **more)

    return make


@pytest.fixture
def drawn(monkeypatch):
    """Note which images are drawn."""
    numbers, draw = [], draw_images

    def noting(model, wanted, *rest, **more):
        numbers.extend(wanted)
        return draw(model, wanted, *rest, **more)

    monkeypatch.setattr(sampling, "draw_images", noting)
    return numbers


def files(run):
    return sorted(path.name for path in run.folder.glob("*.safetensors"))


def test_every_image_is_drawn_once_and_lies_at_its_number(tmp_path, generator, job, drawn):
    run = Store(tmp_path).finish(job())
    model = read_generator(generator, CPU)

    pixels = read_samples(run)

    assert drawn == list(range(7)) and files(run) == [shard_name(n) for n in range(3)]
    assert pixels.shape == (7, 1, 8, 8) and pixels.dtype == torch.uint8
    assert len(np.unique(run.arrays["sha256"], axis=0)) == 7
    for number in range(7):
        alone = draw_images(model, [number], SAMPLER, pixels=8, device=CPU)[0]
        assert (alone.int() - pixels[number].int()).abs().max() <= 1  # rounding in another batch


def test_a_larger_set_begins_with_the_smaller_one(tmp_path, job):
    store = Store(tmp_path)
    small, large = (read_samples(store.finish(job(n=n))) for n in (3, 7))
    assert torch.equal(large[:3], small)


def test_shards_that_are_there_are_not_drawn_again(tmp_path, job, drawn):
    store = Store(tmp_path)
    first = store.finish(job())
    (first.folder / "run.json").unlink()  # as if killed just before the end
    (first.folder / shard_name(1)).unlink()
    (first.folder / f".{shard_name(2)}.x.part").write_bytes(b"half a shard of a killed write")
    whole, drawn[:] = read_samples(Store(tmp_path / "whole").finish(job())), []

    again = store.finish(job())

    assert drawn == [3, 4, 5] and torch.equal(read_samples(again), whole)
    assert torch.equal(
        torch.from_numpy(again.arrays["sha256"]), torch.tensor(first.arrays["sha256"])
    )


def test_of_a_finished_set_a_lost_shard_is_drawn_again_and_no_other(tmp_path, job, drawn):
    store = Store(tmp_path)
    first, drawn[:] = store.finish(job()), []
    whole = read_samples(first)
    (first.folder / shard_name(2)).unlink()
    with pytest.raises(UserError, match="run the same command again"):
        read_samples(first)
    with pytest.warns(InputWarning, match="samples-00002.safetensors is missing"):
        again = store.finish(job())
    assert drawn == [6] and torch.equal(read_samples(again), whole)


OTHER = torch.zeros(3, 1, 8, 8, dtype=torch.uint8)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda file: file.write_bytes(b"no shard"), ""),
        (lambda file: save_file({"pixels": OTHER}, file), "checksum"),
        (lambda file: save_file({"other": OTHER}, file), "pixels"),
        (lambda file: sampling.write_shard(file, range(3), OTHER), "checksum"),
        (lambda file: sampling.write_shard(file, range(3, 6), OTHER[:2]), "it holds"),
        (lambda file: file.write_bytes(file.read_bytes()[:-1] + b"?"), "checksum"),
    ],
)
def test_a_damaged_shard_is_drawn_again_aloud(tmp_path, job, drawn, damage, said):
    store = Store(tmp_path)
    first, drawn[:] = store.finish(job()), []
    whole = read_samples(first)
    (first.folder / "run.json").unlink()
    damage(first.folder / shard_name(1))
    with pytest.warns(InputWarning, match=f"{shard_name(1)}.*{said}.*drawing them again"):
        again = store.finish(job())
    assert drawn == [3, 4, 5] and torch.equal(read_samples(again), whole)


def test_a_listener_hears_of_images_and_first_of_those_that_were_there(tmp_path, job):
    told, wanted, store = [], job(n=6), Store(tmp_path)
    first = store.finish(wanted)
    (first.folder / "run.json").unlink()
    (first.folder / shard_name(1)).unlink()
    compute = wanted.compute
    store.finish(replace(wanted, compute=lambda c: compute(c, on_images=lambda *a: told.append(a))))
    assert told[0] == (3, 6) and told[-1] == (6, 6)
    assert all(total == 6 for _, total in told) and sorted(told) == told


def test_a_card_says_what_the_images_are(tmp_path, job):
    run = Store(tmp_path).finish(job(about={"data": "ward-3"}))
    card = json.loads((run.folder / "card.json").read_text())
    assert (card["images"], card["pixels"], card["data"]) == (7, 8, "ward-3")
    assert card["sampler"]["steps"] == 2 and card["generator"]["data_fingerprint"] == "abc"


def test_generator_number_and_sampler_decide_which_set_it_is_and_nothing_else(job, tmp_path):
    other = [{"n": 8}, {"fingerprint": "g"}, {"sampler": replace(SAMPLER, seed=1)}]
    other += [{"sampler": replace(SAMPLER, steps=3)}, {"shard": 4}]
    keys = [job(**change).key for change in ({}, *other)]
    assert len(set(keys)) == len(keys)
    assert job(file=tmp_path / "moved", about={"data": "x"}).key == job().key


@pytest.mark.parametrize("n", [0, -1])
def test_no_images_at_all_are_refused(job, n):
    with pytest.raises(UserError, match=f"cannot draw {n} images"):
        job(n=n)


@pytest.mark.parametrize("steps", [0, 9])
def test_more_steps_than_the_chain_has_are_refused_before_anything_is_drawn(job, steps):
    with pytest.raises(UserError, match=f"{steps} steps.*chain of 8"):
        job(sampler=replace(SAMPLER, steps=steps))


@given(st.integers(1, 500), st.integers(1, 60))
def test_shards_share_out_the_images_without_a_gap(n, shard):
    shards = SampleSettings(n, 8, SAMPLER, shard).shards()
    assert [number for numbers in shards for number in numbers] == list(range(n))
    assert all(len(numbers) == shard for numbers in shards[:-1]) and 1 <= len(shards[-1]) <= shard
