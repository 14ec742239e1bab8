"""The plan of Table 3: which images each row is pretrained on, checked before anything is trained.

`plan` turns a notebook's parameters into a `Table3Plan`. How many images the filter keeps is known
only once they are drawn: until then the rows that take them are planned without their pictures, and
`Table3Plan.complete` puts these in. Article, section 5, Table 3; thesis, section 6.3, Table 6.4.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch

from testiculus.base.places import runs_folder
from testiculus.base.store import Store
from testiculus.claims.schema import IMAGENET, NONE
from testiculus.claims.synthetic import TABLE3_EXCLUDED, TABLE3_EXTRA_ROWS, TABLE3_ROWS
from testiculus.experiments import pretraining_cost
from testiculus.experiments.features import inception_extractor
from testiculus.experiments.generation_parameters import (
    GENERATION,
    checked_values,
    feature_encoders,
    generation,
)
from testiculus.experiments.plan_words import about_generator
from testiculus.experiments.pretraining import START
from testiculus.experiments.pretraining_checks import usable_starts
from testiculus.experiments.pretraining_parameters import PARAMETERS
from testiculus.experiments.pretraining_plan import Plan, resolve
from testiculus.experiments.profiles import profile_settings
from testiculus.experiments.row_encoders import on_ultrasound
from testiculus.experiments.synthetic_images import Sifted, Source
from testiculus.experiments.table3_rows import MIXES, others_of
from testiculus.experiments.table3_rows import pretrainings as rows_of
from testiculus.paper.generation import filter_neighbours

EXPERIMENT = "table3"
STARTS = {NONE: START, IMAGENET: "imagenet"}
RANDOM_STARTS = 3  # random encoders to probe: they cost no training, and differ by points
KNOWN = PARAMETERS | GENERATION
ONE_ORGAN = "UD holds one organ; name manifests of others in UNLABELLED"
NOT_GROUPED = "VARIANT=released does not group its folds by patient"
BROUGHT = "nobody can be left out of a generator that was trained elsewhere (SYNTHETIC)"


@dataclass(frozen=True, eq=False)
class Table3Plan(Plan):
    """Everything that decides Table 3, resolved: a `Plan`, and where generated images come from.

    `sources`: first that of all rows, then one for each fold whose patients EXCLUDE_TEST leaves
    out.
    """

    sources: tuple[Source, ...] = ()

    def complete(self, sifted: Sequence[Sifted]) -> "Table3Plan":
        """Return the plan with the pictures of all rows; `sifted` belong to `sources`.

        Raises `UserError` where the filter keeps fewer images than a row's batch needs.
        """
        return replace(self, pretrainings=tuple(rows_of(self, self.sources, sifted)))

    def estimate(self) -> dict[str, float]:
        """Return what this plan will cost on this machine, generators included.

        As `pretraining_cost.estimate`, with the number of `generators` that are still to be
        trained, or to draw.
        """
        from testiculus.experiments.generation_cost import generation_seconds

        store = Store(runs_folder())
        found = [source.stored(store) for source in self.sources]
        planned = self if None in found else self.complete(found)
        encoders = [source.encoder.pretraining for source in self.sources if source.encoder]
        cost = pretraining_cost.estimate(planned, also=encoders)
        wanted = [source.generation for source in self.sources if source.generation]
        waiting = [generation for generation in wanted if generation.stored(store) is None]
        if waiting:  # alike but for a third of the images; the last one is the least begun
            cost["seconds"] += len(waiting) * generation_seconds(waiting[-1], store)
        return {"generators": len(waiting), **cost}

    def settings(self) -> dict[str, object]:
        """Return the plan as plain values, for provenance and for people."""
        first = self.sources[0]
        filters = f"k = {first.k} of {len(first.real)} real images"
        return {
            **super().settings(),
            **generator_in_words(first),
            "filter": f"{filters} ({self.values['filter_neighbours']} at 880)",
            "filtered in": first.network.words,
        }


def generator_in_words(source: Source) -> dict[str, object]:
    """Return where a source's images come from, as plain values."""
    if source.generation is None:
        brought = f"{source.origin.n} images of {source.origin.images.name}"
        return {"generator": f"none: {brought} were brought"}
    planned = source.generation
    words = about_generator(planned.settings, planned.sampler)
    return {**words, "generated images": planned.n}


