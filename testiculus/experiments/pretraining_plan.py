"""The plan of Tables 2 to 4: a notebook's parameters, resolved and checked before any training.

`resolve` turns parameters into a `Plan` without rows; `table2.plan`, `table3.plan` and
`table4.plan` give it theirs. Article, sections 4.1 and 5; thesis, sections 5.2 and 6.2.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch

from testiculus.base.devices import resolve_device
from testiculus.claims import Conditions
from testiculus.data.images import ImageSet
from testiculus.experiments import crossval, plan_words, table1_plan
from testiculus.experiments.flags import Flags, noise_plan, written_flags
from testiculus.experiments.pretraining_checks import (
    warn_of_hardly_any_training,
    warn_of_odd_choices,
)
from testiculus.experiments.pretraining_cost import estimate
from testiculus.experiments.pretraining_parameters import (
    checked_values,
    fine_tuning,
    pretraining,
)
from testiculus.experiments.row_encoders import NO_FOLD, Pretraining
from testiculus.experiments.unlabelled import Unlabelled, load_images_and_unlabelled
from testiculus.folds import patient_folds
from testiculus.pretrain import PretrainSettings

# What an estimate may count, in words.
COUNTED = {"generators": "generators", "pretrainings": "pretrainings", "runs": "fine-tunings"}
NOT_KNOWN_YET = "not known yet: Table 1's noise protocol runs first"


@dataclass(frozen=True, eq=False)
class Plan:
    """Everything that decides a table of pretrainings, resolved.

    `rows` in the table's order, each with a start: `starts` maps rows to a named initialisation,
    `pretrainings` belong to the others. `not_run` maps rows to what is missing. `flags` are Table
    1's where they were found, else None, and `noise` is the plan that makes them. `pretraining` are
    UD's settings with seed 0, `values` the parameters; `start_seeds` says for which rows of
    `starts` several random encoders are probed.
    """

    experiment: str
    profile: str
    variant: str
    images: ImageSet
    unlabelled: Unlabelled
    device: torch.device
    protocol: crossval.Protocol
    pretraining: PretrainSettings
    values: dict[str, object]
    flags: Flags | None
    noise: table1_plan.Plan | None
    rows: tuple[str, ...] = ()
    starts: dict[str, str] = field(default_factory=dict)
    start_seeds: dict[str, int] = field(default_factory=dict)
    pretrainings: tuple[Pretraining, ...] = ()
    not_run: dict[str, str] = field(default_factory=dict)

    @cached_property
    def folds(self) -> dict[int, np.ndarray]:
        """The fold of every labelled image, per seed."""
        return crossval.fold_table(self.images, self.protocol)

    @cached_property
    def partitions(self) -> dict[int, np.ndarray]:
        """The probes' partitions: the fold of every labelled image, per number of a partition.

        Grouped by patient and balanced over the labels as they came, whatever is trained on.
        """
        labels, patients = self.images.labels(), self.images.frame["patient"].to_numpy()
        numbers = range(self.values["partitions"])
        return {n: patient_folds(labels, patients, self.protocol.folds, n) for n in numbers}

    @cached_property
    def excluded_partition(self) -> int | None:
        """The partition whose folds are the first seed's, None where there is none.

        In it, and in no other, an encoder pretrained without a fold's patients has not seen the
        images it is tested on.
        """
        first = self.folds[self.protocol.seeds[0]]
        same = (n for n, folds in self.partitions.items() if np.array_equal(folds, first))
        return next(same, None)

    @cached_property
    def truth(self) -> np.ndarray | None:
        """The true labels (int64, N), or None where not all of them are known."""
        known = self.images.frame["true_label"].notna().all()
        return self.images.labels("true_label") if known else None

    def unlabelled_counts(self) -> dict[str, int]:
        """Return how many images of UD each set and organ gives."""
        counts = self.unlabelled.frame.groupby(["set", "organ"], sort=False).size()
        return {f"{name}: {organ}": int(n) for (name, organ), n in counts.items()}

    def learnt_labels(self, flags: Flags | None) -> dict[str, np.ndarray | None]:
        """Return what rows are fine-tuned on: flipped labels (None: not known yet), true ones.

        Labels are int64 of length N. True labels are left out where not all of them are known.
        """
        labels = self.images.labels()
        flipped = np.where(flags.suspicious, 1 - labels, labels) if flags else None
        learnt = {"flipped": flipped}
        return learnt if self.truth is None else learnt | {"true": self.truth}

    def fine_tuned(self) -> list[tuple[str, Pretraining | None]]:
        """Return the rows with the pretraining of seed 0 that each starts from.

        None for a row of `starts`; one for each fold for a row that leaves test patients out.
        """
        first = [wanted for wanted in self.pretrainings if wanted.settings.seed == 0]
        return [
            (row, wanted)
            for row in self.rows
            for wanted in ([None] if row in self.starts else [w for w in first if w.row == row])
        ]

    def row_jobs(
        self, row: str, start: crossval.Start, labels: np.ndarray, fold: int = NO_FOLD
    ) -> list[crossval.RowJob]:
        """Return the fine-tunings of a row on `labels`; with a `fold`, the first seed's one."""
        everyone = np.ones(len(self.images), dtype=bool)
        jobs = crossval.row_jobs(
            row, self.images, labels, everyone, start, self.protocol, self.folds, self.device
        )
        one = (self.protocol.seeds[0], fold)
        return [job for job in jobs if fold == NO_FOLD or (job.seed, job.fold) == one]

    def settings(self) -> dict[str, object]:
        """Return the plan as plain values, for provenance and for people."""
        p, s, ud = self.protocol, self.pretraining, self.unlabelled
        own = ud.is_own
        return {
            **plan_words.about_images(self.profile, self.variant, self.images),
            "own organ": f"{ud.own}, {int(own.sum())} images in UD",
            "other organs": f"{', '.join(ud.organs[1:]) or 'none'}, {int((~own).sum())} images",
            "rows": list(self.rows),
            "pretraining": f"{s.steps} steps of {s.batch_size} images, two views each ({s.views})",
            "losses": {w.row: w.settings.loss_in_words() for w in self.pretrainings},
            "temperature": s.temperature,
            "LARS": f"learning rate {s.lr:g}, {s.schedule}, {s.warmup_steps} steps of warm-up, "
            f"momentum {s.momentum:g}, weight decay {s.weight_decay:g}, trust "
            f"{s.trust_coefficient:g}",
            "one draw a batch": s.shared_draw,
            "pretraining seeds": self.values["pretraining_seeds"],
            "test patients excluded": bool(self.values.get("exclude_test")),
            "probe partitions": len(self.partitions),
            **plan_words.about_folds(p, self.images),
            **plan_words.about_rates(p),
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
            folds=self.protocol.folds,
            not_run=self.not_run,
            organ=self.unlabelled.own,
            other_organs=self.unlabelled.organs[1:],
        )

    @property
    def flags_note(self) -> str:
        """Where the labels that are turned come from, as far as known before anything is run."""
        return self.flags.note if self.flags else NOT_KNOWN_YET

    def estimate(self) -> dict[str, float]:
        """Return what this plan will cost on this machine, see `pretraining_cost.estimate`."""
        return estimate(self)

    def summary(self) -> str:
        """Return the settings and, for anything to be trained, what it will cost, as text."""
        words = self.settings() | {"rows": ", ".join(self.rows), "flags": self.flags_note}
        words["losses"] = "; ".join(f"{row}: {loss}" for row, loss in words["losses"].items())
        lines = plan_words.aligned(words, 22)
        lines += [f"not run: {row}: {reason}" for row, reason in self.not_run.items()]
        cost = self.estimate()
        counts = {name: cost[name] for name in COUNTED if name in cost}
        what = plan_words.listed([f"{number} {COUNTED[name]}" for name, number in counts.items()])
        return "\n".join([*lines, plan_words.price(sum(counts.values()), what, cost)])


