"""What Tables 2 to 4 will cost, from a few timed steps of pretraining and of fine-tuning."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from testiculus.base.devices import peak_memory
from testiculus.base.places import runs_folder
from testiculus.base.store import Store
from testiculus.experiments.cost import images_of
from testiculus.experiments.crossval import RowJob, Start, seconds_per_image
from testiculus.experiments.encoders import seconds_per_step
from testiculus.experiments.flags import Flags, computed_flags
from testiculus.experiments.pretraining import START, encoder_file
from testiculus.experiments.row_encoders import Pretraining

if TYPE_CHECKING:
    from testiculus.experiments.pretraining_plan import Plan

ENCODER_MIB = 45  # a ResNet-18 encoder in single precision
TIMED_BATCH = 64  # images of a timed step; larger batches cost in proportion


def estimate(planned: "Plan", also: Sequence[Pretraining] = ()) -> dict[str, float]:
    """Time a few steps and return what a plan of Table 2, 3 or 4 will cost on this machine.

    Keys: `pretrainings` and `runs` (fine-tunings, those of Table 1's noise protocol included where
    its flags are not there) still to train, the `seconds` they will take, `memory_gib` (the peak so
    far) and `disk_mib`. What a row fine-tunes is known once its encoder and the flags are; until
    then all of its runs count. `also` are pretrainings that no row starts from.
    """
    store = Store(runs_folder())
    waiting = _to_pretrain([*planned.pretrainings, *_not_among(planned.pretrainings, also)], store)
    images = sum(wanted.settings.steps * wanted.settings.batch_size for wanted in waiting)
    seconds = images * _seconds_per_pair(waiting, planned.pretrainings) if waiting else 0.0
    flagging = _noise_to_train(planned, store)
    tuning = _fine_tunings_to_train(planned, store, _known_flags(planned, store, flagging))
    for jobs in (flagging, tuning):
        if jobs:
            per_image = seconds_per_image(jobs[0], planned.device)
            seconds += per_image * sum(map(images_of, jobs))
    return {
        "pretrainings": len(waiting),
        "runs": len(flagging) + len(tuning),
        "seconds": seconds,
        "memory_gib": peak_memory() / 2**30,
        "disk_mib": len(waiting) * ENCODER_MIB,
    }


def _to_pretrain(planned: Sequence[Pretraining], store: Store) -> list[Pretraining]:
    """Return the pretrainings that the store does not hold, or whose pictures are not there yet."""
    return [p for p in planned if p.pictures is None or not store.has(p.wanted)]


def _not_among(rows: Sequence[Pretraining], also: Sequence[Pretraining]) -> list[Pretraining]:
    """Return those of `also` that are none of the rows' runs, each once."""
    known = {wanted.wanted.key for wanted in rows if wanted.pictures is not None}
    others = {wanted.wanted.key: wanted for wanted in also}
    return [wanted for key, wanted in others.items() if key not in known]


def _seconds_per_pair(waiting: Sequence[Pretraining], rows: Sequence[Pretraining]) -> float:
    """Time the first pretraining whose pictures are there; how long a step takes is all alike."""
    return seconds_per_pair(next(p for p in (*waiting, *rows) if p.pictures is not None))


def seconds_per_pair(wanted: Pretraining) -> float:
    """Time a few steps of a pretraining and return the seconds that one image's two views cost."""
    batch = min(TIMED_BATCH, wanted.settings.batch_size)
    smaller = replace(wanted, settings=replace(wanted.settings, batch_size=batch))
    return seconds_per_step(smaller.job()) / batch


def _noise_to_train(planned: "Plan", store: Store) -> list[RowJob]:
    lists = planned.noise.noise_jobs if planned.noise else []
    return [job for jobs in lists for job in jobs if not store.has(job.job)]


def _known_flags(planned: "Plan", store: Store, flagging: list[RowJob]) -> Flags | None:
    if planned.flags or flagging:
        return planned.flags
    return computed_flags(store, planned.noise)[0]


def _fine_tunings_to_train(planned: "Plan", store: Store, flags: Flags | None) -> list[RowJob]:
    waiting = []
    for row, wanted in planned.fine_tuned():
        start = _start(planned, store, row, wanted)
        for labels in planned.learnt_labels(flags).values():
            told = planned.images.labels() if labels is None else labels
            fold = {} if wanted is None else {"fold": wanted.fold}
            jobs = planned.row_jobs(row, start or Start(START), told, **fold)
            known = start is not None and labels is not None
            waiting += [job for job in jobs if not (known and store.has(job.job))]
    return waiting


def _start(planned: "Plan", store: Store, row: str, wanted: Pretraining | None) -> Start | None:
    """Return what a row starts from, None where that encoder is not there yet."""
    if wanted is None:
        return Start(planned.starts[row])
    run = wanted.stored(store)
    return Start(row, encoder_file(run)) if run else None
