"""Claims: sentences of the sources as tests on tidy results, with a verdict that nobody types.

`judge_table1` judges Table 1's claims, `circularity` splits its gains into their parts. The frames
they read are described in `schema`, the rule that turns an interval into a verdict in `verdicts`.
"""

from testiculus.claims.contrasts import Contrast, Term
from testiculus.claims.schema import (
    BASELINE,
    FLAG_COLUMNS,
    PREDICTION_COLUMNS,
    RESULT_COLUMNS,
    ROWS,
    SCORINGS,
    VERDICT_COLUMNS,
    VERDICT_EXTRAS,
    Conditions,
)
from testiculus.claims.table1 import circularity, judge_table1
from testiculus.claims.verdicts import (
    CONTRADICTED,
    NOT_RESOLVED,
    SUPPORTED,
    UNTESTABLE,
    Claim,
    Outcome,
    judge,
    verdict_of,
)

__all__ = [
    "BASELINE",
    "CONTRADICTED",
    "FLAG_COLUMNS",
    "NOT_RESOLVED",
    "PREDICTION_COLUMNS",
    "RESULT_COLUMNS",
    "ROWS",
    "SCORINGS",
    "SUPPORTED",
    "UNTESTABLE",
    "VERDICT_COLUMNS",
    "VERDICT_EXTRAS",
    "Claim",
    "Conditions",
    "Contrast",
    "Outcome",
    "Term",
    "circularity",
    "judge",
    "judge_table1",
    "verdict_of",
]
