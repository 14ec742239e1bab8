"""Cross-validated fine-tuning: one table row becomes seeds x folds jobs, and then predictions.

Every table fine-tunes the same way (article, section 5): a ResNet-18 per seed and fold, all images
of a patient in one fold, every test image scored. `row_jobs` plans a row, `finish_rows` trains it.
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from testiculus.base.devices import device_class
from testiculus.base.progress import progress
from testiculus.base.store import Job, Run, Store
from testiculus.data.image_cache import sha256
from testiculus.data.images import ImageSet
from testiculus.experiments.training import run_fingerprint, train_one
from testiculus.finetune import FinetuneSettings
from testiculus.folds import patient_folds
from testiculus.models import PRETRAINED

MODULE = "testiculus.experiments.training"  # the code that decides a run's result


@dataclass(frozen=True)
class Start:
    """What a row starts from: a named initialisation, or an encoder's `file` under its own name."""

    name: str
    file: Path | None = None

    @property
    def initialisation(self) -> str:
        """What the settings of its runs say: the file's content, not its name, is in their keys."""
        return self.name if self.file is None else PRETRAINED


@dataclass(frozen=True)
class Protocol:
    """How every row is fine-tuned: what `FinetuneSettings` needs, plus seeds and folds."""

    seeds: tuple[int, ...]
    folds: int
    grouped: bool
    epochs: int
    batch_size: int
    encoder_lr: float
    head_lr: float
    weight_decay: float
    augmentation: str
    precision: str

    def run_settings(self, initialisation: str, seed: int, fold: int) -> FinetuneSettings:
        """Return the settings of one run."""
        return FinetuneSettings(
            initialisation=initialisation,
            epochs=self.epochs,
            batch_size=self.batch_size,
            encoder_lr=self.encoder_lr,
            head_lr=self.head_lr,
            weight_decay=self.weight_decay,
            augmentation=self.augmentation,
            precision=self.precision,
            seed=seed,
            fold=fold,
        )


@dataclass(frozen=True)
class RowJob:
    """One run of a row: which images it trains on and predicts, and the job that does it."""

    row: str
    seed: int
    fold: int
    train_index: np.ndarray
    test_index: np.ndarray
    job: Job


@dataclass(frozen=True)
class RowRun:
    """A finished `RowJob`: `run.arrays` hold `probabilities`, `sample` and `loss`."""

    plan: RowJob
    run: Run


def fold_table(images: ImageSet, protocol: Protocol) -> dict[int, np.ndarray]:
    """Return, per seed, the fold of each image (int64, length N), on the images' own labels.

    All rows share these folds, so that rows can be compared seed by seed and fold by fold.
    """
    labels, patients = images.labels(), images.frame["patient"].to_numpy()
    return {
        seed: patient_folds(labels, patients, protocol.folds, seed, grouped=protocol.grouped)
        for seed in protocol.seeds
    }


def row_jobs(
    row: str,
    images: ImageSet,
    labels: np.ndarray,
    kept: np.ndarray,
    start: Start | str,
    protocol: Protocol,
    folds: dict[int, np.ndarray],
    device: torch.device,
) -> list[RowJob]:
    """Return the seeds x folds runs of a row that starts from `start` (or its name).

    `labels` (int64, N) are trained on, `kept` (bool, N) says which images may be trained on. All
    images of the test fold are predicted, kept or not; how they are scored is decided later.
    """
    start = Start(start) if isinstance(start, str) else start
    jobs, pixels = [], f"{tuple(images.pixels.shape)} {sha256(images.pixels)}"
    for seed in protocol.seeds:
        for fold in range(protocol.folds):
            test = folds[seed] == fold
            train_index, test_index = np.flatnonzero(~test & kept), np.flatnonzero(test)
            settings = protocol.run_settings(start.initialisation, seed, fold)
            split, origin = (train_index, test_index), (start.initialisation, start.file)
            train = partial(
                train_one, images.pixels, labels, *split, settings, device, encoder=start.file
            )
            fingerprint = run_fingerprint(pixels, labels, *split, *origin)
            job = Job(settings, fingerprint, MODULE, device_class(device), train)
            jobs.append(RowJob(row, seed, fold, train_index, test_index, job))
    return jobs


def finish_rows(
    store: Store, planned: Sequence[RowJob], desc: str, executor: Executor | None = None
) -> list[RowRun]:
    """Train (or find) every planned run, showing progress in epochs, and return them in order."""
    if executor is not None:
        futures = [executor.submit(store.finish, plan.job) for plan in planned]
        waited = progress(zip(planned, futures, strict=True), total=len(planned), desc=desc)
        return [RowRun(plan, future.result()) for plan, future in waited]
    epochs = [plan.job.settings.epochs for plan in planned]
    finished = []
    with progress(total=sum(epochs), desc=desc, unit="epoch") as bar:
        for number, plan in enumerate(planned, 1):
            bar.set_postfix_str(f"run {number}/{len(planned)}", refresh=False)
            before = bar.n
            compute = partial(plan.job.compute, on_epoch=_ticker(bar))
            run = store.finish(replace(plan.job, compute=compute))
            bar.update(plan.job.settings.epochs - (bar.n - before))
            finished.append(RowRun(plan, run))
    return finished


def seconds_per_image(planned: RowJob, device: torch.device, batches: int = 6) -> float:
    """Time a few training steps of a planned run and return the seconds one image costs."""
    pixels, labels, train_index, _, settings, _ = planned.job.compute.args
    more = planned.job.compute.keywords
    draws = settings.batch_size * batches
    both = [np.resize(train_index[labels[train_index] == c], draws) for c in (0, 1)]
    few = np.stack(both, axis=1).ravel()[:draws]  # classes in turn, so that every part has both
    brief = replace(settings, epochs=1)
    one, timed = few[: settings.batch_size], []
    for index in (one, one, few):  # the first call warms up, the second is what a call costs anyway
        start = time.perf_counter()
        train_one(pixels, labels, index, index[:2], brief, device, None, **more)
        timed.append(time.perf_counter() - start)
    return max(timed[2] - timed[1], 1e-9) / (len(few) - len(one))


def _ticker(bar) -> Callable[..., None]:
    return lambda *_, **__: bar.update(1)
