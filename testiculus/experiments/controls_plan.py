"""The plan of the negative controls: the tables' own plans, and what takes the images' place.

`plan` turns a notebook's parameters into a `ControlsPlan`, or raises one clear message before
anything is trained. Every control has the settings of its table and profile, so that encoders and
flags are those of the tables, found in the store where these ran.
"""

from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np
import torch

from testiculus.claims import Conditions
from testiculus.claims.controls_schema import EXPERIMENT, NOISE, UNTRAINED
from testiculus.claims.schema import UD
from testiculus.claims.synthetic import REAL_BOTH, REAL_OWN
from testiculus.data.images import ImageSet
from testiculus.experiments import controls_cost, plan_words, table1_plan, table2, table3_plan
from testiculus.experiments.controls_labels import meaningless_labels, sides_known
from testiculus.experiments.crossval import RowJob
from testiculus.experiments.noise_images import on_noise
from testiculus.experiments.pretraining_plan import Plan
from testiculus.experiments.profiles import positive_number, profile_settings, seed_list
from testiculus.experiments.row_encoders import Pretraining, alone
from testiculus.experiments.synthetic_images import Sifted, Source
from testiculus.experiments.table3_plan import Table3Plan

__all__ = ["EXPERIMENT", "ControlsPlan", "plan"]

# Tables whose controls are those of another: they share encoders where these settings are equal.
TWINS = {"table4": "table2", "fig4": "table3"}
OWN = ("procedural_images", "pretraining_seeds", "exclude_test")  # of one table, no control's


@dataclass(frozen=True, eq=False)
class ControlsPlan:
    """Everything that decides the controls, resolved: the plans of Tables 1 to 3, and which twins.

    `twins` maps Table 4 and Fig. 4 to the table whose controls are theirs too; `not_run` says why
    one is not.
    """

    profile: str
    variant: str
    table1: table1_plan.Plan
    table2: Plan
    table3: Table3Plan
    twins: dict[str, str]
    not_run: dict[str, str]

    @property
    def images(self) -> ImageSet:
        """The labelled images at Table 1's resolution."""
        return self.table1.images

    @property
    def device(self) -> torch.device:
        """Where to train."""
        return self.table1.device

    @property
    def fingerprints(self) -> dict[str, str]:
        """The content of each table's labelled images, by table."""
        own = {name: getattr(self, name) for name in ("table1", "table2", "table3")}
        found = {name: planned.images.fingerprint for name, planned in own.items()}
        return found | {name: found[twin] for name, twin in self.twins.items()}

    @property
    def conditions(self) -> Conditions:
        """What a verdict on these controls names."""
        told = self.table2.conditions
        return replace(self.table1.conditions, not_run=self.not_run, other_organs=told.other_organs)

    # Table 1: labels that mean nothing

    @cached_property
    def meaningless(self) -> np.ndarray:
        """Table 1's labels dealt out anew, int64 (N,)."""
        told = self.table1
        labels = told.images.labels()
        return meaningless_labels(told.images.frame, labels, told.folds.values(), "table1")

    def permuted_jobs(self, row: str, labels: np.ndarray, start: str = "") -> list[RowJob]:
        """Return Table 1's trainings of a row on other `labels` (N,), from its first start or one.

        The losses of all starts are what its rule reads.
        """
        everyone = np.ones(len(self.images), dtype=bool)
        return self.table1.row(row, start or self.table1.initialisations[0], labels, everyone)

    # Tables 2 and 4: pretraining on noise

    @cached_property
    def ultrasound(self) -> Pretraining:
        """Table 2's pretraining on UD, seed 0: its encoder is probed for permuted labels."""
        return first_of(self.table2, UD)

    @cached_property
    def noise(self) -> Pretraining:
        """The same pretraining on grey noise."""
        return on_noise(NOISE, self.table2.unlabelled, self.ultrasound.settings, self.device)

    # Table 3 and Fig. 4: an untrained generator

    @cached_property
    def both_organs(self) -> Pretraining:
        """Table 3's pretraining on all real images, seed 0; of one organ that organ's."""
        rows = {wanted.row for wanted in self.table3.pretrainings}
        return first_of(self.table3, REAL_BOTH if REAL_BOTH in rows else REAL_OWN)

    @property
    def source(self) -> Source:
        """Where Table 3's generated images come from, and what filters them."""
        return self.table3.sources[0]

    def on_untrained(self, sifted: Sifted | None = None) -> Pretraining:
        """Return Table 3's pretraining on generated images alone, on an untrained generator's.

        Without `sifted` it has no pictures yet.
        """
        planned = self.table3
        return Pretraining(
            row=UNTRAINED,
            settings=alone(planned.pretraining),
            organs=(planned.unlabelled.own,),
            images=self.source.origin.n,
            pictures=None if sifted is None else partial(_pictures, sifted),
            device=planned.device,
            data="drawn by an untrained generator",
        )

    def settings(self) -> dict[str, object]:
        """Return the plan as plain values, for provenance and for people."""
        one, two, three = self.table1, self.table2, self.table3
        told = self.source.generation
        net = plan_words.about_generator(told.settings, told.sampler)
        ud = two.unlabelled
        return {
            **plan_words.about_images(self.profile, self.variant, self.images),
            "initialisations": [table1_plan.shown_name(name) for name in one.initialisations],
            **plan_words.about_folds(one.protocol, one.images),
            **plan_words.about_rates(one.protocol),
            "labels dealt out": "among testes" if sides_known(one.images.frame) else "among images",
            "noise": f"{len(ud)} pictures, UD's organs and grey levels ({ud.pixels.shape[-1]} px)",
            "pretraining": f"{two.pretraining.steps} steps of {two.pretraining.batch_size} images",
            "probe partitions": f"{len(two.partitions)}, each with a permutation of its own",
            "untrained generator": f"{told.n} images of "
            f"{three.images.pixels.shape[-1]} px; {net['net']}; {net['sampler']}",
            "filter": f"k = {self.source.k} of {len(three.images)} real images",
            "filtered in": self.source.network.words,
            "shared": "; ".join(f"{name} with {twin}" for name, twin in self.twins.items()),
            **plan_words.about_device(one.protocol, self.device),
        }

    def estimate(self) -> dict[str, float]:
        """Return what this plan will cost on this machine, see `controls_cost.estimate`."""
        return controls_cost.estimate(self)

    def summary(self) -> str:
        """Return the settings and, for anything to be trained, what it will cost, as text."""
        lines = plan_words.aligned(self.settings() | {"flags": self.table2.flags_note}, 20)
        lines += [f"not run: {name}: {reason}" for name, reason in self.not_run.items()]
        cost = self.estimate()
        counts = {"generated sets": cost["sets"], "pretrainings": cost["pretrainings"]}
        counts["fine-tunings"] = cost["runs"]
        what = plan_words.listed([f"{number} {name}" for name, number in counts.items()])
        return "\n".join([*lines, plan_words.price(sum(counts.values()), what, cost)])


