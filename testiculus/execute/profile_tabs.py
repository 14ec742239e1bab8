"""Several profiles of one table on one page: the best first, the others in tabs.

`best_profile` tells which that is, `tabs` gives the tabs as Markdown (sphinx-design). A tab holds
the table, the verdicts and the price of a run, and leads to its page, which shows all of it; the
tables are taken from the run's own executed notebook.
"""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from testiculus.execute.found import EXPECTED, Result
from testiculus.execute.markdown import table_of_html

ORDER = ("paper", "lite", "demo")  # the best first; smoke claims nothing
# Calls of a notebook that show its main table; the first that is there.
MAIN = (
    *("table1_table(", "pretraining_table(", "fidelity_table(", "two_by_two_table("),
    *("ranking_table(",),
)
VERDICTS = "verdicts_table("


def of_profiles(found: Iterable[Result], experiment: str, data: str) -> list[Result]:
    """Return the runs of an experiment on a data set, the best profile first."""
    runs = [r for r in found if (r.experiment, r.data) == (experiment, data) and r.profile in ORDER]
    return sorted(runs, key=lambda result: ORDER.index(result.profile))


def best_profile(found: Iterable[Result], experiment: str, data: str) -> str:
    """Return the name of the best profile that has results; "" where none has."""
    runs = of_profiles(found, experiment, data)
    return runs[0].profile if runs else ""


def tabs(runs: Sequence[Result], here: str) -> str:
    """Return a tab for each of several runs of a table, for the page of the profile `here`.

    "" where there is nothing but that page's own run.
    """
    if not [run for run in runs if run.profile != here]:
        return ""
    items = "\n".join(_tab(run, here) for run in runs)
    return f"## By profile\n\n::::{{tab-set}}\n\n{items}\n::::\n\n{_below(runs, here)}\n"


def _below(runs: Sequence[Result], here: str) -> str:
    if here not in {run.profile for run in runs}:
        return f"The run of `{here}` is not there:"
    return f"Below follows the run of `{here}` in full."


def _tab(run: Result, here: str) -> str:
    link = "the rest of this page" if run.profile == here else f"[its own page]({_page(run)})"
    state = " **These results are stale.**" if run.is_stale else ""
    parts = [
        f":::{{tab-item}} {run.profile}",
        f"Price: {run.price()}. All of this run: {link}.{state}",
        *shown_tables(run.notebook),
        ":::",
    ]
    return "\n\n".join(parts) + "\n"


def _page(run: Result) -> str:
    """Return where a run's page lies, from the top of the book."""
    folder = "" if (run.experiment, run.data, run.profile) in EXPECTED else "runs/"
    return f"/book/generated/{folder}{run.page}"


def shown_tables(notebook: Path) -> list[str]:
    """Return the main table of an executed notebook and its verdicts, as Markdown.

    What a notebook does not show is left out.
    """
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    wanted = (MAIN, (VERDICTS,))
    return [text for calls in wanted if (text := _first_table(cells, calls))]


def _first_table(cells: Iterable[dict], calls: Sequence[str]) -> str:
    for cell in cells:
        if cell["cell_type"] == "code" and any(c in "".join(cell["source"]) for c in calls):
            for output in cell.get("outputs", ()):
                text = table_of_html("".join(output.get("data", {}).get("text/html", "")))
                if text:
                    return text
    return ""
