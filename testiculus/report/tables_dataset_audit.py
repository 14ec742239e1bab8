"""The audits of a data set as tables and words: `audit_tables`, `audit_text` and `audit_markdown`.

Everything is read from what `testiculus.experiments.dataset_audit` writes: its CSV files, and
`audit.json` with the findings.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import fill
from typing import Any

import pandas as pd

from testiculus.base.files import read_json
from testiculus.report.render import ABSENT, TERMINAL_WIDTH, Table, percent, without_repeats

PLOTS = {"acquisition": "acquisition.svg", "duplicates": "likeness.svg"}  # by table
MOST_PAIRS = 20  # of duplicates on a page; the CSV has them all
CAUTION = (
    "An audit that finds nothing says what it could have found; it is no certificate. Marks and "
    "text of other kinds, copies that were turned, and confounds that no column and no measure "
    "holds are not seen."
)


def read_tables(folder: Path) -> dict[str, pd.DataFrame]:
    """Return the CSV files of an audit's folder by name; only an empty cell is missing."""
    return {
        path.stem: pd.read_csv(path, keep_default_na=False, na_values=[""])
        for path in sorted(Path(folder).glob("*.csv"))
    }


def audit_tables(tables: Mapping[str, pd.DataFrame]) -> dict[str, Table]:
    """Return the tables of an audit that have a line, by the name of their CSV."""
    makers = {
        "duplicates": _duplicates,
        "duplicates_checks": _checks,
        "acquisition": _acquisition,
        "balance": _balance,
        "overlay": _overlay,
        "consistency": _consistency,
    }
    return {
        name: make(tables[name])
        for name, make in makers.items()
        if name in tables and not tables[name].empty
    }


def audit_text(folder: Path) -> str:
    """Return the findings of an audit's folder for a terminal: found, how sure, what to do."""
    about = read_json(Path(folder) / "audit.json")
    head = f"Audit of {about['data']}: {_extent(about)}."
    blocks = [fill(head, TERMINAL_WIDTH)]
    for finding in about["findings"]:
        lines = [f"{finding['audit']}: {finding['state'].upper()}"]
        lines += [finding["found"], finding["sure"], f"To do: {finding['act']}"]
        kept = [line for line in lines if line and line != "To do: "]
        wrapped = [
            fill(k, TERMINAL_WIDTH, initial_indent="  ", subsequent_indent="  ") for k in kept[1:]
        ]
        blocks.append("\n".join([kept[0], *wrapped]))
    return "\n\n".join(blocks)


def audit_markdown(folder: Path) -> str:
    """Return an audit's folder as the body of a page: the states, then each audit with its table.

    Pictures of `PLOTS` are referred to by their file names where they lie in the folder.
    """
    folder = Path(folder)
    about, tables = read_json(folder / "audit.json"), audit_tables(read_tables(folder))
    overview = pd.DataFrame(about["findings"], columns=["audit", "state"])
    parts = [f"{_safe(_extent(about))}.", Table(overview.map(_safe)).markdown(), CAUTION]
    shown: set[str] = set()
    for finding in about["findings"]:
        parts += [f"## {finding['audit'].capitalize()}", *_said(finding)]
        if finding["table"] and finding["table"] not in shown:  # two findings share a table
            parts += _shown(finding["table"], tables, folder)
        shown.add(finding["table"])
    return "\n\n".join(parts) + "\n"


def _said(finding: Mapping[str, str]) -> list[str]:
    """Return a finding as paragraphs: what was found, how sure, what to do."""
    parts = [f"**{finding['state'].capitalize()}.** {_safe(finding['found'])}"]
    if finding["sure"]:
        parts.append(f"*How sure.* {_safe(finding['sure'])}")
    if finding["act"]:
        parts.append(f"*What to do.* {_safe(finding['act'].rstrip('.'))}.")
    return parts


def _shown(name: str, tables: Mapping[str, Table], folder: Path) -> list[str]:
    """Return the plot of a finding, if it is there, and its table, if it has a line."""
    plot = PLOTS.get(name, "")
    parts = [f"![{name}]({plot})"] if plot and (folder / plot).is_file() else []
    if name in tables:
        table = tables[name]
        safe = Table(table.frame.map(_safe), _safe(table.caption), table.notes, table.right)
        parts.append(safe.markdown())
    return parts


def _safe(text: object) -> str:
    """Return plain text that Markdown shows as it is."""
    return re.sub(r"([\\`*_\[\]<>#$~^@{}])", r"\\\1", str(text))


def _extent(about: Mapping[str, Any]) -> str:
    group = "" if about["group"] == "patient" else f" (grouped by {about['group']})"
    return (
        f"{about['images']} images of {about['patients']} patients{group}, {about['labelled']} of "
        f"them labelled; licence: {about['licence'] or 'not stated'}"
    )


