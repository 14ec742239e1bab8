"""What generated images will cost, from a few timed steps of training and of sampling.

Main function: `generation_seconds`.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from testiculus.base.places import runs_folder
from testiculus.base.store import Store
from testiculus.diffusion import draw_images
from testiculus.diffusion.interface import snapshot_steps
from testiculus.experiments.sampling import shard_name

if TYPE_CHECKING:
    from testiculus.experiments.generation import Generation

TIMED_BATCH = 8  # images of a timed step on a CPU, where larger batches cost in proportion
SNAPSHOT = 16 * 25  # images x steps of one picture of samples over training (`DiffusionResult`)


def generation_seconds(planned: "Generation", store: Store | None = None) -> float:
    """Return how long a generation will take on this machine; 0 where the store holds it.

    A few steps of training and a batch of short chains are timed. Images that an interrupted run
    has left, in the project's store by default, are not counted again; steps are.
    """
    store = store or Store(runs_folder())
    generator = planned.stored_generator(store)
    job = planned.images_job(generator) if generator else None
    if job and store.has(job):
        return 0.0
    model, seconds, drawn = None, 0.0, 0
    if job:
        drawn = _images_there(store, job)
    else:
        per_image, model = _training_seconds(planned)
        settings = planned.settings
        seconds = per_image * settings.batch_size * settings.steps
        drawn = -SNAPSHOT * len(snapshot_steps(settings)) / planned.sampler.steps
    per_step = _sampling_seconds(planned, model)
    return seconds + per_step * planned.sampler.steps * (planned.n - drawn)


def _images_there(store: Store, job) -> int:
    shards = job.compute.args[1].shards()
    folder = store.root / job.key
    return sum(len(images) for n, images in enumerate(shards) if (folder / shard_name(n)).exists())


def _timed_batch(wanted: int, device: torch.device) -> int:
    return min(wanted, TIMED_BATCH) if device.type == "cpu" else wanted


def _training_seconds(planned: "Generation", steps: int = 3) -> tuple[float, torch.nn.Module]:
    """Return the seconds that an image of a training step costs, and the network."""
    from testiculus.diffusion.training import Training

    batch = _timed_batch(planned.settings.batch_size, planned.device)
    brief = replace(planned.settings, steps=steps + 1, batch_size=batch)
    training = Training(planned.training, brief, planned.device)

    def step() -> None:
        training.take_step()
        training.look()  # waits for the device

    return _seconds(step, steps) / batch, training.model


def _sampling_seconds(
    planned: "Generation", model: torch.nn.Module | None, steps: int = 3
) -> float:
    """Return the seconds that an image of a sampler's step costs."""
    from testiculus.diffusion.model import build_unet

    if model is None:
        model = build_unet(planned.settings, planned.side).to(planned.device)
    batch = _timed_batch(planned.sampler.batch_size, planned.device)
    brief = replace(planned.sampler, steps=min(3, planned.sampler.steps), batch_size=batch)

    def draw() -> None:
        numbers = range(batch)
        draw_images(model.eval(), numbers, brief, pixels=planned.side, device=planned.device)

    return _seconds(draw, 1) / (batch * brief.steps)


def _seconds(work: Callable[[], None], times: int) -> float:
    """Return the mean time of a call, after one that warms up."""
    start = 0.0
    for number in range(times + 1):
        work()
        start = time.perf_counter() if number == 0 else start
    return (time.perf_counter() - start) / times
