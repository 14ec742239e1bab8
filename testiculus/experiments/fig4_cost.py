"""What Fig. 4 will cost, from a few timed steps of everything in it that takes long."""

import time
from typing import TYPE_CHECKING

import numpy as np
import torch

from testiculus.base.devices import generator, peak_memory
from testiculus.base.places import runs_folder
from testiculus.base.store import Store
from testiculus.experiments.features import Extractor, compute_features, features_job
from testiculus.experiments.fidelity_measures import measured
from testiculus.experiments.generation_cost import generation_seconds
from testiculus.experiments.plan_words import price
from testiculus.experiments.pretraining_cost import ENCODER_MIB, seconds_per_pair

if TYPE_CHECKING:
    from testiculus.experiments.fig4_plan import Fig4Plan

TIMED_IMAGES = 8  # of Inception, which takes a tenth of a second an image on a CPU
WIDTHS = {True: 2048, False: 512}  # features of Inception and of a ResNet-18
ROWS = 4  # before, filtered, random, real


def estimate(planned: "Fig4Plan") -> dict[str, float]:
    """Time a few steps and return what a plan of Fig. 4 will cost on this machine.

    Keys: `generators` and `pretrainings` still to train, `images` still to draw (all of them until
    the store holds all), the `seconds` of everything, `memory_gib` (the peak so far) and
    `disk_mib`.
    """
    store = Store(runs_folder())
    encoders = [encoder.pretraining for encoder in planned.encoders]
    waiting = [wanted for wanted in encoders if not store.has(wanted.wanted)]
    pairs = sum(wanted.settings.steps * wanted.settings.batch_size for wanted in waiting)
    seconds = pairs * seconds_per_pair(waiting[0]) if waiting else 0.0
    plan = planned.generation
    drawn = plan is None or plan.stored(store) is not None
    trained = plan is None or plan.stored_generator(store) is not None
    if not drawn:
        seconds += generation_seconds(plan, store)
    if planned.inception is not None:
        seconds += _inception_seconds(planned, planned.inception, store)
    images = 0 if drawn else planned.generated
    bytes_drawn = images * int(planned.images.pixels[0].numel())
    return {
        "generators": int(not trained),
        "pretrainings": len(waiting),
        "images": images,
        "seconds": seconds + _measuring_seconds(planned),
        "memory_gib": peak_memory() / 2**30,
        "disk_mib": len(waiting) * ENCODER_MIB + bytes_drawn / 2**20,
    }


def in_words(cost: dict[str, float]) -> str:
    """Return an estimate as one sentence.

    >>> in_words({"generators": 0, "pretrainings": 0, "images": 0, "seconds": 90})
    'every run is in the store already: nothing to train, about 2 minutes of measuring here'
    """
    number = cost["generators"] + cost["pretrainings"] + cost["images"]
    what = (
        f"{cost['images']} images to draw, {cost['generators']} generator and "
        f"{cost['pretrainings']} encoders"
    )
    told = price(number, what, cost)
    minutes = f"about {cost['seconds'] / 60:.0f} minutes"
    return told if number else f"{told}, {minutes} of measuring here"


def _inception_seconds(planned: "Fig4Plan", inception: Extractor, store: Store) -> float:
    """Return how long Inception will look at the images that it has not seen yet."""
    ud = planned.unlabelled
    further = ud.pixels[torch.from_numpy(planned.further)]
    sets = [some for some in (planned.images.pixels, further) if len(some)]
    waiting = sum(len(s) for s in sets if not store.has(features_job(inception, s)))
    waiting += planned.generated
    some = planned.images.pixels[:TIMED_IMAGES]
    compute_features(inception, some)  # the weights are read once, too
    start = time.perf_counter()
    compute_features(inception, some)
    return waiting * (time.perf_counter() - start) / len(some)


def _measuring_seconds(planned: "Fig4Plan") -> float:
    """Return how long the replicates will take: sets of half the size, timed once on noise."""
    v, width = planned.values, WIDTHS[planned.inception is not None]
    noise = np.random.default_rng(generator("cost").initial_seed())
    sizes = (len(planned.images) // 2, planned.generated // 2)
    real, drawn = (noise.standard_normal((n, width), dtype=np.float32) for n in sizes)
    start = time.perf_counter()
    measured(real, drawn)
    # the halves of a held-out split are half as large again, and cost at most half
    return (time.perf_counter() - start) * ROWS * v["replicates"] * (1 + v["splits"] / 2)
