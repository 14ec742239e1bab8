"""What several experiments will cost together, the runs that they share counted once: `costs_of`.

Each plan's own estimate counts what the store does not hold. Run one after another, the first that
needs a run trains it for the others: Table 1's noise protocol, which makes the flags of Tables 2 to
4, encoders of Tables 2 and 4, the generator of Fig. 4 and Table 3.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from testiculus.base.places import runs_folder
from testiculus.base.store import Store
from testiculus.experiments.cost import images_of
from testiculus.experiments.crossval import seconds_per_image
from testiculus.experiments.generation_cost import generation_seconds
from testiculus.experiments.pretraining_cost import seconds_per_pair

# What an estimate may count, in words, for one and for several.
COUNTED = {
    "generators": ("generator", "generators"),
    "images": ("image to draw", "images to draw"),
    "pretrainings": ("pretraining", "pretrainings"),
    "runs": ("training", "trainings"),
    "maps": ("map", "maps"),
}


@dataclass(frozen=True)
class Waiting:
    """Runs of a plan that are still to be done and alike: their keys, and the seconds of one."""

    keys: frozenset[str]
    seconds_each: Callable[[], float]


@dataclass(frozen=True)
class Cost:
    """What an experiment will cost once those before it are done.

    `counts` by the names of `COUNTED`, those that are `shared` with experiments before included;
    `seconds` without these; `memory_gib` and `disk_mib` as the plan estimates them.
    """

    experiment: str
    counts: dict[str, int]
    shared: int
    seconds: float
    memory_gib: float
    disk_mib: float

    def in_words(self) -> str:
        """Return what is to be done.

        >>> Cost("table2", {"pretrainings": 1, "runs": 36, "maps": 0}, 24, 90, 1, 45).in_words()
        '1 pretraining, 36 trainings (24 of these as above)'
        """
        parts = [f"{n} {COUNTED[name][n != 1]}" for name, n in self.counts.items() if n]
        shared = f" ({self.shared} of these as above)" if self.shared else ""
        return ", ".join(parts) + shared if parts else "nothing to train"


def costs_of(plans: Iterable[tuple[str, Any]]) -> Iterator[Cost]:
    """Yield the cost of each (experiment, plan), in the order in which they will run.

    A few steps of each are timed. A fine-tuning whose encoder is not there yet has no key: two
    tables that share such a one both count it.
    """
    known: set[str] = set()
    for experiment, planned in plans:
        cost = planned.estimate()
        shared, saved = 0, 0.0
        for waiting in waiting_runs(planned, Store(runs_folder())):
            twice = waiting.keys & known
            shared += len(twice)
            saved += len(twice) * waiting.seconds_each() if twice else 0.0
            known |= waiting.keys
        yield Cost(
            experiment=experiment,
            counts={name: int(cost[name]) for name in COUNTED if name in cost},
            shared=shared,
            seconds=max(cost["seconds"] - saved, 0.0),
            memory_gib=cost["memory_gib"],
            disk_mib=cost["disk_mib"],
        )


def waiting_runs(planned: Any, store: Store) -> list[Waiting]:
    """Return what a plan of a table or figure is to train and others may need as well, by kind."""
    kinds = (_noise_runs(planned, store), _pretrainings(planned, store), _drawn(planned, store))
    return [waiting for waiting in kinds if waiting is not None]


def _noise_runs(planned: Any, store: Store) -> Waiting | None:
    """Return the runs of Table 1's noise protocol, as Table 1 or a table that flips plans them."""
    table1 = planned if hasattr(planned, "noise_jobs") else getattr(planned, "noise", None)
    jobs = [job for row in table1.noise_jobs for job in row] if table1 else []
    jobs = [job for job in jobs if not store.has(job.job)]
    if not jobs:
        return None
    keys = frozenset(job.job.key for job in jobs)
    return Waiting(keys, lambda: images_of(jobs[0]) * seconds_per_image(jobs[0], planned.device))


def _pretrainings(planned: Any, store: Store) -> Waiting | None:
    """Return the pretrainings of rows, and those of the encoders that make features."""
    encoders = [*getattr(planned, "encoders", ())]
    encoders += [s.encoder for s in getattr(planned, "sources", ()) if s.encoder]
    all_of_them = [*getattr(planned, "pretrainings", ()), *(e.pretraining for e in encoders)]
    there = [p for p in all_of_them if p.pictures is not None and not store.has(p.wanted)]
    if not there:
        return None
    settings = there[0].settings
    views = settings.steps * settings.batch_size
    return Waiting(
        frozenset(p.wanted.key for p in there), lambda: views * seconds_per_pair(there[0])
    )


def _drawn(planned: Any, store: Store) -> Waiting | None:
    """Return the generators, each with the images it is to draw."""
    wanted = [s.generation for s in getattr(planned, "sources", ())]
    wanted.append(getattr(planned, "generation", None))
    there = [g for g in wanted if g is not None and g.stored(store) is None]
    if not there:
        return None
    keys = frozenset(generation.wanted.key for generation in there)
    return Waiting(keys, lambda: generation_seconds(there[0], store))
