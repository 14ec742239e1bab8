"""UD, the images that encoders are pretrained on: the labelled set's, and all others.

Main function: `load_images_and_unlabelled`. On the phantom, UD is the labelled set, further testis
patients and thyroid patients; on other data, all rows of DATA and of the manifests that UNLABELLED
names. "Own organ" is that of the labelled rows; what the article says of testis and thyroid then
reads own organ and other organs.
"""

import hashlib
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from testiculus.base.errors import InputWarning, UserError
from testiculus.data.images import ImageSet, load_images
from testiculus.data.manifest import PUBLIC, RESERVED, read_manifest
from testiculus.data.phantom import PhantomSettings, phantom
from testiculus.experiments.sources import labelled, load_all

KEPT = ("patient", "organ", "device", "label", "true_label")
NOT_LABELLED = -1
STATED = ("licence", "source")  # of a set, what its settings say


@dataclass(frozen=True, eq=False)
class Unlabelled:
    """UD: `pixels` uint8 N x 1 x h x w and a `frame` with one row per image.

    Columns: patient (led by its set's name, since two sets may use one number for two people),
    organ, device, label, true_label, set, and `labelled_as`: which of the labelled images it is,
    NOT_LABELLED where it is none. `own` is the organ of the labelled images; `sources` has the
    licence and the source of each set, as its settings state them.
    """

    pixels: torch.Tensor
    frame: pd.DataFrame
    own: str
    sources: dict[str, dict[str, str]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.frame)

    @cached_property
    def organs(self) -> tuple[str, ...]:
        """The organs, the labelled images' own first."""
        others = sorted(set(self.frame["organ"]) - {self.own})
        return (self.own, *others)

    @property
    def is_own(self) -> np.ndarray:
        """Which images show the labelled images' organ: bool, length N."""
        return (self.frame["organ"] == self.own).to_numpy()

    def without_patients_of(self, labelled_images: np.ndarray) -> np.ndarray:
        """Return which images (bool, N) are of no patient of these labelled images.

        `labelled_images` are positions in the labelled set. All of a patient's images go, labelled
        or not, and those of a patient of the same name in another set: one hospital's sets may
        share patients.
        """
        names = self.frame["patient"].str.partition(":")[2]
        theirs = self.frame["labelled_as"].isin(labelled_images)
        return ~names.isin(names[theirs]).to_numpy()

    def organs_of(self, chosen: np.ndarray) -> tuple[str, ...]:
        """Return the organs among the `chosen` images (bool, N), in the order of `organs`."""
        there = set(self.frame.loc[chosen, "organ"])
        return tuple(organ for organ in self.organs if organ in there)

    def take(self, chosen: np.ndarray) -> tuple[torch.Tensor, np.ndarray]:
        """Return the chosen images' pixels, and their organs as int64 numbers from 0 on.

        Where all are chosen the pixels are not copied: UD may fill half of the memory.
        """
        names = {organ: number for number, organ in enumerate(self.organs_of(chosen))}
        organs = np.array([names[organ] for organ in self.frame.loc[chosen, "organ"]], np.int64)
        whole = bool(chosen.all())
        return (self.pixels if whole else self.pixels[torch.tensor(chosen)]), organs


def load_images_and_unlabelled(
    data: str,
    unlabelled: object,
    *,
    pixels: int,
    patients: int,
    unlabelled_patients: int,
    thyroid_patients: int,
    device: torch.device,
) -> tuple[ImageSet, Unlabelled]:
    """Return the labelled images that `data` names, and UD.

    The labelled images are those of Table 1, in its order. Of the phantom's, `unlabelled_patients`
    further testis patients (numbers from `patients` on) and `thyroid_patients` thyroid patients are
    simulated; `unlabelled` lists manifests (paths, or one text with commas between them) that come
    after these. A picture that an earlier set holds already is left out, with an `InputWarning`.

    Raises `UserError` for labelled rows of several organs, a manifest that is named twice or cannot
    be used, and a private set beside DATA whose results git would publish.
    """
    paths = _paths(data, unlabelled)
    everything = load_all(data, pixels=pixels, patients=patients, device=device)
    images = labelled(everything)
    own = _own_organ(images)
    sets = [everything]
    if data == "phantom":
        sets += _more_phantoms(pixels, patients, unlabelled_patients, thyroid_patients, device)
    manifests = [read_manifest(path) for path in paths]
    _refuse_publishing(images.name, {m.name: str(m.path) for m in manifests})
    sets += [load_images(manifest, pixels) for manifest in manifests]
    first = everything.frame["label"].notna().to_numpy()
    return images, _joined(_without_copies(sets) if paths else sets, first, own)


