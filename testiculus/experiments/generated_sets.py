"""Generated images as files: list what the store holds, take a set out, bring one in.

Main functions: `sets_table` lists, `export_set` writes PNGs with their manifest and a data card,
`read_generated` reads a manifest of generated images, whoever made them (SYNTHETIC).

Images that were generated from private ones are private: `refuse_publishing` keeps them out of
results that git publishes.
"""

import hashlib
import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pandas as pd
import torch

from testiculus.base.errors import InputWarning, UserError
from testiculus.base.files import read_arrays, write_text
from testiculus.base.progress import progress
from testiculus.base.store import Run
from testiculus.data.images import ImageSet, load_images
from testiculus.data.importers.staging import check_destination, staged_folder
from testiculus.data.manifest import PUBLIC, RESERVED, Manifest, read_manifest, write_manifest
from testiculus.experiments.generated_card import data_card
from testiculus.experiments.generation import Generated, synthetic_frame, synthetic_settings
from testiculus.experiments.sampling import CARD, read_samples

PNG_EFFORT = 3  # 1 to 9; as the importers
PUBLISHED = (*PUBLIC, *RESERVED)  # results under these names are tracked by git
FEWEST = 2  # one image has no spread to compare


@dataclass(frozen=True)
class StoredSet:
    """A finished set of generated images in the store: its run's key, folder and card."""

    key: str
    folder: Path
    card: dict

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(file.stat().st_size for file in self.folder.glob("samples-*.safetensors"))

    @property
    def changed(self) -> float:
        """When it was finished, in seconds since 1970."""
        return (self.folder / "run.json").stat().st_mtime

    def row(self) -> dict[str, str]:
        """Return what a table shows of it."""
        generator, sampler = self.card["generator"], self.card["sampler"]
        patients = self.card.get("patients", "?")
        return {
            "key": self.key,
            "data": self.card.get("data", "?"),
            "trained on": f"{generator.get('images', '?')} images, {patients}",
            "steps": generator.get("steps", "?"),
            "images": self.card["images"],
            "px": self.card["pixels"],
            "sampler": f"{sampler['steps']} of {sampler['chain']} steps",
            "MB": f"{self.size / 1e6:.1f}",
            "date": date.fromtimestamp(self.changed).isoformat(),
        }

    def pixels(self) -> torch.Tensor:
        """Read the images, uint8 (n, 1, h, w); raises `UserError` where they are damaged."""
        arrays = read_arrays(self.folder / "arrays.npz")
        return read_samples(Run(self.key, arrays, 0.0, reused=True, folder=self.folder))


def stored_sets(runs: Path) -> list[StoredSet]:
    """Return the generated sets of finished runs in a store's folder, the oldest first."""
    found = []
    for note in runs.glob("*/run.json"):
        try:
            if CARD in json.loads(note.read_text(encoding="utf-8")).get("files", {}):
                card = json.loads((note.parent / CARD).read_text(encoding="utf-8"))
                found.append(StoredSet(note.parent.name, note.parent, card))
        except (OSError, ValueError):
            continue  # damaged: computed again when it is next wanted
    return sorted(found, key=lambda stored: (stored.changed, stored.key))


def sets_table(runs: Path) -> str:
    """Return the generated sets in a store's folder as an aligned table, one line each."""
    found = stored_sets(runs)
    if not found:
        return "no generated images yet: `make reproduce-fig4` trains a generator and draws some"
    return pd.DataFrame([stored.row() for stored in found]).to_string(index=False)


def find_set(runs: Path, key: str) -> StoredSet:
    """Return the one generated set whose key starts with `key`.

    Raises `UserError` where there is none, or more than one.
    """
    found = stored_sets(runs)
    fitting = [stored for stored in found if key and stored.key.startswith(key)]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise UserError(
            f"key {key!r} fits {len(fitting)} generated sets",
            remedy=f"give more of it: {', '.join(stored.key for stored in fitting)}",
        )
    keys = ", ".join(stored.key for stored in found)
    raise UserError(
        f"no generated set with key {key!r}",
        where=f"the store of runs, {len(found)} generated sets",
        remedy=f"there are: {keys}" if keys else "generate one first: make reproduce-fig4",
    )


def export_set(stored: StoredSet, to: Path) -> Path:
    """Write a set's images as PNGs into a new folder, with manifest and data card.

    The folder appears whole or not at all; `data.manifest.read_manifest` reads it again. Returns
    the manifest. Raises `UserError` for a folder that holds something; warns (`InputWarning`) where
    git could publish it, and where the images were generated from private ones.
    """
    from PIL import Image

    to = Path(to)
    check_destination(to, force=False)
    pixels = stored.pixels()
    name, settings = synthetic_settings(stored.card)
    frame = synthetic_frame(len(pixels), stored.card.get("organ") or "unknown")
    with staged_folder(to) as folder:
        (folder / "images").mkdir()
        files = progress(frame["image"], total=len(frame), desc="writing PNGs", unit="image")
        for place, file in enumerate(files):
            picture = Image.fromarray(pixels[place, 0].numpy())
            picture.save(folder / file, format="PNG", compress_level=PNG_EFFORT)
        write_manifest(folder, frame, {**settings, "card": stored.card})
        write_text(folder / "README.md", data_card(name, settings, stored.card, stored.key))
    if not is_public(settings):
        warnings.warn(
            f"these images were generated from those of {settings['trained_on']!r}: keep them as "
            "private as those; the search for copies of fig4 says how near they come",
            InputWarning,
            stacklevel=2,
        )
    return to / "manifest.csv"


