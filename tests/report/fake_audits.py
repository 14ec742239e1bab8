"""Made-up results of the protocol's audits whose effects are known, for claims and tables.

`fake_audits` invents scores: a level per row and scoring, noise that rows of the same folds share.
"""

import numpy as np
import pandas as pd

from testiculus.claims.audits_schema import (
    AS_REPORTED,
    AS_WRITTEN,
    BEST,
    BEST_FRESH,
    DROPPED,
    DROPPED_SPREAD,
    EXPERIMENT,
    FRESH,
    ONE_DRAW,
    ONE_DRAW_UD,
    TRUTH,
    UNGROUPED,
    WRONG_SIDE,
)
from testiculus.claims.schema import PREDICTION_COLUMNS, RESULT_COLUMNS, lambda_row
from testiculus.claims.synthetic import TABLE3_EXCLUDED, THYROIDS_FILTERED

SEEDS, FOLDS = 4, 3
# What each row scores, by what it is scored on; the AUC is 0.3 above.
LEVELS = {
    AS_WRITTEN: {
        **{AS_REPORTED: 0.50, TRUTH: 0.55, FRESH: 0.54, BEST: 0.56, BEST_FRESH: 0.53},
        **{DROPPED: 0.501, DROPPED_SPREAD: 0.02},
    },
    UNGROUPED: {AS_REPORTED: 0.62, TRUTH: 0.66, FRESH: 0.54},
    WRONG_SIDE: {AS_REPORTED: 0.38, TRUTH: 0.48, FRESH: 0.50},
    ONE_DRAW: {AS_REPORTED: 0.44, TRUTH: 0.50, FRESH: 0.47},
}
FLAG_LEVELS = {
    AS_WRITTEN: (0.10, 0.06, 0.9, 0.5, 0.7),
    WRONG_SIDE: (0.25, 0.12, 0.6, 0.3, 0.5),
}
FLAG_NAMES = ("wrong_labels", "flagged", "flag_precision", "flag_recall", "flag_average_precision")


def fake_audits(levels=LEVELS, *, noise=0.004, seeds=SEEDS, rows=tuple(LEVELS), flags=FLAG_LEVELS):
    """Return results of the audits: `levels` and noise of a run and of a single score."""
    chance = np.random.default_rng(0)
    runs = [(seed, fold) for seed in range(seeds) for fold in range(FOLDS)]
    shared = {run: chance.normal(0, 0.05) for run in runs}
    lines = []
    for row in rows:
        for suffix, level in levels[row].items():
            for metric, above in (("f1", 0.0), ("auc", 0.3)):
                above = 0.0 if suffix == DROPPED_SPREAD else above
                for run in runs:
                    own = chance.normal(0, noise)
                    drawn = shared[run] if row in (AS_WRITTEN, ONE_DRAW, WRONG_SIDE) else 0.0
                    drawn = 0.0 if suffix == DROPPED_SPREAD else drawn
                    value = level + above + drawn + own
                    lines.append((EXPERIMENT, row, *run, metric + suffix, value))
    for row, values in flags.items():
        lines += [(EXPERIMENT, row, 0, 0, *named) for named in zip(FLAG_NAMES, values, strict=True)]
    return pd.DataFrame(lines, columns=RESULT_COLUMNS)


def no_predictions():
    """Return predictions without a line."""
    return pd.DataFrame(columns=PREDICTION_COLUMNS)


def fake_others(seen=0.03, doubled=0.0):
    """Return results of Tables 1 to 4 in which test images seen lift the score by `seen`."""
    chance = np.random.default_rng(1)

    def table(name, rows, metrics, seeds):
        lines = [
            (name, row, seed, fold, metric, level + chance.normal(0, 0.003))
            for row, level in rows.items()
            for metric in metrics
            for seed in range(seeds)
            for fold in range(FOLDS)
        ]
        return pd.DataFrame(lines, columns=RESULT_COLUMNS)

    read = ("probe_auc", "probe_auc_clean", "f1")
    curated = [
        table("table1", rows, [metric + suffix for metric in ("f1", "auc")], 4)
        for suffix, rows in {
            "": {"Complete": 0.45, "Filtered": 0.56, "Flipped": 0.57},
            "_original": {"Complete": 0.45, "Filtered": 0.49, "Flipped": 0.48},
            "_truth": {"Complete": 0.50, "Filtered": 0.57, "Flipped": 0.55},
        }.items()
    ]
    ud = {"UD": 0.7 + seen, "UD without test patients": 0.7, ONE_DRAW_UD: 0.6}
    pair = {THYROIDS_FILTERED: 0.7 + seen, TABLE3_EXCLUDED: 0.7}
    return {
        "table1": pd.concat(curated, ignore_index=True),
        "table2": table("table2", ud, read, 1),
        "table3": table("table3", pair, read, 1),
        "table4": table("table4", {lambda_row(0.2): 0.7, lambda_row(0.4): 0.7 + doubled}, read, 10),
    }
