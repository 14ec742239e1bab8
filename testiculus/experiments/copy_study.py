"""Does the generator copy patients? The search of `manifold.copies`, on generated images.

Main function: `copy_study`. In pixels and in every space of features it asks how often generated
images single out one training patient, how often real images of other patients do, and whether
planted copies are caught. What a reader must be told for the figures to be fair:

- The rate of an honest generator is not 0 but about `allowed`, by the threshold's definition; and
  since the threshold rests on few images, up to `allowed_high`. The row of held-out real images,
  whose patients took no part in the threshold, is the level to compare with.
- What the search can see is what the planted rows show it to see: whole images, changed a little. A
  copied part, a mixture of two patients or a stronger change goes unseen; finding nothing bounds
  the rate (`high`), it does not prove privacy.
- Pixels are compared blurred, with the detail of 32 px. Speckle is gone there and many images of
  different patients are alike; being near to a training image (`near`) is then no copy, and what
  counts is the relative distance: whether one patient is singled out. A copy of a patient who is in
  training under two names singles out neither: names whose images look like copies of one another
  are therefore taken as one.
- Images of one patient are not independent: the interval of the held-out row, and `allowed_high`,
  are somewhat too narrow. That of the generated row is conditional on this one generator.
- The filter keeps what is near training images: its rate may rise for that reason.
- An authentic share of 1 is not to be expected of honest images either: compare with held-out ones.
"""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from testiculus.base.devices import generator
from testiculus.base.errors import InputWarning, UserError
from testiculus.base.progress import progress
from testiculus.experiments.copy_audit import (
    DISTANCE_COLUMNS,
    GENERATED,
    HELD_OUT,
    LEFT_OUT,
    NEAREST_COLUMNS,
    PIXELS,
    HeldOut,
    Planting,
    RealImages,
    Space,
    audit_space,
    count_copies,
)
from testiculus.manifold.copies import (
    doubles,
    feature_distances,
    merged_patients,
    pixel_distances,
)
from testiculus.manifold.copies_pixels import PLANTED, checked_pixels, planted

__all__ = ["CopyStudy", "RealImages", "copy_study"]

PLANTED_IMAGES = 100  # of each kind: 100 of 100 caught is at least 96.4 %, with 95 % confidence
FEWEST_TRAINING = 3  # patients: the copied one, the next, and one that may be left out
PAIRS = 8  # of nearest images that are shown


@dataclass(frozen=True, eq=False)
class CopyStudy:
    """What the search found. A `distance` in these frames is the relative one, `Nearest.relative`.

    copies: one line per subject and space, `COPY_COLUMNS`. `copies` of `n` images have a distance
        of at most `threshold`; `rate` with its exact interval `low` to `high`. `allowed`: the
        share that the threshold lets through on average among honest images, and `allowed_high`
        the most it may let through (97.5 % sure) for resting on few images. `near`: share of
        images whose plain distance alone is as small as that of the nearest `allowed` of held-out
        ones. `authenticity`: see `manifold.copies.authenticity`. `source_found`: of planted copies,
        the share whose nearest training image is the one that was copied. `patients`: how many
        the real images are of. NaN where a column says nothing about a subject.
    nearest: per space the 8 generated images with the smallest distances, `NEAREST_COLUMNS`; rank
        from 0, `image` and `training_image` are positions.
    distances: one line per image, `DISTANCE_COLUMNS`; `image` is the position in the generated, the
        held-out or the training images (planted copies: of the source). `kept` is the filter's
        choice among generated images: filtered images have no lines of their own.
    training_doubles: how many training images look like copies of another patient's; the patients
        of each such pair count as one (`manifold.copies.merged_patients`).
    held_out_doubles: how many held-out images look like copies of a training image; their patients
        are no longer held out.
    """

    copies: pd.DataFrame
    nearest: pd.DataFrame
    distances: pd.DataFrame
    training_doubles: int
    held_out_doubles: int


def copy_study(
    generated: torch.Tensor,
    kept: np.ndarray,
    training: RealImages,
    held_out: RealImages | None,
    extractors: Mapping[str, Callable[[torch.Tensor], np.ndarray]],
    *,
    seed: int = 0,
) -> CopyStudy:
    """Search generated images for copies, in pixels and in the features of every extractor.

    Half of the held-out patients (drawn by `seed`) set the threshold, the rate of held-out images
    is that of the other half. Where there are no held-out images, every training image is one to
    the images of all other patients; the subject then says so (`LEFT_OUT`).

    Args:
        generated: uint8 (m, 1, h, w), all that were drawn.
        kept: bool (m,), what the filter keeps of them; may be none.
        training: ALL images that the generator was trained on, with their patients.
        held_out: real images of the same organ and of other patients, which it has not seen; None
            where there are none, or of one patient alone.
        extractors: by the name of the space, what turns uint8 (n, 1, h, w) into features (n, d). It
            is called with the training, the generated, the held-out and the planted images.
        seed: of the split of patients and of the planted copies.

    Raises:
        UserError: for pixels that are not uint8 (n, 1, h, w) of one size, no image, a mask or names
            that do not fit, a patient who is in both sets, fewer than two held-out or three
            training patients, and for features that do not fit or are not finite.
    """
    kept = _checked(generated, kept, training, held_out)
    training, twice = _under_one_name(training)
    held_out, seen = (None, 0) if held_out is None else _unseen(held_out, training)
    _check_patients(training, held_out)
    held = _held_out(training, held_out, seed)
    copied = _planting(training.pixels, seed)
    spaces = [Space(PIXELS, lambda pixels: pixels, pixel_distances)]
    spaces += [Space(name, extract, feature_distances) for name, extract in extractors.items()]
    found = pd.concat(
        [
            audit_space(space, generated, kept, training, held, copied)
            for space in progress(spaces, desc="looking for copies", unit="space")
        ],
        ignore_index=True,
    )
    counted = [count_copies(part) for _, part in found.groupby("space", sort=False)]
    return CopyStudy(
        copies=pd.concat(counted, ignore_index=True),
        nearest=_nearest_pairs(found),
        distances=found[list(DISTANCE_COLUMNS)],
        training_doubles=twice,
        held_out_doubles=seen,
    )


