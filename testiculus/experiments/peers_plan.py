"""The plan of the comparison of rules for label noise: a notebook's parameters, resolved.

`plan` returns a `PeersPlan`, or raises one clear message before anything is trained.
"""

import warnings
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from importlib.metadata import version

import numpy as np
import torch

from testiculus import paper
from testiculus.augment import recipe_settings
from testiculus.base.devices import resolve_device, resolve_precision
from testiculus.base.errors import InputWarning, UserError
from testiculus.claims import BASELINE, Conditions
from testiculus.claims.peers_schema import AS_LABELLED, PLANTED, RANDOM_NOISE, condition_name
from testiculus.data.images import ImageSet
from testiculus.experiments import crossval, peers_cost, plan_words
from testiculus.experiments.peers_parameters import rate_list, require_wrong_labels
from testiculus.experiments.planted_noise import plant
from testiculus.experiments.profiles import (
    overridden,
    positive_number,
    profile_settings,
    seed_list,
)
from testiculus.experiments.sources import load_source
from testiculus.experiments.table1_plan import choose_initialisations, shown_name
from testiculus.models import SCRATCH
from testiculus.noise import Rule, known_wrong
from testiculus.noise.peers import RULES

EXPERIMENT = "peers"
RETRAINED_RATE = 0.10  # the share of planted errors, or the nearest to it, that rows are trained at


@dataclass(frozen=True, eq=False)
class Noisy:
    """One condition: labels (int64, N), the seeds and the starts of the trainings they get."""

    name: str
    kind: str
    rate: float
    labels: np.ndarray
    seeds: tuple[int, ...]
    starts: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class PeersPlan:
    """Everything that decides the comparison, resolved: images, protocol, conditions, rule.

    `protocol.seeds` are those of the planted conditions and of the retrained rows;
    `labelled_seeds` and `initialisations` those of Table 1's noise protocol, which the labels as
    they came are ranked from. `not_planted` says which noise could not be planted, and why.
    """

    profile: str
    variant: str
    images: ImageSet
    device: torch.device
    protocol: crossval.Protocol
    initialisations: tuple[str, ...]
    labelled_seeds: tuple[int, ...]
    rates: tuple[float, ...]
    not_run: dict[str, str] = field(default_factory=dict)
    rule: Rule = Rule()

    @property
    def start(self) -> str:
        """What the planted conditions and the retrained rows start from."""
        return self.initialisations[0]

    @cached_property
    def folds(self) -> dict[int, np.ndarray]:
        """The fold of every image, per seed: Table 1's, the same under every condition."""
        every = tuple(dict.fromkeys([*self.protocol.seeds, *self.labelled_seeds]))
        return crossval.fold_table(self.images, replace(self.protocol, seeds=every))

    @cached_property
    def _planted(self) -> tuple[list[Noisy], dict[str, str]]:
        found, left_out = [], {}
        if "phantom" not in self.images.settings:
            return found, left_out
        for kind in PLANTED:
            for rate in self.rates:
                name = condition_name(kind, rate)
                try:
                    labels = plant(self.images, kind, rate)
                except UserError as error:
                    left_out[name] = error.what
                    continue
                seeds = self.protocol.seeds
                found.append(Noisy(name, kind, rate, labels, seeds, (self.start,)))
        return found, left_out

    @property
    def not_planted(self) -> dict[str, str]:
        """Which conditions the images do not allow, by name, and why."""
        return self._planted[1]

    @cached_property
    def conditions_run(self) -> list[Noisy]:
        """The conditions: those planted, by kind and rate, and the labels as they came."""
        known, wrong = known_wrong(self.images.frame)
        own = []
        if wrong.any():
            share, labels = float(wrong[known].mean()), self.images.labels()
            told = (share, labels, self.labelled_seeds, self.initialisations)
            own = [Noisy(AS_LABELLED, AS_LABELLED, *told)]
        return [*self._planted[0], *own]

    @property
    def retrained(self) -> Noisy:
        """The condition whose labels are curated and trained on again.

        Random noise at the rate nearest to `RETRAINED_RATE`; without planted noise the labels as
        they came.
        """
        found = self.conditions_run
        random = [noisy for noisy in found if noisy.kind == RANDOM_NOISE]
        return min(random or found, key=lambda noisy: abs(noisy.rate - RETRAINED_RATE))

    def row(self, name: str, labels: np.ndarray, kept: np.ndarray, start: str, seeds):
        """Return the jobs of a row trained on `labels` (int64, N) of the `kept` (bool, N)."""
        protocol = replace(self.protocol, seeds=tuple(seeds))
        return crossval.row_jobs(
            name, self.images, labels, kept, start, protocol, self.folds, self.device
        )

    @cached_property
    def noise_jobs(self) -> dict[str, list[crossval.RowJob]]:
        """The trainings that the rules are read from, by condition."""
        kept = np.ones(len(self.images), dtype=bool)
        return {
            noisy.name: [
                job
                for start in noisy.starts
                for job in self.row(BASELINE, noisy.labels, kept, start, noisy.seeds)
            ]
            for noisy in self.conditions_run
        }

    @property
    def baseline_jobs(self) -> list[crossval.RowJob]:
        """The trainings on the retrained condition's labels as they are, of the rows' own seeds."""
        kept = np.ones(len(self.images), dtype=bool)
        return self.row(BASELINE, self.retrained.labels, kept, self.start, self.protocol.seeds)

    def settings(self) -> dict[str, object]:
        """Return the plan as plain values, for provenance and for people."""
        p = self.protocol
        return {
            **plan_words.about_images(self.profile, self.variant, self.images),
            "initialisations": [shown_name(name) for name in self.initialisations],
            **plan_words.about_folds(p, self.images),
            **plan_words.about_rates(p),
            "conditions": ", ".join(noisy.name for noisy in self.conditions_run),
            "seeds as labelled": ", ".join(map(str, self.labelled_seeds)),
            "retrained": self.retrained.name,
            "rules": ", ".join(RULES),
            "rule": asdict(self.rule),
            "cleanlab": version("cleanlab"),
            **plan_words.about_device(p, self.device),
        }

    @property
    def conditions(self) -> Conditions:
        """What a verdict on this plan's results names."""
        return Conditions(
            data=self.images.name,
            profile=self.profile,
            initialisation=shown_name(self.start),
            folds=self.protocol.folds,
            not_run=self.not_run,
            rule=self.rule,
        )

    def estimate(self) -> dict[str, float]:
        """Return what this plan will cost on this machine, see `peers_cost.estimate`."""
        return peers_cost.estimate(self)

    def summary(self) -> str:
        """Return the settings and, for anything to be trained, what it will cost, as text."""
        words = self.settings() | {
            "initialisations": ", ".join(map(shown_name, self.initialisations)),
            "rule": self.rule.in_words(),
        }
        lines = plan_words.aligned(words, 17)
        lines += [f"not run from {name}: {reason}" for name, reason in self.not_run.items()]
        lines += [f"not planted, {name}: {why}" for name, why in self.not_planted.items()]
        cost = self.estimate()
        return "\n".join([*lines, plan_words.price(cost["runs"], f"{cost['runs']} runs", cost)])


