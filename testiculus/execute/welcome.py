"""Generated parts of the welcome page: the picture of the headline claims, counts by verdict."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from testiculus.execute.found import Result
from testiculus.execute.headlines import PHANTOM, headlines
from testiculus.execute.headlines_html import picture
from testiculus.execute.ledger_html import where_words
from testiculus.execute.profile_tabs import ORDER

if TYPE_CHECKING:
    import pandas as pd


def welcome_pieces(ledger: "pd.DataFrame", found: Sequence[Result]) -> dict[str, str]:
    """Return the parts that the page includes, by their names below `book/generated/`.

    `ledger` is that of the results `found`. Without any results the picture holds the printed
    differences, and each claim says that it has not run.
    """
    drawn = picture(headlines(ledger, found))
    return {
        "include/headlines.md": f"```{{raw}} html\n{drawn}```\n",
        "include/welcome_counts.md": counts_words(ledger),
    }


def counts_words(ledger: "pd.DataFrame") -> str:
    """Return how the sources' claims fared, a sentence for each set they were tried on.

    Of the phantom's profiles the best alone is counted. Verdicts that no claim got are left out.
    """
    from testiculus.claims.ledger import PRINTED, counts

    table = counts(ledger[~ledger["own"]])
    ran = [profile for data, profile in table.index if data == PHANTOM and profile in ORDER]
    best = min(ran, key=ORDER.index, default="")
    parts = []
    for (data, profile), row in zip(table.index, table.to_dict("records"), strict=True):
        if not data or (data == PHANTOM and profile != best):
            continue
        told = ", ".join(f"{number} {verdict}" for verdict, number in row.items() if number)
        where = "Their text against their tables" if data == PRINTED else where_words(data, profile)
        parts.append(f"*{where[0].upper()}{where[1:]}:* {told}.")
    return f"**What holds.** {' '.join(parts)}\n"
