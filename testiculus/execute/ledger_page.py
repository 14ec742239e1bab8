"""The page of the claims ledger: every claim of the sources with what this project found of it.

`ledger_of` derives the ledger from results folders, `ledger_page` writes it as a page. The page is
one table, whole without scripts; `book/static/ledger.js` lets a reader filter and sort it.
"""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from testiculus.execute.found import EXPECTED, Result
from testiculus.execute.ledger_html import address, claims_table, where_words
from testiculus.execute.words import duration

if TYPE_CHECKING:
    import pandas as pd

_INTRO = """\
# The claims ledger

Each checkable claim of the four source documents (article, thesis, slides, and the page of the
related system USF-MAE), once, in our words, with every place that states it: {sources} claims, and
{own} comparisons of this project's own, which no source makes. Below each claim stands what was
found, a line per data set and profile. **Nobody writes a verdict here**: each is read from the
committed results of the experiment that the line links to, and a claim whose experiment has not run
says so.

A line gives the verdict of the reading by which its page is read; how the claim fares in other
readings is in small print. Where a claim has several tests, all have to hold. A line on the
*{printed}* audits the sources' own tables: it says whether these bear the sentence out, and nothing
about the world; where they do so under a charitable reading alone, it is *not resolved*.
[](/book/reading.md) explains verdicts, [](/book/generated/contradictions.md) the
points in square brackets. Effects are differences in percentage points, unless they are distances.

## Counts

{counts}

*Claims of the sources only. A claim that was tried on two data sets counts in both lines.*

## Claims

```{{raw}} html
{table}
```
"""


def ledger_of(found: Iterable[Result]) -> "pd.DataFrame":
    """Return the ledger as a frame (`testiculus.claims.ledger`) from the results that are there."""
    from testiculus.claims.ledger import judged, ledger_frame
    from testiculus.claims.ledger_audits import audit_findings
    from testiculus.paper.ledger import ledger

    runs = [
        judged(
            result.folder,
            price=short_price(result.provenance),
            page=address(result.experiment, result.data, result.profile),
            anchor=verdict_anchor(result.notebook),
            stale=result.is_stale,
        )
        for result in found
    ]
    return ledger_frame(ledger(), runs, audit_findings(), EXPECTED)


def short_price(record: dict[str, Any]) -> str:
    """Return what a run cost in time, and what its trainings took where most were there already.

    >>> short_price({"wall_seconds": 45, "cost": {"reused_runs": 48, "training_seconds": 1230}})
    '45 s (20 min 30 s of training)'
    """
    cost, text = record.get("cost", {}), duration(record.get("wall_seconds", 0))
    if cost.get("reused_runs") and cost.get("training_seconds"):
        text += f" ({duration(cost['training_seconds'])} of training)"
    return text


def verdict_anchor(notebook: Path) -> str:
    """Return the id of the section that shows the verdicts on a notebook's page; "" without one.

    It is the section of the cell that calls a `verdicts_table`.
    """
    from docutils.nodes import make_id

    section = ""
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            headings = re.findall(r"^#{2,} +(.+)$", source, re.MULTILINE)
            section = headings[-1] if headings else section
        elif "verdicts_table(" in source and section:
            return make_id(section)
    return ""


def ledger_page(frame: "pd.DataFrame") -> str:
    """Return the page of a ledger: what it is, the counts of its verdicts, and every claim."""
    from testiculus.claims.ledger import PRINTED

    own = frame[frame["own"]]["id"].nunique()
    return _INTRO.format(
        sources=frame["id"].nunique() - own,
        own=own,
        printed=PRINTED,
        counts=counts_table(frame[~frame["own"]]),
        table=claims_table(frame),
    )


def counts_table(frame: "pd.DataFrame") -> str:
    """Return how many claims got which verdict, by data set and profile, in Markdown."""
    from testiculus.claims.ledger import counts

    table = counts(frame)
    lines = [["where it was tried", *table.columns], ["---", *["---:"] * len(table.columns)]]
    lines += [
        [where_words(*where), *map(str, row)]
        for where, row in zip(table.index, table.to_numpy(), strict=True)
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
