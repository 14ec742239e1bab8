"""The ledger as HTML: one table, a body per claim, in it a line per data set and profile.

It is whole without scripts; `book/static/ledger.js` lets a reader filter and sort it.
"""

from html import escape
from typing import TYPE_CHECKING, Any

from testiculus.execute.found import EXPECTED
from testiculus.execute.table_pages import TITLES

if TYPE_CHECKING:
    import pandas as pd

HEADINGS = {
    "set": "where it was tried",
    "verdict": "verdict",
    "effect": "effect [95 %], in points",
    "price": "price",
}
# The page of the audits of printed figures, from the ledger's, and its section for each sheet.
AUDIT_PAGE = "../printed_numbers.html"
AUDIT_SECTIONS = {
    "statements": "What the text says, and what the tables say",
    "prevalence": "The share of positives",
    "spread": "Standard deviations",
    "sums": "Sums",
}


def address(experiment: str, data: str, profile: str) -> str:
    """Return the address of a result's page, as seen from the ledger's.

    >>> address("table1", "phantom", "demo"), address("table1", "nerve", "lite")
    ('table1_phantom_demo.html', 'runs/table1_nerve_lite.html')
    """
    folder = "" if (experiment, data, profile) in EXPECTED else "runs/"
    return f"{folder}{experiment}_{data}_{profile}.html"


def where_words(data: str, profile: str) -> str:
    """Return where a claim was tried, in words.

    >>> where_words("phantom", "demo"), where_words("", "")
    ('phantom, demo', 'nowhere')
    """
    return f"{data}, {profile}" if profile else data or "nowhere"


def claims_table(frame: "pd.DataFrame") -> str:
    """Return the ledger as HTML: a table with a body per claim, a line in it per data set."""
    from testiculus.claims.ledger import LEDGER_VERDICTS

    points = _points()
    bodies = [_claim(rows, points) for _, rows in frame.groupby("number", sort=True)]
    head = "".join(
        f'<th scope="col" data-key="{key}">{escape(text)}</th>' for key, text in HEADINGS.items()
    )
    return "\n".join(
        [
            '<link rel="stylesheet" href="../../_static/ledger.css">',
            f'<div class="ledger" data-verdicts="{"|".join(LEDGER_VERDICTS)}">',
            '<table class="ledger-table">',
            f"<thead><tr>{head}</tr></thead>",
            *bodies,
            "</table>",
            "</div>",
            '<script src="../../_static/ledger.js"></script>',
        ]
    )


def _points() -> dict[int, str]:
    """Return the anchor of each point on which the sources differ, by its number."""
    from testiculus.paper import contradictions

    return {
        point["number"]: _id(f"{point['number']}. {point['title']}") for point in contradictions()
    }


def _id(heading: str) -> str:
    """Return the id that the book gives to the section of a heading."""
    from docutils.nodes import make_id

    return make_id(heading)


def _claim(rows: "pd.DataFrame", points: dict[int, str]) -> str:
    first = rows.iloc[0]
    point = ""
    if first["point"]:
        where = f"contradictions.html#{points[first['point']]}"
        point = f' <a href="{where}">[{first["point"]}]</a>'
    small = [first["places"]]
    small += [f"Rests on: {first['numbers']}"] if first["numbers"] else []
    small += [f"Read as: {first['reads']}"] if first["reads"] else []
    return "\n".join(
        [
            f'<tbody id="claim-{first["id"]}" data-topic="{escape(first["topic"])}" '
            f'data-documents="{escape(first["documents"])}">',
            f'<tr class="ledger-claim"><th colspan="{len(HEADINGS)}" scope="rowgroup">'
            f'<a class="ledger-number" href="#claim-{first["id"]}">{first["number"]}</a> '
            f'<span class="ledger-text">{escape(first["text"])}</span>{point}'
            + "".join(f"<small>{escape(text)}</small>" for text in small)
            + "</th></tr>",
            *(_result(row) for row in rows.to_dict("records")),
            "</tbody>",
        ]
    )


def _result(row: dict[str, Any]) -> str:
    from testiculus.claims.ledger import NAN, POINTS, effect_words

    where, by = where_words(row["data"], row["profile"]), _tested_by(row)
    # distances are left out: they are in another unit than the effects to sort them among
    numbers = {"effect": row["effect"] if row["unit"] == POINTS else NAN}
    numbers["price"] = row["wall_seconds"]
    given = "".join(f' data-{k}="{v:.6g}"' for k, v in numbers.items() if v == v)
    effect = effect_words(*(row[name] for name in ("effect", "ci_low", "ci_high", "unit")))
    unit = "" if row["unit"] == POINTS or not effect else f" ({row['unit']})"
    notes = "".join(f"<small>{escape(row[k])}</small>" for k in ("note", "also") if row[k])
    stale = ' <span class="ledger-stale">stale</span>' if row["stale"] else ""
    return (
        f'<tr class="ledger-result" data-set="{escape(where)}" data-by="{escape(by)}" '
        f'data-verdict="{escape(row["verdict"])}"{given}>'
        f"<td>{_linked(row, where)}<small>{escape(by)}</small></td>"
        f'<td><span class="ledger-verdict" data-verdict="{escape(row["verdict"])}">'
        f"{escape(row['verdict'])}</span>{stale}</td>"
        f"<td>{escape(effect + unit)}{notes}</td><td>{escape(row['price'])}</td></tr>"
    )


def _tested_by(row: dict[str, Any]) -> str:
    """Return what decides a row, as a reader knows it: "Table 1", or the audit of the figures."""
    from testiculus.claims.ledger import PRINTED

    if row["data"] == PRINTED:
        return "audit"
    names = [name for name in row["experiment"].split(", ") if name]
    return ", ".join(TITLES.get(name, name).partition(":")[0] for name in names) or "nothing here"


def _linked(row: dict[str, Any], where: str) -> str:
    """Return the data set as a link to the section that decides, or to the page to come."""
    from testiculus.claims.ledger import PRINTED

    page, anchor = row["page"], row["anchor"]
    if not page and row["data"] == PRINTED:
        page, anchor = AUDIT_PAGE, _id(AUDIT_SECTIONS.get(row["experiment"], ""))
    what = (row["experiment"], row["data"], row["profile"])
    if not page and what in EXPECTED:
        page = address(*what)  # it says how to run what has not run
    if not page:
        return escape(where)
    return f'<a href="{escape(page)}{f"#{anchor}" if anchor else ""}">{escape(where)}</a>'