def first_of(planned: Plan, row: str) -> Pretraining:
    """Return the pretraining of a table's row with seed 0."""
    return next(w for w in planned.pretrainings if w.row == row and w.settings.seed == 0)


def _pictures(sifted: Sifted) -> tuple[torch.Tensor, np.ndarray]:
    pixels = sifted.generated.pixels
    return pixels, np.zeros(len(pixels), dtype=np.int64)


def plan(
    profile: str = "demo",
    data: str = "phantom",
    unlabelled: object = None,
    variant: str = "article",
    device: str = "auto",
    seeds: object = None,
    patients: int | None = None,
    unlabelled_patients: int | None = None,
    thyroid_patients: int | None = None,
    epochs: int | None = None,
    steps: int | None = None,
    pretrain_batch: int | None = None,
    partitions: int | None = None,
    generated: int | None = None,
    sampler_steps: int | None = None,
) -> ControlsPlan:
    """Resolve a notebook's parameters; None means the table's own value in this profile.

    `seeds` are those of Table 1's control. Raises `UserError` for anything unknown, out of range or
    impossible on these images, as the tables' own plans do, before anything is trained.
    """
    chosen = seeds if seeds is not None else profile_settings(profile, EXPERIMENT)["seeds"]
    where = {"profile": profile, "data": data, "variant": variant, "device": device}
    sets = {"patients": patients, "unlabelled_patients": unlabelled_patients}
    sets |= {"thyroid_patients": thyroid_patients, "unlabelled": unlabelled}
    training = {"steps": steps, "pretrain_batch": pretrain_batch, "partitions": partitions}
    training |= {"epochs": epochs, "exclude_test": 0}
    drawing = {"generated": generated, "sampler_steps": sampler_steps}
    if partitions is not None:
        positive_number("PARTITIONS", partitions, int)
    twins, not_run = _twins(profile)
    return ControlsPlan(
        profile=profile,
        variant=variant,
        table1=table1_plan.plan(**where, seeds=seed_list(chosen), patients=patients, epochs=epochs),
        table2=table2.plan(**where, **sets, **training),
        table3=table3_plan.plan(**where, **sets, **training, **drawing),
        twins=twins,
        not_run=not_run,
    )


def _twins(profile: str) -> tuple[dict[str, str], dict[str, str]]:
    """Return which tables' controls serve another table too, and why one's do not."""
    twins, not_run = {}, {}
    for name, twin in TWINS.items():
        own, other = (profile_settings(profile, which) for which in (name, twin))
        shared = (own.keys() & other.keys()) - {*OWN}
        if all(own[key] == other[key] for key in shared):
            twins[name] = twin
        else:
            not_run[name] = f"its settings in profile {profile} are not those of {twin}"
    return twins, not_run
