"""Rows of one's own in the tables of pretraining: an encoder, a filter of generated images.

Main functions: `encoder_rows` for Tables 2 to 4, `filter_rows` for Table 3. Each takes a table's
plan and a dict of what is to be tried, by its name, and judges it on the table's own images,
partitions, folds and labels, so that its tidy results can be paired with those of a run of that
plan. What is tried is a plain module or function: nothing is registered. A flagging rule of one's
own is in `own_rules`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from testiculus.base.errors import UserError
from testiculus.base.places import runs_folder
from testiculus.base.store import Store
from testiculus.claims.schema import NONE, RESULT_COLUMNS
from testiculus.claims.synthetic import RANDOM_FILTER, SYNTHETIC, SYNTHETIC_FILTERED
from testiculus.experiments.crossval import Start, finish_rows
from testiculus.experiments.fidelity_measures import measured
from testiculus.experiments.flags import computed_flags
from testiculus.experiments.pretraining_plan import Plan
from testiculus.experiments.probing import Frozen, probe_encoders
from testiculus.experiments.row_encoders import Pretraining, alone, finish_pretrainings
from testiculus.experiments.scoring import prediction_frame, score_rows
from testiculus.experiments.synthetic_images import Sifted, finish_sources
from testiculus.experiments.table3_plan import Table3Plan

# Features of real (n, d) and of generated (m, d) images: which generated ones to keep (bool, m).
Filter = Callable[[np.ndarray, np.ndarray], np.ndarray]

BESIDE = (SYNTHETIC, SYNTHETIC_FILTERED, RANDOM_FILTER)  # rows of Table 3 to compare a filter with


@dataclass(frozen=True, eq=False)
class Filtering:
    """What `filter_rows` returns.

    `figures` has one line a row: row, images, precision, recall, frechet, as Fig. 4 measures
    against all labelled images, in the features that filter. `results` are tidy. `kept` holds which
    generated images each filter keeps, bool (m,), by its name.
    """

    figures: pd.DataFrame
    results: pd.DataFrame
    kept: dict[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class _Own:
    """A module to probe, as `probing` asks for it."""

    row: str
    module: nn.Module
    seed: int = 0
    partitions: tuple[int, ...] | None = None
    fold: int | None = None

    def encoder(self) -> nn.Module:
        return self.module


def encoder_rows(planned: Plan, encoders: Mapping[str, nn.Module | Path]) -> pd.DataFrame:
    """Return the tidy results of encoders of one's own, beside those of random weights ("none").

    A module maps normalised images, float (b, 1, h, w), to features (b, d), of any d, and is
    probed: a linear classifier on its frozen features, over the table's partitions. A path is the
    file of a ResNet-18 encoder, which is also fine-tuned as the table's rows are. Labels are the
    table's: those that Table 1's flags turned. Raises `UserError` for a name of the table's own,
    and what probing and loading raise.
    """
    _refuse_taken(encoders, planned.rows)
    store = Store(runs_folder())
    flipped = _flipped(planned, store)
    own = {
        name: Frozen(name, 0, Start(name, given)) if isinstance(given, Path) else _Own(name, given)
        for name, given in encoders.items()
    }
    beside = [Frozen(NONE, 0, Start(planned.starts[NONE]))] if NONE in planned.starts else []
    probed = _probed(planned, [*beside, *own.values()], flipped)
    runs = []
    for name, frozen in own.items():
        if isinstance(frozen, Frozen):
            runs += finish_rows(store, planned.row_jobs(name, frozen.start, flipped), name)
    if not runs:
        return probed
    predictions = prediction_frame(runs, planned.images, dict.fromkeys(own, flipped))
    return pd.concat([score_rows(predictions, planned.experiment), probed], ignore_index=True)


def filter_rows(planned: Table3Plan, filters: Mapping[str, Filter]) -> Filtering:
    """Filter the generated images by rules of one's own; measure and pretrain on what is kept.

    Each own row is pretrained on the kept images alone, as Table 3's "synthetic" rows are, and
    probed; beside it stand all synthetic images, the article's filter and its random control, but
    for those that keep fewer images than a batch holds: of these there are figures alone. Raises
    `UserError` for a filter that returns no mask, or keeps fewer images than a batch holds.
    """
    _refuse_taken(filters, planned.rows)
    store = Store(runs_folder())
    flipped = _flipped(planned, store)
    sifted = finish_sources(store, planned.sources[:1])[0]
    real, drawn = _features(sifted)
    kept = {name: _checked_mask(name, rule(real, drawn), drawn) for name, rule in filters.items()}
    masks = dict(zip(BESIDE, sifted.chosen.values(), strict=True)) | kept
    trained = {name: mask for name, mask in masks.items() if name in kept or _enough(planned, mask)}
    wanted = [_pretraining(planned, name, sifted, mask) for name, mask in trained.items()]
    frozen = [
        Frozen(done.plan.row, 0, Start(done.plan.row, done.file))
        for done in finish_pretrainings(store, wanted)
    ]
    lines = [
        {"row": name, "images": int(mask.sum()), **measured(real, drawn[mask])}
        for name, mask in masks.items()
    ]
    return Filtering(pd.DataFrame(lines), _probed(planned, frozen, flipped), kept)


def _enough(planned: Table3Plan, mask: np.ndarray) -> bool:
    return int(mask.sum()) >= planned.pretraining.batch_size


def _features(sifted: Sifted) -> tuple[np.ndarray, np.ndarray]:
    """Return the features in which the article's rule filtered: real (n, d), generated (m, d)."""
    real, drawn = sifted.runs[-2:]  # the last two runs of a `Sifted`, in this order
    return real.arrays["features"], drawn.arrays["features"]


