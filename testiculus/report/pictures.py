"""Grids of images: any tensor of pictures, and the phantom with its labels and masks."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from testiculus.report.style import BLACK, ORANGE, SKY, VERMILION, WIDTH, book_style, finished

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from testiculus.data.images import ImageSet

GAP, LINE = 0.05, 0.145  # inches between pictures, and for a line of a title
NAMES = {0: "homogeneous", 1: "inhomogeneous"}
MASK_COLOURS = {"parenchyma": SKY, "lesion": ORANGE, "mask": SKY, "markers": VERMILION}


def image_grid(
    pixels,
    titles: Sequence[str] | None = None,
    *,
    columns: int = 4,
    outlines: Mapping[str, object] | None = None,
    colours: Sequence[str] | None = None,
    heading: str = "",
    note: str = "",
) -> "Figure":
    """Draw grey images N x 1 x H x W or N x H x W (uint8 0..255, tensor or array) in a grid.

    `titles` stand above the images, in `colours` if given. `outlines` maps a mask's name to its
    0/1 masks of the same N, H and W; each is drawn as a contour. Raises ValueError for no images.
    """
    pictures = _planes(pixels)
    if not len(pictures):
        raise ValueError("an image grid needs at least one image")
    masks = {name: _planes(mask) for name, mask in (outlines or {}).items()}
    drawn = [name for name, planes in masks.items() if planes.any()]
    columns = min(columns, len(pictures))
    lines = max((title.count("\n") + 1 for title in titles), default=0) if titles else 0
    shape = pictures.shape[1] / pictures.shape[2]
    above, below = 0.32 if heading or drawn else 0.02, 0.3 if note else 0.02
    with book_style():
        figure, axes = _cells(len(pictures), columns, shape, lines, above, below)
        for i, (axis, picture) in enumerate(zip(axes, pictures, strict=True)):
            axis.imshow(picture, cmap="gray", vmin=0, vmax=255, aspect="auto")
            for name, planes in masks.items():
                _outline(axis, planes[i], name)
            if titles:
                _title(axis, titles[i], colours[i] if colours else BLACK, columns)
        _mask_legend(figure, drawn)
    return finished(figure, heading, note)


def _cells(number: int, columns: int, shape: float, lines: int, above: float, below: float):
    """Return a figure of book width and one axes a picture; `shape` is height over width.

    `lines` of title stand over each row; `above` and `below` are margins in inches.
    """
    import matplotlib.pyplot as plt

    width = (WIDTH - GAP * (columns - 1)) / columns
    picture, step = width * shape, width * shape + GAP + lines * LINE
    height = above + -(-number // columns) * step - GAP + below
    figure = plt.figure(figsize=(WIDTH, height))
    axes = []
    for i in range(number):
        row, column = divmod(i, columns)
        left, top = column * (width + GAP), height - above - lines * LINE - row * step
        box = (left / WIDTH, (top - picture) / height, width / WIDTH, picture / height)
        axes.append(figure.add_axes(box))
        axes[-1].set_axis_off()
    return figure, axes


def _title(axis, text: str, colour: str, columns: int) -> None:
    size = 8 if columns < 5 else 7.2 if columns == 5 else 6.5
    axis.set_title(text, fontsize=size, loc="left", pad=3, color=colour, linespacing=1.15)


def phantom_grid(
    images: "ImageSet | None" = None,
    index: Sequence[int] | None = None,
    *,
    columns: int = 4,
    masks: bool = True,
) -> "Figure":
    """Draw phantom images with what they show: label, true label and why the two differ.

    Without `images`: one of each kind on each scanner. `index` chooses rows (default: two lines of
    `default_choice`, a mix of right and wrong labels). Titles of wrong labels are orange; `masks`
    outlines the tissue.
    """
    if images is None:
        from testiculus.data.phantom.demonstration import demonstration

        images = demonstration()
        index, columns = range(len(images)), images.frame["caption"].nunique()
    index = default_choice(images.frame, 2 * columns) if index is None else list(index)
    titles, colours = [], []
    for row in images.frame.iloc[index].to_dict("records"):
        wrong = _known(row, "label") not in (None, _known(row, "true_label"))
        titles.append(_phantom_title(row, wrong, short=columns > 4))
        colours.append(VERMILION if wrong else BLACK)
    outlines = {name: m[index] for name, m in images.masks.items()} if masks else None
    note = "Simulated ultrasound, no patient." + (
        " Orange title: the label is wrong." if VERMILION in colours else ""
    )
    return image_grid(
        images.pixels[index], titles, columns=columns, outlines=outlines, colours=colours, note=note
    )


def default_choice(frame, number: int) -> np.ndarray:
    """Return `number` row positions: homogeneous, inhomogeneous and wrong labels in turn.

    Deterministic: the first images of each kind, from different patients as far as there are any.
    """
    label, truth = (frame[c].astype("float64").to_numpy() for c in ("label", "true_label"))
    order = np.argsort(frame.groupby("patient").cumcount().to_numpy(), kind="stable")
    wrong = label != truth
    kinds = [order[(~wrong & (truth == t))[order]] for t in (0, 1)] + [order[wrong[order]]]
    turns = [kind[i] for i in range(len(frame)) for kind in kinds if i < len(kind)]
    return np.asarray(turns[:number], dtype=np.int64)


def _phantom_title(row: dict, wrong: bool, short: bool) -> str:
    """Return what the frame shows, and below it the view or, where it is wrong, the label."""
    truth = _known(row, "true_label")
    shows = NAMES.get(truth, str(row.get("organ", "")))
    if truth == 1 and row.get("kind"):
        shows = row["kind"] if short else f"{shows}, {row['kind']}"
    if wrong:
        why = f" ({row['why']})" if row.get("why") and not short else ""
        return f"{shows}\nlabel: {NAMES.get(_known(row, 'label'), '?')}{why}"
    keys = ("scanner",) if "caption" in row else ("side", "view")
    return shows + "\n" + " ".join(str(row[key]) for key in keys if row.get(key))


def _known(row: dict, key: str) -> int | None:
    """Return a label as an int, None where it is missing."""
    value = row.get(key)
    return None if value is None or value != value or str(value) in ("", "<NA>") else int(value)


def _planes(pixels) -> np.ndarray:
    """Return tensors or arrays N x 1 x H x W or N x H x W as an array N x H x W."""
    planes = np.asarray(pixels)
    return planes[:, 0] if planes.ndim == 4 else planes


def _outline(axis, mask: np.ndarray, name: str) -> None:
    if mask.any() and not mask.all():
        colour = MASK_COLOURS.get(name, ORANGE)
        axis.contour(mask, levels=[0.5], colors=[colour], linewidths=0.9, alpha=0.9)


def _mask_legend(figure: "Figure", names: Sequence[str]) -> None:
    if not names:
        return
    from matplotlib.lines import Line2D

    lines = [Line2D([], [], color=MASK_COLOURS.get(name, ORANGE)) for name in names]
    figure.legend(lines, names, loc="upper right", ncols=len(names), fontsize=8, borderpad=0)
