"""The pretrainings of a table's rows: what each is trained on, and what they leave to report.

`Pretraining` plans one, `finish_pretrainings` trains it or finds it in the store. How one is
trained is in `pretraining`, whose code the store's keys cover.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache, partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from testiculus.base.errors import UserError
from testiculus.base.repository import commit_in_words
from testiculus.base.store import Job, Run, Store
from testiculus.data.procedural import procedural
from testiculus.experiments.encoders import finish_encoders
from testiculus.experiments.flags import shown
from testiculus.experiments.pretraining import encoder_file, pretrain_job
from testiculus.experiments.unlabelled import Unlabelled
from testiculus.pretrain import PretrainSettings

NO_FOLD = -1  # a pretraining that leaves nobody out
PROCEDURAL = "procedural"
Pictures = Callable[[], tuple[torch.Tensor, np.ndarray]]


@dataclass(frozen=True, eq=False)
class Pretraining:
    """One pretraining that a table wants.

    `pictures` returns uint8 N x 1 x h x w and int64 organs (N,) when they are needed, and not
    before: copies of parts of UD need not lie in memory all at once. It is None for pictures that
    are still to be generated, and so is their number, `images`, where a filter decides it. `data`
    names the sets they are from; `fold` is the fold whose patients are left out, NO_FOLD for none.
    Raises `UserError` for a batch that is larger than the images, or of one.
    """

    row: str
    settings: PretrainSettings
    organs: tuple[str, ...]
    images: int | None
    pictures: Pictures | None
    device: torch.device
    data: str
    fold: int = NO_FOLD

    def __post_init__(self):
        if self.settings.batch_size < 2:
            raise UserError(
                "PRETRAIN_BATCH is 1",
                remedy="give at least 2: a view is told apart from those of other images",
            )
        if self.images is not None and self.settings.batch_size > self.images:
            raise UserError(
                f"a batch of {self.settings.batch_size} is larger than the {self.images} images of "
                f"the row {self.row!r}",
                remedy="lower PRETRAIN_BATCH, or pretrain on more images",
            )

    @property
    def name(self) -> str:
        """The row, and what tells this pretraining from the row's others."""
        fold = "" if self.fold == NO_FOLD else f", without fold {self.fold}"
        return f"{self.row}{fold}, seed {self.settings.seed}"

    def job(self) -> Job:
        """Return the job for the store; it holds the pictures, which have to be there."""
        pixels, organs = self.pictures()
        about = {"data": self.data, "commit": commit_in_words()}
        return pretrain_job(pixels, organs, self.organs, self.settings, self.device, about)

    @cached_property
    def wanted(self) -> Job:
        """The job to look up in the store, which has the key and lets the pictures go."""
        return replace(self.job(), compute=_look_up_only)

    def stored(self, store: Store) -> Run | None:
        """Return the run if the store holds it; None while its pictures are to be generated."""
        if self.pictures is None:
            return None
        return store.find(self.wanted) if store.has(self.wanted) else None


def _look_up_only(checkpoint: object) -> dict:
    raise RuntimeError("this job is for looking up; `Pretraining.job` makes one to compute")


@dataclass(frozen=True, eq=False)
class Pretrained:
    """A finished pretraining: its run, and where its encoder lies."""

    plan: Pretraining
    run: Run

    @property
    def file(self) -> Path:
        """The encoder's file."""
        return encoder_file(self.run)


def on_ultrasound(
    row: str,
    unlabelled: Unlabelled,
    chosen: np.ndarray,
    settings: PretrainSettings,
    device: torch.device,
    fold: int = NO_FOLD,
) -> Pretraining:
    """Return the pretraining of a row on the `chosen` images of UD (bool, N)."""
    return Pretraining(
        row=row,
        settings=settings,
        organs=unlabelled.organs_of(chosen),
        images=int(chosen.sum()),
        pictures=partial(unlabelled.take, chosen),
        device=device,
        data=", ".join(unlabelled.frame.loc[chosen, "set"].unique()),
        fold=fold,
    )


def on_procedural(
    row: str, n: int, pixels: int, settings: PretrainSettings, device: torch.device
) -> Pretraining:
    """Return the control's pretraining: `n` pictures that no scanner made, L_con alone."""
    return Pretraining(
        row=row,
        settings=alone(settings),
        organs=(PROCEDURAL,),
        images=n,
        pictures=partial(_procedural, n, pixels),
        device=device,
        data="procedural pictures",
    )


@lru_cache(maxsize=1)
def _procedural(n: int, pixels: int) -> tuple[torch.Tensor, np.ndarray]:
    return procedural(n, pixels, seed=0), np.zeros(n, dtype=np.int64)


def alone(settings: PretrainSettings) -> PretrainSettings:
    """Return the settings of a row that holds one organ: the contrastive part alone (article)."""
    return replace(settings, organ_weight=0.0, contrastive=True)


def finish_pretrainings(
    store: Store, planned: Sequence[Pretraining], executor: Executor | None = None
) -> list[Pretrained]:
    """Train (or find) every planned pretraining, and return them in order.

    Without an executor one after the other, so that only one row's pictures are in memory.
    """
    if executor is not None:
        runs = finish_encoders(store, [plan.job() for plan in planned], executor=executor)
        return [Pretrained(plan, run) for plan, run in zip(planned, runs, strict=True)]
    finished = []
    for number, plan in enumerate(planned, 1):
        desc = f"pretraining {number}/{len(planned)}, {plan.name}"
        run = plan.stored(store) or finish_encoders(store, [plan.job()], desc)[0]
        finished.append(Pretrained(plan, run))
    return finished


def history_frame(finished: Sequence[Pretrained]) -> pd.DataFrame:
    """Return both losses and the learning rate of every step, with what was measured at some.

    Columns: row, pretraining_seed, step, contrastive, organ, learning_rate, alignment, uniformity
    (NaN where not measured; step 0 is before the first). Of a row with one pretraining a fold, the
    first fold's.
    """
    parts = []
    for done in (done for done in finished if done.plan.fold in (NO_FOLD, 0)):
        arrays = done.run.arrays
        every = {name: arrays[name] for name in ("step", "contrastive", "organ", "learning_rate")}
        measured = {name: arrays[name] for name in ("alignment", "uniformity")}
        measured["step"] = arrays["measured_step"]
        part = pd.DataFrame(every).merge(pd.DataFrame(measured), on="step", how="outer")
        part.insert(0, "row", done.plan.row)
        part.insert(1, "pretraining_seed", done.plan.settings.seed)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def encoder_frame(finished: Sequence[Pretrained]) -> pd.DataFrame:
    """Return one line per encoder: what it was trained on and for how long, and where it lies."""
    lines = [
        {
            "row": done.plan.row,
            "pretraining_seed": done.plan.settings.seed,
            "key": done.run.key,
            "organs": ", ".join(done.plan.organs),
            "images": done.plan.images,
            "steps": done.plan.settings.steps,
            "contrastive": done.plan.settings.contrastive,
            "organ_loss": done.plan.settings.organ_weight,
            "seconds": round(done.run.seconds, 1),
            "file": shown(done.file, parts=2),
            "fold": done.plan.fold,
        }
        for done in finished
    ]
    return pd.DataFrame(lines)
