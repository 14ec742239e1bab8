"""The plan of Fig. 4: parameters of the generation experiment, checked before anything trains.

`plan` turns a notebook's parameters into a `Fig4Plan`: which real images there are, the generator
(or the images brought in its place), and the encoders in whose features all is measured. Article,
section 4.2; thesis, sections 4.1 to 4.4.
"""

import warnings
from dataclasses import dataclass, field

import numpy as np
import torch

from testiculus.base.devices import device_class, resolve_device
from testiculus.base.errors import InputWarning, UserError
from testiculus.claims import Conditions
from testiculus.data.images import ImageSet
from testiculus.experiments import fig4_cost
from testiculus.experiments.features import Extractor, inception_extractor
from testiculus.experiments.generated_sets import read_generated
from testiculus.experiments.generation import Generated, Generation
from testiculus.experiments.generation_parameters import (
    GENERATION,
    FeatureEncoder,
    checked_values,
    feature_encoders,
    generation,
    whole,
)
from testiculus.experiments.plan_words import about_generator, about_images, aligned, group_of
from testiculus.experiments.pretraining_checks import (
    warn_of_hardly_any_training,
    warn_of_odd_choices,
)
from testiculus.experiments.pretraining_parameters import PARAMETERS, pretraining
from testiculus.experiments.unlabelled import (
    NOT_LABELLED,
    Unlabelled,
    load_images_and_unlabelled,
)
from testiculus.paper.generation import (
    METRIC_NEIGHBOURS,
    REFERENCE_BATCH,
    REFERENCE_BATCHES,
    filter_neighbours,
)

EXPERIMENT = "fig4"
FEWEST_PATIENTS = 3  # the search for copies compares a patient's images with two others' at least
SPLITS = 5  # of the patients into halves; ours
REPLICATES = 200  # ours
ENCODING = ("steps", "pretrain_batch", "warmup_steps", "pretrain_lr", "temperature")
SIZES = ("pixels", "patients", "unlabelled_patients", "thyroid_patients")
MEASURING = ("splits", "replicates", "reference_batch", "reference_batches")
KNOWN = {
    **GENERATION,
    **{name: PARAMETERS[name] for name in (*SIZES, *ENCODING, "procedural_images")},
    **{name: PARAMETERS[name] for name in ("organ_weight", "views", "shared_draw")},
    **{name: whole for name in MEASURING},
}


@dataclass(frozen=True, eq=False)
class Fig4Plan:
    """Everything that decides the generation experiment, resolved.

    `images` are the labelled ones, on which the generator is trained and from which the filter's
    manifold is made. `generation` plans the generator, None where generated images are
    `brought`. `encoders` make features, the first decides; `inception` comes before them where its
    weights are there, and `not_run` says so where they are not.
    """

    profile: str
    variant: str
    images: ImageSet
    unlabelled: Unlabelled
    device: torch.device
    values: dict[str, object]
    generation: Generation | None
    brought: Generated | None
    encoders: tuple[FeatureEncoder, ...]
    inception: Extractor | None
    not_run: dict[str, str] = field(default_factory=dict)

    experiment = EXPERIMENT

    @property
    def k(self) -> int:
        """The filter's neighbours on all labelled images."""
        return filter_neighbours(len(self.images), self.values["filter_neighbours"])

    @property
    def generated(self) -> int:
        """How many generated images there will be."""
        return self.values["generated"] if self.brought is None else self.brought.n

    @property
    def further(self) -> np.ndarray:
        """Which images of UD (bool, N) show the own organ of patients without labelled images.

        Real images that neither the generator nor the filter has seen. A patient of the same name
        in another set counts as the same.
        """
        ud = self.unlabelled
        return ud.is_own & ud.without_patients_of(np.arange(len(self.images)))

    @property
    def labelled_patients(self) -> np.ndarray:
        """The patient of every labelled image (n,), named as in UD."""
        frame = self.unlabelled.frame
        labelled = frame[frame["labelled_as"] != NOT_LABELLED].set_index("labelled_as")
        return labelled.loc[range(len(self.images)), "patient"].to_numpy(dtype=str)

    @property
    def conditions(self) -> Conditions:
        """What a verdict on this plan's results names."""
        return Conditions(
            data=self.images.name,
            profile=self.profile,
            not_run=self.not_run,
            organ=self.unlabelled.own,
            other_organs=self.unlabelled.organs[1:],
        )

    def spaces(self) -> dict[str, str]:
        """Return the features that are measured in, by id, the one that decides first."""
        found = {} if self.inception is None else {self.inception.id: self.inception.words}
        return found | {encoder.id: encoder.words for encoder in self.encoders}

    def settings(self) -> dict[str, object]:
        """Return the plan as plain values, for provenance and for people."""
        v = self.values
        return {
            **about_images(self.profile, self.variant, self.images),
            "own organ": f"{self.unlabelled.own}, {int(self.further.sum())} further images of "
            "other patients",
            **self._generator_in_words(),
            "generated images": self.generated,
            "filter": f"k = {self.k} of {len(self.images)} real images "
            f"({v['filter_neighbours']} at 880)",
            "features": "; ".join(self.spaces().values()),
            "precision and recall": f"k = {METRIC_NEIGHBOURS}",
            "reference batches": f"{v['reference_batches']} of {v['reference_batch']} images",
            f"halves by {group_of(self.images)}": v["splits"],
            "replicates": v["replicates"],
            "encoders": f"{v['steps']} steps of {v['pretrain_batch']} images",
            "device": device_class(self.device),
        }

    def _generator_in_words(self) -> dict[str, object]:
        if self.generation is None:
            return {"generator": f"none, {self.brought.name}"}
        settings = self.generation.settings
        words = about_generator(settings, self.generation.sampler)
        return {**words, "precision": settings.precision}

    def estimate(self) -> dict[str, float]:
        """Return what this plan will cost on this machine, see `fig4_cost.estimate`."""
        return fig4_cost.estimate(self)

    def summary(self) -> str:
        """Return the settings and, for anything to be trained, what it will cost, as text."""
        lines = aligned(self.settings(), 22)
        lines += [f"not run: {name}: {reason}" for name, reason in self.not_run.items()]
        return "\n".join([*lines, fig4_cost.in_words(self.estimate())])


