"""The plan of Fig. 5: a notebook's parameters, resolved and checked before anything is trained.

`plan` returns a `Fig5Plan`, or raises one clear message. Article, section 5 and Fig. 5; thesis,
section 6.4 and Fig. 6.1.
"""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch

from testiculus import paper
from testiculus.augment import recipe_settings
from testiculus.base.devices import resolve_device, resolve_precision
from testiculus.base.errors import UserError
from testiculus.claims import Conditions
from testiculus.claims.attention import ALL_KINDS, AS_TRAINED, NO_STRENGTH, RANDOM_LABELS, ROWS
from testiculus.data.images import ImageSet
from testiculus.experiments import crossval, fig5_cost, plan_words
from testiculus.experiments.explained_runs import (
    ExplainedJob,
    explained_jobs,
    random_labels,
    row_protocol,
)
from testiculus.experiments.fig5_parameters import (
    about_masks,
    chosen_layers,
    chosen_start,
    strength_list,
    unmeasured,
    warn_of_odd_choices,
    with_names_of_their_own,
)
from testiculus.experiments.inserted_markers import Insertion, insertions, require_room
from testiculus.experiments.planted_marks import planted
from testiculus.experiments.profiles import (
    overridden,
    positive_number,
    profile_settings,
    seed_list,
)
from testiculus.experiments.sources import load_source
from testiculus.experiments.table1_plan import shown_name
from testiculus.markers import KINDS

EXPERIMENT = "fig5"
MARKER_SEED = 0  # all models and seeds are asked about the same pictures


