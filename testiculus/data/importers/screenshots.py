"""Screenshots that hold two views side by side become single views.

Main function: `import_screenshots`. The article's raw files are of this kind: cutting the views out
leaves behind what the scanner burnt into the frame around them. The default boxes are those of the
released code.
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from testiculus.base.errors import InputProblems, UserError
from testiculus.data.importers.labels import LabelColumns, read_labels
from testiculus.data.importers.names import (
    DEFAULT_PATTERN,
    Found,
    checked_folder,
    checked_organ,
    found_by_name,
    image_files,
    open_picture,
)
from testiculus.data.importers.output import Output, Picture, write_import
from testiculus.data.views import RELEASED_BOXES, Box, check_inside


def import_screenshots(
    folder: Path | str,
    output: Output,
    *,
    boxes: Mapping[str, Box] = RELEASED_BOXES,
    pattern: str = DEFAULT_PATTERN,
    labels: Path | None = None,
    columns: LabelColumns | None = None,
    organ: str = "testis",
) -> Path:
    """Cut the named `boxes` out of every screenshot in `folder`; return the manifest's path.

    Each box's name becomes the view; patient and side come from the file name by the named groups
    of `pattern`, labels from the CSV `labels` (see `labels.read_labels`), inherited by both views.
    Raises `UserError` for a folder, pattern, table or output that cannot be used, and, naming every
    file, for boxes that reach outside the picture.
    """
    organ = checked_organ(organ)
    folder = checked_folder(folder, output.to, output.force)
    columns = columns or LabelColumns.of(organ)
    found = found_by_name(folder, image_files(folder), pattern)
    rows = read_labels(labels, found, columns) if labels else {}
    pictures = [
        _picture(file, name, box, {"organ": organ, **file.known, **rows.get(file.path, {})})
        for file in found
        for name, box in boxes.items()
    ]
    settings = output.settings() | {"group": "patient"}
    if labels:
        settings |= {"positive_class": columns.positive, "negative_class": columns.negative}
    return write_import(pictures, output, settings)


def _picture(file: Found, view: str, box: Box, known: dict) -> Picture:
    patient = known.pop("patient", "")
    if not patient:
        raise UserError(
            "no patient is known for this screenshot",
            where=file.relative,
            remedy="give a pattern with (?P<patient>...) in it",
        )
    known.pop("mask", None)  # a mask of a whole screenshot has no meaning for one of its views
    return Picture(
        identity=f"{file.relative}#{view}",
        patient=patient,
        where=f"{file.relative}, view {view}",
        open=partial(open_picture, file.path),
        row={**known, "view": view},
        region=box,
    )


def parse_box(text: str) -> tuple[str, Box]:
    """Return (name, box) of "NAME=LEFT,TOP,WIDTH,HEIGHT", in pixels.

    Raises `UserError` for anything else.

    >>> parse_box("first=185,130,300,300")
    ('first', Box(left=185, top=130, right=485, bottom=430))
    """
    name, _, numbers = text.partition("=")
    try:
        left, top, width, height = (int(number) for number in numbers.split(","))
        box = Box(left, top, left + width, top + height)
        check_inside(box, max(box.right, 0), max(box.bottom, 0))
    except (ValueError, UserError):
        what = f"not a crop box: {text}"
        raise UserError(what, "--box", "write NAME=LEFT,TOP,WIDTH,HEIGHT in pixels") from None
    return name.strip(), box


def parse_boxes(texts: list[str] | None) -> dict[str, Box]:
    """Return the boxes by name, or the released ones for None; raises `UserError` for repeats."""
    if not texts:
        return dict(RELEASED_BOXES)
    boxes = dict(parse_box(text) for text in texts)
    if len(boxes) < len(texts) or "" in boxes:
        raise InputProblems("every box needs a name of its own", texts, "--box first=... --box ...")
    return boxes
