"""Which figures of the negative controls a page shows, and what stands beside each.

`LINES` is the list: the control and its row, where its value is found in the results, the row of
the table itself, and the claim that rests on it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from testiculus.claims.controls_schema import (
    NOISE,
    PERMUTED,
    RANDOM_WEIGHTS,
    UNTRAINED,
    row_name,
)
from testiculus.claims.schema import BASELINE, NONE, UD, lambda_row
from testiculus.claims.synthetic import REAL_BOTH, SYNTHETIC
from testiculus.paper.pretraining import ORGAN_WEIGHT

FLIPPED = "Flipped"
BEFORE, FILTERED = "before", "filtered"  # rows of Fig. 4
ALL_ORGANS = "encoder of all organs"


@dataclass(frozen=True)
class Line:
    """One figure: `source` names its row of the results, None where the organs decide which.

    `source_table` is the table whose control it is, which another may share. `beside` is the
    table's own row, `claim` the claim that rests on the figure, if any.
    """

    table: str
    control: str
    row: str
    metric: str
    source: str | None
    source_table: str
    beside: str
    claim: str = ""


def _table1() -> Iterator[Line]:
    told = {
        (BASELINE, "auc"): "table1-permuted-auc-at-chance",
        (BASELINE, "f1"): "table1-permuted-f1-at-chance",
        (FLIPPED, "auc"): "table1-permuted-curated-auc-at-chance",
        (FLIPPED, "f1"): "table1-permuted-curated-f1-rises",
        (FLIPPED, "auc_original"): "",
        (FLIPPED, "f1_original"): "",
    }
    for (row, metric), claim in told.items():
        source = row_name("table1", row, PERMUTED)
        yield Line("table1", PERMUTED, row, metric, source, "table1", row, claim)


def _pretraining(table: str, twin: str, own: str) -> Iterator[Line]:
    """Yield the lines of Table 2, or of a table that shares its controls; `own` is UD's row."""
    probe = f"{twin}-permuted-probe-at-chance"
    yield Line(table, PERMUTED, ALL_ORGANS, "probe_auc", None, twin, own, probe)
    yield Line(table, PERMUTED, ALL_ORGANS, "probe_f1", None, twin, own)
    noise, random = row_name(twin, NOISE), row_name(twin, RANDOM_WEIGHTS)
    claim = f"{twin}-noise-no-more-than-random"
    yield Line(table, NOISE, NOISE, "probe_auc", noise, twin, own, claim)
    yield Line(table, NOISE, NOISE, "f1", noise, twin, own)
    yield Line(table, NOISE, RANDOM_WEIGHTS, "probe_auc", random, twin, NONE)


def _synthetic() -> Iterator[Line]:
    twin, probe = "table3", "table3-permuted-probe-at-chance"
    yield Line(twin, PERMUTED, ALL_ORGANS, "probe_auc", None, twin, REAL_BOTH, probe)
    yield Line(twin, PERMUTED, ALL_ORGANS, "probe_f1", None, twin, REAL_BOTH)
    drawn, random = row_name(twin, UNTRAINED), row_name(twin, RANDOM_WEIGHTS)
    claim = "table3-untrained-no-more-than-random"
    yield Line(twin, UNTRAINED, UNTRAINED, "probe_auc", drawn, twin, SYNTHETIC, claim)
    yield Line(twin, UNTRAINED, RANDOM_WEIGHTS, "probe_auc", random, twin, NONE)


def _generation() -> Iterator[Line]:
    told = {
        "precision_whole": (BEFORE, "fig4-untrained-precision"),
        "recall_whole": (BEFORE, "fig4-untrained-recall"),
        "frechet_whole": (BEFORE, ""),
        "kept_share": (FILTERED, "fig4-untrained-kept"),
        "copy_rate_pixels": (BEFORE, ""),
    }
    for metric, (beside, claim) in told.items():
        yield Line("fig4", UNTRAINED, UNTRAINED, metric, None, "table3", beside, claim)


LINES = (
    *_table1(),
    *_pretraining("table2", "table2", UD),
    *_synthetic(),
    *_pretraining("table4", "table2", lambda_row(ORGAN_WEIGHT)),
    *_generation(),
)
