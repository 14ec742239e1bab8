"""What the negative controls left behind, and the intervals that are read from it.

`Evidence` holds the frames. A score of fixed models on labels that mean nothing differs from chance
by the labels that the test patients happen to carry, and by nothing else: there the patient
bootstrap is the interval (`Evidence.bootstrap`), or, of probes whose partitions have permutations
of their own, the plain t interval over partitions (`over_partitions`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from testiculus.claims.controls_chance import patient_interval
from testiculus.claims.controls_schema import FIGURE_COLUMNS, PERMUTED
from testiculus.claims.schema import (
    PREDICTION_COLUMNS,
    RESULT_COLUMNS,
    require_columns,
    runs_of,
)
from testiculus.intervals import Interval, corrected_resampled_interval

NO_OVERLAP = 1e-9  # permutations of their own: the plain t interval is this limit
PROBE = "probe_auc"


@dataclass(frozen=True, eq=False)
class Evidence:
    """The frames of the controls, see `controls_schema`.

    `predictions` are those of Table 1's control, `others` the tables' own results by table, and
    `missing` says why a table's are not there. Raises UserError where a frame lacks a column.
    """

    results: pd.DataFrame
    predictions: pd.DataFrame
    figures: pd.DataFrame
    others: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    _intervals: dict[tuple[str, str, str], Interval] = field(default_factory=dict, repr=False)

    def __post_init__(self):
        require_columns(self.results, RESULT_COLUMNS, "results")
        require_columns(self.predictions, PREDICTION_COLUMNS, "predictions")
        require_columns(self.figures, FIGURE_COLUMNS, "figures")

    def bootstrap(self, row: str, measure: str, scoring: str) -> Interval:
        """Return `patient_interval` of a row of Table 1's control; the same is computed once."""
        key = (row, measure, scoring)
        if key not in self._intervals:
            part = self.predictions[self.predictions["row"] == row]
            self._intervals[key] = patient_interval(part, measure, scoring)
        return self._intervals[key]

    def beside(self, table: str, row: str, metric: str) -> float:
        """Return the mean of a table's own row, NaN where it is not there."""
        if table not in self.others:
            return float("nan")
        return float(runs_of(self.others[table], row, metric).mean())

    def permuted_probe_row(self, table: str) -> str | None:
        """Return the row that probes a table's encoder for permuted labels, None if there is none.

        Which encoder that is depends on the organs that there are.
        """
        probed = self.results.loc[self.results["metric"] == PROBE, "row"].drop_duplicates()
        ours = (r for r in probed if r.startswith(f"{table}: ") and r.endswith(f", {PERMUTED}"))
        return next(ours, None)


def over_partitions(values: pd.Series) -> Interval:
    """Return the mean of values by (partition, fold) with the plain t interval over partitions.

    Each partition's labels were dealt out independently: their means are independent draws.
    """
    means = values.groupby(level=0).mean().to_numpy()
    return corrected_resampled_interval(means, ratio=NO_OVERLAP)