def read_generated(synthetic: object, images: ImageSet) -> Generated:
    """Return the generated images of the manifest that SYNTHETIC names, at the size of `images`.

    `images` are the labelled ones of the experiment. `synthetic` is a path, or a list of one.
    Raises `UserError` for a manifest that cannot be used, another organ's images, fewer than two,
    and private images where results are published; warns (`InputWarning`) where they are all the
    same picture, or pictures of the labelled set itself.
    """
    path = _one_path(synthetic)
    manifest = read_manifest(path)
    refuse_publishing(images.name, manifest.settings, path)
    _require_organ(set(manifest.frame["organ"]), images, path)
    if len(manifest) < FEWEST:
        raise UserError(
            f"{manifest.name!r} holds {len(manifest)} image: one has no spread to compare",
            where=f"SYNTHETIC={path}",
            remedy=f"bring at least {FEWEST} generated images",
        )
    side = int(images.pixels.shape[-1])
    _refuse_to_enlarge(manifest, side, path)
    brought = load_images(manifest, side)
    _warn_of_repeats(brought, images)
    return Generated.imported(brought)


def _refuse_to_enlarge(manifest: Manifest, side: int, path: str) -> None:
    """Refuse images with fewer pixels than the real ones: their blur would tell the organ."""
    from PIL import Image

    smallest = side
    for name in manifest.frame["image"]:
        try:
            with Image.open(manifest.folder / name) as picture:
                smallest = min(smallest, *picture.size)
        except OSError:
            continue  # not a picture, or not this library's: decoding it will say
    if smallest < side:
        raise UserError(
            f"the generated images have {smallest} px and the real ones are taken at {side}: "
            "enlarged, they would be blurred, and an encoder could tell organs by that",
            where=f"SYNTHETIC={path}",
            remedy=f"PIXELS={smallest} brings the real images to the same size",
        )


def _one_path(synthetic: object) -> str:
    paths = [synthetic] if isinstance(synthetic, str | Path) else list(synthetic)
    if len(paths) != 1:
        raise UserError(
            f"SYNTHETIC names {len(paths)} manifests",
            where=", ".join(map(str, paths)),
            remedy="give one: a table compares one set of generated images with the real ones",
        )
    if not Path(paths[0]).is_file():
        raise UserError(
            f"SYNTHETIC names {paths[0]}, which is not there",
            remedy="give the path of a manifest (.csv) of generated images",
        )
    return str(paths[0])


def _require_organ(found: set[str], images: ImageSet, path: str) -> None:
    wanted = set(images.frame["organ"])
    if found != wanted:
        raise UserError(
            f"the generated images show {', '.join(sorted(found))}, the labelled images of "
            f"{images.name!r} {', '.join(sorted(wanted))}",
            where=f'SYNTHETIC={path}, column "organ"',
            remedy="bring generated images of the organ that is classified",
        )


def _warn_of_repeats(brought: ImageSet, images: ImageSet) -> None:
    generated, real = _digests(brought.pixels), _digests(images.pixels)
    if len(set(generated)) == 1:
        what = f"the {len(brought)} images of {brought.name!r} are all the same picture"
        warnings.warn(f"{what}: figures are computed, and mean little", InputWarning, stacklevel=4)
    same = sum(digest in set(real) for digest in set(generated))
    if same:
        warnings.warn(
            f"{same} images of {brought.name!r} are, pixel for pixel, labelled images of "
            f"{images.name!r}: a generated image should be none",
            InputWarning,
            stacklevel=4,
        )


def _digests(pixels: torch.Tensor) -> list[bytes]:
    return [hashlib.sha256(image.numpy().tobytes()).digest() for image in pixels]


def is_public(settings: Mapping[str, object]) -> bool:
    """Return whether generated images may be shown with published results.

    Those of this project name the set that they were generated from (`trained_on`), whose own
    publicness decides, whatever the generated set is called; other images go by their name.

    >>> is_public({"name": "liver", "synthetic": True, "trained_on": "ward-3"})
    False
    """
    if settings.get("synthetic") or "trained_on" in settings:
        return settings.get("trained_on") in PUBLISHED
    return settings.get("name") in PUBLIC


def refuse_publishing(name: str, settings: Mapping[str, object], where: str) -> None:
    """Raise `UserError` for private generated images beside data whose results git tracks.

    `name` is the name of the results' data, `settings` those of the generated set.
    """
    if name in PUBLISHED and not is_public(settings):
        raise UserError(
            f"the generated images {settings.get('name')!r} may be private, and results of "
            f"{name!r} are published (git tracks them): pictures of them would be published too",
            where=f"SYNTHETIC={where}",
            remedy="give the real images of the same origin in DATA, in a set with a name of its "
            "own, or leave SYNTHETIC out",
        )
