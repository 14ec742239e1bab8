"""Pretrained encoders: train what is wanted with a bar to watch, find what is stored.

Main functions: `finish_encoders` trains planned pretrainings, `stored_encoders` lists the encoders
that the runs store holds, `copy_encoder` takes one out.
"""

import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path

from testiculus.base.errors import UserError
from testiculus.base.files import atomic_write
from testiculus.base.progress import progress
from testiculus.base.store import Job, Run, Store
from testiculus.experiments.pretraining import ENCODER, START
from testiculus.models import build_classifier
from testiculus.pretrain.encoder_files import NO_PART, read_card
from testiculus.pretrain.interface import checked_inputs
from testiculus.pretrain.training import Training

COLUMNS = {  # of the table: title -> entry of the card
    "organs": "organs",
    "images": "images",
    "steps": "steps",
    "lambda": "lambda",
    "seed": "seed",
    "contrastive": "contrastive_loss",
    "organ loss": "organ_loss",
}


def finish_encoders(
    store: Store, jobs: Sequence[Job], desc: str = "pretraining", executor: Executor | None = None
) -> list[Run]:
    """Pretrain (or find) what every job of `pretrain_job` wants; return the runs in order.

    The bar counts steps and shows both losses, the learning rate and the time left.
    """
    if executor is not None:
        futures = [executor.submit(store.finish, job) for job in jobs]
        return [future.result() for future in progress(futures, total=len(jobs), desc=desc)]
    runs = []
    with progress(total=sum(job.settings.steps for job in jobs), desc=desc, unit="step") as bar:
        for number, job in enumerate(jobs, 1):
            before = bar.n
            show = _shower(bar, before, f"run {number}/{len(jobs)}")
            runs.append(store.finish(replace(job, compute=partial(job.compute, on_step=show))))
            bar.update(before + job.settings.steps - bar.n)  # all of them, where it was stored
    return runs


def _shower(bar, before: int, name: str) -> Callable[[int, int, float, float, float], None]:
    def show(step: int, steps: int, contrastive: float, organ: float, rate: float) -> None:
        losses = f"contrastive {contrastive:.3f}, organ {organ:.3f}".replace("nan", "-")
        bar.set_postfix_str(f"{name}, {losses}, rate {rate:.1e}", refresh=False)
        bar.update(before + step - bar.n)

    return show


def seconds_per_step(job: Job, steps: int = 3) -> float:
    """Time a few steps of a planned pretraining, after one that warms up."""
    pixels, organs, _, settings, device = job.compute.args
    encoder = build_classifier(START, settings.seed).encoder
    brief = replace(settings, steps=steps + 1, warmup_steps=0)
    organ_count = checked_inputs(pixels, organs, brief)
    training = Training(pixels, organs, organ_count, brief, device, encoder)
    start = 0.0
    for number in range(steps + 1):
        training.take_step()
        training.look()  # waits for the device
        start = time.perf_counter() if number == 0 else start
    return (time.perf_counter() - start) / steps


@dataclass(frozen=True)
class StoredEncoder:
    """An encoder in the store: its run's key, its file and what its card says."""

    key: str
    file: Path
    card: dict[str, str]

    @property
    def size(self) -> int:
        """Bytes."""
        return self.file.stat().st_size

    @property
    def day(self) -> str:
        """The day it was written, as 2026-11-30."""
        return date.fromtimestamp(self.file.stat().st_mtime).isoformat()


def stored_encoders(runs: Path) -> list[StoredEncoder]:
    """Return the encoders of finished runs in a store's folder, the oldest first.

    A file that cannot be read is left out: its run is computed again when it is next wanted.
    """
    found = []
    for note in runs.glob("*/run.json"):
        file = note.with_name(ENCODER)
        try:
            if ENCODER in json.loads(note.read_text(encoding="utf-8")).get("files", {}):
                found.append(StoredEncoder(note.parent.name, file, read_card(file)))
        except (UserError, ValueError):
            continue
    return sorted(found, key=lambda encoder: (encoder.file.stat().st_mtime, encoder.key))


def encoders_table(runs: Path) -> str:
    """Return the encoders in a store's folder as an aligned table, one line each."""
    import pandas as pd

    found = stored_encoders(runs)
    if not found:
        return "no encoders yet: `make reproduce-table2` pretrains some"
    rows = [
        {"key": encoder.key}
        | {title: encoder.card.get(entry, "?") for title, entry in COLUMNS.items()}
        | {"MB": f"{encoder.size / 1e6:.1f}", "date": encoder.day}
        for encoder in found
    ]
    return pd.DataFrame(rows).replace(NO_PART, "-").to_string(index=False)


def find_encoder(runs: Path, key: str) -> StoredEncoder:
    """Return the one encoder whose key starts with `key`.

    Raises `UserError` where there is none, or more than one.
    """
    encoders = stored_encoders(runs)
    fitting = [encoder for encoder in encoders if key and encoder.key.startswith(key)]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise UserError(
            f"key {key!r} fits {len(fitting)} encoders",
            remedy=f"give more of it: {', '.join(encoder.key for encoder in fitting)}",
        )
    keys = ", ".join(encoder.key for encoder in encoders)
    raise UserError(
        f"no encoder with key {key!r}",
        where=f"the store of runs, {len(encoders)} encoders",
        remedy=f"there are: {keys}" if keys else "pretrain one first: make reproduce-table2",
    )


def copy_encoder(encoder: StoredEncoder, to: Path) -> Path:
    """Copy a stored encoder to a new file, in one step, and return that file.

    Raises `UserError` for a name that does not end in .safetensors, and for a file that is there.
    """
    if to.suffix != ".safetensors":
        raise UserError(
            f"an encoder is no {to.suffix or 'folder'}",
            where=str(to),
            remedy="give a file that ends in .safetensors",
        )
    if to.exists():
        raise UserError(
            "there is a file already", where=str(to), remedy="move it away, or give another name"
        )
    return atomic_write(to, lambda part: part.write_bytes(encoder.file.read_bytes()))
