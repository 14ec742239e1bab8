"""Where an experiment's images come from: the phantom, or the manifest that DATA names."""

from pathlib import Path

import torch

from testiculus.base.errors import UserError
from testiculus.data.images import ImageSet, load_images
from testiculus.data.manifest import read_manifest
from testiculus.data.phantom import PhantomSettings, phantom


def load_source(data: str, *, pixels: int, patients: int, device: torch.device) -> ImageSet:
    """Return the labelled images that `data` names, uint8 N x 1 x pixels x pixels.

    `data` is "phantom" (then `patients` examinations are simulated) or the path of a manifest.
    Raises `UserError` for a manifest that cannot be used or holds no labels.
    """
    return labelled(load_all(data, pixels=pixels, patients=patients, device=device))


def load_all(data: str, *, pixels: int, patients: int, device: torch.device) -> ImageSet:
    """Return all images that `data` names, with labels or without; see `load_source`."""
    if data == "phantom":
        simulated = PhantomSettings(patients=patients, pixels=pixels)
        return phantom(simulated, device=str(device))
    if not Path(data).suffix:
        raise UserError(
            f"DATA={data!r} is neither 'phantom' nor a manifest",
            remedy="give the path of a .csv manifest, or DATA=phantom",
        )
    return load_images(read_manifest(data), pixels)


def labelled(images: ImageSet) -> ImageSet:
    """Return the rows that carry a label; raises `UserError` where there are none."""
    has_label = images.frame["label"].notna().to_numpy()
    if not has_label.any():
        raise UserError(
            f"no image of {images.name!r} has a label",
            remedy="fill the manifest's label column (0 or 1) for the images to classify",
        )
    return images if has_label.all() else images.select(has_label.nonzero()[0])
