"""A folder of single views, with labels and masks from a CSV or a folder of masks.

Main function: `import_folder`. This is how the authors' released TesticulUS set is taken in. Its
layout is not known here; for images named patient_side or patient_side_view beside masks of the
same names:

    python -m testiculus import folder --from TesticulUS/images --to imported/testicul-us \\
        --organ testis --masks TesticulUS/masks --labels TesticulUS/labels.csv \\
        --pattern '(?:^|/)(?P<patient>[^_/]+)_(?P<side>[^_/]+)(?:_(?P<view>[^_/]+))?$' \\
        --no-crop --licence 'CC BY-NC-SA 4.0' --source 'TesticulUS, released by its authors'

The images after the first 860 have no label: they stay unlabelled.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from testiculus.base.errors import InputProblems, UserError
from testiculus.data.importers.labels import LabelColumns, read_labels
from testiculus.data.importers.names import (
    DEFAULT_PATTERN,
    Found,
    checked_folder,
    checked_organ,
    counted,
    found_by_name,
    image_files,
    listed,
    open_mask,
    open_picture,
    warn,
)
from testiculus.data.importers.output import Output, Picture, write_import


def import_folder(
    folder: Path | str,
    output: Output,
    *,
    organ: str,
    pattern: str = DEFAULT_PATTERN,
    labels: Path | None = None,
    columns: LabelColumns | None = None,
    masks: Path | None = None,
) -> Path:
    """Import the images under `folder`; return the manifest's path.

    Patient, side, view, device and split come from the path by the named groups of `pattern`;
    what the CSV `labels` says wins over that. Masks come from its mask column, else from the
    folder `masks`, by the same name with any image ending. Images without a label stay unlabelled.
    Raises `UserError` for a folder, pattern, table, mask or output that cannot be used.
    """
    organ = checked_organ(organ)
    folder = checked_folder(folder, output.to, output.force)
    columns = columns or LabelColumns.of(organ)
    files = image_files(folder)
    if masks:
        inside = Path(masks).resolve()
        files = [path for path in files if inside not in path.resolve().parents]
    found = found_by_name(folder, files, pattern)
    rows = read_labels(labels, found, columns) if labels else {}
    beside = _masks_by_name(found, Path(masks)) if masks else {}
    known = [
        {"organ": organ, "mask": beside.get(f.path), **f.known, **rows.get(f.path, {})}
        for f in found
    ]
    _check_patients(found, known)
    settings = output.settings() | {"group": "patient"}
    if labels:
        settings |= {"positive_class": columns.positive, "negative_class": columns.negative}
    pictures = [_picture(file, row) for file, row in zip(found, known, strict=True)]
    return write_import(pictures, output, settings)


def _check_patients(found: Sequence[Found], known: Sequence[dict]) -> None:
    without = [f.relative for f, row in zip(found, known, strict=True) if not row.get("patient")]
    if without:
        raise InputProblems(
            f"no patient is known: {len(without)} images",
            without,
            "give a pattern with (?P<patient>...) in it, or a column patient in the labels",
        )


def _picture(file: Found, row: dict) -> Picture:
    patient, mask = row.pop("patient"), row.pop("mask", None)
    return Picture(
        identity=file.relative,
        patient=patient,
        where=file.relative,
        open=partial(open_picture, file.path),
        row=row,
        masks={"mask": partial(open_mask, mask)} if mask else {},
    )


def _masks_by_name(found: Sequence[Found], masks: Path) -> dict[Path, Path]:
    """Return the mask of each image that has one; warns about those that have no partner.

    Raises `UserError` if the folder is absent, holds no images, or none belongs to an image.
    """
    if not masks.is_dir():
        raise UserError("no such folder of masks", str(masks), "check --masks DIR")
    files = image_files(masks)
    by_path = {p.relative_to(masks).with_suffix("").as_posix(): p for p in files}
    by_stem = {p.stem: p for p in files}
    if len(by_stem) < len(files):
        by_stem = {}  # a stem that is there twice does not say whose mask it is
    pairs = {}
    for file in found:
        mask = by_path.get(file.relative.rsplit(".", 1)[0]) or by_stem.get(file.path.stem)
        if mask:
            pairs[file.path] = mask
    if not pairs:
        what = "no mask has the name of an image"
        raise UserError(what, f"{masks}: {listed([p.name for p in files], 3)}", "check --masks DIR")
    single = [file.relative for file in found if file.path not in pairs]
    unused = sorted(set(files) - set(pairs.values()))
    if single:
        warn(f"without a mask in {masks}: {counted(single, 'image')}")
    if unused:
        names = [p.relative_to(masks).as_posix() for p in unused]
        warn(f"left out, for no image has the name: {counted(names, 'mask')}")
    return pairs