def plan(synthetic: object = None, **parameters: object) -> Table3Plan:
    """Resolve a notebook's parameters; None means the profile's or a source's own value.

    `synthetic` is the path of a manifest of generated images, in place of a generator of one's own.
    `parameters` are profile, data, unlabelled, variant and device (see `pretraining_plan.resolve`)
    and those of `KNOWN`. With one organ, the rows beside thyroids are not run. Raises `UserError`
    for anything unknown, out of range or impossible on these images, before anything is trained.
    """
    base = resolve(EXPERIMENT, check=_checked, **parameters)
    starts, not_run = usable_starts(STARTS)
    _ = tuple(rows_of(base))  # a batch larger than a row's real images shows here
    first = _source(base, synthetic)
    not_run |= _missing(base, first)
    folds = range(base.protocol.folds) if _excludes(base, not_run) else ()
    sources = (first, *(_without_fold(base, first, fold) for fold in folds))
    pretrainings = tuple(rows_of(base, sources))
    there = {*starts, *(wanted.row for wanted in pretrainings)}
    planned = replace(
        base,
        rows=tuple(row for row in (*TABLE3_ROWS, *TABLE3_EXTRA_ROWS) if row in there),
        starts=starts,
        start_seeds={NONE: max(RANDOM_STARTS, base.values["pretraining_seeds"])},
        pretrainings=pretrainings,
        not_run=not_run,
    )
    parts = {field.name: getattr(planned, field.name) for field in fields(planned)}
    return Table3Plan(**parts, sources=sources)


def _checked(experiment: str, profile: str, variant: str, parameters: dict) -> dict[str, object]:
    """Return every parameter, checked; the feature encoder of one organ is Fig. 4's there too."""
    shared = profile_settings(profile, "fig4")["procedural_images"]
    values = checked_values(experiment, profile, variant, parameters, KNOWN)
    return {"procedural_images": shared} | values


def _source(base: Plan, synthetic: object) -> Source:
    """Return where the images of all rows come from; raises `UserError`."""
    from testiculus.experiments.generated_sets import read_generated

    values, images = base.values, base.images
    found = inception_extractor(base.device)
    if isinstance(found, str):  # the paper's features cannot be had: Fig. 4's first encoder
        found = feature_encoders(values, base.unlabelled, base.pretraining, base.device)[0]
    if synthetic:
        origin = read_generated(synthetic, images)
    else:
        origin = generation(values, images, base.device)
    k = filter_neighbours(len(images), values["filter_neighbours"])
    return Source(origin, images.pixels, k, found)


def _missing(base: Plan, first: Source) -> dict[str, str]:
    """Return the rows of ours and the paper's that cannot be run on these images, and why."""
    if len(base.unlabelled.organs) < 2:
        beside = [row for row, (_, others) in MIXES.items() if others]
        return dict.fromkeys([*beside, TABLE3_EXCLUDED], ONE_ORGAN)
    if base.values["exclude_test"] and not base.protocol.grouped:
        return {TABLE3_EXCLUDED: NOT_GROUPED}
    if base.values["exclude_test"] and first.generation is None:
        return {TABLE3_EXCLUDED: BROUGHT}
    return {}


def _excludes(base: Plan, not_run: dict[str, str]) -> bool:
    return bool(base.values["exclude_test"]) and TABLE3_EXCLUDED not in not_run


def _without_fold(base: Plan, first: Source, fold: int) -> Source:
    """Return a source that has seen no image of a fold's patients: generator, filter, encoder."""
    stay = base.folds[base.protocol.seeds[0]] != fold
    origin = first.generation.without_fold(fold, stay)
    k = filter_neighbours(int(stay.sum()), base.values["filter_neighbours"])
    network = first.network
    others = others_of(base, fold)
    if first.encoder and not np.array_equal(others, others_of(base)):
        told = first.encoder.pretraining
        smaller = on_ultrasound(told.row, base.unlabelled, others, told.settings, told.device, fold)
        network = replace(first.encoder, pretraining=smaller)
    return Source(origin, first.real[torch.from_numpy(stay)], k, network, fold)