def _paths(data: str, unlabelled: object) -> list[str]:
    named = unlabelled or []
    if isinstance(named, str | Path):
        named = [part.strip() for part in str(named).split(",")]
    paths = [str(path) for path in named if str(path)]
    for path in paths:
        if not Path(path).is_file():
            raise UserError(
                f"UNLABELLED names {path}, which is not there",
                remedy="give the paths of further manifests (.csv), with commas between them",
            )
    places = [Path(path).resolve() for path in paths]
    places += [] if data == "phantom" else [Path(data).resolve()]
    if len(set(places)) < len(places):
        raise UserError(
            f"UNLABELLED={','.join(paths)} names a manifest twice, or DATA itself",
            remedy="name each further manifest once; all rows of DATA take part already",
        )
    return paths


def _own_organ(images: ImageSet) -> str:
    organs = sorted(set(images.frame["organ"]))
    if len(organs) > 1:
        raise UserError(
            f"the labelled images of {images.name!r} show {len(organs)} organs: "
            + ", ".join(organs),
            where='columns "organ" and "label"',
            remedy="keep the labels of one organ; images of the others may stay without labels",
        )
    return organs[0]


def _more_phantoms(
    pixels: int, patients: int, testes: int, thyroids: int, device: torch.device
) -> Iterable[ImageSet]:
    if testes:
        settings = PhantomSettings(patients=patients, pixels=pixels)
        numbers = range(patients, patients + testes)
        yield phantom(settings, numbers=numbers, device=str(device))
    if thyroids:
        settings = PhantomSettings(organ="thyroid", patients=thyroids, pixels=pixels)
        yield phantom(settings, device=str(device))


def _refuse_publishing(name: str, further: dict[str, str]) -> None:
    """Refuse a private set beside DATA whose results are tracked by git, under DATA's name."""
    if name not in (*PUBLIC, *RESERVED):
        return
    private = {other: place for other, place in further.items() if other not in PUBLIC}
    if private:
        raise UserError(
            f"{', '.join(private)} may be private, and results of {name!r} are published (git "
            "tracks them): figures made from private images would be published under that name",
            where=", ".join(private.values()),
            remedy='give DATA a "name" of its own in its settings file, or leave this set out of '
            "UNLABELLED",
        )


def _without_copies(sets: Sequence[ImageSet]) -> list[ImageSet]:
    """Leave out of later sets what earlier ones hold: a copy of a test image would stay in UD."""
    kept, seen = [], set()
    for number, images in enumerate(sets):
        digests = [hashlib.sha256(one.numpy().tobytes()).digest() for one in images.pixels]
        new = np.array([number == 0 or digest not in seen for digest in digests])
        seen.update(digests)
        if not new.all():
            warnings.warn(
                f"{(~new).sum()} of {len(new)} images of {images.name!r} are in an earlier set "
                "too: they are left out here",
                InputWarning,
                stacklevel=4,
            )
        if new.any():
            kept.append(images if new.all() else images.select(new))
    return kept


def _joined(sets: Sequence[ImageSet], has_label: np.ndarray, own: str) -> Unlabelled:
    """Put the sets together; `has_label` (bool) says which of the first set's are labelled."""
    frames = []
    for images in sets:
        frame = images.frame.reindex(columns=KEPT).reset_index(drop=True)
        frame["patient"] = images.name + ":" + frame["patient"].astype(str)
        frame["device"] = frame["device"].fillna("").astype(str)
        frames.append(frame.assign(set=images.name, labelled_as=NOT_LABELLED))
    frames[0].loc[has_label, "labelled_as"] = np.arange(has_label.sum())
    pixels = torch.cat([images.pixels for images in sets]) if len(sets) > 1 else sets[0].pixels
    sources = {
        images.name: {name: images.settings.get(name, "not stated") for name in STATED}
        for images in sets
    }
    return Unlabelled(pixels, pd.concat(frames, ignore_index=True), own, sources)
