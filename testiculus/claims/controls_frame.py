"""The negative controls as pages show them: one line a figure, beside the table's own.

Main function: `controls_frame`; which figures there are is in `controls_lines`.
"""

from collections.abc import Sequence

import pandas as pd

from testiculus.claims.controls_evidence import Evidence, over_partitions
from testiculus.claims.controls_lines import LINES, Line
from testiculus.claims.controls_reading import words_of
from testiculus.claims.controls_schema import CHANCE, CHANCE_AUC, CONTROL_COLUMNS, PERMUTED
from testiculus.claims.schema import CURATED, Conditions, runs_of
from testiculus.intervals import Interval, corrected_resampled_interval

SHARING = ("table4", "fig4")  # tables whose controls are those of another


def controls_frame(
    evidence: Evidence,
    verdicts: pd.DataFrame,
    conditions: Conditions,
    sharing: Sequence[str] = SHARING,
) -> pd.DataFrame:
    """Return one line per figure of a control: `CONTROL_COLUMNS`, fractions but for distances.

    `value` with its interval and `n` (patients, partitions, runs or images), the `chance` of
    predictions that know nothing (NaN where a figure has none), the table's own row `beside` with
    its value (empty where the table was not run), and the verdict of the claim that rests on the
    figure, if any, in the words of `controls_reading`. `sharing` are the tables that share
    another's controls here.
    """
    told = verdicts[["claim", "verdict", "effect"]].itertuples(index=False, name=None)
    decided = {claim: words_of(claim, *found) for claim, *found in told}
    lines = []
    for line in LINES:
        told = _told(line, evidence, conditions)
        if told is None or (line.table in SHARING and line.table not in sharing):
            continue
        value = evidence.beside(line.table, line.beside, line.metric)
        beside = (line.beside if pd.notna(value) else "", value)
        head = (line.table, line.control, line.row, line.metric)
        lines.append((*head, *told, *beside, decided.get(line.claim, "")))
    return pd.DataFrame(lines, columns=list(CONTROL_COLUMNS))


def _told(line: Line, evidence: Evidence, conditions: Conditions) -> tuple | None:
    """Return value, interval, n and chance of a line; None where it was not measured."""
    if line.table == "fig4":
        return _figure(line, evidence.figures)
    row = line.source or evidence.permuted_probe_row(line.source_table)
    if row is None:
        return None
    values = runs_of(evidence.results, row, line.metric)
    if not values.notna().any():
        return None
    found = _interval(line, row, values, evidence, conditions)
    chance = CHANCE_AUC
    if "f1" in line.metric:
        chance = float(runs_of(evidence.results, row, line.metric + CHANCE).mean())
    return found.effect, found.low, found.high, found.n, chance


def _interval(
    line: Line, row: str, values: pd.Series, evidence: Evidence, conditions: Conditions
) -> Interval:
    if line.table == "table1":
        metric, _, scoring = line.metric.partition("_")
        return evidence.bootstrap(row, metric, f"_{scoring}" if scoring else CURATED)
    if line.control == PERMUTED:
        return over_partitions(values)
    return corrected_resampled_interval(values.to_numpy(), ratio=conditions.ratio)


def _figure(line: Line, figures: pd.DataFrame) -> tuple | None:
    found = figures[(figures["metric"] == line.metric) & figures["value"].notna()]
    if found.empty:
        return None
    return tuple(found.iloc[0][["value", "ci_low", "ci_high", "n", "chance"]])
