"""Blocks of pictures one below the other, with words above or beside them, at book width."""

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np

from testiculus.report.style import BLACK, GREY, NOTE_WIDTH, WIDTH, book_style, finished

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GAP = 0.06  # inches between pictures
LINE = 0.17  # inches for a line of words above a picture or a block
BETWEEN = 0.12  # inches between blocks
LEFT = 0.92  # inches for words beside a row


@dataclass(frozen=True)
class Block:
    """Pictures (n, h, w) that belong together: words above them, or left of each of their rows.

    `titles` stand above single pictures.
    """

    words: str
    pictures: np.ndarray
    beside: tuple[str, ...] = ()
    titles: tuple[str, ...] = ()


def planes(images) -> np.ndarray:
    """Return images N x 1 x H x W or N x H x W, tensor or array, as an array N x H x W."""
    pictures = np.asarray(images)
    return pictures[:, 0] if pictures.ndim == 4 else pictures


def filled_up(pictures: np.ndarray, number: int) -> np.ndarray:
    """Return the pictures with white ones after them, so that there are `number`."""
    missing = max(0, number - len(pictures))
    return np.concatenate([pictures, np.full((missing, *pictures.shape[1:]), 255, np.uint8)])


def draw_blocks(
    blocks: Sequence[Block], columns: int, note: str, *, gap: float = GAP, frames=None
) -> "Figure":
    """Return a figure of the blocks one below the other; `frames` has a look for each block."""
    import matplotlib.pyplot as plt

    left = LEFT if any(block.beside for block in blocks) else 0.0
    note = fill(note.removesuffix(". "), NOTE_WIDTH)
    below = 0.12 + 0.15 * (note.count("\n") + 1) if note else 0.04
    heights = [_height(block, columns, left, gap) for block in blocks]
    height = sum(heights) + BETWEEN * (len(blocks) - 1) + below + gap
    with book_style():
        figure = plt.figure(figsize=(WIDTH, height))
        top = height - gap / 2
        for number, block in enumerate(blocks):
            look = frames[number] if frames else None
            _draw_block(figure, block, columns, top, left, gap, look)
            top -= heights[number] + BETWEEN
    return finished(figure, "", note)


def _side(columns: int, left: float, gap: float) -> float:
    """Return the width of a picture in inches."""
    return (WIDTH - left - gap * columns) / columns


def _height(block: Block, columns: int, left: float, gap: float) -> float:
    """Return the height of a block in inches."""
    rows = max(1, -(-len(block.pictures) // columns))
    step = _side(columns, left, gap) * _shape(block.pictures) + gap
    if not len(block.pictures):
        step = LINE
    return rows * step + (LINE + 0.03) * bool(block.words) + LINE * bool(block.titles)


def _shape(pictures: np.ndarray) -> float:
    """Return height over width of the pictures."""
    return pictures.shape[1] / pictures.shape[2]


def _draw_block(figure: "Figure", block: Block, columns: int, top, left, gap, look) -> None:
    """Draw a block whose upper edge is `top` inches above the figure's lower edge."""
    height, side = figure.get_figheight(), _side(columns, left, gap)
    tall = side * _shape(block.pictures)
    if block.words:
        _write(figure, gap / 2, top, block.words, fontweight="bold")
        top -= LINE + 0.03
    top -= LINE * bool(block.titles)
    if not len(block.pictures):
        _write(figure, gap / 2, top, "none", color=GREY, style="italic")
    for i, picture in enumerate(block.pictures):
        row, column = divmod(i, columns)
        x, y = left + gap / 2 + column * (side + gap), top - row * (tall + gap) - tall
        axis = figure.add_axes((x / WIDTH, y / height, side / WIDTH, tall / height))
        axis.imshow(picture, cmap="gray", vmin=0, vmax=255, aspect="auto")
        axis.set_axis_off()
        if column == 0 and block.beside:
            _write(figure, gap / 2, y + tall / 2, block.beside[row], va="center")
        if i < len(block.titles):
            axis.set_title(block.titles[i], fontsize=8.5, loc="left", pad=3)
        if look:
            _frame(axis, *look)


def _write(figure: "Figure", x: float, y: float, words: str, **look) -> None:
    """Write words at inches from the figure's lower left corner."""
    look = {"fontsize": 9, "va": "top", "color": BLACK} | look
    figure.text(x / WIDTH, y / figure.get_figheight(), words, **look)


def _frame(axis: "Axes", line: dict, mark: str) -> None:
    """Draw a frame round a picture, and a mark in its upper right corner."""
    from matplotlib.patches import Rectangle

    edge = {"fill": False, "linewidth": 2.6, "edgecolor": line["color"], "clip_on": False}
    place = {"transform": axis.transAxes, "linestyle": line["linestyle"], "zorder": 4}
    axis.add_patch(Rectangle((-0.02, -0.02), 1.04, 1.04, **edge, **place))
    badge = {"facecolor": line["color"], "edgecolor": "none", "pad": 1.2}
    look = {"ha": "right", "va": "top", "fontsize": 7.5, "color": "white", "bbox": badge}
    axis.text(0.97, 0.965, mark, transform=axis.transAxes, zorder=5, **look)
