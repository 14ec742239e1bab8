"""What every importer ends in: pictures cropped and saved as grey PNGs, and their manifest.

Main function: `write_import`. Files are named by keyed hashes; of a picture nothing is kept but its
pixels and the columns that its importer chose. The crop box, the size and the tint of the source
picture are kept as columns, so that an audit can ask how much they alone tell about the label.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image, ImageChops

from testiculus.base.errors import InputProblems, InputWarning, UserError
from testiculus.base.files import write_csv
from testiculus.base.progress import progress
from testiculus.data.decode import DecodeError, to_grey8
from testiculus.data.importers.identifiers import (
    check_key_place,
    keep_key,
    keyed_hash,
    secret_key,
)
from testiculus.data.importers.staging import staged_folder
from testiculus.data.manifest import write_manifest
from testiculus.data.manifest_schema import slugify
from testiculus.data.views import (
    BLACK_TOLERANCE,
    MIN_SIDE,
    Box,
    check_inside,
    find_crop,
    share_outside,
    whole,
)

MASK_OUTSIDE = 0.01  # a crop that loses more of an annotation has cut anatomy: it is not applied
CONTENT_OUTSIDE = 0.02  # a crop that leaves out more of what is not black is worth a look
PNG_EFFORT = 3  # 1 to 9; 9 saves 5 % more space than 3 in 20 times the time

MaskArray = tuple[np.ndarray, list[int] | None]  # H x W indices (0 outside), palette if it has one


@dataclass(frozen=True)
class Output:
    """Where an import goes and what is said about it.

    `to` is the output folder, `key` the file with the secret of the patients' names (default: a
    file beside `to`), `crop` whether the black surround is removed, `min_side` the smallest crop
    believed (px); `name`, `licence` and `source` go into the settings; `force` replaces an earlier
    import.
    """

    to: Path
    key: Path | None = None
    crop: bool = True
    min_side: int = MIN_SIDE
    name: str | None = None
    licence: str = ""
    source: str = ""
    force: bool = False

    def key_file(self) -> Path:
        """Return the key's place: as given, else `<to>.key` beside the output folder."""
        to = Path(self.to).absolute()
        return Path(self.key) if self.key else to.with_name(to.name + ".key")

    def settings(self, default_name: str = "") -> dict[str, Any]:
        """Return the manifest's settings that every import has."""
        name = self.name or default_name or slugify(Path(self.to).absolute().name) or "images"
        return {"name": name, "licence": self.licence, "source": self.source}


@dataclass(frozen=True)
class Picture:
    """One view to import.

    `identity` tells it from all others and `patient` names its patient: both only ever leave as
    keyed hashes. `where` names it in messages. `open` gives the source picture, and `masks` its
    annotations by manifest column; `region` is the part of the source that holds the view.
    """

    identity: str
    patient: str
    where: str
    open: Callable[[], Image.Image]
    row: Mapping[str, Any]
    masks: Mapping[str, Callable[[], MaskArray]] = field(default_factory=dict)
    region: Box | None = None


def write_import(
    pictures: Sequence[Picture],
    output: Output,
    settings: Mapping[str, Any],
    public_key: bytes | None = None,
) -> Path:
    """Write the pictures, their manifest and `review.csv` into `output.to`; return the manifest.

    `review.csv` lists the views whose crop wants a person's eye, with the reason; none is dropped.
    With `public_key` no secret is needed. Raises `UserError`, and leaves everything as it was, for
    a destination that cannot be used and for pictures that cannot be read (all are listed).
    """
    if not public_key:
        check_key_place(output.key_file(), output.to)
    key = public_key or secret_key(output.key_file())
    with staged_folder(Path(output.to), output.force) as folder:
        frame, review = _write_views(pictures, folder, output, key)
        how = {"cropped": output.crop, "black": BLACK_TOLERANCE, "min_side": output.min_side}
        write_manifest(folder, frame, {**settings, "import": how, "listed_for_review": len(review)})
        write_csv(folder / "review.csv", pd.DataFrame(review, columns=["image", "reason"]))
        if not public_key:
            keep_key(output.key_file(), key)
    _announce(review, Path(output.to), len(frame))
    return Path(output.to) / "manifest.csv"


def _write_views(pictures, folder: Path, output: Output, key: bytes):
    rows, review, problems = [], [], []
    remedies = {"correct or remove these files and run the same command again": None}  # ordered
    for picture in progress(pictures, total=len(pictures), desc="import", unit="view"):
        try:
            row, reason = _write_view(picture, folder, output, key)
        except (DecodeError, UserError) as error:
            problems.append(_one_line(picture.where, error))
            remedies |= {error.remedy: None} if getattr(error, "remedy", "") else {}
            continue
        rows.append(row)
        if reason:
            review.append((row["image"], reason))
    if problems:
        raise InputProblems(
            f"{len(problems)} of {len(pictures)} pictures cannot be imported; nothing was written",
            problems,
            "; or ".join(remedies),
        )
    frame = pd.DataFrame(rows)
    whole_numbers = {name: "Int8" for name in ("label", "true_label") if name in frame}
    return frame.astype(whole_numbers), review


