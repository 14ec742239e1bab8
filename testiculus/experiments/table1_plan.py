"""The plan of Table 1: a notebook's parameters, resolved and checked before anything is trained.

`plan` returns a `Plan`, or raises one clear message. Article, section 3.
"""

import warnings
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from testiculus import paper
from testiculus.augment import recipe_settings
from testiculus.base.devices import resolve_device, resolve_precision
from testiculus.base.errors import InputWarning, UserError, one_of
from testiculus.claims import Conditions
from testiculus.data.images import ImageSet
from testiculus.experiments import crossval, plan_words
from testiculus.experiments.cost import estimate
from testiculus.experiments.profiles import (
    overridden,
    positive_number,
    profile_settings,
    seed_list,
)
from testiculus.experiments.sources import load_source
from testiculus.models import SCRATCH, missing_weights
from testiculus.noise import OCCASION_KINDS, Rule

EXPERIMENT = "table1"


def shown_name(initialisation: str) -> str:
    """Return an initialisation's name, a weights file without its folder.

    >>> shown_name("scratch-A"), shown_name("/home/ann/encoder.safetensors")
    ('scratch-A', 'encoder.safetensors')
    """
    return Path(initialisation).name


@dataclass(frozen=True)
class Plan:
    """Everything that decides Table 1, resolved: images, protocol, rule, initialisations."""

    profile: str
    variant: str
    images: ImageSet
    device: torch.device
    protocol: crossval.Protocol
    initialisations: tuple[str, ...]
    not_run: dict[str, str]
    rule: Rule

    @cached_property
    def folds(self) -> dict[int, np.ndarray]:
        """The fold of every image, per seed."""
        return crossval.fold_table(self.images, self.protocol)

    def row(self, name: str, initialisation: str, labels: np.ndarray, kept: np.ndarray):
        """Return the jobs of one row trained on `labels` (int64, N) of the `kept` (bool, N)."""
        return crossval.row_jobs(
            name, self.images, labels, kept, initialisation, self.protocol, self.folds, self.device
        )

    @cached_property
    def noise_jobs(self) -> list[list[crossval.RowJob]]:
        """The noise protocol's runs on the labels as they are, one list per initialisation."""
        labels, all_kept = self.images.labels(), np.ones(len(self.images), dtype=bool)
        return [self.row("Complete", name, labels, all_kept) for name in self.initialisations]

    def settings(self) -> dict[str, object]:
        """Return the plan as plain values, for provenance and for people."""
        p, drawn = self.protocol, len(self.noise_jobs[0][0].train_index)
        return {
            **plan_words.about_images(self.profile, self.variant, self.images),
            "initialisations": [shown_name(name) for name in self.initialisations],
            **plan_words.about_folds(p, self.images),
            "steps a training": p.epochs * -(-drawn // p.batch_size),
            **plan_words.about_rates(p),
            "rule": asdict(self.rule),
            "evaluations": self.possible_evaluations,
            **plan_words.about_device(p, self.device),
        }

    @property
    def group(self) -> str:
        """What the patient column groups by, see `plan_words.group_of`."""
        return plan_words.group_of(self.images)

    @property
    def conditions(self) -> Conditions:
        """What a verdict on this plan's results names."""
        return Conditions(
            data=self.images.name,
            profile=self.profile,
            initialisation=shown_name(self.initialisations[0]),
            folds=self.protocol.folds,
            not_run=self.not_run,
            rule=self.rule,
        )

    @property
    def possible_evaluations(self) -> int:
        """How often an image is evaluated: initialisations x seeds x (folds - 1)."""
        p = self.protocol
        return len(self.initialisations) * len(p.seeds) * (p.folds - 1)

    def estimate(self) -> dict[str, float]:
        """Return what this plan will cost on this machine, see `cost.estimate`."""
        return estimate(self)

    def summary(self) -> str:
        """Return the settings and, for anything to be trained, what it will cost, as text."""
        words = self.settings() | {
            "initialisations": ", ".join(map(shown_name, self.initialisations)),
            "rule": self.rule.in_words(),
        }
        lines = plan_words.aligned(words, 16)
        lines += [f"not run from {name}: {reason}" for name, reason in self.not_run.items()]
        cost = self.estimate()
        return "\n".join([*lines, plan_words.price(cost["runs"], f"{cost['runs']} runs", cost)])


def plan(
    profile: str = "demo",
    data: str = "phantom",
    variant: str = "article",
    device: str = "auto",
    seeds: object = None,
    loss_threshold: float = paper.LOSS_THRESHOLD,
    occasions: int = paper.OCCASIONS,
    occasion: str | None = None,
    evaluations: int | None = None,
    initialisations: object = None,
    folds: int = paper.FOLDS,
    batch_size: int = paper.BATCH_SIZE,
    augmentation: str | None = None,
    precision: str = "auto",
    patients: int | None = None,
    **sizes: object,
) -> Plan:
    """Resolve a notebook's parameters; None means the profile's or the variant's own value.

    `sizes` may hold pixels, epochs, encoder_lr and head_lr. Raises `UserError` for
    anything unknown, out of range or impossible on these images, before anything is trained.
    """
    told = paper.variant(variant)
    own = {"pixels": told["pixels"]} | profile_settings(profile, EXPERIMENT)
    sizes = overridden(own, patients=patients, **sizes)
    where, occasion = resolve_device(device), occasion or told["occasion"]
    rule = _resolved_rule(loss_threshold, occasions, occasion, evaluations)
    protocol = crossval.Protocol(
        seeds=seed_list(sizes["seeds"] if seeds is None else seeds),
        folds=positive_number("FOLDS", folds, int),
        grouped=told["grouped_folds"],
        epochs=positive_number("EPOCHS", sizes["epochs"], int),
        batch_size=positive_number("BATCH_SIZE", batch_size, int),
        encoder_lr=positive_number("ENCODER_LR", sizes["encoder_lr"], float),
        head_lr=positive_number("HEAD_LR", sizes["head_lr"], float),
        weight_decay=paper.WEIGHT_DECAY,
        augmentation=augmentation or told["augmentation"],
        precision=resolve_precision(where, precision),
    )
    chosen, not_run = choose_initialisations(initialisations, told["second_initialisation"])
    recipe_settings(protocol.augmentation)
    images = load_source(
        data,
        pixels=positive_number("PIXELS", sizes["pixels"], int),
        patients=positive_number("PATIENTS", sizes["patients"], int),
        device=where,
    )
    planned = Plan(
        profile=profile,
        variant=variant,
        images=images,
        device=where,
        protocol=protocol,
        initialisations=chosen,
        not_run=not_run,
        rule=rule,
    )
    _warn_of_odd_choices(planned, data, patients)
    _refuse_impossible(planned)
    return planned


def _resolved_rule(
    loss_threshold: object, occasions: object, occasion: str, evaluations: object
) -> Rule:
    return Rule(
        loss_threshold=positive_number("LOSS_THRESHOLD", loss_threshold, float),
        occasions=positive_number("OCCASIONS", occasions, int),
        occasion=one_of(occasion, OCCASION_KINDS, "occasion"),
        evaluations=None
        if evaluations is None
        else positive_number("EVALUATIONS", evaluations, int),
    )


def _refuse_impossible(planned: Plan) -> None:
    wanted, possible = planned.rule.evaluations, planned.possible_evaluations
    if wanted is not None and wanted > possible:
        raise UserError(
            f"EVALUATIONS={wanted}, but an image is evaluated only {possible} times here",
            remedy="lower EVALUATIONS or raise SEEDS",
        )
    _ = planned.folds  # fewer patients than folds, or a fold without positives, shows here


def _warn_of_odd_choices(planned: Plan, data: str, patients: int | None) -> None:
    first = planned.initialisations[0]
    if first in SCRATCH and planned.protocol.encoder_lr <= paper.ENCODER_LR:
        warnings.warn(
            f"{first} is a random encoder, and a learning rate of {planned.protocol.encoder_lr:g} "
            "is meant for pretrained ones: it will hardly learn (ENCODER_LR sets another)",
            InputWarning,
            stacklevel=3,
        )
    if data != "phantom" and patients is not None:
        warnings.warn(
            "PATIENTS sets the phantom's size; a manifest has the patients that it has",
            InputWarning,
            stacklevel=3,
        )


def choose_initialisations(wanted: object, second: str) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return the two initialisations of the noise protocol, and what could not be run and why.

    The article's are ImageNet and `second`; what is missing is replaced, under its own name, by the
    random initialisation scratch-A, then by the UD encoder where its file is there, then by another
    random one, scratch-B. The first one trains the table.
    """
    if wanted is not None:
        names = wanted.split(",") if isinstance(wanted, str) else list(wanted)
        names = tuple(str(name).strip() for name in names)
        if len(set(names)) < len(names) or not all(names) or not names:
            raise UserError(
                f"INITIALISATIONS={wanted!r} does not name different starts",
                remedy="name one or more, each once, such as scratch-A,scratch-B",
            )
        for name in names:
            if reason := missing_weights(name):
                raise UserError(f"initialisation {name!r} cannot be used", remedy=reason)
        return names, {}
    article = ("imagenet", second)
    missing = {name: reason for name in article if (reason := missing_weights(name))}
    there = [name for name in article if name not in missing]
    ud = [] if missing_weights("ud") else ["ud"]
    return tuple(dict.fromkeys([*there, "scratch-A", *ud, "scratch-B"]))[:2], missing