@dataclass(frozen=True, eq=False)
class Fig5Plan:
    """Everything that decides Fig. 5, resolved: images, protocol, strengths, layers.

    `protocol.augmentation` is the recipe with markers. The first of `layers` decides, the others
    are measured beside it. `not_measured` says which masks no image has.
    """

    profile: str
    variant: str
    images: ImageSet
    device: torch.device
    protocol: crossval.Protocol
    initialisation: str
    strengths: tuple[float, ...]
    layers: tuple[str, ...]
    not_run: dict[str, str] = field(default_factory=dict)
    not_measured: dict[str, str] = field(default_factory=dict)

    @property
    def layer(self) -> str:
        """The layer whose maps decide."""
        return self.layers[0]

    def layers_for(self, strength: float) -> tuple[str, ...]:
        """Return the layers that models trained under this bias are mapped at.

        Those beside the first only where no marks were planted: what they are there for, saying
        whether the layer matters, is asked of the two-by-two table.
        """
        return self.layers if strength == NO_STRENGTH else self.layers[:1]

    @property
    def recipe(self) -> str:
        """The marker recipe of the training, which the test images get too."""
        return recipe_settings(self.protocol.augmentation).markers

    @cached_property
    def folds(self) -> dict[int, np.ndarray]:
        """The fold of every image, per seed."""
        return crossval.fold_table(self.images, self.protocol)

    @cached_property
    def marked(self) -> dict[float, Insertion]:
        """The images with marks tied to their label, by strength; at 0 they are as they are."""
        return {
            strength: Insertion(
                AS_TRAINED, *planted(self.images, strength, MARKER_SEED, device=self.device)
            )
            for strength in self.strengths
        }

    @cached_property
    def jobs(self) -> dict[tuple[str, float], list[ExplainedJob]]:
        """The trainings by row and strength, one for each seed and fold."""
        rows = [(row, strength) for strength in self.strengths for row in ROWS]
        found = {(row, strength): self._row(row, strength) for row, strength in rows}
        shuffled = random_labels(self.images, self.folds)
        found[RANDOM_LABELS, NO_STRENGTH] = self._row(RANDOM_LABELS, NO_STRENGTH, shuffled)
        return found

    def _row(
        self, row: str, strength: float, labels: dict[int, np.ndarray] | None = None
    ) -> list[ExplainedJob]:
        return explained_jobs(
            row,
            self.images,
            self.initialisation,
            row_protocol(row, self.protocol),
            self.folds,
            self.device,
            strength,
            self.marked[strength].pixels,
            labels,
        )

    @cached_property
    def inserted(self) -> dict[str, Insertion]:
        """The images with markers, by condition: all kinds together, then each kind by itself."""
        drawn = insertions(self.images, self.recipe, MARKER_SEED)
        return {insertion.name: insertion for insertion in drawn}

    def shown_to(self, row: str, strength: float) -> list[Insertion]:
        """Return the conditions, beside the images as they are, that a model is tested under.

        All kinds of markers together; each kind by itself at strength 0; marks that go with the
        label as in training at the others. Controls see all kinds together alone.
        """
        if row in ROWS and strength == NO_STRENGTH:
            return list(self.inserted.values())
        tied = [self.marked[strength]] if strength != NO_STRENGTH else []
        return [self.inserted[ALL_KINDS], *tied]

    def settings(self) -> dict[str, object]:
        """Return the plan as plain values, for provenance and for people."""
        p, drawn = (
            self.protocol,
            len(self.images) * (self.protocol.folds - 1) // self.protocol.folds,
        )
        return {
            **plan_words.about_images(self.profile, self.variant, self.images),
            **about_masks(self.images),
            "initialisation": shown_name(self.initialisation),
            **plan_words.about_folds(p, self.images),
            "steps a training": p.epochs * -(-drawn // p.batch_size),
            **plan_words.about_rates(p),
            "strengths": ", ".join(f"{strength:g}" for strength in self.strengths),
            "inserted markers": f"recipe {self.recipe}, then each of {', '.join(KINDS)}",
            "maps": f"Grad-CAM++ of the positive class at {self.layer}",
            "beside them": ", ".join(self.layers[1:]) or "no other layer",
            **plan_words.about_device(p, self.device),
        }

    @property
    def conditions(self) -> Conditions:
        """What a verdict on this plan's results names."""
        return Conditions(
            data=self.images.name,
            profile=self.profile,
            initialisation=shown_name(self.initialisation),
            folds=self.protocol.folds,
            not_run=self.not_run,
        )

    def estimate(self) -> dict[str, float]:
        """Return what this plan will cost on this machine, see `fig5_cost.estimate`."""
        return fig5_cost.estimate(self)

    def summary(self) -> str:
        """Return the settings and, for anything to be computed, what it will cost, as text."""
        lines = plan_words.aligned(self.settings(), 17)
        lines += [f"not run from {name}: {reason}" for name, reason in self.not_run.items()]
        lines += [f"not measured: {reason}" for reason in self.not_measured.values()]
        return "\n".join([*lines, fig5_cost.in_words(self.estimate())])


def plan(
    profile: str = "demo",
    data: str = "phantom",
    variant: str = "article",
    device: str = "auto",
    seeds: object = None,
    folds: int = paper.FOLDS,
    strengths: object = None,
    layer: str | None = None,
    initialisation: str | None = None,
    batch_size: int = paper.BATCH_SIZE,
    precision: str = "auto",
    patients: int | None = None,
    **sizes: object,
) -> Fig5Plan:
    """Resolve a notebook's parameters; None means the profile's or the variant's own value.

    `strengths` are those of the shortcut (`strength_list`), `layer` a name in
    `explain.layer_grid`. `sizes` may hold pixels, epochs, encoder_lr and head_lr. Raises
    `UserError` for anything unknown, out of range or impossible on these images, before anything is
    trained.
    """
    told = paper.variant(variant)
    own = {"pixels": told["pixels"]} | profile_settings(profile, EXPERIMENT)
    sizes = overridden(own, patients=patients, strengths=strengths, **sizes)
    where = resolve_device(device)
    chosen = strength_list(sizes["strengths"])
    start, not_run = chosen_start(initialisation)
    protocol = crossval.Protocol(
        seeds=seed_list(sizes["seeds"] if seeds is None else seeds),
        folds=positive_number("FOLDS", folds, int),
        grouped=told["grouped_folds"],
        epochs=positive_number("EPOCHS", sizes["epochs"], int),
        batch_size=positive_number("BATCH_SIZE", batch_size, int),
        encoder_lr=positive_number("ENCODER_LR", sizes["encoder_lr"], float),
        head_lr=positive_number("HEAD_LR", sizes["head_lr"], float),
        weight_decay=paper.WEIGHT_DECAY,
        augmentation=told["augmentation"],
        precision=resolve_precision(where, precision),
    )
    images = load_source(
        data,
        pixels=positive_number("PIXELS", sizes["pixels"], int),
        patients=positive_number("PATIENTS", sizes["patients"], int),
        device=where,
    )
    require_room(images, KINDS)
    planned = Fig5Plan(
        profile=profile,
        variant=variant,
        images=with_names_of_their_own(images),
        device=where,
        protocol=protocol,
        initialisation=start,
        strengths=chosen,
        layers=chosen_layers(start, tuple(images.pixels.shape[-2:]), layer),
        not_run=not_run,
        not_measured=unmeasured(images),
    )
    warn_of_odd_choices(planned, data, patients)
    _refuse_impossible(planned)
    return planned


def _refuse_impossible(planned: Fig5Plan) -> None:
    _ = planned.folds  # fewer patients than folds, or a fold without positives, shows here
    if planned.protocol.batch_size < 2:
        raise UserError(
            "BATCH_SIZE=1: batch normalisation needs at least 2 images",
            remedy="give at least 2",
        )
