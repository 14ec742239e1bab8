"""Every printed figure in one frame, and the figures that other figures make up.

`printed_figures` is what the sources' statements are held against; `stated_sums` lists parts and
totals. Figures are fractions, but for FID, which has no unit.
"""

from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

from testiculus.base.errors import one_of
from testiculus.paper.generation import reported_generation
from testiculus.paper.reported import TABLES, reported

if TYPE_CHECKING:
    import pandas as pd

UUSIC_TABLES = ("classification", "segmentation")
SUM_KINDS = ("sum", "product", "mean", "same")


@dataclass(frozen=True)
class StatedSum:
    """A `total` that the sources print beside its `parts`.

    `kind` says how the parts make it: "sum", "product", "mean", or "same" for one figure that is
    printed twice. `step` is what the total was rounded to and `part_step` what the parts were, 0
    for figures printed in full. `reading` is the charitable one where they do not agree. `ledger`
    is the name that the ledger of claims uses, if it does.
    """

    id: str
    what: str
    document: str
    place: str
    kind: str
    parts: tuple[float, ...]
    total: float
    step: float = 0
    part_step: float = 0
    reading: str = ""
    ledger: str = ""


def stated_sums() -> list[StatedSum]:
    """Return the totals that the sources print with their parts, in the order they are shown in.

    >>> stated_sums()[0].parts, stated_sums()[0].total
    ((1664, 24126), 25792)
    """
    import yaml

    text = (files(__package__) / "data" / "sums.yaml").read_text(encoding="utf-8")
    return [_sum(entry) for entry in yaml.safe_load(text)]


def _sum(entry: dict) -> StatedSum:
    one_of(entry["kind"], SUM_KINDS, "kind of sum")
    return StatedSum(**entry | {"parts": tuple(entry["parts"])})


def reported_uusic(table: str) -> "pd.DataFrame":
    """Return a table of the thesis's challenge report: row, metric, mean (a fraction), place.

    `table` is classification (Table 8.1: accuracy by organ) or segmentation (Table 8.2: Dice and
    surface distance scores by organ). Raises UserError for any other.

    >>> figures = reported_uusic("classification").set_index(["row", "metric"])["mean"]
    >>> float(figures["ResNet + CBAM", "overall"])
    0.607
    """
    return _read(f"uusic_{one_of(table, UUSIC_TABLES, 'table of the challenge')}.csv")


def reported_gains() -> "pd.DataFrame":
    """Return the gains that the page on USF-MAE states: row, metric, mean (a fraction), place."""
    return _read("usfmae.csv")


def _read(name: str) -> "pd.DataFrame":
    import pandas as pd

    with (files(__package__) / "data" / name).open(encoding="utf-8") as file:
        # keep_default_na: a configuration called "none" is a name here, not a missing value.
        return pd.read_csv(file, keep_default_na=False)


def printed_figures() -> "pd.DataFrame":
    """Return every printed figure: table, row, metric, mean, std (NaN where none is), place.

    `table` is table1 to table4, "generation article" or "generation thesis", "uusic
    classification" or "uusic segmentation", and "usfmae" (differences).

    >>> figures = printed_figures().set_index(["table", "row", "metric"])["mean"]
    >>> float(figures["table2", "UD", "recall"])
    0.8027
    """
    import pandas as pd

    generation = reported_generation()
    frames = {table: reported(table) for table in TABLES}
    frames |= {f"generation {name}": part for name, part in generation.groupby("document")}
    frames |= {f"uusic {name}": reported_uusic(name) for name in UUSIC_TABLES}
    frames["usfmae"] = reported_gains()
    named = [frame.assign(table=name) for name, frame in frames.items()]
    columns = ["table", "row", "metric", "mean", "std", "place"]
    return pd.concat(named, ignore_index=True).reindex(columns=columns)
