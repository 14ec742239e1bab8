"""Single views cut out of what a scanner saves: crop boxes and how they are found.

`crop_to_ultrasound` removes the black surround and the scanner's furniture around the picture;
`split_screenshot` cuts the views out of a screenshot that holds several side by side.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from testiculus.base.errors import UserError

BLACK_TOLERANCE = 3  # grey levels that still count as black; the authors' later public code
MIN_SIDE = 200  # px; the same code rejects smaller crops


@dataclass(frozen=True)
class Box:
    """A rectangle of whole pixels: columns left to right - 1, rows top to bottom - 1.

    >>> Box(2, 1, 5, 3).width, Box(2, 1, 5, 3).height
    (3, 2)
    """

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """Columns inside the box."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """Rows inside the box."""
        return self.bottom - self.top

    def cut(self, array: np.ndarray) -> np.ndarray:
        """Return the part of an H x W (x anything) array that lies in the box, as a view."""
        return array[self.top : self.bottom, self.left : self.right]

    def moved(self, columns: int, rows: int) -> "Box":
        """Return the box shifted right and down."""
        return Box(self.left + columns, self.top + rows, self.right + columns, self.bottom + rows)


# Released code: crops of 300 x 300 at row 130, columns 185 and 485.
RELEASED_BOXES = {"first": Box(185, 130, 485, 430), "second": Box(485, 130, 785, 430)}


def whole(array: np.ndarray) -> Box:
    """Return the box of a whole H x W array."""
    return Box(0, 0, array.shape[1], array.shape[0])


def crop_to_ultrasound(
    grey: np.ndarray, black: int = BLACK_TOLERANCE, min_side: int = MIN_SIDE
) -> Box | None:
    """Return the box of the ultrasound picture in a uint8 H x W screenshot, or None.

    The connected-component rule of the thesis (chapter 8, steps 1 to 3, and appendix B): mark the
    black pixels (grey level at most `black`); take their largest component that touches the
    border; invert; take the largest remaining component; its bounding box is the crop. Pixels are
    neighbours along rows and columns. None where the rule fails; `find_crop` also says why.
    """
    return find_crop(grey, black, min_side)[0]


def find_crop(
    grey: np.ndarray, black: int = BLACK_TOLERANCE, min_side: int = MIN_SIDE
) -> tuple[Box | None, str]:
    """Return (box, "") or (None, the reason) for the rule of `crop_to_ultrasound`."""
    surround = _largest_component(grey <= black, touching_border=True)
    if surround is None:
        return None, "no black surround touches the border"
    content = _largest_component(~surround)
    if content is None:
        return None, "the picture is black"
    rows, columns = np.flatnonzero(content.any(axis=1)), np.flatnonzero(content.any(axis=0))
    box = Box(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    if min(box.width, box.height) < min_side:
        return None, f"the crop, {box.width} x {box.height} px, is under {min_side} px"
    return box, ""


def _largest_component(mask: np.ndarray, touching_border: bool = False) -> np.ndarray | None:
    """Return the largest 4-connected component of a bool H x W mask; the first found of equals."""
    from scipy import ndimage

    components, count = ndimage.label(mask)
    sizes = np.bincount(components.ravel(), minlength=count + 1)
    sizes[0] = 0  # the background of the mask
    if touching_border:
        edges = (components[0], components[-1], components[:, 0], components[:, -1])
        on_border = np.zeros(count + 1, bool)
        on_border[np.concatenate(edges)] = True
        sizes[~on_border] = 0
    largest = int(sizes.argmax())
    return components == largest if sizes[largest] else None


def share_outside(mask: np.ndarray, box: Box) -> float:
    """Return the share (0 to 1) of a mask's true pixels that a box leaves out; 0 if there are none.

    `mask` is a bool H x W array: the pixels that are not black, or an annotation.
    """
    total = int(np.count_nonzero(mask))
    return 1.0 - np.count_nonzero(box.cut(mask)) / total if total else 0.0


def split_screenshot(grey: np.ndarray, boxes: Sequence[Box]) -> list[np.ndarray]:
    """Return copies of the views that `boxes` cut out of an H x W (x anything) screenshot.

    Raises `UserError` for a box that reaches outside the picture or is empty.
    """
    for box in boxes:
        check_inside(box, grey.shape[1], grey.shape[0])
    return [box.cut(grey).copy() for box in boxes]


def check_inside(box: Box, width: int, height: int, where: str = "") -> None:
    """Raise a `UserError`, naming `where`, for a box that is not inside width x height px."""
    inside = 0 <= box.left < box.right <= width and 0 <= box.top < box.bottom <= height
    if not inside:
        raise UserError(
            f"the crop box of columns {box.left} to {box.right} and rows {box.top} to {box.bottom} "
            f"is not inside the picture of {width} x {height} px",
            where=where,
            remedy="give the boxes that fit these screenshots (--box NAME=LEFT,TOP,WIDTH,HEIGHT)",
        )