def _under_one_name(training: RealImages) -> tuple[RealImages, int]:
    """Return training images with doubles' patients merged, and the number of doubles."""
    pixels, names = training.pixels, training.patients
    found = pixel_distances(pixels, pixels, names, skip=names[:, None] == names)
    number = int(doubles(found).sum())
    _warn(number, "training", "the search for copies takes both names for one patient")
    _, first, whose = np.unique(
        merged_patients(names, found), return_index=True, return_inverse=True
    )
    return RealImages(pixels, names[first][whose]), number


def _unseen(held_out: RealImages, training: RealImages) -> tuple[RealImages | None, int]:
    """Return the held-out images of patients without doubles in training, and the doubles' number.

    That raises the threshold, if anything: it errs against the generator. None where fewer than two
    patients are left.
    """
    seen = doubles(pixel_distances(held_out.pixels, training.pixels, training.patients))
    _warn(int(seen.sum()), "held-out", "the search for copies does not hold that patient out")
    rest = ~np.isin(held_out.patients, held_out.patients[seen])
    if len(np.unique(held_out.patients[rest])) < 2:
        return None, int(seen.sum())
    images = RealImages(held_out.pixels[torch.from_numpy(rest)], held_out.patients[rest])
    return images, int(seen.sum())


def _warn(number: int, what: str, done: str) -> None:
    if number:
        warnings.warn(
            f"{number} {what} images look like copies of another patient's training image: {done}. "
            "Is one patient there under two names?",
            InputWarning,
            stacklevel=4,
        )


def _nearest_pairs(found: pd.DataFrame) -> pd.DataFrame:
    """Return `CopyStudy.nearest`; of equal distances the image drawn first comes first."""
    own = found[found["subject"] == GENERATED]
    parts = [
        part.sort_values("distance", kind="stable")[:PAIRS].assign(
            rank=range(min(PAIRS, len(part)))
        )
        for _, part in own.groupby("space", sort=False)
    ]
    return pd.concat(parts, ignore_index=True)[list(NEAREST_COLUMNS)]


def _planting(pixels: torch.Tensor, seed: int) -> Planting:
    """Plant copies of every kind, of the same training images."""
    sources = torch.randperm(len(pixels), generator=generator("planted sources", seed))
    sources = sources[:PLANTED_IMAGES]
    kinds = [
        planted(pixels[sources], kind, generator("planted copy", seed, kind)) for kind in PLANTED
    ]
    return Planting(torch.cat(kinds), sources.numpy())


def _held_out(training: RealImages, held_out: RealImages | None, seed: int) -> HeldOut:
    """Return the held-out images and which of them, by patient, set the threshold."""
    images, skip, subject = held_out, None, HELD_OUT
    if images is None:
        images, subject = training, LEFT_OUT
        skip = training.patients[:, None] == training.patients[None, :]
    names = np.unique(images.patients)
    order = torch.randperm(len(names), generator=generator("held-out patients", seed)).numpy()
    first = np.isin(images.patients, names[order[: len(names) // 2]])
    return HeldOut(subject, images, skip, first)


def _checked(
    generated: torch.Tensor, kept: np.ndarray, training: RealImages, held_out: RealImages | None
) -> np.ndarray:
    """Return the mask as bool (m,); raises `UserError` as `copy_study` says."""
    sets = {"generated images": generated, "training images": training.pixels}
    sets |= {} if held_out is None else {"held-out images": held_out.pixels}
    sizes = {what: checked_pixels(pixels, what).shape[-2:] for what, pixels in sets.items()}
    if len(set(sizes.values())) > 1:
        told = ", ".join(f"{what} {h} x {w}" for what, (h, w) in sizes.items())
        raise UserError(
            f"images of different sizes cannot be told copies: {told}",
            remedy="bring all of them to the generator's resolution",
        )
    kept = np.asarray(kept)
    if kept.dtype != bool or kept.shape != (len(generated),):
        raise UserError(
            f"the filter's choice is one bool for each of {len(generated)} generated images, not "
            f"{kept.dtype} {kept.shape}"
        )
    _check_patients(training, held_out)
    return kept


def _check_patients(training: RealImages, held_out: RealImages | None) -> None:
    found = len(np.unique(training.patients))
    if found < FEWEST_TRAINING:
        raise UserError(
            f"a search for copies needs training images of {FEWEST_TRAINING} patients, not "
            f"{found}: a copy is nearer to one patient than to any other"
        )
    if held_out is None:
        return
    names = np.unique(held_out.patients)
    both = np.intersect1d(names, training.patients)
    if len(both):
        raise UserError(
            f"{len(both)} patients are among the training and the held-out images, {both[0]} first",
            remedy="hold out images of other patients, or none: None",
        )
    if len(names) < 2:
        raise UserError(
            "the held-out images are of one patient; half of the patients set the threshold, and "
            "the others are judged by it",
            remedy="hold out two patients or more, or none: None",
        )
