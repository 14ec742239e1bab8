"""The picture of Fig. 5: maps with and without the augmentation, with and without markers."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from testiculus.base.errors import UserError
from testiculus.claims.attention_schema import ALL_KINDS, ROWS, UNMARKED, WITH, WITHOUT
from testiculus.claims.schema import Conditions
from testiculus.report.plot_words import on_conditions
from testiculus.report.style import BLACK, SKY, WIDTH, book_style, finished

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

KEY_GREY = 80  # 0..255, behind the colours and lines of the key
SIDE, GAP = 1.95, 0.07  # inches: a picture's width, and between pictures
LINE = 0.19  # inches for a line of words
BETWEEN, BELOW = 0.1, 0.75  # inches between examples, and for the note
COLUMNS = ("image", WITH, WITHOUT)  # as in the article: with the augmentation on the left
COLOURS, STRONGEST = "inferno", 0.85  # the map's colours, and their opacity at its maximum
OUTLINES = {  # what is outlined on a map
    "parenchyma": {"colors": [SKY], "linewidths": 1.3, "linestyles": "dashed"},
    "inserted markers": {"colors": ["white"], "linewidths": 0.9, "linestyles": "solid"},
}
IN_SHORT = {"parenchyma": "tissue", "inserted markers": "markers"}
RULE = (
    "Picked by a rule: of each class the image on which markers draw the map of the model trained "
    "without them by its class's median"
)


def fig5_picture(examples: Sequence[Any], conditions: Conditions | None = None) -> "Figure":
    """Draw examples in the article's arrangement: models side by side, markers in the second row.

    An example has `class_name`, `pictures` (uint8 (h, w), by condition), `maps` (float
    (h, w), at least 0, by row and condition), `probabilities` of the positive class (same keys),
    `parenchyma` (0/1 (h, w), or None) and `markers` (0/1 (h, w)). Left of the maps stands the image
    itself. Each map is scaled to its own maximum; words below it give the probability and where its
    energy lies. Raises `UserError` where there is no example.
    """
    import matplotlib.pyplot as plt

    if not len(examples):
        raise UserError(
            "there is no example to draw", remedy="give at least one: the run's `examples`"
        )
    with_tissue = any(one.parenchyma is not None for one in examples)
    heights = [LINE + 2 * (SIDE * _shape(one) + LINE + GAP) for one in examples]
    height = sum(heights) + BETWEEN * (len(examples) - 1) + BELOW
    with book_style():
        figure = plt.figure(figsize=(WIDTH, height))
        top = height - 0.02
        for one, tall in zip(examples, heights, strict=True):
            _draw_example(figure, one, top)
            top -= tall + BETWEEN
        _key(figure, height - LINE, with_tissue)
    parts = "tissue, markers: shares" if with_tissue else "markers: the share"
    note = f"{RULE}. Below a map, p: probability of the positive class, whose map it is; {parts} "
    note += "of the map's energy inside the outline"
    return finished(figure, "", on_conditions(conditions, note))


def _shape(example: Any) -> float:
    """Return height over width of an example's pictures."""
    tall, wide = np.shape(example.pictures[UNMARKED])
    return tall / wide


def _draw_example(figure: "Figure", example: Any, top: float) -> None:
    """Draw an example whose upper edge is `top` inches above the figure's lower edge."""
    tall = SIDE * _shape(example)
    for i, words in enumerate((example.class_name, *(f"trained {row}" for row in COLUMNS[1:]))):
        look = {} if i else {"fontweight": "bold"}
        _write(figure, GAP / 2 + i * (SIDE + GAP), top, words, **look)
    top -= LINE
    for condition in (UNMARKED, ALL_KINDS):
        for i, column in enumerate(COLUMNS):
            x = GAP / 2 + i * (SIDE + GAP)
            box = (x, top - tall, SIDE, tall)
            axis = figure.add_axes(_fractions(figure, box))
            axis.set_axis_off()
            words = "markers inserted" if condition == ALL_KINDS else condition
            if column in ROWS:
                words = _draw_map(axis, example, column, condition)
            else:
                axis.imshow(example.pictures[condition], cmap="gray", vmin=0, vmax=255)
            _write(figure, x, top - tall - 0.03, words, fontsize=8)
        top -= tall + LINE + GAP


