"""One space of the search for copies: distances of every kind of image, thresholds, counts.

Main functions: `audit_space` measures, one line per image; `count_copies` sums up, one line per
subject. `copy_study` makes the images and joins the spaces.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch

from testiculus.base.errors import UserError
from testiculus.manifold.copies import Nearest, authentic
from testiculus.manifold.copies_pixels import PLANTED
from testiculus.manifold.copies_rate import allowed_rate, copy_rate, copy_threshold

PIXELS = "pixels"  # the space of the images themselves
GENERATED, FILTERED = "generated", "filtered"
HELD_OUT = "held-out real"
LEFT_OUT = "held-out real (training images, own patient left out)"  # begins as HELD_OUT does
FOR_THRESHOLD = "for the threshold"  # real images that set it: no line among the counts

COPY_COLUMNS = (
    *("subject", "space", "n", "copies", "rate", "low", "high"),
    *("median_distance", "threshold", "authenticity"),
    *("allowed", "allowed_high", "near", "median_plain_distance", "source_found", "patients"),
)
DISTANCE_COLUMNS = (
    *("subject", "space", "image", "training_image"),
    *("distance", "plain_distance", "copy", "kept"),
)
NEAREST_COLUMNS = ("space", "rank", "image", "training_image", "distance", "plain_distance")


@dataclass(frozen=True, eq=False)
class RealImages:
    """Real images and whose they are: `pixels` uint8 (n, 1, h, w), `patients` (n,) names.

    Names in two sets must be made alike (all with their set's name before them, or none), or one
    patient in both goes unnoticed. Raises `UserError` for a number of names that does not fit.
    """

    pixels: torch.Tensor
    patients: np.ndarray

    def __post_init__(self) -> None:
        names = np.asarray(self.patients).astype(str)
        if names.shape != (len(self.pixels),):
            raise UserError(f"{len(self.pixels)} images and {names.shape} patients do not fit")
        object.__setattr__(self, "patients", names)

    def __len__(self) -> int:
        return len(self.pixels)


@dataclass(frozen=True, eq=False)
class Space:
    """Where distances are measured: `embed` turns pixels into what `search` compares."""

    name: str
    embed: Callable[[torch.Tensor], Any]
    search: Callable[..., Nearest]


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Held-out real images, and which of them (`first`, bool) set the threshold.

    `skip` is None, or, where they are the training images themselves, the pairs of one patient.
    """

    subject: str
    images: RealImages
    skip: np.ndarray | None
    first: np.ndarray


@dataclass(frozen=True, eq=False)
class Planting:
    """Planted copies: `pixels` of all kinds in turn, of the training images `sources` each."""

    pixels: torch.Tensor
    sources: np.ndarray


def audit_space(
    space: Space,
    generated: torch.Tensor,
    kept: np.ndarray,
    training: RealImages,
    held: HeldOut,
    copied: Planting,
) -> pd.DataFrame:
    """Return one line per image, `DISTANCE_COLUMNS` and what `count_copies` needs beside.

    These are `authentic`, `patient` (of held-out images), `source_found` (of planted copies) and
    the thresholds `threshold` and `plain_threshold`, the same in every line.
    """
    known = space.embed(training.pixels)
    search = partial(space.search, training=known, patients=training.patients)
    own = search(known, skip=np.eye(len(training), dtype=bool)).distance
    found = search(space.embed(generated))
    parts = [_lines(GENERATED, found, own[found.nearest]).assign(kept=kept)]
    parts += _held_out_lines(space, search, known, own, held)
    found = search(space.embed(copied.pixels))
    images = np.tile(copied.sources, len(PLANTED))
    subjects = np.repeat([f"planted: {kind}" for kind in PLANTED], len(copied.sources))
    lines = _lines(subjects, found, own[found.nearest]).assign(image=images)
    parts.append(lines.assign(source_found=(found.nearest == images).astype(float)))
    table = pd.concat(parts, ignore_index=True).assign(space=space.name)
    first = table[table["subject"] == FOR_THRESHOLD]
    threshold = copy_threshold(first["distance"])
    return table.assign(
        copy=table["distance"] <= threshold,
        kept=table["kept"].eq(True),  # only generated images have one
        threshold=threshold,
        plain_threshold=copy_threshold(first["plain_distance"]),
    )


def _held_out_lines(space: Space, search, known, own: np.ndarray, held: HeldOut):
    """Return the lines of held-out images, those that set the threshold under their own name."""
    left_out = held.skip is not None
    found = search(known if left_out else space.embed(held.images.pixels), skip=held.skip)
    theirs = own[found.nearest]
    if left_out:  # own is of all training images; here the image's patient is none of them
        itself = found.nearest[:, None] == np.arange(len(known))
        theirs = search(known[found.nearest], skip=held.skip | itself).distance
    subjects = np.where(held.first, FOR_THRESHOLD, held.subject)
    return [_lines(subjects, found, theirs).assign(patient=held.images.patients)]


def _lines(subjects: str | np.ndarray, found: Nearest, own: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "subject": subjects,
            "image": np.arange(len(found.distance)),
            "training_image": found.nearest,
            "distance": found.relative,
            "plain_distance": found.distance,
            "authentic": authentic(found, own),
        }
    )


def count_copies(found: pd.DataFrame) -> pd.DataFrame:
    """Return one line per subject of one space, `COPY_COLUMNS`, from what `audit_space` found."""
    n_threshold = int((found["subject"] == FOR_THRESHOLD).sum())
    allowed, most = allowed_rate(n_threshold)
    lines = []
    for subject, part in _subjects(found):
        threshold, plain = found["threshold"].iloc[0], found["plain_threshold"].iloc[0]
        line = {"subject": subject, "space": found["space"].iloc[0]}
        line |= asdict(copy_rate(part["distance"], threshold))
        line |= {"median_distance": part["distance"].median(), "threshold": threshold}
        line |= {"authenticity": part["authentic"].astype(float).mean()}
        line |= {"allowed": allowed, "allowed_high": most}
        line |= {"near": copy_rate(part["plain_distance"], plain).rate}
        line |= {"median_plain_distance": part["plain_distance"].median()}
        line |= {"source_found": part["source_found"].mean()}
        line |= {"patients": part["patient"].nunique() or np.nan}
        lines.append(line)
    return pd.DataFrame(lines)[list(COPY_COLUMNS)]


def _subjects(found: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield every subject that is counted, the filter's choice after all that was generated."""
    for subject, part in found.groupby("subject", sort=False):
        if subject != FOR_THRESHOLD:
            yield str(subject), part
        if subject == GENERATED:
            yield FILTERED, part[part["kept"]]
