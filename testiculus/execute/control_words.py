"""Which measures of Fig. 5 tell a trained model from its controls, as the results say.

`controls_told` returns the piece that the page on markers and attention includes, so that no
finding is typed there.
"""

import csv
from collections.abc import Iterable

from testiculus.claims.attention_schema import CONTROL_MEASURES, MEASURE_NAMES
from testiculus.execute.found import EXPECTED, Result, page_name

EXPERIMENT = "fig5"
EVERY = "told from every one"  # of several controls; what markers move has one alone


def controls_told(found: Iterable[Result]) -> str:
    """Return a table: for every measure and set of images, the controls it is not told from.

    Of the pages of Fig. 5 that the book always has. A set without results is "not run", a measure
    without a line "not measured": no image has the outline that it needs.
    """
    by_page = {result.page: result for result in found}
    pages = {page_name(*what): ", ".join(what[1:]) for what in EXPECTED if what[0] == EXPERIMENT}
    told = [_told(by_page.get(page)) for page in pages]
    links = [f"[{name}](/book/generated/{page})" for page, name in pages.items()]
    lines = [
        ["measure", "test images", *links],
        ["---"] * (2 + len(pages)),
    ]
    lines += [
        [MEASURE_NAMES[measure], images, *(_cell(controls, measure) for controls in told)]
        for images, measures in CONTROL_MEASURES.items()
        for measure in measures
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _told(result: Result | None) -> dict[str, dict[str, bool]] | None:
    """Return, by measure and control, whether the trained model is told from it; None: not run."""
    path = result.folder / "controls.csv" if result else None
    if path is None or not path.is_file():
        return None
    told: dict[str, dict[str, bool]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for line in csv.DictReader(file):
            if line["difference"]:
                controls = told.setdefault(line["measure"], {})
                controls[line["against"]] = line["informative"].casefold() in ("true", "1")
    return told


def _cell(told: dict[str, dict[str, bool]] | None, measure: str) -> str:
    if told is None:
        return "not run"
    if measure not in told:
        return "not measured"
    alike = [control for control, informative in told[measure].items() if not informative]
    if alike:
        return f"**not told from** {', '.join(alike)}"
    return f"told from {next(iter(told[measure]))}" if len(told[measure]) == 1 else EVERY
