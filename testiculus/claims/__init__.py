"""Claims: sentences of the sources as tests on tidy results, with a verdict that nobody types.

`judge_table1` judges Table 1's claims, `circularity` splits its gains into their parts;
`judge_pretraining` judges those of Tables 2 to 4, `spread_over_pretrainings` and
`separates_scanners` say what else their probes tell. The frames they read are described in
`schema`, Table 3's rows in `synthetic`, the rules that turn an interval into a verdict in
`verdicts`.
"""

from testiculus.claims.contrasts import Contrast, Term
from testiculus.claims.pretraining import READINGS, Reading, judge_pretraining, readings_of
from testiculus.claims.probes import separates_scanners, spread_over_pretrainings
from testiculus.claims.schema import (
    BASELINE,
    CONTROL,
    EXCLUDED,
    FLAG_COLUMNS,
    IMAGENET,
    NONE,
    OTHER_ORGANS,
    OWN_ORGAN,
    PREDICTION_COLUMNS,
    PRETRAINING_PREDICTION_COLUMNS,
    PROBE_COLUMNS,
    RESULT_COLUMNS,
    ROWS,
    SCORINGS,
    SUPERVISED,
    TABLE2_EXTRA_ROWS,
    TABLE2_ROWS,
    TABLE4_ROWS,
    UD,
    USCL,
    VERDICT_COLUMNS,
    VERDICT_EXTRAS,
    Conditions,
    lambda_row,
)
from testiculus.claims.synthetic import TABLE3_EXCLUDED, TABLE3_EXTRA_ROWS, TABLE3_ROWS
from testiculus.claims.table1 import circularity, judge_table1
from testiculus.claims.verdicts import (
    CONTRADICTED,
    NOT_RESOLVED,
    SUPPORTED,
    UNTESTABLE,
    Claim,
    Outcome,
    best_of,
    judge,
    verdict_of,
    verdict_of_equality,
    verdict_of_standing_in,
)

__all__ = [
    "BASELINE",
    "CONTRADICTED",
    "CONTROL",
    "EXCLUDED",
    "FLAG_COLUMNS",
    "IMAGENET",
    "NONE",
    "NOT_RESOLVED",
    "OTHER_ORGANS",
    "OWN_ORGAN",
    "PREDICTION_COLUMNS",
    "PRETRAINING_PREDICTION_COLUMNS",
    "PROBE_COLUMNS",
    "READINGS",
    "RESULT_COLUMNS",
    "ROWS",
    "SCORINGS",
    "SUPERVISED",
    "SUPPORTED",
    "TABLE2_EXTRA_ROWS",
    "TABLE2_ROWS",
    "TABLE3_EXCLUDED",
    "TABLE3_EXTRA_ROWS",
    "TABLE3_ROWS",
    "TABLE4_ROWS",
    "UD",
    "UNTESTABLE",
    "USCL",
    "VERDICT_COLUMNS",
    "VERDICT_EXTRAS",
    "Claim",
    "Conditions",
    "Contrast",
    "Outcome",
    "Reading",
    "Term",
    "best_of",
    "circularity",
    "judge",
    "judge_pretraining",
    "judge_table1",
    "lambda_row",
    "readings_of",
    "separates_scanners",
    "spread_over_pretrainings",
    "verdict_of",
    "verdict_of_equality",
    "verdict_of_standing_in",
]