def plan(
    profile: str = "demo",
    data: str = "phantom",
    unlabelled: object = None,
    synthetic: object = None,
    variant: str = "article",
    device: str = "auto",
    **parameters: object,
) -> Fig4Plan:
    """Resolve a notebook's parameters; None means the profile's or a source's own value.

    `synthetic` is the path of a manifest of generated images to judge in place of the generator's.
    `parameters` are those of `KNOWN`. Raises `UserError` for anything unknown, out of range or
    impossible on these images, before anything is trained.
    """
    measuring = {"splits": SPLITS, "replicates": REPLICATES}
    measuring |= {"reference_batch": REFERENCE_BATCH, "reference_batches": REFERENCE_BATCHES}
    values = measuring | checked_values(EXPERIMENT, profile, variant, parameters, KNOWN)
    where = resolve_device(device)
    sizes = {name: values[name] for name in SIZES}
    images, ud = load_images_and_unlabelled(data, unlabelled, device=where, **sizes)
    warn_of_odd_choices(data, parameters)
    brought = read_generated(synthetic, images) if synthetic else None
    found = inception_extractor(where)
    missing = found if isinstance(found, str) else ""
    settings = pretraining(values, variant, where)
    warn_of_hardly_any_training(settings)
    planned = Fig4Plan(
        profile=profile,
        variant=variant,
        images=images,
        unlabelled=ud,
        device=where,
        values=values | {"reference_batches": _batches(len(images), values)},
        generation=generation(values, images, where) if brought is None else None,
        brought=brought,
        encoders=feature_encoders(values, ud, settings, where),
        inception=None if missing else found,
        not_run={"Inception": missing} if missing else {},
    )
    _refuse_too_few(planned)
    return planned


def _refuse_too_few(planned: Fig4Plan) -> None:
    """Refuse fewer real images than all that is measured needs, half of the patients included."""
    counts = np.sort(planned.images.frame["patient"].value_counts().to_numpy())
    if len(counts) < FEWEST_PATIENTS:
        raise UserError(
            f"the labelled images are of {len(counts)} patients: splitting patients into halves "
            f"and the search for copies need at least {FEWEST_PATIENTS}",
            remedy="label images of more patients",
        )
    half = int(counts[: len(counts) // 2].sum())
    _refuse_too_few_for_balls(len(planned.images), "real images", planned.values)
    _refuse_too_few_for_balls(half, "real images in one half of the patients", planned.values)


def _refuse_too_few_for_balls(real: int, which: str, values: dict) -> None:
    k = filter_neighbours(real, values["filter_neighbours"])
    if k >= real:
        raise UserError(
            f"the filter's k is {k}, and there are {real} {which}: it needs more than k",
            where=f"FILTER_NEIGHBOURS={values['filter_neighbours']} (at 880 real images)",
            remedy="lower FILTER_NEIGHBOURS, or label more images",
        )
    if real <= METRIC_NEIGHBOURS:
        raise UserError(
            f"precision and recall need more than {METRIC_NEIGHBOURS} real images, and there are "
            f"{real} {which}",
            remedy="label more images",
        )


def _batches(n: int, values: dict) -> int:
    """Return how many disjoint reference batches `n` images give; fewer than wanted is said."""
    size, wanted = values["reference_batch"], values["reference_batches"]
    if size <= METRIC_NEIGHBOURS:
        raise UserError(
            f"REFERENCE_BATCH is {size}: precision and recall need more than {METRIC_NEIGHBOURS}",
            remedy=f"give at least {METRIC_NEIGHBOURS + 1}; the article takes 64",
        )
    possible = min(wanted, n // size)
    if possible < wanted:
        warnings.warn(
            f"{n} real images give {possible} disjoint reference batches of {size}, not {wanted}: "
            f"the figures are over {possible or 'none'}",
            InputWarning,
            stacklevel=3,
        )
    return possible
