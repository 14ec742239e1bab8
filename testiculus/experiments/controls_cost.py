"""What the negative controls will cost, from a few timed steps of each kind of training."""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from testiculus.base.devices import peak_memory
from testiculus.base.places import runs_folder
from testiculus.base.store import Store
from testiculus.claims.schema import BASELINE
from testiculus.experiments.cost import images_of
from testiculus.experiments.crossval import RowJob, Start, finish_rows, seconds_per_image
from testiculus.experiments.flags import computed_flags
from testiculus.experiments.pretraining import START, encoder_file
from testiculus.experiments.pretraining_cost import ENCODER_MIB, seconds_per_pair
from testiculus.experiments.row_encoders import Pretraining

if TYPE_CHECKING:
    from testiculus.experiments.controls_plan import ControlsPlan
    from testiculus.experiments.generation import Generation

TIMED_IMAGES = 8  # of a timed step of drawing


def estimate(planned: "ControlsPlan") -> dict[str, float]:
    """Time a few steps and return what the controls will cost on this machine.

    Keys: generated `sets`, `pretrainings` and `runs` (fine-tunings, those of Table 1's noise
    protocol included where its flags are not there) still to make, the `seconds` they will take,
    `memory_gib` (the peak so far) and `disk_mib`.
    """
    store = Store(runs_folder())
    drawing = drawing_seconds(planned.source.generation, store)
    groups = pretrainings_to_train(planned, store)
    seconds = drawing + sum(_pretraining_seconds(waiting, all_) for waiting, all_ in groups)
    for jobs in runs_to_train(planned, store):
        if jobs:
            per_image = seconds_per_image(jobs[0], planned.device)
            seconds += per_image * sum(map(images_of, jobs))
    waiting = sum(len(some) for some, _ in groups)
    return {
        "sets": int(drawing > 0),
        "pretrainings": waiting,
        "runs": sum(map(len, runs_to_train(planned, store))),
        "seconds": seconds,
        "memory_gib": peak_memory() / 2**30,
        "disk_mib": waiting * ENCODER_MIB,
    }


def pretrainings_to_train(
    planned: "ControlsPlan", store: Store
) -> list[tuple[list[Pretraining], list[Pretraining]]]:
    """Return, per resolution, the pretrainings that the store does not hold, and all of them."""
    encoder = planned.source.encoder
    small = [planned.both_organs, *([encoder.pretraining] if encoder else [])]
    small = [*{wanted.wanted.key: wanted for wanted in small}.values()]
    small.append(planned.on_untrained(_drawn(planned, store)))
    groups = []
    for every in ([planned.ultrasound, planned.noise], small):
        waiting = [w for w in every if w.pictures is None or not store.has(w.wanted)]
        groups.append((waiting, every))
    return groups


def _drawn(planned: "ControlsPlan", store: Store):
    """Return the untrained generator's images, filtered, if the store holds all that it takes."""
    from testiculus.experiments.generation import Generated
    from testiculus.experiments.synthetic_images import Source

    found = _stored_images(planned.source.generation, store)
    if found is None:
        return None
    told = planned.source
    return Source(Generated(told.generation, *found), told.real, told.k, told.network).stored(store)


def _stored_images(told: "Generation", store: Store):
    """Return the runs of the untrained generator and of its images, if both are finished."""
    from testiculus.experiments.controls_generated import images_job
    from testiculus.experiments.untrained import untrained_job

    generator = store.find(untrained_job(told.settings, told.side, told.device))
    samples = store.find(images_job(told, generator)) if generator else None
    return (generator, samples) if samples else None


def drawing_seconds(told: "Generation", store: Store) -> float:
    """Return how long the untrained generator will draw on this machine; 0 where it has."""
    from testiculus.diffusion import draw_images
    from testiculus.diffusion.model import build_unet

    if _stored_images(told, store):
        return 0.0
    model = build_unet(told.settings, told.side).to(told.device)
    brief = replace(told.sampler, steps=min(3, told.sampler.steps), batch_size=TIMED_IMAGES)
    start = 0.0
    for _ in range(2):  # the first warms up
        start = time.perf_counter()
        draw_images(model, range(TIMED_IMAGES), brief, pixels=told.side, device=told.device)
    per_step = (time.perf_counter() - start) / (TIMED_IMAGES * brief.steps)
    return per_step * told.n * told.sampler.steps


def _pretraining_seconds(waiting: Sequence[Pretraining], every: Sequence[Pretraining]) -> float:
    if not waiting:
        return 0.0
    timed = next(wanted for wanted in every if wanted.pictures is not None)
    pairs = sum(wanted.settings.steps * wanted.settings.batch_size for wanted in waiting)
    return pairs * seconds_per_pair(timed)


def runs_to_train(planned: "ControlsPlan", store: Store) -> list[list[RowJob]]:
    """Return the fine-tunings that the store does not hold: flags, Table 1's control, on noise.

    What is turned and what an encoder starts from is known once its trainings are finished; until
    then all of their runs count.
    """
    flagging = [job for jobs in _noise_protocol(planned) for job in jobs if not store.has(job.job)]
    return [flagging, _permuted(planned, store), _on_noise(planned, store, bool(flagging))]


def _noise_protocol(planned: "ControlsPlan") -> list[list[RowJob]]:
    return planned.table2.noise.noise_jobs if planned.table2.noise else []


def _permuted(planned: "ControlsPlan", store: Store) -> list[RowJob]:
    from testiculus.experiments.controls_parts import flagged

    labels = planned.meaningless
    starts = planned.table1.initialisations
    read = [job for start in starts for job in planned.permuted_jobs(BASELINE, labels, start)]
    waiting = [job for job in read if not store.has(job.job)]
    if waiting:
        return [*waiting, *planned.permuted_jobs(BASELINE, labels)]  # as many on turned labels
    turned = flagged(planned, finish_rows(store, read, "reading permuted runs"))
    second = planned.permuted_jobs(BASELINE, np.where(turned, 1 - labels, labels))
    return [job for job in second if not store.has(job.job)]


def _on_noise(planned: "ControlsPlan", store: Store, flags_missing: bool) -> list[RowJob]:
    told, run = planned.table2, planned.noise.stored(store)
    start = Start(planned.noise.row, encoder_file(run)) if run else Start(START)
    flags = told.flags
    if flags is None and not flags_missing:
        flags = computed_flags(store, told.noise)[0]
    labels = told.learnt_labels(flags)["flipped"]
    jobs = told.row_jobs(
        planned.noise.row, start, told.images.labels() if labels is None else labels
    )
    known = run is not None and labels is not None
    return [job for job in jobs if not (known and store.has(job.job))]
