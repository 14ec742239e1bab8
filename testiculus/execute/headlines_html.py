"""The welcome page's picture: the headline claims as a forest plot in HTML and SVG.

Each row is a link to the page that decides it. Words are text and colours are the page's own, so
that it can be read in light and dark, by a screen reader and on a phone; `book/static/welcome.css`
lays it out. All positions come from `Headline`s.
"""

from collections.abc import Sequence
from html import escape

from testiculus.execute.headlines import Headline
from testiculus.execute.table_pages import TITLES

NO_BREAK = "\N{NO-BREAK SPACE}"
PAD = 0.03  # of the scale's width, left free at either end
STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)  # between two numbers of the axis
MOST_TICKS = 6


def picture(rows: Sequence[Headline]) -> str:
    """Return the picture of the rows as HTML, with its caption."""
    low, high = extent(rows)
    drawn = "\n".join(_row(row, low, high) for row in rows)
    return (
        '<link rel="stylesheet" href="../_static/welcome.css">\n'
        f'<figure class="forest">\n<div class="forest-rows">\n{drawn}\n{_axis(low, high)}\n</div>\n'
        f"<figcaption>{_caption(rows)}</figcaption>\n</figure>\n"
    )


def extent(rows: Sequence[Headline]) -> tuple[float, float]:
    """Return the ends of the scale: whatever is drawn, zero, and a little room."""
    values = [0.0, 0.01]
    for row in rows:
        values += [row.printed, row.effect, row.low, row.high, row.threshold]
    known = [value for value in values if value == value]
    room = PAD * (max(known) - min(known))
    return min(known) - room, max(known) + room


def ticks(low: float, high: float) -> list[float]:
    """Return round numbers between the ends, zero among them where it is there.

    >>> [round(tick, 2) for tick in ticks(-0.09, 0.31)]
    [0.0, 0.1, 0.2, 0.3]
    """
    fitting = (s for s in STEPS if int(high // s) - int(-(-low // s)) < MOST_TICKS)
    step = next(fitting, high - low)
    return [step * number for number in range(int(-(-low // step)), int(high // step) + 1)]


def _row(row: Headline, low: float, high: float) -> str:
    told = f"{row.told.rstrip('.')}."
    table = TITLES.get(row.experiment, row.experiment).partition(":")[0]
    found = f'<span class="forest-effect">{_numbers(row)}</span> ' if row.is_drawn else ""
    stale = ' <span class="forest-stale">stale</span>' if row.stale else ""
    return (
        f'<a class="forest-row" href="{escape(row.link)}" title="{escape(told)}" '
        f'data-verdict="{escape(row.verdict)}">'
        f'<span class="forest-claim">{escape(row.words)} <small>{escape(table)}</small></span>'
        f"{_strip(row, low, high)}"
        f'<span class="forest-found">{found}<span class="forest-verdict">{escape(row.verdict)}'
        f"</span>{stale}</span></a>"
    )


def _numbers(row: Headline) -> str:
    """Return an effect with its interval in points, with a true minus and no break inside."""
    from testiculus.claims.ledger import effect_words

    words = effect_words(row.effect, row.low, row.high)
    return escape(words.replace("-", "\N{MINUS SIGN}").replace(" ", NO_BREAK))


def _strip(row: Headline, low: float, high: float) -> str:
    """Return a row's marks as SVG; x in percent of its width, so that it fits any screen."""

    def at(value: float) -> str:
        return f"{100 * (value - low) / (high - low):.2f}%"

    marks = [f'<line class="forest-zero" x1="{at(0)}" x2="{at(0)}" y1="0" y2="100%"/>']
    if row.threshold:
        x = at(row.threshold)
        marks.append(f'<line class="forest-margin" x1="{x}" x2="{x}" y1="15%" y2="85%"/>')
    if row.is_drawn and row.low == row.low:
        ends = f'x1="{at(row.low)}" x2="{at(row.high)}"'
        marks.append(f'<line class="forest-interval" {ends} y1="50%" y2="50%"/>')
    if row.is_drawn:
        marks.append(f'<circle class="forest-here" cx="{at(row.effect)}" cy="50%" r="4.5"/>')
    if row.printed == row.printed:
        marks.append(
            f'<svg x="{at(row.printed)}" y="50%" overflow="visible">'
            '<path class="forest-printed" d="M0-5.5 5.5 0 0 5.5-5.5 0z"/></svg>'
        )
    label = escape(_spoken(row))
    return f'<svg class="forest-strip" role="img" aria-label="{label}">{"".join(marks)}</svg>'


def _spoken(row: Headline) -> str:
    """Return a row's figures in words, for those who cannot see it."""
    from testiculus.claims.ledger import effect_words

    said = "no difference is printed"
    if row.printed == row.printed:
        said = f"printed {effect_words(row.printed, *2 * [float('nan')])} points"
    here = f"here {effect_words(row.effect, row.low, row.high)}" if row.is_drawn else "none here"
    return f"{said}, {here}"


def _axis(low: float, high: float) -> str:
    numbers = "".join(
        f'<span style="left:{100 * (tick - low) / (high - low):.2f}%">{_tick(tick)}</span>'
        for tick in ticks(low, high)
    )
    return (
        '<div class="forest-row forest-axis" aria-hidden="true"><span class="forest-claim"></span>'
        f'<span class="forest-strip">{numbers}</span>'
        '<span class="forest-found">points in favour of the claim</span></div>'
    )


def listed(words: Sequence[str]) -> str:
    """Return words as a list in a sentence.

    >>> listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"])
    ('a', 'a and b', 'a, b and c')
    """
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last


def _tick(value: float) -> str:
    return f"{100 * value:+.0f}".replace("-", "\N{MINUS SIGN}") if round(100 * value) else "0"


def _caption(rows: Sequence[Headline]) -> str:
    """Return what the marks mean, and in which reading each table's claims stand there."""
    profiles = list(dict.fromkeys(row.profile for row in rows if row.profile))
    where = f"phantom, profile {', '.join(profiles)}" if profiles else "phantom"
    parts = [
        "<b>◇</b> printed by the sources, on their images; <b>●</b> here, with its 95 % interval "
        f"({escape(where)})."
    ]
    if any(row.threshold for row in rows):
        parts.append("Dotted: how far below zero a stand-in may lie.")
    readings: dict[str, list[str]] = {}
    for row in rows:
        if row.read_on:
            table = TITLES.get(row.experiment, row.experiment).partition(":")[0]
            tables = readings.setdefault(row.read_on, [])
            tables += [] if table in tables else [table]
    if readings:
        told = "; ".join(f"{listed(tables)} {how}" for how, tables in readings.items())
        parts.append(f"Read here: {escape(told)}. Printed differences are as the sources score.")
    return " ".join(parts)
