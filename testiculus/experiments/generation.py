"""Generated images of an experiment: which are wanted, where they come from, what they will cost.

`Generation` plans a generator and what it draws; `finish_generation` trains, draws, or finds both
in the store, and returns `Generated`, which an imported set of images (`generated_sets`) is as
well. How one is trained and sampled is in `generating` and `sampling`, whose code the store's keys
cover.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import pandas as pd
import torch

from testiculus.base.errors import UserError
from testiculus.base.progress import progress
from testiculus.base.repository import commit_in_words
from testiculus.base.store import Job, Run, Store
from testiculus.data.images import ImageSet
from testiculus.data.manifest_schema import slugify
from testiculus.diffusion import DiffusionSettings, SamplerSettings, checked_inputs
from testiculus.experiments.generating import generator_file, generator_job
from testiculus.experiments.generation_bars import draw_watched, train_watched
from testiculus.experiments.generation_cost import generation_seconds
from testiculus.experiments.sampling import checked_samples, read_samples, samples_job
from testiculus.models import PRETRAINED, weights_fingerprint

__all__ = [
    "Generated",
    "Generation",
    "finish_generation",
    "finish_generations",
    "generated_set",
    "generation_seconds",
    "synthetic_frame",
    "synthetic_settings",
]

EVERYONE = "all patients"
STATED = ("licence", "source")  # of the training data, what their settings say


@dataclass(frozen=True, eq=False)
class Generation:
    """A generator that an experiment wants, and the images that it shall draw.

    `pixels` are the training images, uint8 (N, 1, side, side), or return them when called; `n`
    images are drawn, numbered from 0. `name` says whose images it is trained on ("all patients",
    "without fold 0"); `about` (data, organ, licence, source) goes into the cards and changes
    nothing. Raises `UserError` for settings that cannot be trained or drawn with.
    """

    name: str
    pixels: torch.Tensor | Callable[[], torch.Tensor]
    settings: DiffusionSettings
    sampler: SamplerSettings
    n: int
    device: torch.device
    about: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self):
        checked_inputs(self.training, self.settings)
        if self.sampler.chain != self.settings.chain:
            raise UserError(
                f"the generator's chain has {self.settings.chain} steps, the sampler's "
                f"{self.sampler.chain}",
                remedy="give both the same chain; SAMPLER_STEPS says how many of it are walked",
            )
        checked_samples(self.n, self.sampler)

    @classmethod
    def of(
        cls,
        images: ImageSet,
        settings: DiffusionSettings,
        sampler: SamplerSettings,
        n: int,
        device: torch.device,
        name: str = EVERYONE,
    ) -> "Generation":
        """Return the generation from all of a set's images, with what its settings state."""
        about = {"data": images.name, "organ": ", ".join(sorted(set(images.frame["organ"])))}
        about |= {name: str(images.settings.get(name) or "not stated") for name in STATED}
        return cls(name, images.pixels, settings, sampler, n, device, about)

    def without_fold(self, fold: int, others: np.ndarray) -> "Generation":
        """Return the same generation from the `others` alone (bool, N): EXCLUDE_TEST's."""
        chosen = torch.from_numpy(np.asarray(others, dtype=bool))
        return replace(self, name=f"without fold {fold}", pixels=self.training[chosen])

    @property
    def training(self) -> torch.Tensor:
        """The training images, uint8 (N, 1, side, side)."""
        return self.pixels() if callable(self.pixels) else self.pixels

    @cached_property
    def side(self) -> int:
        """The side of the images, in px."""
        return int(self.training.shape[-1])

    def job(self) -> Job:
        """Return the generator's job for the store; it holds the training images."""
        about = {**self.about, "commit": commit_in_words()}
        return generator_job(self.training, self.settings, self.device, about)

    @cached_property
    def wanted(self) -> Job:
        """The generator's job to look up in the store: the key alone, without the images."""
        return replace(self.job(), compute=_look_up_only)

    def images_job(self, generator: Run) -> Job:
        """Return the images' job for the store, given the finished generator."""
        file = generator_file(generator)
        content = weights_fingerprint(PRETRAINED, file=file)
        about = {**self.about, "patients": self.name, "commit": commit_in_words()}
        return samples_job(file, content, self.n, self.sampler, self.side, self.device, about=about)

    def stored_generator(self, store: Store) -> Run | None:
        """Return the generator's run if the store holds it."""
        return store.find(self.wanted) if store.has(self.wanted) else None

    def stored(self, store: Store) -> "Generated | None":
        """Return the generated images if the store holds them, and their generator."""
        generator = self.stored_generator(store)
        job = generator and self.images_job(generator)
        samples = store.find(job) if job and store.has(job) else None
        return Generated(self, generator, samples) if samples else None


def _look_up_only(checkpoint: object) -> dict:
    raise RuntimeError("this job is for looking up; `Generation.job` makes one to compute")


