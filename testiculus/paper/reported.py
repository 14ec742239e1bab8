"""The figures the sources report, one CSV a table under `data/`, as frames."""

from importlib.resources import files
from typing import TYPE_CHECKING

from testiculus.base.errors import one_of

if TYPE_CHECKING:
    import pandas as pd

TABLES = ("table1", "table2", "table3", "table4")
LABELLED_IMAGES = 880  # article and thesis, section 3: the set the released flag counts refer to


def reported(table: str) -> "pd.DataFrame":
    """Return a table's figures: row, initialisation, metric, mean, std, place.

    `metric` is accuracy, f1, precision or recall; mean and std are fractions (0.8151), over folds
    and seeds as the sources computed them (see contradiction 10 for the std); `place` says where
    they are printed. Raises UserError for a table that the paper does not have.

    >>> figures = reported("table1").set_index(["row", "metric"])
    >>> float(figures.loc[("Flipped", "f1"), "mean"])
    0.7317
    """
    return _read(f"{one_of(table, TABLES, 'table')}.csv")


def released_flag_counts() -> "pd.DataFrame":
    """Return the released lists of flagged images as counts: occasions, evaluations, images.

    `images` (of 880) were flagged in at least `evaluations` (1..16) of 16 evaluations under the
    rule of `occasions` exceedances: "3", "5", or "4?" for a folder the release does not name, whose
    counts lie between the other two.
    """
    return _read("flag_counts.csv").astype({"occasions": str})


def _read(name: str) -> "pd.DataFrame":
    import pandas as pd

    # keep_default_na: a pretraining called "none" is a name here, not a missing value.
    with (files(__package__) / "data" / name).open(encoding="utf-8") as file:
        return pd.read_csv(file, keep_default_na=False)