def _draw_map(axis: "Axes", example: Any, row: str, condition: str) -> str:
    """Draw a map over its image, and return the words below it."""
    found = np.asarray(example.maps[row, condition], dtype="float64")
    axis.imshow(overlaid(example.pictures[condition], found))
    masks = {"parenchyma": example.parenchyma}
    masks["inserted markers"] = example.markers if condition == ALL_KINDS else None
    words = [f"p {example.probabilities[row, condition]:.2f}"]
    for name, mask in masks.items():
        if mask is None or not np.any(mask) or np.all(mask):
            continue
        axis.contour(np.asarray(mask, dtype="float64"), levels=[0.5], **OUTLINES[name])
        if found.sum() > 0:
            share = found[np.asarray(mask, dtype=bool)].sum() / found.sum()
            words.append(f"{IN_SHORT[name]} {100 * share:.0f} %")
    if not found.sum() > 0:
        words.append("empty map")
    return ", ".join(words)


def overlaid(picture: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Return a map over its picture, float (h, w, 3) in [0, 1].

    picture: uint8 (h, w); found: float (h, w), at least 0. The map's colours are the more opaque
    the larger it is, as a share of its maximum; where it is zero, the picture shows as it is.
    """
    import matplotlib

    share = found / found.max() if found.max() > 0 else np.zeros_like(found)
    opacity = STRONGEST * share[..., None]
    grey = np.repeat(np.asarray(picture, dtype="float64")[..., None] / 255, 3, axis=2)
    return (1 - opacity) * grey + opacity * matplotlib.colormaps[COLOURS](share)[..., :3]


def _key(figure: "Figure", top: float, with_tissue: bool) -> None:
    """Draw what colours and outlines mean, right of the pictures, from `top` inches downwards."""
    left = len(COLUMNS) * (SIDE + GAP) + 0.14
    _write(figure, left, top, "map, as a share\nof its maximum", fontsize=8.5)
    axis = figure.add_axes(_fractions(figure, (left, top - 1.75, 0.16, 1.35)))
    ramp = np.linspace(1, 0, 128)[:, None]
    axis.imshow(overlaid(np.full(ramp.shape, KEY_GREY, np.uint8), ramp), aspect="auto")
    axis.set(xticks=[], yticks=[0, 63.5, 127])
    axis.set_yticklabels(["1", "0.5", "0"], fontsize=8.5)
    axis.yaxis.tick_right()
    axis.grid(False)
    axis.tick_params(length=2)
    outlined = [name for name in OUTLINES if with_tissue or name != "parenchyma"]
    for i, name in enumerate(outlined):
        _key_line(figure, left, top - 2.1 - 0.27 * i, name)


def _key_line(figure: "Figure", x: float, y: float, name: str) -> None:
    """Draw an outline's line on grey, and its name right of it."""
    look = OUTLINES[name]
    axis = figure.add_axes(_fractions(figure, (x, y - 0.03, 0.24, 0.17)))
    axis.set(xticks=[], yticks=[], facecolor=str(KEY_GREY / 255))
    colour, width, style = look["colors"][0], look["linewidths"], look["linestyles"]
    axis.axhline(0.5, color=colour, linewidth=width, linestyle=style)
    _write(figure, x + 0.3, y + 0.13, name, fontsize=8.5)


def _write(figure: "Figure", x: float, y: float, words: str, **look) -> None:
    """Write words at inches from the figure's lower left corner."""
    look = {"fontsize": 9, "va": "top", "color": BLACK} | look
    figure.text(x / WIDTH, y / figure.get_figheight(), words, **look)


def _fractions(figure: "Figure", box: tuple[float, ...]) -> tuple[float, ...]:
    """Return left, bottom, width and height in inches as fractions of the figure."""
    height = figure.get_figheight()
    return (box[0] / WIDTH, box[1] / height, box[2] / WIDTH, box[3] / height)
