"""What an experiment will cost, from a few timed steps, and what it did cost."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from testiculus.base.devices import peak_memory
from testiculus.base.places import runs_folder
from testiculus.base.store import Store
from testiculus.experiments.crossval import RowJob, RowRun, finish_rows, seconds_per_image
from testiculus.experiments.curation import (
    CURATED_ROWS,
    curated_jobs,
    curated_labels,
    flags_frame,
    loss_records,
)

if TYPE_CHECKING:
    from testiculus.experiments.row_encoders import Pretrained
    from testiculus.experiments.table1_plan import Plan


def estimate(planned: "Plan") -> dict[str, float]:
    """Time a few training steps and return what a plan of Table 1 will cost on this machine.

    Keys: `runs` still to train, `seconds` they will take, `memory_gib` (the peak so far, which
    training hardly raises) and `disk_mib`.
    """
    first, epochs = planned.noise_jobs[0][0], planned.protocol.epochs
    runs = runs_to_train(planned)
    per_image = seconds_per_image(first, planned.device) if runs else 0.0
    arrays = 2 * 4 * epochs * len(first.train_index)  # an index and a loss, 4 bytes each
    return {
        "runs": runs,
        "seconds": runs * images_of(first) * per_image,
        "memory_gib": peak_memory() / 2**30,
        "disk_mib": runs * arrays / 2**20,
    }


def runs_to_train(planned: "Plan") -> int:
    """Return how many of a plan's runs the store does not hold yet.

    What Filtered and Flipped train on is known once all noise runs are finished; until then all of
    their runs count.
    """
    store = Store(runs_folder())
    noise = [job for jobs in planned.noise_jobs for job in jobs]
    waiting = sum(not store.has(job.job) for job in noise)
    if waiting:
        return waiting + len(CURATED_ROWS) * len(planned.noise_jobs[0])
    flags = flags_frame(planned, loss_records(finish_rows(store, noise, "reading noise runs")))
    curated = curated_labels(planned.images.labels(), flags["suspicious"].to_numpy())
    rows = curated_jobs(planned, curated).values()
    return sum(not store.has(job.job) for jobs in rows for job in jobs)


def images_of(job: RowJob) -> float:
    """Return how many training images a run costs; a test image has no backward pass."""
    return job.job.settings.epochs * len(job.train_index) + len(job.test_index) / 3


def cost(runs: "Sequence[RowRun | Pretrained]", wall_seconds: float) -> dict[str, float]:
    """Return what the trainings cost, counting each run of the store once."""
    # of a run that serves twice the first, which says whether it was trained here
    once = {done.run.key: done.run for done in reversed(runs)}.values()
    return {
        "runs": len(once),
        "reused_runs": sum(found.reused for found in once),
        "training_seconds": round(sum(found.seconds for found in once), 1),
        "wall_seconds": round(wall_seconds, 1),
        "peak_memory_gib": round(peak_memory() / 2**30, 2),
    }
