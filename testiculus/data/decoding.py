"""All files of a manifest decoded at once, by several threads, every bad file reported together.

Main functions: `decode_files`, `files_key` (what the cache knows the files by), `warn_of_notes`.
"""

import hashlib
import json
import os
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import PIL
import torch
from PIL import Image

from testiculus.base.code import code_fingerprint
from testiculus.base.errors import InputProblems, InputWarning
from testiculus.base.progress import progress
from testiculus.data.decode import DecodeError, read_image, read_mask
from testiculus.data.image_cache import Entry, sha256
from testiculus.data.manifest import Manifest
from testiculus.data.resize import resize_mask, resize_square

MASKS = {"parenchyma": "mask", "lesion": "lesion_mask"}  # name in an ImageSet: manifest column
THREADS = 8  # decoders release the interpreter lock; beyond this the disk is the limit
LISTED = 10  # places named in one warning


@dataclass
class _Row:
    """One row decoded: squares by name, the digest of the whole picture, what was odd or wrong."""

    squares: dict[str, np.ndarray] = field(default_factory=dict)
    digest: str = ""
    bits: int = 0
    notes: list[tuple[str, str]] = field(default_factory=list)
    faults: list[tuple[str, str]] = field(default_factory=list)


def files_key(manifest: Manifest, pixels: int) -> str:
    """Return the sha256 (hex) of all that decoded images depend on, without reading an image.

    That is each file's path, size and times of change, the size asked for, the setting `bits`, and
    the code and libraries that decode. Labels and patients are no part of it.
    """
    columns = ["image", *(name for name in MASKS.values() if name in manifest.frame)]
    files = [
        [column, text, *_state(manifest.folder / text)] if text else [column]
        for column in columns
        for text in manifest.frame[column]
    ]
    made_by = [code_fingerprint(__name__), PIL.__version__, torch.__version__]
    facts = [str(manifest.folder.resolve()), pixels, manifest.settings.get("bits"), files, made_by]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def _state(path: Path) -> list[int]:
    try:
        state = os.stat(path)
    except OSError:
        return []  # decoding will say what is wrong with it
    # The time of the last change of status moves even where a tool restores the time of writing.
    return [state.st_size, state.st_mtime_ns, state.st_ctime_ns]


def decode_files(manifest: Manifest, pixels: int) -> Entry:
    """Return all images, and the masks of the columns that have any, at `pixels` x `pixels`.

    Raises `InputProblems` that lists every file that cannot be used, with row and column.
    """
    frame = manifest.frame
    used = {name: c for name, c in MASKS.items() if c in frame and frame[c].ne("").any()}
    shape = (len(frame), 1, pixels, pixels)
    tensors = {name: torch.zeros(shape, dtype=torch.uint8) for name in ("pixels", *used)}
    digests, notes, faults, depths = [], [], [], {}
    for position, row in enumerate(_decoded_rows(manifest, pixels, used)):
        for name, square in row.squares.items():
            tensors[name][position, 0] = torch.from_numpy(square)
        digests.append(row.digest)
        depths.setdefault(row.bits, position)
        notes += [(position, column, text) for column, text in row.notes]
        faults += [(position, column, text) for column, text in row.faults]
    if faults:
        raise _problems(manifest, faults)
    return Entry(tensors, tuple(digests), (*notes, *_depth_note(depths)), sha256(tensors["pixels"]))


def _depth_note(depths: dict[int, int]) -> list[tuple[int, str, str]]:
    deep = {bits: position for bits, position in depths.items() if bits}
    if len(deep) < 2:
        return []
    found = ", ".join(map(str, sorted(deep)))
    text = f'16-bit images of this set use {found} bits; set "bits" in the settings for one scale'
    return [(min(deep.values()), "image", text)]