@dataclass(frozen=True, eq=False)
class Generated:
    """Generated images: a finished `Generation`, or an imported set.

    Of an imported set there are `images` alone: plan, generator and samples are None.
    """

    plan: Generation | None
    generator: Run | None
    samples: Run | None
    images: ImageSet | None = None

    @classmethod
    def imported(cls, images: ImageSet) -> "Generated":
        """Return generated images that somebody brings; see `generated_sets.read_generated`."""
        return cls(None, None, None, images)

    @property
    def is_imported(self) -> bool:
        """Whether these come from a manifest instead of a generator trained here."""
        return self.images is not None

    @cached_property
    def pixels(self) -> torch.Tensor:
        """The images, uint8 (n, 1, side, side); read when they are first asked for."""
        return self.images.pixels if self.images is not None else read_samples(self.samples)

    @property
    def name(self) -> str:
        """Whose images the generator saw, or the imported set's name."""
        return f"imported: {self.images.name}" if self.images is not None else self.plan.name

    @property
    def n(self) -> int:
        """How many images there are."""
        return len(self.images) if self.images is not None else self.plan.n

    @property
    def steps(self) -> int | None:
        """The training steps; None of an imported set."""
        return None if self.plan is None else self.plan.settings.steps

    @property
    def runs(self) -> tuple[Run, ...]:
        """The runs of the store that these come from: generator, images; none if imported."""
        return tuple(run for run in (self.generator, self.samples) if run is not None)

    @property
    def seconds(self) -> float:
        """What training and drawing took, when they were done."""
        return sum(run.seconds for run in self.runs)


def generated_set(generated: Generated, organ: str) -> ImageSet:
    """Return generated images as an image set of `organ`, unlabelled, each a patient of its own.

    Its name is that of the training data and "-synthetic", its licence theirs; `trained_on` says
    whose images they are made from, for they are as private as those. An imported set keeps its
    name, its settings and its file names.
    """
    frame = synthetic_frame(generated.n, organ)
    if generated.images is not None:
        frame["image"] = generated.images.frame["image"].to_numpy()
    name, settings = _name_and_settings(generated)
    return ImageSet.build(generated.pixels, frame, name, settings)


def synthetic_frame(n: int, organ: str) -> pd.DataFrame:
    """Return the rows of `n` generated images: image, patient, organ, device, labels, number.

    >>> synthetic_frame(2, "testis")[["image", "patient", "number"]].values.tolist()[1]
    ['images/synthetic-00002.png', 'synthetic-00002', 1]
    """
    patient = [f"synthetic-{number + 1:05d}" for number in range(n)]
    image = [f"images/{name}.png" for name in patient]
    frame = pd.DataFrame({"image": image, "patient": patient, "organ": organ, "device": ""})
    for column in ("label", "true_label"):
        frame[column] = pd.Series(pd.NA, index=frame.index, dtype="Int8")
    return frame.assign(number=np.arange(n))


def _name_and_settings(generated: Generated) -> tuple[str, dict[str, object]]:
    if generated.images is not None:
        return generated.images.name, {**generated.images.settings, "synthetic": True}
    return synthetic_settings(generated.plan.about)


def synthetic_settings(about: Mapping[str, str]) -> tuple[str, dict[str, object]]:
    """Return name and settings of images that were generated from the data that `about` names.

    >>> synthetic_settings({"data": "ward-3", "licence": "private"})[0]
    'ward-3-synthetic'
    """
    data = about.get("data") or "unknown"
    name = f"{slugify(data)[:54].rstrip('-')}-synthetic"
    return name, {
        "name": name,
        "licence": about.get("licence") or "not stated",
        "source": f"generated from images of {data}",
        "synthetic": True,
        "trained_on": data,
        "group": "image",
    }


def finish_generation(
    store: Store, planned: Generation, executor: Executor | None = None
) -> Generated:
    """Train the generator and draw its images, or find either in the store.

    The bars count steps, with both losses, and images, with the time left. Raises what training
    and sampling raise.
    """
    return finish_generations(store, [planned], executor)[0]


def finish_generations(
    store: Store, planned: Sequence[Generation], executor: Executor | None = None
) -> list[Generated]:
    """Finish several generations, in order; with an executor all at once. See above."""
    if executor is None:
        return [_finished(store, plan) for plan in planned]
    generators = _in_parallel(executor, store, [plan.job() for plan in planned], "generators")
    jobs = [plan.images_job(run) for plan, run in zip(planned, generators, strict=True)]
    samples = _in_parallel(executor, store, jobs, "generated sets")
    return [Generated(*parts) for parts in zip(planned, generators, samples, strict=True)]


def _in_parallel(executor: Executor, store: Store, jobs: list[Job], desc: str) -> list[Run]:
    futures = [executor.submit(store.finish, job) for job in jobs]
    return [future.result() for future in progress(futures, total=len(jobs), desc=desc)]


def _finished(store: Store, plan: Generation) -> Generated:
    generator = plan.stored_generator(store)
    if generator is None:
        generator = train_watched(store, plan.job(), f"training a generator, {plan.name}")
    job = plan.images_job(generator)
    samples = store.find(job) if store.has(job) else None
    if samples is None:
        samples = draw_watched(store, job, f"drawing images, {plan.name}")
    return Generated(plan, generator, samples)
