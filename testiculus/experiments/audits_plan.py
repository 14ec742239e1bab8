"""The plan of the protocol's audits: a notebook's parameters, resolved and checked.

`plan` returns an `AuditsPlan`, or raises one clear message before anything is trained. All
trainings are Table 1's of the same profile, each with one error of the protocol planted
(`audits_variants`).
"""

import warnings
from dataclasses import asdict, dataclass, field
from functools import cached_property

import torch

from testiculus import paper
from testiculus.augment import recipe_settings
from testiculus.base.devices import resolve_device, resolve_precision
from testiculus.base.errors import InputWarning
from testiculus.claims import Conditions
from testiculus.claims.audits_schema import AS_WRITTEN, DROPPED, EXPERIMENT, FRESH, WRONG_SIDE
from testiculus.data.images import ImageSet
from testiculus.data.phantom import PhantomSettings, phantom
from testiculus.experiments import audits_cost, crossval, plan_words
from testiculus.experiments.audits_pretraining import OneDrawPlan, plan_one_draw
from testiculus.experiments.audits_runs import flag_jobs, variant_jobs
from testiculus.experiments.audits_variants import Variant, variants
from testiculus.experiments.profiles import (
    overridden,
    positive_number,
    profile_settings,
    seed_list,
)
from testiculus.experiments.sources import load_source
from testiculus.experiments.table1_plan import choose_initialisations, shown_name
from testiculus.models import SCRATCH
from testiculus.noise import Rule

FRESH_SEED = 1  # of the phantom whose patients nobody trains on; the tables' is 0
FLAGGED_ROWS = (AS_WRITTEN, WRONG_SIDE)  # of these the rule's flags are read
UNTESTABLE_WORDS = {DROPPED: "the dropped batch", FRESH: "what a model is worth to new patients"}


@dataclass(frozen=True, eq=False)
class AuditsPlan:
    """Everything that decides the audits, resolved: images, protocol, starts, rule.

    `fresh` are labelled images of patients that nobody trains on (None: there are none). The first
    of `initialisations` trains every variant, the others add to the flags. `not_run` maps an
    initialisation to the file it lacks. `data` is the notebook's parameter.
    """

    profile: str
    variant: str
    images: ImageSet
    fresh: ImageSet | None
    device: torch.device
    protocol: crossval.Protocol
    initialisations: tuple[str, ...]
    not_run: dict[str, str] = field(default_factory=dict)
    rule: Rule = Rule()
    data: str = "phantom"

    @cached_property
    def _variants(self) -> tuple[dict[str, Variant], dict[str, str]]:
        return variants(self.images, self.protocol.seeds, self.protocol.folds)

    @property
    def variants(self) -> dict[str, Variant]:
        """What is trained, by row: the article's protocol and the errors that can be planted."""
        return self._variants[0]

    @cached_property
    def untestable(self) -> dict[str, str]:
        """Which audits these images do not allow, and why.

        By row of `audits_schema`; by the metric's suffix for `DROPPED` and `FRESH`.
        """
        reasons = dict(self._variants[1])
        smallest = min(len(job.test_index) for job in self.jobs[AS_WRITTEN])
        if smallest < self.protocol.batch_size:
            size = f"{smallest} images, less than a batch of {self.protocol.batch_size}"
            reasons[DROPPED] = f"a test fold holds {size}: nothing would be left"
        if self.fresh is None:
            reasons[FRESH] = "patients nobody trained on are simulated, which only the phantom can"
        return reasons

    @cached_property
    def jobs(self) -> dict[str, list[crossval.RowJob]]:
        """The trainings of every variant from the first start."""
        told = (self.images, self.fresh, self.initialisations[0], self.protocol, self.device)
        return {row: variant_jobs(each, *told) for row, each in self.variants.items()}

    @cached_property
    def flag_jobs(self) -> dict[str, list[crossval.RowJob]]:
        """The trainings that the flags need besides, from the further starts."""
        told = (self.images, self.initialisations[1:], self.protocol, self.device)
        return {
            row: flag_jobs(self.variants[row], *told)
            for row in FLAGGED_ROWS
            if row in self.variants
        }

    @cached_property
    def one_draw(self) -> OneDrawPlan:
        """The pretraining with one draw per batch, beside Table 2's own rows if they are there."""
        told = (self.profile, self.data, str(self.device), self.variant)
        return plan_one_draw(self.images, *told)

    def settings(self) -> dict[str, object]:
        """Return the plan as plain values, for provenance and for people."""
        p, fresh = self.protocol, "none"
        if self.fresh is not None:
            number = self.fresh.frame["patient"].nunique()
            fresh = f"{number}, {len(self.fresh)} images"
        return {
            **plan_words.about_images(self.profile, self.variant, self.images),
            "fresh patients": fresh,
            "initialisations": [shown_name(name) for name in self.initialisations],
            **plan_words.about_folds(p, self.images),
            **plan_words.about_rates(p),
            "rows": ", ".join(self.variants),
            "rule": asdict(self.rule),
            **plan_words.about_device(p, self.device),
        }

    @property
    def conditions(self) -> Conditions:
        """What a verdict on this plan's results names; what is not testable is under `not_run`."""
        return Conditions(
            data=self.images.name,
            profile=self.profile,
            initialisation=shown_name(self.initialisations[0]),
            folds=self.protocol.folds,
            not_run=self.not_run | self.untestable,
            rule=self.rule,
        )

    def estimate(self) -> dict[str, float]:
        """Return what this plan will cost on this machine, see `audits_cost.estimate`."""
        return audits_cost.estimate(self)

    def summary(self) -> str:
        """Return the settings and, for anything to be trained, what it will cost, as text."""
        words = self.settings() | {
            "initialisations": ", ".join(map(shown_name, self.initialisations)),
            "rule": self.rule.in_words(),
        }
        lines = plan_words.aligned(words, 16)
        lines += [f"not run from {name}: {reason}" for name, reason in self.not_run.items()]
        lines += [
            f"cannot be tested here, {UNTESTABLE_WORDS.get(name, name)}: {reason}"
            for name, reason in self.untestable.items()
        ]
        cost = self.estimate()
        counts = {name: cost[name] for name in ("pretrainings", "runs") if cost[name]}
        what = plan_words.listed([f"{number} {name}" for name, number in counts.items()])
        return "\n".join([*lines, plan_words.price(sum(counts.values()), what, cost)])