def _number(value: float, digits: int = 2) -> str:
    return ABSENT if pd.isna(value) else f"{value:.{digits}f}"


def _classes(frame: pd.DataFrame) -> pd.Series:
    named = frame["positive"].astype(str) + " or " + frame["negative"].astype(str)
    return named + " (" + frame["column"].astype(str) + ")"


def _table(columns: Mapping[str, Sequence], caption: str, right=(), repeats=(), notes=()) -> Table:
    frame = without_repeats(pd.DataFrame(columns), list(repeats)).astype(str)
    return Table(frame, caption, tuple(notes), tuple(right), tuple(frame.columns[:2]))


def _duplicates(frame: pd.DataFrame) -> Table:
    shown = frame.head(MOST_PAIRS)
    yes = {True: "yes", False: "no"}
    more = len(frame) - len(shown)
    return _table(
        {
            "first": shown["first"],
            "second": shown["second"],
            "likeness": shown["likeness"].map(_number),
            "one patient": shown["same_patient"].map(yes),
            "identical": shown["identical"].map(yes),
            "mirrored": shown["mirrored"].map(yes),
            "different splits": shown["crosses_split"].map(yes),
        },
        "Pairs of images that show one picture, the likest first",
        right=("likeness",),
        notes=[f"{more} more pairs are in duplicates.csv."] if more else [],
    )


def _checks(frame: pd.DataFrame) -> Table:
    columns = {"kind": frame["kind"], "found": frame["found"], "of": frame["of"]}
    return _table(columns, "What the search finds of copies planted in this set", ("found", "of"))


def _acquisition(frame: pd.DataFrame) -> Table:
    intervals = [
        f"[{_number(low)}, {_number(high)}]"
        for low, high in zip(frame["ci_low"], frame["ci_high"], strict=True)
    ]
    return _table(
        {
            "classes": _classes(frame),
            "told from": frame["features"],
            "images": frame["images"],
            "balanced accuracy": frame["balanced_accuracy"].map(_number),
            "95 % interval": intervals,
            "chance, 1 in 20": frame["chance_95"].map(_number),
            "p, adjusted": frame["p_adjusted"].map(lambda p: _number(p, 3)),
            "random forest": frame["forest"].map(_number),
        },
        "How well the classes are told apart without looking at what the picture shows",
        right=("images", "balanced accuracy", "chance, 1 in 20", "p, adjusted", "random forest"),
        repeats=("classes",),
        notes=(
            "Every patient left out in turn; one half is a guess. Figures far below one half arise "
            "where classes were matched on just these features: without an image, its like are "
            "mostly of the other class.",
        ),
    )


def _balance(frame: pd.DataFrame) -> Table:
    frame = frame[frame["grouping"] != "patient"]
    return _table(
        {
            "classes": _classes(frame),
            "by": frame["grouping"],
            "level": frame["level"],
            "images": frame["images"],
            "patients": frame["patients"],
            "positive": frame["share"].map(lambda share: percent(share, 0) + " %"),
            "p, adjusted": frame["p_adjusted"].map(lambda p: _number(p, 3)),
        },
        "Share of the first class by device, side, view, organ and split",
        right=("images", "patients", "positive", "p, adjusted"),
        repeats=("classes", "by"),
    )


def _overlay(frame: pd.DataFrame) -> Table:
    asked = frame["column"].notna() & (frame["column"] != "")
    return _table(
        {
            "what": frame["what"],
            "classes": _classes(frame).where(asked, "all images"),
            "images": frame["images"],
            "share": frame["share"].map(lambda v: percent(v, 1) + " %"),
            "of the first class": _percents(frame["share_positive"]),
            "of the second": _percents(frame["share_negative"]),
            "p, adjusted": frame["p_adjusted"].map(lambda p: _number(p, 3)),
        },
        "Images with something burnt in",
        right=("images", "share", "of the first class", "of the second", "p, adjusted"),
        repeats=("what",),
    )


def _percents(values: pd.Series) -> pd.Series:
    return values.map(lambda v: ABSENT if pd.isna(v) else percent(v, 1) + " %")


def _consistency(frame: pd.DataFrame) -> Table:
    return _table(
        {
            "column": frame["column"],
            "with several labelled views": frame["units"],
            "that differ": frame["differing"],
            "share": _percents(frame["share"]),
            "by chance": _percents(frame["by_chance"]),
        },
        "Testes (where no side is known: patients) whose views carry different labels",
        right=("with several labelled views", "that differ", "share", "by chance"),
    )
