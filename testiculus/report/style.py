"""One look for all plots: colours that all readers can tell apart, book width, vector text.

Backgrounds are white also on a dark page. Figures are closed before they are returned, so that a
notebook shows each once, where it is the last expression of a cell.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from textwrap import fill
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe & Ito's palette, told apart under all common kinds of colour blindness
BLUE, ORANGE, GREEN, VERMILION = "#0072B2", "#E69F00", "#009E73", "#D55E00"
SKY, PURPLE, BLACK, GREY = "#56B4E9", "#CC79A7", "#1A1A1A", "#8A8A8A"

WIDTH = 7.6  # inches; a book page's column at 110 dots per inch
NOTE_WIDTH = 108  # characters of a note's size that fit this width
SCORING_COLOURS = {"curated": VERMILION, "original": GREY, "truth": BLUE}
SCORING_MARKERS = {"curated": "o", "original": "s", "truth": "D"}
OCCASION_COLOURS = {"1": SKY, "3": BLUE, "4": GREEN, "5": ORANGE}
RIGHT, WRONG, THRESHOLD = BLUE, VERMILION, BLACK

SETTINGS = {
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "savefig.facecolor": "white",
    "figure.dpi": 110,
    "savefig.dpi": 160,
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.labelsize": 9.5,
    "axes.edgecolor": "#4D4D4D",
    "axes.labelcolor": BLACK,
    "text.color": BLACK,
    "xtick.color": "#4D4D4D",
    "ytick.color": "#4D4D4D",
    "grid.color": "#E6E6E6",
    "grid.linewidth": 0.8,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "lines.solid_capstyle": "round",
}


@contextmanager
def book_style() -> Iterator[None]:
    """Draw with the book's look inside the `with` block; the reader's own settings come back."""
    import matplotlib
    import seaborn

    look = seaborn.axes_style("whitegrid") | seaborn.plotting_context("notebook", font_scale=0.8)
    with matplotlib.rc_context(look | SETTINGS):
        yield


def panels(rows: int, columns: int, height: float, **options) -> "tuple[Figure, list[Axes]]":
    """Return a figure of book width, `height` inches, and its axes row by row."""
    import matplotlib.pyplot as plt

    options = {"layout": "constrained", "squeeze": False} | options
    figure, axes = plt.subplots(rows, columns, figsize=(WIDTH, height), **options)
    return figure, list(axes.ravel())


def finished(figure: "Figure", title: str = "", note: str = "") -> "Figure":
    """Put the title above and a grey note below (wrapped), close the figure, and return it."""
    import matplotlib.pyplot as plt

    if title:
        figure.suptitle(title, x=0.01, ha="left", fontsize=11.5, fontweight="bold")
    if note:
        words = fill(note, NOTE_WIDTH)
        figure.supxlabel(words, x=0.01, ha="left", fontsize=8.5, color="#5A5A5A")
    plt.close(figure)
    return figure


def bare(axes: "Axes", left: bool = False) -> None:
    """Take the frame off the axes, but for the bottom (and the left, if asked)."""
    for side in ("top", "right", "bottom", "left"):
        axes.spines[side].set_visible(side == "bottom" or (side == "left" and left))