def _decoded_rows(manifest: Manifest, pixels: int, used: dict[str, str]):
    """Yield one `_Row` per row of the manifest, in order."""
    columns = ["image", *used.values()]
    rows = manifest.frame[columns].to_dict("records")
    bits = manifest.settings.get("bits")
    workers = ThreadPoolExecutor(min(THREADS, os.cpu_count() or 1), "decode")
    with warnings.catch_warnings():
        # `decode` has its own limit, which is lower and is an error
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            work = workers.map(lambda row: _decode_row(manifest.folder, row, pixels, bits), rows)
            yield from progress(work, total=len(rows), desc="decoding images", unit="image")
        finally:
            workers.shutdown(cancel_futures=True)


def _decode_row(folder: Path, row: dict[str, str], pixels: int, bits: int | None) -> _Row:
    result = _Row()
    try:
        picture = read_image(folder / row["image"], bits)
    except DecodeError as error:
        result.faults.append(("image", str(error)))
        return result
    result.bits = picture.bits
    result.notes += [("image", note) for note in picture.notes]
    result.digest = hashlib.sha256(
        repr(picture.values.shape).encode() + picture.values.tobytes()
    ).hexdigest()
    result.squares["pixels"] = _square(resize_square, picture.values, pixels)
    for name, column in MASKS.items():
        if row.get(column):
            _decode_mask(folder, row[column], column, name, picture.values.shape, pixels, result)
    return result


def _decode_mask(folder, text, column, name, shape, pixels, result: _Row) -> None:
    try:
        mask = read_mask(folder / text)
    except DecodeError as error:
        result.faults.append((column, str(error)))
        return
    if mask.values.shape != shape:
        (height, width), (rows, columns) = mask.values.shape, shape
        what = f"has {width} x {height} pixels, its image {columns} x {rows}"
        result.faults.append((column, f"{what}; export both at one size"))
        return
    result.notes += [(column, note) for note in mask.notes]
    result.squares[name] = _square(resize_mask, mask.values, pixels)


def _square(resize, grey: np.ndarray, pixels: int) -> np.ndarray:
    return resize(torch.from_numpy(grey)[None, None], pixels)[0, 0].numpy()


def _place(manifest: Manifest, position: int, column: str) -> str:
    text = manifest.frame[column].iat[position]
    return f'row {manifest.row(position)}, column "{column}": "{text}"'


def _problems(manifest: Manifest, faults: list[tuple[int, str, str]]) -> InputProblems:
    count = "1 file" if len(faults) == 1 else f"{len(faults)} files"
    source = manifest.path or manifest.folder
    return InputProblems(
        f"{count} of {source} cannot be used",
        [f"{_place(manifest, position, column)} {text}" for position, column, text in faults],
        "correct these, or take their rows out of the manifest, and run the same command again",
    )


def warn_of_notes(manifest: Manifest, entry: Entry) -> None:
    """Warn about odd files, one `InputWarning` per kind, and about pictures under two patients."""
    source = manifest.path or manifest.folder
    kinds: dict[str, list[str]] = {}
    for position, column, text in entry.notes:
        kinds.setdefault(text, []).append(_place(manifest, position, column))
    messages = [f"{_some(places)} {text}" for text, places in kinds.items()]
    messages += _shared_pictures(manifest, entry.digests)
    for message in messages:
        warnings.warn(f"{source}, {message}", InputWarning, stacklevel=3)


def _some(places: list[str]) -> str:
    more = f" and {len(places) - LISTED} more:" if len(places) > LISTED else ""
    return "; ".join(places[:LISTED]) + more


def _shared_pictures(manifest: Manifest, digests: tuple[str, ...]) -> list[str]:
    """Return a message for each picture, equal to the last pixel, that several patients have."""
    frame = manifest.frame
    messages = []
    for positions in pd.Series(range(len(digests))).groupby(np.array(digests)).groups.values():
        patients = list(dict.fromkeys(frame["patient"].iloc[positions]))
        paths = set(frame["image"].iloc[positions])
        if len(patients) > 1 and len(paths) > 1:  # one path twice: the manifest has said it
            places = _some([_place(manifest, position, "image") for position in positions])
            whose = " and ".join(patients)
            messages.append(
                f"{places}: the same picture under the patients {whose}; "
                "if they are one patient, give them one name"
            )
    return messages
