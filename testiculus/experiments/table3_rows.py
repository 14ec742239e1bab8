"""The rows of Table 3: which images each is pretrained on.

Main function: `pretrainings`. All rows take the same number of steps, see images of one resolution,
and use the organ loss where they have organs to tell apart; generated images count as the organ
that the generator learnt from (article, section 5).
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import torch

from testiculus.base.errors import UserError
from testiculus.claims.schema import CONTROL
from testiculus.claims.synthetic import (
    RANDOM_FILTER,
    REAL_BOTH,
    REAL_OTHERS,
    REAL_OWN,
    SYNTHETIC,
    SYNTHETIC_FILTERED,
    TABLE3_EXCLUDED,
    THYROIDS_FILTERED,
    THYROIDS_RANDOM,
    THYROIDS_SYNTHETIC,
)
from testiculus.experiments.pretraining_plan import Plan
from testiculus.experiments.row_encoders import (
    NO_FOLD,
    Pretraining,
    alone,
    on_procedural,
    on_ultrasound,
)
from testiculus.experiments.synthetic_images import ALL, KEPT, RANDOM, Sifted, Source
from testiculus.experiments.unlabelled import Unlabelled
from testiculus.pretrain import PretrainSettings

REAL, NOTHING = "real", ""
# Row -> its images of the own organ, and whether the other organs' real images are beside them.
MIXES = {
    SYNTHETIC: (ALL, False),
    SYNTHETIC_FILTERED: (KEPT, False),
    REAL_OWN: (REAL, False),
    THYROIDS_SYNTHETIC: (ALL, True),
    THYROIDS_FILTERED: (KEPT, True),
    REAL_BOTH: (REAL, True),
    REAL_OTHERS: (NOTHING, True),
    RANDOM_FILTER: (RANDOM, False),
    THYROIDS_RANDOM: (RANDOM, True),
}


def others_of(base: Plan, fold: int = NO_FOLD) -> np.ndarray:
    """Return which images of UD (bool, N) show other organs, without those of a fold's patients."""
    others = ~base.unlabelled.is_own
    if fold == NO_FOLD:
        return others
    tested = np.flatnonzero(base.folds[base.protocol.seeds[0]] == fold)
    return others & base.unlabelled.without_patients_of(tested)


def pretrainings(
    base: Plan, sources: Sequence[Source] = (), sifted: Sequence[Sifted] | None = None
) -> Iterator[Pretraining]:
    """Yield the rows' pretrainings, all of the same number of steps (article, section 5).

    Without `sifted`, those on generated images have no pictures yet; without `sources`, they are
    left out.
    """
    first, *folds = zip(sources, sifted or [None] * len(sources), strict=True) if sources else [()]
    for seed in range(base.values["pretraining_seeds"]):
        for row, (own, beside) in MIXES.items():
            has_images = first or own in (REAL, NOTHING)
            if has_images and (not beside or len(base.unlabelled.organs) > 1):
                yield _pretraining(base, row, own, beside, seed, *first)
    pixels, number = int(base.images.pixels.shape[-1]), base.values["procedural_images"]
    yield on_procedural(CONTROL, number, pixels, base.pretraining, base.device)
    for source in folds:
        yield _pretraining(base, TABLE3_EXCLUDED, KEPT, True, 0, *source)


def _pretraining(
    base: Plan,
    row: str,
    own: str,
    beside: bool,
    seed: int,
    source: Source | None = None,
    sifted: Sifted | None = None,
) -> Pretraining:
    """Return a row's pretraining: both losses where there are organs to tell apart."""
    ud, fold = base.unlabelled, source.fold if source else NO_FOLD
    others = others_of(base, fold) if beside else np.zeros(len(ud), dtype=bool)
    organs = len(ud.organs_of(others)) + (own != NOTHING)
    settings = replace(base.pretraining, seed=seed)
    settings = settings if organs > 1 else alone(settings)
    if own in (REAL, NOTHING):
        chosen = others | ud.is_own if own == REAL else others
        return on_ultrasound(row, ud, chosen, settings, base.device)
    return _on_generated(base, row, own, others, settings, source, sifted)


def _on_generated(
    base: Plan,
    row: str,
    which: str,
    others: np.ndarray,
    settings: PretrainSettings,
    source: Source,
    sifted: Sifted | None,
) -> Pretraining:
    """Return the pretraining of a row on generated images, with the `others` (bool, N) of UD."""
    ud, beside = base.unlabelled, int(others.sum())
    number = source.origin.n if which == ALL else None
    if sifted is not None:
        number = int(sifted.chosen[which].sum())
        _refuse_too_few(row, sifted, number, beside, settings.batch_size)
    made = f"generated from {base.images.name}" if source.generation else source.origin.name
    return Pretraining(
        row=row,
        settings=settings,
        organs=(ud.own, *ud.organs_of(others)),
        images=None if number is None else number + beside,
        pictures=None if sifted is None else partial(_joined, sifted, which, ud, others),
        device=base.device,
        data=", ".join([made, *ud.frame.loc[others, "set"].unique()]),
        fold=source.fold,
    )


def _joined(
    sifted: Sifted, which: str, ud: Unlabelled, others: np.ndarray
) -> tuple[torch.Tensor, np.ndarray]:
    """Return generated images, which count as the own organ (0), then the others of UD (1 on)."""
    generated = sifted.pixels(which)
    own = np.zeros(len(generated), dtype=np.int64)
    if not others.any():
        return generated, own
    pixels, organs = ud.take(others)
    return torch.cat([generated, pixels]), np.concatenate([own, organs + 1])


def _refuse_too_few(row: str, sifted: Sifted, number: int, beside: int, batch: int) -> None:
    if number and number + beside >= batch:
        return
    source, kept = sifted.source, len(sifted.kept)
    together = f", with {beside} real images beside them," if beside else ""
    further = ""  # what helps where there is a generator of our own
    if source.generation is not None:
        further = "draw more images (GENERATED), train the generator for longer (GENERATOR_STEPS), "
    raise UserError(
        f"the filter keeps {number} of {kept} generated images{together} and a batch has {batch}",
        where=f"row {row!r}, generator: {sifted.generated.name}",
        remedy=f"raise FILTER_NEIGHBOURS (k is {source.k} of {len(source.real)} real images here), "
        f"{further}or lower PRETRAIN_BATCH",
    )
