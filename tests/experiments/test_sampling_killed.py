"""Drawing that was killed and started again: no image twice, none missing, the same bits."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import torch

from testiculus.base.store import Store
from testiculus.diffusion import DiffusionSettings, SamplerSettings, write_generator
from testiculus.diffusion.model import build_unet
from testiculus.experiments import sampling
from testiculus.experiments.sampling import read_samples, samples_job

IMAGES, SHARD = 20, 2
SCRIPT = """
import sys, time
from dataclasses import replace
from functools import partial
from pathlib import Path
from testiculus.base.store import Store
from test_sampling_killed import job
wanted = job(Path(sys.argv[1]))
slowly = partial(wanted.compute, on_images=lambda done, images: time.sleep(0.05))  # every step
Store(sys.argv[2]).finish(replace(wanted, compute=slowly))
"""


def job(generator: Path):
    sampler = SamplerSettings(steps=4, chain=4, batch_size=SHARD)
    return samples_job(generator, "f", IMAGES, sampler, 8, torch.device("cpu"), shard=SHARD)


def shards(store: Path) -> dict[str, int]:
    return {p.name: p.stat().st_mtime_ns for p in store.glob("*/samples-*.safetensors")}


def noted(monkeypatch) -> list[int]:
    """Return a list that is filled with the numbers of the images that are drawn."""
    numbers, draw = [], sampling.draw_images

    def noting(model, wanted, *rest, **more):
        numbers.extend(wanted)
        return draw(model, wanted, *rest, **more)

    monkeypatch.setattr(sampling, "draw_images", noting)
    return numbers


def test_killed_with_sigkill_it_goes_on_after_the_last_whole_shard(tmp_path, monkeypatch):
    settings = DiffusionSettings(
        steps=1, width=8, multipliers=(1,), blocks=1, attention=(), heads=1, chain=4
    )
    generator = write_generator(tmp_path / "g.safetensors", build_unet(settings, 8), {})
    command = [sys.executable, "-c", SCRIPT, str(generator), str(tmp_path / "killed")]
    path = os.pathsep.join([os.getcwd(), str(Path(__file__).parent)])
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": path}
    with subprocess.Popen(command, env=environment) as process:
        while len(shards(tmp_path / "killed")) < 3 and process.poll() is None:
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
    before = shards(tmp_path / "killed")
    assert process.returncode == -signal.SIGKILL
    assert 3 <= len(before) < IMAGES // SHARD and not Store(tmp_path / "killed").has(job(generator))
    drawn = noted(monkeypatch)

    resumed, newly = Store(tmp_path / "killed").finish(job(generator)), list(drawn)
    whole = Store(tmp_path / "whole").finish(job(generator))

    after = shards(tmp_path / "killed")
    assert before.items() <= after.items() and len(after) == IMAGES // SHARD
    assert newly == list(range(len(before) * SHARD, IMAGES))  # none twice, none missing
    assert torch.equal(read_samples(resumed), read_samples(whole))
    assert resumed.arrays["sha256"].shape == (IMAGES, 32)
