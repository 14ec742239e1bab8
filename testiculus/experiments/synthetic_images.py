"""Generated images and what the filter keeps of them, as Table 3's rows take them.

A `Source` plans a generator (or holds a set that somebody brings), the real images that its filter
is made from, and the features that it filters in; `finish_sources` makes all of it or finds it in
the store, and returns `Sifted`. Generator and features are those of Fig. 4 (`generation`,
`features`, `generation_parameters`). Article, section 4.2; thesis, Algorithm 1.
"""

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch

from testiculus.base.errors import UserError
from testiculus.base.store import Run, Store
from testiculus.experiments.generation_parameters import FeatureEncoder, random_control
from testiculus.experiments.row_encoders import NO_FOLD, finish_pretrainings

if TYPE_CHECKING:
    from testiculus.experiments.features import Extractor
    from testiculus.experiments.generation import Generated, Generation

ALL, KEPT, RANDOM = "all", "kept", "random"  # which of the generated images a row takes


@dataclass(frozen=True, eq=False)
class Source:
    """Generated images that rows take, planned.

    `origin` is the generator's plan, or the images themselves where SYNTHETIC brings them. `real`,
    uint8 (N, 1, h, w), are the labelled images whose manifold filters, with balls that reach to the
    `k`-th neighbour. `network` makes the features: an encoder of ours, or Inception. `fold` is the
    fold whose patients are nowhere in this, NO_FOLD for none. Raises `UserError` for a k that the
    real images do not have.
    """

    origin: "Generation | Generated"
    real: torch.Tensor
    k: int
    network: "FeatureEncoder | Extractor"
    fold: int = NO_FOLD

    def __post_init__(self):
        if self.k >= len(self.real):
            raise UserError(
                f"the filter's k is {self.k}, and there are {len(self.real)} real images: it needs "
                "more than k",
                where=f"FILTER_NEIGHBOURS, the filter of {self.origin.name!r}",
                remedy="lower FILTER_NEIGHBOURS (k at 880 real images), or label more images",
            )

    @property
    def generation(self) -> "Generation | None":
        """The generator's plan; None where the images were brought."""
        from testiculus.experiments.generation import Generation

        return self.origin if isinstance(self.origin, Generation) else None

    @property
    def encoder(self) -> FeatureEncoder | None:
        """The encoder of ours whose features decide; None where Inception's do."""
        return self.network if isinstance(self.network, FeatureEncoder) else None

    def stored(self, store: Store) -> "Sifted | None":
        """Return the images and what the filter keeps, if the store holds all that it takes."""
        from testiculus.experiments.features import features_job

        generated = self.generation.stored(store) if self.generation else self.origin
        encoder = self.encoder.pretraining.stored(store) if self.encoder else None
        if generated is None or (self.encoder and encoder is None):
            return None
        jobs = [features_job(_extractor(self, encoder), p) for p in (self.real, generated.pixels)]
        runs = [store.find(job) if store.has(job) else None for job in jobs]
        if any(run is None for run in runs):
            return None
        return _sifted(self, generated, encoder, runs)


@dataclass(frozen=True, eq=False)
class Sifted:
    """A finished `Source`: the generated images, and which of them (bool, n) the filter keeps.

    `runs` are the store's runs that they come from.
    """

    source: Source
    generated: "Generated"
    kept: np.ndarray
    runs: tuple[Run, ...] = field(repr=False)

    @cached_property
    def chosen(self) -> dict[str, np.ndarray]:
        """Which images (bool, n) are taken as all, as kept, and as a random choice of as many."""
        everything = np.ones_like(self.kept)
        return {ALL: everything, KEPT: self.kept, RANDOM: random_control(self.kept)}

    def pixels(self, which: str) -> torch.Tensor:
        """Return the images of a choice, uint8 (n, 1, h, w)."""
        chosen = self.chosen[which]
        every = self.generated.pixels
        return every if chosen.all() else every[torch.from_numpy(chosen)]

    def line(self) -> dict[str, object]:
        """Return what a table shows of it: whose images, how many, what was kept, and the price."""
        return {
            "generation": self.generated.name,
            "images": len(self.kept),
            "kept": int(self.kept.sum()),
            "k": self.source.k,
            "real": len(self.source.real),
            "features": self.source.network.words,
            "steps": self.generated.steps,
            "seconds": round(self.generated.seconds, 1),
        }


def finish_sources(
    store: Store, planned: Sequence[Source], executor: Executor | None = None
) -> list[Sifted]:
    """Train, draw, take features and filter, or find each in the store; in order."""
    from testiculus.experiments.features import finished
    from testiculus.experiments.generation import finish_generations

    made = iter(
        finish_generations(store, [s.generation for s in planned if s.generation], executor)
    )
    generated = [next(made) if source.generation else source.origin for source in planned]
    encoders = [source.encoder.pretraining for source in planned if source.encoder]
    trained = iter(finish_pretrainings(store, encoders, executor))
    done = []
    for source, images in zip(planned, generated, strict=True):
        encoder = next(trained).run if source.encoder else None
        network = _extractor(source, encoder)
        runs = [finished(store, network, pixels) for pixels in (source.real, images.pixels)]
        done.append(_sifted(source, images, encoder, runs))
    return done


def _extractor(source: Source, encoder: Run | None) -> "Extractor":
    from testiculus.experiments.features import encoder_extractor
    from testiculus.experiments.pretraining import encoder_file

    if source.encoder is None:
        return source.network
    told, device = source.encoder, source.encoder.pretraining.device
    return encoder_extractor(told.id, told.words, encoder_file(encoder), device)


def _sifted(
    source: Source, generated: "Generated", encoder: Run | None, features: Sequence[Run]
) -> Sifted:
    from testiculus.manifold.filtering import keep

    real, drawn = (run.arrays["features"] for run in features)
    runs = (*generated.runs, *([encoder] if encoder else []), *features)
    return Sifted(source, generated, keep(real, drawn, source.k), runs)