def plan(
    profile: str = "demo",
    data: str = "phantom",
    variant: str = "article",
    device: str = "auto",
    seeds: object = None,
    initialisations: object = None,
    folds: int = paper.FOLDS,
    batch_size: int = paper.BATCH_SIZE,
    precision: str = "auto",
    patients: int | None = None,
    **sizes: object,
) -> AuditsPlan:
    """Resolve a notebook's parameters; None means the profile's or the variant's own value.

    `sizes` may hold pixels, epochs, encoder_lr and head_lr. Folds are of patients whatever the
    variant says: those of single views are one of the audits. Raises `UserError` for anything
    unknown, out of range or impossible on these images, before anything is trained.
    """
    told = paper.variant(variant)
    own = {"pixels": told["pixels"]} | profile_settings(profile, EXPERIMENT)
    sizes = overridden(own, patients=patients, seeds=seeds, **sizes)
    where = resolve_device(device)
    protocol = crossval.Protocol(
        seeds=seed_list(sizes["seeds"]),
        folds=positive_number("FOLDS", folds, int),
        grouped=True,
        epochs=positive_number("EPOCHS", sizes["epochs"], int),
        batch_size=positive_number("BATCH_SIZE", batch_size, int),
        encoder_lr=positive_number("ENCODER_LR", sizes["encoder_lr"], float),
        head_lr=positive_number("HEAD_LR", sizes["head_lr"], float),
        weight_decay=paper.WEIGHT_DECAY,
        augmentation=told["augmentation"],
        precision=resolve_precision(where, precision),
    )
    recipe_settings(protocol.augmentation)
    chosen, not_run = choose_initialisations(initialisations, told["second_initialisation"])
    side = positive_number("PIXELS", sizes["pixels"], int)
    number = positive_number("PATIENTS", sizes["patients"], int)
    planned = AuditsPlan(
        profile=profile,
        variant=variant,
        images=load_source(data, pixels=side, patients=number, device=where),
        fresh=fresh_patients(data, side, number, where),
        device=where,
        protocol=protocol,
        initialisations=chosen,
        not_run=not_run,
        rule=Rule(occasion=told["occasion"]),
        data=data,
    )
    _ = planned.variants  # fewer patients than folds, or a fold without positives, shows here
    _warn_of_odd_choices(planned, data, patients)
    return planned


def fresh_patients(data: str, pixels: int, patients: int, device: torch.device) -> ImageSet | None:
    """Return as many patients of the phantom as are trained on, others; None for a manifest."""
    if data != "phantom":
        return None
    settings = PhantomSettings(patients=patients, pixels=pixels, seed=FRESH_SEED)
    return phantom(settings, device=str(device))


def _warn_of_odd_choices(planned: AuditsPlan, data: str, patients: object) -> None:
    first, told = planned.initialisations[0], []
    if first in SCRATCH and planned.protocol.encoder_lr <= paper.ENCODER_LR:
        told.append(
            f"{first} is a random encoder, and a learning rate of "
            f"{planned.protocol.encoder_lr:g} is meant for pretrained ones: it will hardly learn "
            "(ENCODER_LR sets another)"
        )
    if data != "phantom" and patients is not None:
        told.append("PATIENTS sets the phantom's size; a manifest has the patients that it has")
    for message in told:
        warnings.warn(message, InputWarning, stacklevel=3)