def _one_line(where: str, error: Exception) -> str:
    # the text of a DecodeError continues the name of its file
    return f"{where}: {error.what}" if isinstance(error, UserError) else f"{where} {error}"


def _write_view(picture: Picture, folder: Path, output: Output, key: bytes):
    """Write one view and its masks; return (manifest row, reason for review or "")."""
    source = picture.open()
    region = picture.region or Box(0, 0, *source.size)
    check_inside(region, *source.size)
    view = source.crop((region.left, region.top, region.right, region.bottom))
    grey = to_grey8(view)
    masks = {name: _mask(load, source.size, region) for name, load in picture.masks.items()}
    box, reason = choose_box(grey, [m for m, _ in masks.values()], output)
    stem = keyed_hash(picture.identity, key)
    paths = {name: f"{name}s/{stem}.png" for name in ("image", *masks)}
    _save(Image.fromarray(box.cut(grey)), folder / paths["image"])
    for name, (values, palette) in masks.items():
        _save(_mask_image(box.cut(values), palette), folder / paths[name])
    crop = box.moved(region.left, region.top)
    row = {
        **paths,
        "patient": keyed_hash(picture.patient, key),
        **{name: value for name, value in picture.row.items() if name not in paths},
        "width": source.width,
        "height": source.height,
        "tint": round(tint(view), 3),
        "crop_left": crop.left,
        "crop_top": crop.top,
        "crop_right": crop.right,
        "crop_bottom": crop.bottom,
    }
    return row, reason


def choose_box(grey: np.ndarray, masks: Sequence[np.ndarray], output: Output) -> tuple[Box, str]:
    """Return the box to keep of a uint8 H x W view, and why a person should look at it ("" if not).

    Where the rule fails, or its crop would leave out part of an annotation (H x W, 0 outside), the
    view is kept whole. A crop that leaves out much of what is not black is applied, and reported.
    """
    if not output.crop:
        return whole(grey), ""
    box, reason = find_crop(grey, min_side=output.min_side)
    if box is None:
        return whole(grey), f"kept whole: {reason}"
    lost = max((share_outside(mask > 0, box) for mask in masks), default=0.0)
    if lost > MASK_OUTSIDE:
        return whole(grey), f"kept whole: the crop would leave out {lost:.0%} of its mask"
    left_out = share_outside(grey > BLACK_TOLERANCE, box)
    if left_out > CONTENT_OUTSIDE:
        return box, f"cropped: {left_out:.0%} of what is not black lies outside the crop"
    return box, ""


def tint(image: Image.Image) -> float:
    """Return how coloured a picture is: the mean of max(R,G,B) - min(R,G,B), in grey levels.

    Black pixels do not count; 0 for a grey picture or a black one.
    """
    if image.mode in ("L", "1", "F", "LA") or image.mode.startswith("I"):
        return 0.0
    red, green, blue = image.convert("RGB").split()
    high = ImageChops.lighter(ImageChops.lighter(red, green), blue)
    low = ImageChops.darker(ImageChops.darker(red, green), blue)
    seen = np.asarray(high) > BLACK_TOLERANCE
    spread = np.asarray(ImageChops.subtract(high, low))
    return float(spread[seen].mean()) if seen.any() else 0.0


def _mask(load: Callable[[], MaskArray], size: tuple[int, int], region: Box) -> MaskArray:
    values, palette = load()
    if values.shape != size[::-1]:
        height, width = values.shape
        image = f"{size[0]} x {size[1]}"
        raise DecodeError(f"has {image} pixels, its mask {width} x {height}; they must be equal")
    return region.cut(values), palette


def _mask_image(values: np.ndarray, palette: list[int] | None) -> Image.Image:
    if palette is None:
        return Image.fromarray((values > 0).astype(np.uint8) * 255)
    image = Image.fromarray(values)
    image.putpalette(palette)
    return image


def _save(image: Image.Image, path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    with path.open("xb") as stream:  # two views of one name would be a mistake: never overwrite
        image.save(stream, format="PNG", compress_level=PNG_EFFORT)


def _announce(review: list[tuple[str, str]], to: Path, views: int) -> None:
    if review:
        kept = sum(reason.startswith("kept whole") for _, reason in review)
        warnings.warn(
            f"{len(review)} of {views} views are listed in {to / 'review.csv'}: {kept} kept whole "
            f"because cropping failed, {len(review) - kept} cropped with content left outside. "
            "Look at them; remove a row from the manifest to leave a view out, or import with "
            "--no-crop",
            InputWarning,
            stacklevel=3,
        )
