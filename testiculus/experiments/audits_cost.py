"""What the protocol's audits will cost, from a few timed steps of training."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from testiculus.base.devices import peak_memory
from testiculus.base.places import runs_folder
from testiculus.base.store import Store
from testiculus.claims.audits_schema import AS_WRITTEN
from testiculus.experiments import audits_pretraining, crossval
from testiculus.experiments.protocol import AuditSettings

if TYPE_CHECKING:
    from testiculus.experiments.audits_plan import AuditsPlan

PREDICTED = 1 / 3  # of a training image's price: a predicted one has no backward pass


def estimate(planned: "AuditsPlan") -> dict[str, float]:
    """Time a few training steps and return what a plan will cost on this machine.

    Keys: `pretrainings` and `runs` still to train, `seconds` they will take, `memory_gib` (the peak
    so far, which training hardly raises) and `disk_mib`.
    """
    waiting = runs_to_train(planned)
    per_image = seconds_per_image(planned) if waiting else 0.0
    more = audits_pretraining.estimate(planned.one_draw)
    return {
        "pretrainings": more["pretrainings"],
        "runs": len(waiting) + more["runs"],
        "seconds": sum(images_of(planned, job) for job in waiting) * per_image + more["seconds"],
        "memory_gib": peak_memory() / 2**30,
        "disk_mib": sum(bytes_of(planned, job) for job in waiting) / 2**20 + more["disk_mib"],
    }


def runs_to_train(planned: "AuditsPlan") -> list[crossval.RowJob]:
    """Return the jobs that the store does not hold yet, each once."""
    store = Store(runs_folder())
    lists = [*planned.jobs.values(), *planned.flag_jobs.values()]
    once = {job.job.key: job for jobs in lists for job in jobs}
    return [job for job in once.values() if not store.has(job.job)]


def seconds_per_image(planned: "AuditsPlan") -> float:
    """Return what one image of a training step costs, timed on Table 1's first run."""
    variant, kept = planned.variants[AS_WRITTEN], np.ones(len(planned.images), dtype=bool)
    one_seed = replace(planned.protocol, seeds=planned.protocol.seeds[:1])
    start, folds = planned.initialisations[0], variant.folds
    told = (planned.images, variant.labels, kept, start, one_seed, folds, planned.device)
    return crossval.seconds_per_image(crossval.row_jobs(variant.row, *told)[0], planned.device)


def images_of(planned: "AuditsPlan", job: crossval.RowJob) -> float:
    """Return how many training images a run costs, with all that it predicts."""
    return job.job.settings.epochs * len(job.train_index) + PREDICTED * _predicted(planned, job)


def bytes_of(planned: "AuditsPlan", job: crossval.RowJob) -> int:
    """Return the bytes that a finished run keeps: an index and a loss a draw, and predictions."""
    return 2 * 4 * job.job.settings.epochs * len(job.train_index) + 4 * _predicted(planned, job)


def _predicted(planned: "AuditsPlan", job: crossval.RowJob) -> int:
    settings = job.job.settings
    if not isinstance(settings, AuditSettings):
        return len(job.test_index)
    fresh = 0 if planned.fresh is None else len(planned.fresh)
    return settings.looks * (len(job.test_index) + fresh)
