"""Words on a plot: what it was reached on, and what stands where there is nothing to draw."""

from typing import TYPE_CHECKING

from testiculus.claims.schema import Conditions
from testiculus.report.render import reached_on
from testiculus.report.style import GREY

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def say(axis: "Axes", words: str, height: float | None = None) -> None:
    """Write grey words in the middle of the axes, or at a height of its own scale."""
    transform = axis.transAxes if height is None else axis.get_yaxis_transform()
    if height is None:
        axis.set(xticks=[], yticks=[])
    place = (0.5, 0.5 if height is None else height)
    look = {"ha": "center", "va": "center", "fontsize": 8.5, "color": GREY, "style": "italic"}
    axis.text(*place, words, transform=transform, **look)


def on_conditions(conditions: Conditions | None, note: str) -> str:
    """Return a plot's note, led by what its figures were reached on."""
    return f"{reached_on(conditions)}. {note}" if conditions else note
