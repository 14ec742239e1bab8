"""The models that Fig. 5 looks into: which are trained on what, and how they are found again.

Main functions: `explained_jobs` plans one row at one strength (`crossval.finish_rows` trains it),
`trained_model` and `untrained_models` turn runs into models to look into. A model is trained on
images with marks tied to their label, and tested on the images as they are (`planted_marks`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch

from testiculus.base.code import code_fingerprint
from testiculus.base.devices import derive_seed, device_class
from testiculus.base.errors import UserError
from testiculus.base.store import Job
from testiculus.claims.attention import NO_STRENGTH, RANDOM_WEIGHTS, WITHOUT
from testiculus.data.image_cache import sha256
from testiculus.data.images import ImageSet
from testiculus.experiments.crossval import Protocol, RowJob, RowRun, Start
from testiculus.experiments.explained_training import (
    build_untrained,
    load_trained,
    train_and_keep,
)
from testiculus.experiments.training import run_fingerprint
from testiculus.models import Classifier

MODULE = "testiculus.experiments.explained_training"  # the code that decides a run's result
SHUFFLES = 100  # tries before giving up on labels of which every training part has both


@dataclass(frozen=True)
class ExplainedJob(RowJob):
    """One run of a row at a strength; both indices count the N images of the set.

    Where some carry planted marks, `job.compute` counts 2 N: the images with marks, which it trains
    on, then those as they are, which it predicts.
    """

    strength: float = NO_STRENGTH


@dataclass(frozen=True, eq=False)
class ExplainedModel:
    """A model to look into, and the images, int64 (n,), that it was not trained on.

    `key` names what decides its weights; `build` returns it in evaluation mode, on its device.
    """

    row: str
    strength: float
    seed: int
    fold: int
    test_index: np.ndarray
    key: str
    build: Callable[[], Classifier]


def row_protocol(row: str, protocol: Protocol) -> Protocol:
    """Return how a row is fine-tuned: `protocol`, for "without markers" less its markers.

    `protocol.augmentation` is the recipe with markers.
    """
    unmarked = row == WITHOUT
    recipe = f"{protocol.augmentation}-unmarked" if unmarked else protocol.augmentation
    return replace(protocol, augmentation=recipe)


def explained_jobs(
    row: str,
    images: ImageSet,
    start: Start | str,
    protocol: Protocol,
    folds: Mapping[int, np.ndarray],
    device: torch.device,
    strength: float = NO_STRENGTH,
    marked: torch.Tensor | None = None,
    labels: Mapping[int, np.ndarray] | None = None,
) -> list[ExplainedJob]:
    """Return the seeds x folds runs of a row at one strength.

    Args:
        row: its name.
        images: N labelled images, tested as they are.
        start: what the models start from, or its name.
        protocol: the row's own (`row_protocol`).
        folds: the fold of each image by seed (`crossval.fold_table`).
        device: where to train.
        strength: of the marks in training; a name only.
        marked: uint8 (N, 1, h, w), the images with planted marks; None trains on them as they are.
        labels: int64 (N,) by seed, what is trained on instead of the images' own labels.
    """
    start = Start(start) if isinstance(start, str) else start
    plain = marked is None or torch.equal(marked, images.pixels)  # then one copy is enough
    pixels = images.pixels if plain else torch.cat([marked, images.pixels])
    first = len(pixels) - len(images)  # of the images as they are
    content = f"{tuple(pixels.shape)} {sha256(pixels)}"
    jobs = []
    for seed in protocol.seeds:
        own = images.labels() if labels is None else labels[seed]
        each = np.resize(own, len(pixels))
        for fold in range(protocol.folds):
            train, test = (np.flatnonzero((folds[seed] == fold) == side) for side in (False, True))
            settings = protocol.run_settings(start.initialisation, seed, fold)
            split = (train, test + first)
            compute = partial(
                train_and_keep, pixels, each, *split, settings, device, encoder=start.file
            )
            data = run_fingerprint(content, each, *split, start.initialisation, start.file)
            job = Job(settings, data, MODULE, device_class(device), compute)
            jobs.append(ExplainedJob(row, seed, fold, train, test, job, strength))
    return jobs


def random_labels(images: ImageSet, folds: Mapping[int, np.ndarray]) -> dict[int, np.ndarray]:
    """Return, per seed, the images' labels dealt out anew among the patients, int64 (N,).

    Each patient gets the labels of another, drawn at random; where the two have different numbers
    of images, the rest goes to the next. So the numbers of positive images, and how they go
    together, stay. `folds` are those of `crossval.fold_table`: every training part has both labels.
    Raises `UserError` where no such draw is found.
    """
    return {seed: _dealt_out(images, fold, seed) for seed, fold in folds.items()}


def _dealt_out(images: ImageSet, fold: np.ndarray, seed: int) -> np.ndarray:
    labels = images.labels()
    _, patient = np.unique(images.frame["patient"].astype(str), return_inverse=True)
    order = np.argsort(patient, kind="stable")  # the images, patient after patient
    for attempt in range(SHUFFLES):
        stream = np.random.default_rng(derive_seed("random labels", seed, attempt))
        rank = stream.permutation(patient.max() + 1)
        dealt = np.empty_like(labels)
        dealt[order] = labels[np.argsort(rank[patient], kind="stable")]
        if all(len(np.unique(dealt[fold != k])) == 2 for k in np.unique(fold)):
            return dealt
    raise UserError(
        "no random labels were found of which every training part has both",
        where=f"seed {seed}",
        remedy="use fewer folds, or label more patients of the rarer class",
    )


def trained_model(done: RowRun, device: torch.device) -> ExplainedModel:
    """Return the model of a finished run of `explained_jobs`."""
    plan = done.plan
    return ExplainedModel(
        row=plan.row,
        strength=plan.strength,
        seed=plan.seed,
        fold=plan.fold,
        test_index=plan.test_index,
        key=done.run.key,
        build=partial(load_trained, done.run.folder, device),
    )


def untrained_models(folds: Mapping[int, np.ndarray], device: torch.device) -> list[ExplainedModel]:
    """Return a model of random weights for each seed and fold: the control that learnt nothing."""
    return [
        ExplainedModel(
            row=RANDOM_WEIGHTS,
            strength=NO_STRENGTH,
            seed=seed,
            fold=int(fold),
            test_index=np.flatnonzero(assigned == fold),
            key=f"{code_fingerprint(MODULE)}, seed {seed}, fold {fold}",
            build=partial(build_untrained, seed, int(fold), device),
        )
        for seed, assigned in folds.items()
        for fold in np.unique(assigned)
    ]
