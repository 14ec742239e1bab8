"""What the comparison of rules will cost, from a few timed steps of training."""

from typing import TYPE_CHECKING

from testiculus.base.devices import peak_memory
from testiculus.base.places import runs_folder
from testiculus.base.store import Store
from testiculus.claims.peers_schema import CURATIONS
from testiculus.experiments.cost import images_of
from testiculus.experiments.crossval import RowJob, seconds_per_image
from testiculus.experiments.peers_runs import curated_jobs, finished_scores
from testiculus.noise.peers import RULES

if TYPE_CHECKING:
    from testiculus.experiments.peers_plan import PeersPlan


def estimate(planned: "PeersPlan") -> dict[str, float]:
    """Time a few training steps and return what a plan will cost on this machine.

    Keys: `runs` still to train, `seconds` they will take, `memory_gib` (the peak so far, which
    training hardly raises) and `disk_mib`.
    """
    waiting, unknown = runs_to_train(planned)
    one = planned.baseline_jobs[0]
    per_image = seconds_per_image(one, planned.device) if waiting or unknown else 0.0
    images = sum(map(images_of, waiting)) + unknown * images_of(one)
    arrays = 2 * 4 * planned.protocol.epochs * len(one.train_index)  # index and loss, 4 bytes each
    runs = len(waiting) + unknown
    return {
        "runs": runs,
        "seconds": images * per_image,
        "memory_gib": peak_memory() / 2**30,
        "disk_mib": runs * arrays / 2**20,
    }


def runs_to_train(planned: "PeersPlan") -> tuple[list[RowJob], int]:
    """Return the jobs that the store does not hold yet, and how many more there will be at most.

    What the retrained rows train on is known once their condition's runs are finished; until then
    all of them count.
    """
    store = Store(runs_folder())
    jobs = {job.job.key: job for each in planned.noise_jobs.values() for job in each}
    jobs |= {job.job.key: job for job in planned.baseline_jobs}
    waiting = [job for job in jobs.values() if not store.has(job.job)]
    asked = planned.noise_jobs[planned.retrained.name]
    if any(not store.has(job.job) for job in asked):
        return waiting, (len(RULES) * len(CURATIONS) + 1) * len(planned.baseline_jobs)
    scores = finished_scores(planned, planned.retrained, store)
    rows = curated_jobs(planned, scores, quiet=True)
    more = {job.job.key: job for each in rows.values() for job in each}
    return [*waiting, *(job for key, job in more.items() if not store.has(job.job))], 0