def _checked_mask(name: str, found: object, drawn: np.ndarray) -> np.ndarray:
    mask = np.asarray(found)
    if mask.dtype != bool or mask.shape != (len(drawn),):
        raise UserError(
            f"the filter {name!r} returned {mask.dtype} of shape {mask.shape}",
            remedy=f"return a mask: bool, one for each of the {len(drawn)} generated images",
        )
    return mask


def _pretraining(planned: Table3Plan, row: str, sifted: Sifted, mask: np.ndarray) -> Pretraining:
    """Return the pretraining of a row on some generated images (bool, m), as Table 3 has it.

    One organ, so L_con alone. The rows of the table itself are found in the store, if it ran.
    """
    return Pretraining(
        row=row,
        settings=alone(planned.pretraining),
        organs=(planned.unlabelled.own,),
        images=int(mask.sum()),
        pictures=partial(_pictures, sifted, mask),
        device=planned.device,
        data=f"generated from {planned.images.name}",
    )


def _pictures(sifted: Sifted, mask: np.ndarray) -> tuple[torch.Tensor, np.ndarray]:
    pixels = sifted.generated.pixels[torch.from_numpy(mask)]
    return pixels, np.zeros(len(pixels), dtype=np.int64)


def _flipped(planned: Plan, store: Store) -> np.ndarray:
    """Return the labels that the table learns: those that Table 1's flags turned, int64 (N,)."""
    flags = planned.flags or computed_flags(store, planned.noise)[0]
    return planned.learnt_labels(flags)["flipped"]


def _probed(planned: Plan, encoders: Iterable, flipped: np.ndarray) -> pd.DataFrame:
    """Return the probes of encoders as tidy results, as a table has them."""
    probes = probe_encoders(
        list(encoders), planned.images, flipped, planned.truth, planned.partitions, planned.device
    )
    probes = probes[probes["metric"] != "scanner_auc"].assign(experiment=planned.experiment)
    return probes[list(RESULT_COLUMNS)].reset_index(drop=True)


def _refuse_taken(names: Iterable[str], rows: Iterable[str]) -> None:
    taken = sorted({*names} & {*rows})
    if taken:
        raise UserError(
            f"the table has a row {taken[0]!r} already", remedy="give yours another name"
        )
