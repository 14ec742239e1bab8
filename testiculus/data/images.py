"""All images of a data set as one tensor, with the frame of their rows and a fingerprint of both.

Main names: `ImageSet`, and `load_images`, which decodes a manifest's files into one.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from testiculus.base.errors import UserError
from testiculus.base.places import cache_folder
from testiculus.data.decoding import decode_files, files_key, warn_of_notes
from testiculus.data.image_cache import read_entry, sha256, write_entry
from testiculus.data.manifest import Manifest
from testiculus.data.resize import resize_square

__all__ = ["ImageSet", "content_fingerprint", "load_images", "resize_square"]

FINGERPRINTED = ("patient", "organ", "label", "true_label")  # what training and scoring read
SIZES = range(8, 2049)  # a square of 2048 px is larger than any B-mode still


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images in memory: batches are index selections, nothing is decoded during training.

    `pixels` is uint8 N x 1 x H x W; `frame` holds row i of image i under a RangeIndex; `masks` are
    uint8 N x 1 x H x W of 0 and 1 by name ("parenchyma", "lesion"), all zero where a row has none;
    `fingerprint` is `content_fingerprint` of pixels and frame. Make one with `build`.
    """

    pixels: torch.Tensor
    frame: pd.DataFrame
    name: str
    fingerprint: str
    settings: dict[str, Any] = field(default_factory=dict)
    masks: dict[str, torch.Tensor] = field(default_factory=dict, repr=False)

    @classmethod
    def build(
        cls,
        pixels: torch.Tensor,
        frame: pd.DataFrame,
        name: str,
        settings: Mapping[str, Any] | None = None,
        masks: Mapping[str, torch.Tensor] | None = None,
    ) -> "ImageSet":
        """Return an image set with its fingerprint; raises `ValueError` where shapes disagree."""
        masks = dict(masks or {})
        _check_shapes(pixels, frame, masks)
        frame = frame.reset_index(drop=True)
        fingerprint = content_fingerprint(pixels, frame)
        return cls(pixels, frame, name, fingerprint, dict(settings or {}), masks)

    def __len__(self) -> int:
        return len(self.frame)

    def select(self, index) -> "ImageSet":
        """Return the images at `index` (integers in any order, or one boolean per image).

        The frame's index starts at 0 again and the fingerprint is computed anew. Raises
        `IndexError` where an index is outside the set.
        """
        index = np.atleast_1d(np.asarray(index))
        positions = np.arange(len(self))[index if index.size else []]
        chosen = torch.from_numpy(positions)
        masks = {name: mask[chosen.to(mask.device)] for name, mask in self.masks.items()}
        pixels = self.pixels[chosen.to(self.pixels.device)]
        return ImageSet.build(pixels, self.frame.iloc[positions], self.name, self.settings, masks)

    def labels(self, column: str = "label") -> np.ndarray:
        """Return a column of labels (0 or 1) as int64 N; raises `UserError` where any is empty."""
        values = self.frame.get(column)
        if values is None or values.isna().any():
            missing = len(self) if values is None else int(values.isna().sum())
            raise UserError(
                f'{missing} of {len(self)} images of "{self.name}" have no {column}',
                where=f'column "{column}"',
                remedy="fill the column in the manifest, or select the images that have one",
            )
        return values.to_numpy(dtype=np.int64, copy=True)  # pandas' own is read-only


def _check_shapes(pixels, frame, masks) -> None:
    if pixels.dtype != torch.uint8 or pixels.ndim != 4 or pixels.shape[1] != 1:
        found = f"{pixels.dtype} {tuple(pixels.shape)}"
        raise ValueError(f"pixels must be uint8 N x 1 x H x W, not {found}")
    if len(frame) != len(pixels):
        raise ValueError(f"{len(pixels)} images and {len(frame)} rows")
    for name, mask in masks.items():
        if mask.dtype != torch.uint8 or mask.shape != pixels.shape:
            raise ValueError(f"mask {name!r} must be uint8 {tuple(pixels.shape)}")


def content_fingerprint(
    pixels: torch.Tensor, frame: pd.DataFrame, pixels_sha256: str | None = None
) -> str:
    """Return the sha256 (hex) of what a training reads: pixels and the `FINGERPRINTED` columns.

    It covers shape, order and values of the pixels, and each column by name (an absent column
    counts as empty). File names, masks, settings and other columns are left out: a data set that
    was moved or renamed is the same data. Order counts, since folds and draws depend on it.
    `pixels_sha256` saves hashing the pixels where their digest is known already.
    """
    columns = {name: _plain(frame, name) for name in FINGERPRINTED}
    parts = {"shape": list(pixels.shape), "columns": columns}
    parts["pixels"] = pixels_sha256 or sha256(pixels)
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _plain(frame: pd.DataFrame, name: str) -> list:
    """Return a column as numbers, texts and None, the same whatever type pandas keeps it in."""
    values = frame[name] if name in frame else [None] * len(frame)
    plain = [None if pd.isna(v) or v == "" else v for v in values]
    if name in ("patient", "organ"):
        return [None if v is None else str(v) for v in plain]
    return [None if v is None else int(v) for v in plain]


def load_images(manifest: Manifest, pixels: int, cache: Path | str | None = "project") -> ImageSet:
    """Return the images of a manifest as squares of `pixels`, with their masks.

    Grey by `decode.to_grey8`, size by `resize.resize_square`. Masks come from the columns `mask`
    (as "parenchyma") and `lesion_mask` (as "lesion"); `has_mask`, and `has_lesion` where that
    column is there, say which rows have one. `cache` is the folder of decoded images: "project"
    for the project's own, None for none. A changed file, at any place of the manifest, is noticed
    by its size and times, and a damaged cache is decoded again with an `InputWarning`.

    Raises `InputProblems` with every file that cannot be used, and warns (`InputWarning`) about
    odd ones and about one picture under several patients.
    """
    if pixels not in SIZES:
        allowed = f"a number of pixels from {SIZES.start} to {SIZES.stop - 1}"
        raise UserError(f"cannot make images of {pixels} pixels", remedy=f"write {allowed}")
    key = files_key(manifest, pixels)
    slot = _slot(manifest, pixels, cache)
    entry = read_entry(slot, key) if slot else None
    if entry is None:
        entry = decode_files(manifest, pixels)
        if slot:
            write_entry(slot, key, entry)
    warn_of_notes(manifest, entry)
    tensors = dict(entry.tensors)
    images, frame = tensors.pop("pixels"), _with_mask_columns(manifest.frame)
    fingerprint = content_fingerprint(images, frame, entry.pixels_sha256)
    return ImageSet(images, frame, manifest.name, fingerprint, dict(manifest.settings), tensors)


def _slot(manifest: Manifest, pixels: int, cache: Path | str | None) -> Path | None:
    """Return the one cache file of this manifest at this size: a changed set replaces the old."""
    if cache is None:
        return None
    folder = cache_folder() / "images" if cache == "project" else Path(cache)
    place = str((manifest.path or manifest.folder).resolve())
    tag = hashlib.sha256(place.encode()).hexdigest()[:12]
    return folder / f"{manifest.name}-{pixels}px-{tag}.safetensors"


def _with_mask_columns(frame: pd.DataFrame) -> pd.DataFrame:
    has = {"has_mask": frame["mask"].ne("").astype(bool) if "mask" in frame else False}
    if "lesion_mask" in frame:
        has["has_lesion"] = frame["lesion_mask"].ne("").astype(bool)
    return frame.reset_index(drop=True).assign(**has)
