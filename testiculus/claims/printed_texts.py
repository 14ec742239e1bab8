"""The audits of sums and sentences as sheets: what adds up, and what the tables bear out."""

from collections.abc import Sequence

import pandas as pd

from testiculus.audits.printed_statements import Judgement, judge
from testiculus.audits.printed_sums import AS_PRINTED, adds_up, average_rows, combined
from testiculus.claims.printed_sheet import ABSENT, Sheet, number, per_cent, table_words
from testiculus.claims.schema import METRIC_NAMES
from testiculus.paper import TABLES
from testiculus.paper.printed import StatedSum, printed_figures, reported_uusic, stated_sums
from testiculus.paper.statements import Comparison, Statement, statements

TENTH = 0.001  # of a percent: what the challenge's tables are rounded to
ORGANS = ("breast", "cardiac", "thyroid", "fetal", "kidney")
# Averages that the thesis prints beside what they average: table, parts, average.
AVERAGES = (
    ("classification", ("appendix", "breast", "breast luminal", "liver"), "overall"),
    ("segmentation", tuple(f"{organ} dsc" for organ in ORGANS), "average dsc"),
    ("segmentation", tuple(f"{organ} nsd" for organ in ORGANS), "average nsd"),
)
UUSIC_NAMES = {"classification": "Table 8.1", "segmentation": "Table 8.2"}
AVERAGE_READING = "It may be the average of figures before rounding (point 37)."
SIGNS = {"sum": " + ", "product": " x ", "mean": ", ", "same": ""}


def sums_sheet(sums: Sequence[StatedSum] | None = None) -> Sheet:
    """Return every total that is printed with its parts, and whether they give it.

    The averages of the challenge's tables that do not add up as printed are listed as well.
    """
    lines = []
    for stated in stated_sums() if sums is None else sums:
        outcome = adds_up(stated.kind, stated.parts, stated.total, stated.step, stated.part_step)
        lines.append(
            (
                f"{stated.document}, {stated.place}",
                stated.what,
                SIGNS[stated.kind].join(map(number, stated.parts)).replace("+ -", "- "),
                number(float(combined(stated.kind, stated.parts))),
                number(stated.total),
                outcome if outcome == AS_PRINTED else f"**{outcome}**",
                ABSENT if outcome == AS_PRINTED else stated.reading or ABSENT,
            )
        )
    averages, count = _averages()
    names = ["place", "what", "parts", "give", "printed", "finding", "a fair reading"]
    frame = pd.DataFrame(lines + averages, columns=names)
    notes = (
        f"Of the {count} averages in the thesis's Tables 8.1 and 8.2, {count - len(averages)} are "
        "those of the figures beside them, and the others are listed. Halfway may be rounded "
        "either way. *May add up before rounding*: figures that round to the printed parts give "
        "the printed total.",
    )
    caption = "Sums, products and averages of printed figures"
    return Sheet(frame, caption, notes, ("give", "printed"), ("place", "what", "a fair reading"))


def _averages() -> tuple[list[tuple[str, ...]], int]:
    """Return a line for each average that does not add up as printed, and how many there are."""
    lines, count = [], 0
    for name, parts, total in AVERAGES:
        table = reported_uusic(name)
        found = average_rows(table, parts, total, TENTH)
        count += len(found)
        figures = table.set_index(["row", "metric"])["mean"]
        lines += [
            (
                f"thesis, {UUSIC_NAMES[name]}",
                f"{line.row}: {total}",
                ", ".join(per_cent(figures[line.row, part], 1) for part in parts),
                per_cent(line.value),
                per_cent(line.printed, 1),
                f"**{line.outcome}**",
                AVERAGE_READING,
            )
            for line in found.itertuples()
            if line.outcome != AS_PRINTED
        ]
    return lines, count


def statements_sheet(
    said: Sequence[Statement] | None = None, figures: pd.DataFrame | None = None
) -> Sheet:
    """Return every statement with the number of its comparisons that the printed figures bear out.

    `figures` is a frame as `printed_figures` returns; statements that agree in part or not at all
    come with the comparisons that fail and with their charitable reading.
    """
    figures = printed_figures() if figures is None else figures
    judged = [judge(s, figures) for s in (statements() if said is None else said)]
    lines = [_line(found) for found in judged]
    names = ["place", "says", "figures", "beyond ±", "finding", "but", "a fair reading"]
    frame = pd.DataFrame(lines, columns=names)
    outcomes = pd.Series([found.outcome for found in judged]).value_counts()
    notes = (
        f"{len(judged)} statements: "
        + ", ".join(f"{n} {outcome}" for outcome, n in outcomes.items())
        + ".",
        "Figures: how many of the comparisons that the sentence states the printed means bear out. "
        "Beyond ±: how many of all its comparisons differ by more than the larger of the two "
        "printed ±, which is no test; a dash where none is printed. Words without a measure are "
        "given one, which is ours: *clear*, *significant* and *notable* are read as beyond ±, "
        "*nearly*, *comparable* and *limited* as within it, *especially* as more than the others.",
        "But: the comparisons that fail, left minus right, in percentage points. A fair reading is "
        "held against the figures where it can be put as a comparison.",
    )
    caption = "Statements of the texts, held against the printed figures"
    return Sheet(frame, caption, notes, (), ("place", "says", "but", "a fair reading"))


def _line(found: Judgement) -> tuple[str, ...]:
    compared, said = found.comparisons, found.statement
    spread = compared["spread"]
    beyond = f"{(compared['difference'].abs() > spread).sum()} of {len(compared)}"
    borne = f"{compared['holds'].sum()} of {len(compared)}"
    whole = compared["holds"].all()
    return (
        f"{said.document}, {said.place}",
        said.says,
        borne,
        beyond if spread.notna().any() else ABSENT,
        found.outcome if whole else f"**{found.outcome}**",
        ABSENT if whole else "; ".join(_failing(compared)),
        ABSENT if whole else _fair(found),
    )


def _failing(compared: pd.DataFrame) -> list[str]:
    """Return the comparisons that fail in words, those of one pair of rows together."""
    words: dict[str, list[str]] = {}
    for line in compared[~compared["holds"]].itertuples():
        told = f"{_metric(line.comparison)} {_signed(line.comparison, line.difference)}"
        words.setdefault(_pair(line.comparison), []).append(told)
    return [f"{pair}: {', '.join(told)}" for pair, told in words.items()]


def _signed(comparison: Comparison, difference: float) -> str:
    """Return a difference in percentage points, or in its own unit where it is a distance."""
    return f"{difference if comparison.metric == 'fid' else 100 * difference:+.2f}"


def _metric(comparison: Comparison) -> str:
    name, other, less = (
        METRIC_NAMES.get(m, m) for m in (comparison.metric, comparison.other, comparison.less)
    )
    name = f"{name} - {other}" if other != name else name
    name = f"{name} less {less}" if less else name
    return f"± of {name}" if comparison.of == "std" else name


def _pair(comparison: Comparison) -> str:
    left, right = comparison.left, comparison.right
    if comparison.over:
        return f"gain of {left[1]} over {comparison.over[1]}"
    if left[0] == right[0]:
        return f"{left[1]} - {right[1]}"
    return f"{left[1]} ({_where(left[0])}) - {right[1]} ({_where(right[0])})"


def _where(table: str) -> str:
    return table_words([table]) if table in TABLES else table


def _fair(found: Judgement) -> str:
    reading, outcome = found.statement.reading or ABSENT, found.fair_outcome
    return f"{reading} So read: {outcome}." if outcome else reading
