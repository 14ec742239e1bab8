"""The trainings of the protocol's audits, as jobs of the store.

Main functions: `variant_jobs` plans one variant's trainings from the first start, which predict
fresh patients too; `flag_jobs` those from the further starts, which the article's rule needs beside
them. `crossval.finish_rows` trains both.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial

import numpy as np
import torch

from testiculus.base.devices import device_class
from testiculus.base.store import Job
from testiculus.data.image_cache import sha256
from testiculus.data.images import ImageSet
from testiculus.experiments.audits_variants import Variant
from testiculus.experiments.crossval import Protocol, RowJob, row_jobs
from testiculus.experiments.protocol import AuditSettings, train_audited
from testiculus.experiments.training import run_fingerprint

MODULE = "testiculus.experiments.protocol"  # the code that decides a run's result


def variant_jobs(
    variant: Variant,
    images: ImageSet,
    fresh: ImageSet | None,
    start: str,
    protocol: Protocol,
    device: torch.device,
) -> list[RowJob]:
    """Return the seeds x folds trainings of a variant from the initialisation `start`.

    All images outside the test fold are trained on, with the variant's labels. `fresh` are images
    of patients that nobody trains on (None where there are none).
    """
    content, beside = _content(images), "" if fresh is None else _content(fresh)
    shown = None if fresh is None else fresh.pixels
    jobs = []
    for seed, assigned in variant.folds.items():
        for fold in range(protocol.folds):
            split = np.flatnonzero(assigned != fold), np.flatnonzero(assigned == fold)
            settings = audit_settings(protocol, variant, start, seed, fold)
            told = (images.pixels, variant.labels, *split, settings, device)
            data = run_fingerprint(content, variant.labels, *split, start)
            data = hashlib.sha256(f"{data} fresh {beside}".encode()).hexdigest()
            compute = partial(train_audited, *told, fresh=shown)
            job = Job(settings, data, MODULE, device_class(device), compute)
            jobs.append(RowJob(variant.row, seed, fold, *split, job))
    return jobs


def audit_settings(
    protocol: Protocol, variant: Variant, start: str, seed: int, fold: int
) -> AuditSettings:
    """Return the settings of one training: Table 1's, and what the variant changes."""
    plain = protocol.run_settings(start, seed, fold)
    return AuditSettings(**asdict(plain), draw=variant.draw, every_epoch=variant.every_epoch)


def flag_jobs(
    variant: Variant,
    images: ImageSet,
    starts: Sequence[str],
    protocol: Protocol,
    device: torch.device,
) -> list[RowJob]:
    """Return a variant's trainings from `starts` whose losses alone are read.

    Of the article's protocol these are Table 1's own, found in the store where it was run.
    """
    kept, jobs = np.ones(len(images), dtype=bool), []
    for start in starts:
        told = (variant.row, images, variant.labels, kept, start, protocol, variant.folds, device)
        jobs += row_jobs(*told)
    return jobs


def _content(images: ImageSet) -> str:
    return f"{tuple(images.pixels.shape)} {sha256(images.pixels)}"
