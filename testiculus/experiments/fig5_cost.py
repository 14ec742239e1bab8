"""What Fig. 5 will cost, from a few timed steps of training and a few timed maps."""

from typing import TYPE_CHECKING

from testiculus.base.devices import peak_memory
from testiculus.base.places import runs_folder
from testiculus.base.store import Store
from testiculus.claims.attention import NO_STRENGTH, ROWS
from testiculus.experiments.cost import images_of
from testiculus.experiments.crossval import seconds_per_image
from testiculus.experiments.explained_measures import EVERY_LAYER, seconds_per_map
from testiculus.experiments.explained_runs import untrained_models
from testiculus.experiments.plan_words import price
from testiculus.markers import KINDS

if TYPE_CHECKING:
    from testiculus.experiments.explained_runs import ExplainedJob
    from testiculus.experiments.fig5_plan import Fig5Plan

MODEL_MIB = 43  # a ResNet-18 of one channel with its head, fp32


def estimate(planned: "Fig5Plan") -> dict[str, float]:
    """Time a few steps and return what a plan of Fig. 5 will cost on this machine.

    Keys: `runs` still to train, the `maps` of these models, the `seconds` of both, `memory_gib`
    (the peak so far, which training hardly raises) and `disk_mib`. Maps of models that are trained
    already are not counted: either they are stored too, or they are soon computed.
    """
    store = Store(runs_folder())
    waiting = [job for jobs in planned.jobs.values() for job in jobs if not store.has(job.job)]
    maps = sum(maps_of(planned, job) for job in waiting)
    seconds = 0.0
    if waiting:
        model = untrained_models(planned.folds, planned.device)[0]
        seconds = maps * seconds_per_map(model, planned.images, planned.layer)
        per_image = seconds_per_image(waiting[0], planned.device)
        seconds += sum(map(images_of, waiting)) * per_image
    arrays = sum(2 * 4 * job.job.settings.epochs * len(job.train_index) for job in waiting)
    return {
        "runs": len(waiting),
        "maps": maps,
        "seconds": seconds,
        "memory_gib": peak_memory() / 2**30,
        "disk_mib": len(waiting) * MODEL_MIB + arrays / 2**20,
    }


def maps_of(planned: "Fig5Plan", job: "ExplainedJob") -> int:
    """Return how many maps a model of this row and strength is asked for.

    As `Fig5Plan.shown_to` says, at the layer that decides, and the images as they are and with all
    kinds of markers also at the others that `Fig5Plan.layers_for` lists.
    """
    further = 0  # conditions beside those two
    if job.row in ROWS:
        further = len(KINDS) if job.strength == NO_STRENGTH else 1
    return len(job.test_index) * (
        len(EVERY_LAYER) * len(planned.layers_for(job.strength)) + further
    )


def in_words(cost: dict[str, float]) -> str:
    """Return an estimate as one sentence.

    >>> in_words({"runs": 2, "maps": 40, "seconds": 90, "memory_gib": 1, "disk_mib": 86})
    '40 maps, and 2 models to train, about 2 minutes here, 1.0 GiB of memory, 86 MiB of disk'
    """
    return price(cost["runs"], f"{cost['maps']} maps, and {cost['runs']} models", cost)
