"""What the probes of several pretrainings tell beyond the claims: their spread, and the scanners.

Verdicts on probes rest on one pretrained encoder a row. `spread_over_pretrainings` shows how far
another pretraining seed moves the same figures; `separates_scanners` asks whether the features hold
the scanner more plainly than the label.
"""

import pandas as pd

from testiculus.claims.schema import CLEAN, CURATED, PROBE_COLUMNS, TRUTH, UD, require_columns
from testiculus.claims.verdicts import CONTRADICTED, SUPPORTED, verdict_of
from testiculus.intervals import Interval, corrected_resampled_interval
from testiculus.paper import FOLDS

SCANNER = "scanner_auc"
LABELS = {
    f"probe_auc{TRUTH}": "true labels, learnt from the flipped ones",
    f"probe_auc{CURATED}": "flipped labels",
    f"probe_auc{CLEAN}": "true labels",
}
SCANNER_COLUMNS = ("metric", "labels", "scanner_auc", "label_auc", "difference")
SCANNER_EXTRAS = ("ci_low", "ci_high", "n", "sentence")


def spread_over_pretrainings(probes: pd.DataFrame) -> pd.DataFrame:
    """Return every row's probe figures for each pretraining seed, so that their spread is seen.

    Columns row, pretraining_seed, metric, mean, std, in the order of `probes`; mean and sample
    standard deviation over partitions and folds, as fractions. Raises UserError where `probes`
    lacks a column.
    """
    require_columns(probes, PROBE_COLUMNS, "probes")
    groups = probes.groupby(["row", "pretraining_seed", "metric"], sort=False)["value"]
    return groups.agg(["mean", "std"]).reset_index()


def separates_scanners(
    probes: pd.DataFrame, *, row: str = UD, folds: int = FOLDS
) -> pd.DataFrame | None:
    """Return whether `row`'s features tell scanners better than labels; None if none are known.

    One line for each way of scoring labels that `probes` holds: metric, labels (in words), the mean
    AUC of both probes, their difference (scanner - label) with its corrected resampled t interval,
    paired over partitions and folds after averaging over pretraining seeds, n, and a sentence that
    the interval decides. `folds` is the K of the partitions. Raises UserError where `probes` lacks
    a column.
    """
    require_columns(probes, PROBE_COLUMNS, "probes")
    of_row = probes[probes["row"] == row]
    runs = of_row.groupby(["seed", "fold", "metric"])["value"].mean().unstack()
    if SCANNER not in runs or not runs[SCANNER].notna().any():
        return None
    lines = []
    for metric, labels in LABELS.items():
        both = runs[[SCANNER, metric]].dropna() if metric in runs else runs.iloc[:0]
        if not len(both):
            continue
        scanner, label = both[SCANNER].mean(), both[metric].mean()
        differences = (both[SCANNER] - both[metric]).to_numpy()
        interval = corrected_resampled_interval(differences, ratio=1 / (folds - 1))
        found = (interval.effect, interval.low, interval.high, interval.n)
        sentence = _sentence(row, labels, scanner, label, interval)
        lines.append((metric, labels, scanner, label, *found, sentence))
    return pd.DataFrame(lines, columns=[*SCANNER_COLUMNS, *SCANNER_EXTRAS])


def _sentence(row: str, labels: str, scanner: float, label: float, interval: Interval) -> str:
    """Return what the interval of scanner - label says about a row's features."""
    aucs = f"AUC {scanner:.3f} for the scanner, {label:.3f} for the label ({labels})"
    verdict = verdict_of(interval)
    if verdict == SUPPORTED:
        return f"{row}'s features tell scanners better than labels: {aucs}."
    if verdict == CONTRADICTED:
        return f"{row}'s features tell labels better than scanners: {aucs}."
    return f"{row}'s features are not shown to tell scanners or labels better: {aucs}."
