"""The results that are there, as the book's pages see them: `find_results`.

The book shows the results that a repository may hold: of the phantom and of public sets. A person's
own are shown only when asked for, so that a book can be given away without a second look.
"""

import csv
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from testiculus.base.files import read_json
from testiculus.execute.provenance import is_stale
from testiculus.execute.words import price

# The pages that the book always has, in its order; others are listed under "Other runs".
# In the paper's order. Of the public set there is Fig. 4, with its search for copies, not Table 3.
# Audits and controls need what the simulator knows: both sides of a patient, the truth, more of it.
_SETS = {
    "table1": ("phantom", "liver"),
    "table2": ("phantom", "liver"),
    "fig4": ("phantom", "liver"),
    "table3": ("phantom",),
    "table4": ("phantom", "liver"),
    "fig5": ("phantom", "liver"),
    "peers": ("phantom", "liver"),
    "audits": ("phantom",),
    "controls": ("phantom",),
}
EXPECTED = tuple((experiment, data, "demo") for experiment, sets in _SETS.items() for data in sets)


@dataclass(frozen=True)
class Result:
    """One results folder: `results/<data>/<profile>/<experiment>`."""

    folder: Path
    experiment: str
    data: str
    profile: str
    provenance: dict[str, Any]

    @property
    def page(self) -> str:
        """Return the name of its page, which is also part of its address in the book."""
        return page_name(self.experiment, self.data, self.profile)

    @property
    def notebook(self) -> Path:
        """Return its executed notebook."""
        return self.folder / f"{self.experiment}.ipynb"

    @property
    def is_stale(self) -> bool:
        """Return whether the code or the sources have changed since."""
        return is_stale(self.provenance)

    def price(self) -> str:
        """Return what the run cost, in words."""
        return price(self.provenance)

    def verdicts(self) -> Counter:
        """Return how many claims got which verdict."""
        with (self.folder / "verdicts.csv").open(encoding="utf-8", newline="") as file:
            return Counter(line["verdict"] for line in csv.DictReader(file))


def page_name(experiment: str, data: str, profile: str) -> str:
    """Return a page's name.

    >>> page_name("table1", "phantom", "demo")
    'table1_phantom_demo'
    """
    return f"{experiment}_{data}_{profile}"


def is_shared(data: str, profile: str) -> bool:
    """Return whether results of these may be in a repository: git ignores all others.

    Those of the simulator and of public sets may, but for the smoke profile, which claims nothing.

    >>> is_shared("phantom", "demo"), is_shared("phantom", "smoke"), is_shared("ward-3", "demo")
    (True, False, False)
    """
    from testiculus.data.manifest import PUBLIC, RESERVED

    return data in (*RESERVED, *PUBLIC) and profile != "smoke"


def find_results(results: Path, own: bool = False) -> list[Result]:
    """Return the complete results folders below `results`, sorted by experiment and data.

    Only those that `is_shared`; with `own` every one.
    """
    found = []
    for path in results.glob("*/*/*/provenance.json"):
        folder = path.parent
        complete = (folder / f"{folder.name}.ipynb").is_file()
        if complete and (folder / "verdicts.csv").is_file():
            profile, data = folder.parent.name, folder.parent.parent.name
            if own or is_shared(data, profile):
                found.append(Result(folder, folder.name, data, profile, read_json(path)))
    return sorted(found, key=lambda r: (r.experiment, r.data, r.profile))
