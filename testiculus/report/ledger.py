"""The claims ledger for a terminal: every claim with what was found, and the counts of verdicts."""

from textwrap import fill

import pandas as pd

from testiculus.base.errors import UserError, one_of
from testiculus.claims.ledger import LEDGER_VERDICTS, NOWHERE, POINTS, counts, effect_words
from testiculus.paper.ledger import DOCUMENTS
from testiculus.report.render import TERMINAL_WIDTH, Table

INDENT = 5  # characters: the width of a claim's number


def chosen(
    frame: pd.DataFrame, verdict: str = "", data: str = "", document: str = "", words: str = ""
) -> pd.DataFrame:
    """Return the rows of the ledger that fit everything given; an empty choice chooses all.

    `words` are looked for in the claim, its id, its topic and its places. Raises UserError for a
    verdict, data set or document that is none, and where nothing fits.
    """
    sets = [name for name in frame["data"].unique() if name != NOWHERE]
    allowed = {"verdict": LEDGER_VERDICTS, "data": sets, "document": tuple(DOCUMENTS)}
    for what, value in {"verdict": verdict, "data": data, "document": document}.items():
        if value:
            one_of(value, allowed[what], what)
    fits = pd.Series(True, frame.index)
    fits &= frame["verdict"].eq(verdict) | (not verdict)
    fits &= frame["data"].eq(data) | (not data)
    if document:
        fits &= frame["documents"].str.split(", ").map(lambda n: DOCUMENTS[document] in n)
    text = frame[["id", "topic", "text", "places"]].agg(" ".join, axis=1).str.casefold()
    for word in words.casefold().split():
        fits &= text.str.contains(word, regex=False)
    if not fits.any():
        raise UserError("no claim of the ledger fits all of this", remedy="leave something out")
    return frame[fits]


def ledger_text(frame: pd.DataFrame, width: int = TERMINAL_WIDTH) -> str:
    """Return the ledger as text: each claim, where it is said, and a line per data set below it.

    A line has the data set, profile and experiment, the verdict, the effect with its interval (or
    why there is none), and what the run cost. Nothing is wider than `width` characters.
    """
    blocks = []
    for number, rows in frame.groupby("number"):
        first = rows.iloc[0]
        gap = " " * INDENT
        head = fill(first["text"], width, initial_indent=f"{number:>3}. ", subsequent_indent=gap)
        said = fill(f"({first['places']})", width, initial_indent=gap, subsequent_indent=gap)
        blocks.append("\n".join([head, said, *(_line(row, width) for row in rows.itertuples())]))
    return "\n\n".join(blocks)


def counts_table(frame: pd.DataFrame) -> Table:
    """Return how many claims of the sources got which verdict, by data set and profile."""
    counted = counts(frame[~frame["own"]])
    shown = counted.astype(str).reset_index(drop=True)
    where = [", ".join(filter(None, place)) or "nowhere" for place in counted.index]
    shown.insert(0, "tried on", where)
    claims, own = (frame[frame["own"] == kind]["id"].nunique() for kind in (False, True))
    note = f"Of {claims} claims of the sources; {own} comparisons of this project's own beside."
    return Table(shown, "Verdicts", (note,), right=LEDGER_VERDICTS)


def _line(row, width: int) -> str:
    where = ", ".join(filter(None, (row.data, row.profile, row.experiment))) or "nowhere"
    verdict = row.verdict + (" (stale)" if row.stale else "")
    effect = effect_words(row.effect, row.ci_low, row.ci_high, row.unit)
    found = effect + ("" if row.unit == POINTS else f" ({row.unit})") if effect else row.note
    head = f"{'':{INDENT}}{where:<24}  {verdict:<21}  "
    told = "  ".join(filter(None, (found, row.price)))
    return fill(told, width, initial_indent=head, subsequent_indent=" " * len(head)).rstrip()