def plan(
    profile: str = "demo",
    data: str = "phantom",
    variant: str = "article",
    device: str = "auto",
    seeds: object = None,
    labelled_seeds: object = None,
    rates: object = None,
    initialisations: object = None,
    folds: int = paper.FOLDS,
    batch_size: int = paper.BATCH_SIZE,
    precision: str = "auto",
    patients: int | None = None,
    **sizes: object,
) -> PeersPlan:
    """Resolve a notebook's parameters; None means the profile's or the variant's own value.

    `rates` are the shares of wrong labels to plant. `sizes` may hold pixels, epochs, encoder_lr and
    head_lr. Raises `UserError` for anything unknown, out of range or impossible on these images,
    and for images of which no label is known to be wrong, before anything is trained.
    """
    told = paper.variant(variant)
    own = {"pixels": told["pixels"]} | profile_settings(profile, EXPERIMENT)
    given = {"seeds": seeds, "labelled_seeds": labelled_seeds, "rates": rates}
    sizes = overridden(own, patients=patients, **given, **sizes)
    where = resolve_device(device)
    protocol = crossval.Protocol(
        seeds=seed_list(sizes["seeds"]),
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
    chosen, not_run = choose_initialisations(initialisations, told["second_initialisation"])
    recipe_settings(protocol.augmentation)
    planned = PeersPlan(
        profile=profile,
        variant=variant,
        images=load_source(
            data,
            pixels=positive_number("PIXELS", sizes["pixels"], int),
            patients=positive_number("PATIENTS", sizes["patients"], int),
            device=where,
        ),
        device=where,
        protocol=protocol,
        initialisations=chosen,
        labelled_seeds=seed_list(sizes["labelled_seeds"]),
        rates=rate_list(sizes["rates"]),
        not_run=not_run,
        rule=Rule(occasion=told["occasion"]),
    )
    require_wrong_labels(planned)
    _ = planned.folds  # fewer patients than folds, or a fold without positives, shows here
    _warn_of_odd_choices(planned, data, patients)
    return planned


def _warn_of_odd_choices(planned: PeersPlan, data: str, patients: object) -> None:
    told = []
    if planned.start in SCRATCH and planned.protocol.encoder_lr <= paper.ENCODER_LR:
        told.append(
            f"{planned.start} is a random encoder, and a learning rate of "
            f"{planned.protocol.encoder_lr:g} is meant for pretrained ones: it will hardly learn "
            "(ENCODER_LR sets another)"
        )
    if data != "phantom" and patients is not None:
        told.append("PATIENTS sets the phantom's size; a manifest has the patients that it has")
    for message in told:
        warnings.warn(message, InputWarning, stacklevel=3)
