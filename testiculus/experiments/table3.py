"""Table 3: pretraining on generated images. Can they stand in for real ones? Does a filter help?

`plan` turns a notebook's parameters into a `Table3Plan`, `run` turns that into an `Outcome`
(article, section 5, Table 3; thesis, section 6.3). Rows of ours: what single real sources give, a
random choice of as many images as the filter keeps, and, with EXCLUDE_TEST=1, generator, filter and
pretraining without the patients that are tested on.
"""

import warnings
from concurrent.futures import Executor
from dataclasses import dataclass, field, fields
from typing import ClassVar

import pandas as pd
import torch

from testiculus.base.devices import generator
from testiculus.base.errors import InputWarning
from testiculus.base.store import Run, Store
from testiculus.claims.synthetic import (
    REAL_OTHERS,
    REAL_OWN,
    SYNTHETIC,
    SYNTHETIC_FILTERED,
    THYROIDS_FILTERED,
)
from testiculus.experiments import pretraining_rows
from testiculus.experiments.synthetic_images import ALL, Sifted, finish_sources
from testiculus.experiments.table3_plan import Table3Plan, plan

__all__ = ["Outcome", "Table3Plan", "plan", "run"]

DROPPED = "dropped by the filter"


@dataclass(frozen=True, eq=False)
class Outcome(pretraining_rows.Outcome):
    """All that the page of Table 3 is made of.

    As Table 2's, and `generated`: one line per generator, with how many of its images were kept.
    `sifted` holds these images themselves, the first those of all rows.
    """

    generated: pd.DataFrame
    sifted: tuple[Sifted, ...] = field(repr=False)

    FRAMES: ClassVar[tuple[str, ...]] = (*pretraining_rows.FRAMES, "generated")

    def about(self) -> dict:
        """Return settings, data and cost as plain values, for provenance."""
        return super().about() | {"generated": [done.line() for done in self.sifted]}

    def pictures(self, number: int = 8) -> dict[str, torch.Tensor]:
        """Return some images of each source by its name, uint8 (at most `number`, 1, h, w).

        Drawn at random, always the same; a source without images is left out.
        """
        ud, first = self.plan.unlabelled, self.sifted[0]
        every, kept = first.pixels(ALL), torch.from_numpy(first.kept)
        own = torch.tensor(ud.is_own)
        of = {REAL_OWN: ud.pixels[own], REAL_OTHERS: ud.pixels[~own], SYNTHETIC: every}
        of |= {SYNTHETIC_FILTERED: every[kept], DROPPED: every[~kept]}
        return {name: _some(pixels, number) for name, pixels in of.items() if len(pixels)}


def _some(pixels: torch.Tensor, number: int) -> torch.Tensor:
    return pixels[torch.randperm(len(pixels), generator=generator("shown images"))[:number]]


def run(planned: Table3Plan, executor: Executor | None = None) -> Outcome:
    """Generate, filter, pretrain, fine-tune and probe; finished runs are taken from the store.

    Raises `UserError` where the filter keeps too few images to pretrain on.
    """
    sifted: list[Sifted] = []

    def generate(_: Table3Plan, store: Store, workers: Executor | None):
        sifted.extend(finish_sources(store, planned.sources, workers))
        _warn_of_an_idle_filter(sifted[0])
        return planned.complete(sifted), [_Made(run) for done in sifted for run in done.runs]

    map_row = THYROIDS_FILTERED if THYROIDS_FILTERED in planned.rows else SYNTHETIC_FILTERED
    found = pretraining_rows.run(planned, map_row, executor, first=generate)
    parts = {part.name: getattr(found, part.name) for part in fields(found)}
    generated = pd.DataFrame([done.line() for done in sifted])
    return Outcome(**parts, generated=generated, sifted=tuple(sifted))


@dataclass(frozen=True)
class _Made:
    """A run that the price counts, beside pretrainings and fine-tunings."""

    run: Run


def _warn_of_an_idle_filter(first: Sifted) -> None:
    if first.kept.all():
        warnings.warn(
            f"the filter keeps all {len(first.kept)} generated images: rows with and without it "
            "are the same (a smaller FILTER_NEIGHBOURS keeps fewer)",
            InputWarning,
            stacklevel=5,
        )