def resolve(
    experiment: str,
    profile: str = "demo",
    data: str = "phantom",
    unlabelled: object = None,
    variant: str = "article",
    device: str = "auto",
    check: Callable[..., dict[str, object]] = checked_values,
    **parameters: object,
) -> Plan:
    """Return a plan without rows; a parameter that is None is the profile's or the variant's own.

    `parameters` are those of `pretraining_parameters.PARAMETERS`, or whatever else `check` knows.
    Raises `UserError` for anything unknown, out of range or impossible on these images.
    """
    values = check(experiment, profile, variant, parameters)
    where = resolve_device(device)
    images, ud = load_images_and_unlabelled(
        data, unlabelled, device=where,
        **{name: values[name] for name in ("pixels", "patients")},
        **{name: values[name] for name in ("unlabelled_patients", "thyroid_patients")},
    )  # fmt: skip
    warn_of_odd_choices(data, parameters)
    settings = pretraining(values, variant, where)
    warn_of_hardly_any_training(settings)
    flags, noise = written_flags(images, profile), None
    if flags is None:
        noise = noise_plan(images, data, profile, variant, device, parameters.get("pixels"))
    planned = Plan(
        experiment=experiment,
        profile=profile,
        variant=variant,
        images=images,
        unlabelled=ud,
        device=where,
        protocol=fine_tuning(values, variant, where),
        pretraining=settings,
        values=values,
        flags=flags,
        noise=noise,
    )
    _ = planned.folds, planned.partitions  # too few patients or positives show here
    return planned
