"""Sentences of the sources as comparisons of printed figures, so that the figures can decide.

`statements` returns them; `testiculus.audits.printed_statements` holds them against the tables.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

from testiculus.base.errors import UserError
from testiculus.paper.printed import printed_figures

if TYPE_CHECKING:
    import pandas as pd

RELATIONS = ("above", "below", "at least", "same", "clearly above", "about", "by")
OTHERS = "others"  # every other row of the left one's table


@dataclass(frozen=True)
class Comparison:
    """One printed figure against another: `metric` of the row `left`, `other` of the row `right`.

    A row is (table, name). `relation` is one of `RELATIONS`: "clearly above" means by more than
    the larger of the two printed standard deviations, "about" by no more than that, and "by" that
    the difference is `amount` to the nearest `step` (fractions). With `over`, a row, each figure is
    the gain over that row's; with `less`, a metric, each is what it is above that metric of its own
    row. `of` is mean, or std for a comparison of the printed standard deviations.
    """

    left: tuple[str, str]
    relation: str
    right: tuple[str, str]
    metric: str
    other: str
    amount: float = 0.0
    step: float = 0.0
    over: tuple[str, str] | None = None
    less: str = ""
    of: str = "mean"

    @property
    def cells(self) -> list[tuple[str, str, str]]:
        """Every figure that is needed: table, row, metric."""
        cells = [(*self.left, self.metric), (*self.right, self.other)]
        if self.over:
            cells += [(*self.over, self.metric), (*self.over, self.other)]
        return cells + ([(*row, self.less) for row in (self.left, self.right)] if self.less else [])


@dataclass(frozen=True)
class Statement:
    """A sentence of a `document` at a `place`, in this project's words, as comparisons.

    `reading` is the charitable reading and `fair` that reading's own comparisons, where it can be
    put as some. `ledger` is the name that the ledger of claims uses for the statement, and
    `ledger_fair` for its charitable reading, if it does.
    """

    id: str
    says: str
    document: str
    place: str
    comparisons: tuple[Comparison, ...]
    reading: str = ""
    fair: tuple[Comparison, ...] = ()
    ledger: str = ""
    ledger_fair: str = ""


def statements() -> list[Statement]:
    """Return the statements that printed figures can be held against, in the order shown.

    >>> [s.id for s in statements() if s.document == "slides"]
    ['both-organs-are-best-overall', 'filtered-comparable-to-real']
    """
    import yaml

    text = (files(__package__) / "data" / "statements.yaml").read_text(encoding="utf-8")
    figures = printed_figures()
    return [statement_of(entry, figures) for entry in yaml.safe_load(text)]


def statement_of(entry: Mapping, figures: "pd.DataFrame") -> Statement:
    """Return the statement of one entry of the file, its comparisons one figure each.

    `figures` (table, row, metric) says which rows and figures there are. Raises UserError for a
    relation that is none, or a row or metric that no table prints.
    """
    known = set(figures[["table", "row", "metric"]].itertuples(index=False, name=None))
    parts = {
        key: tuple(c for item in entry.get(key, ()) for c in _comparisons(item, known))
        for key in ("comparisons", "fair")
    }
    for comparison in (*parts["comparisons"], *parts["fair"]):
        _check(comparison, known, entry["id"])
    return Statement(**{**entry, **parts})


def _comparisons(item: Mapping, known: Iterable[tuple[str, str, str]]) -> list[Comparison]:
    """Return the comparisons of an item: each row on the left, on the right, and each metric."""
    about = {key: item[key] for key in ("amount", "step", "less", "of") if key in item}
    about |= {"over": _rows(item["over"])[0]} if "over" in item else {}
    return [
        Comparison(left, item["is"], right, metric, other, **about)
        for left in _rows(item["left"])
        for right in _rights(item.get("right", "/".join(left)), left, known)
        for metric in item["metrics"]
        for other in item.get("others", [metric])
    ]


def _rights(
    named: str | list[str], left: tuple[str, str], known: Iterable[tuple[str, str, str]]
) -> list[tuple[str, str]]:
    if named != OTHERS:
        return _rows(named)
    # known is a set: sorted, so that the order is always the same
    return sorted({(t, r) for t, r, _ in known if t == left[0] and r != left[1]})


def _rows(named: str | list[str]) -> list[tuple[str, str]]:
    """Return rows written "table/row" as pairs."""
    names = [named] if isinstance(named, str) else named
    return [(name.partition("/")[0], name.partition("/")[2]) for name in names]


def _check(comparison: Comparison, known: set[tuple[str, str, str]], name: str) -> None:
    missing = [", ".join(cell) for cell in comparison.cells if cell not in known]
    if missing or comparison.relation not in RELATIONS:
        what = f"no figure {missing[0]}" if missing else f"no relation {comparison.relation!r}"
        raise UserError(
            f"the statement {name} cannot be held against the tables: {what}",
            where="statements.yaml",
            remedy=f"name rows as table/row, and one of {', '.join(RELATIONS)}",
        )
