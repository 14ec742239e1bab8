"""Table 1's claims as tests, and how much of its gain is real.

Every claim about training is judged on the article's own scoring (curated labels of the kept test
images) and, as rows of their own, on all test images with original labels ("-original") and with
true labels ("-truth"). `circularity` splits the reported gain into parts that answer what it is.
"""

from functools import partial

import numpy as np
import pandas as pd

from testiculus.claims.contrasts import Contrast, Term, beats
from testiculus.claims.schema import (
    BASELINE,
    CLAIM_SUFFIXES,
    CURATED,
    FLAG_COLUMNS,
    ORIGINAL,
    PREDICTION_COLUMNS,
    RESCORED,
    RESULT_COLUMNS,
    SCORINGS,
    TRUTH,
    Conditions,
    require_columns,
)
from testiculus.claims.verdicts import Claim, Outcome, decided_by, judge, untestable
from testiculus.intervals import BOOTSTRAP_DRAWS, Interval, patient_bootstrap
from testiculus.noise import average_precision, known_wrong, times_flagged
from testiculus.paper import ClaimText, claim_texts

CURATIONS = ("Filtered", "Flipped")
SCORED_ON = {
    CURATED: "on each row's curated labels, as the article scores",
    ORIGINAL: "on all test images and original labels",
    TRUTH: "on all test images and true labels",
}
BOOTSTRAP_SEED = 0
PARTS = {
    "reported": "gain as the article scores it",
    "rescoring": "Complete's own models on the curated test set, nothing retrained",
    "retraining": "retrained, against Complete on the same curated test set",
    "original": "all test images, original labels",
    "real": "all test images, true labels",
    "circular": "reported gain beyond the real one",
}
GAIN_COLUMNS = ("row", "metric", "part", "what", "effect", "ci_low", "ci_high")
GAIN_EXTRAS = ("n", "resolvable", "boot_low", "boot_high", "note")


def judge_table1(
    results: pd.DataFrame,
    predictions: pd.DataFrame,
    flags: pd.DataFrame,
    conditions: Conditions,
    *,
    draws: int = BOOTSTRAP_DRAWS,
    seed: int = BOOTSTRAP_SEED,
) -> pd.DataFrame:
    """Return the verdicts on Table 1: one row a claim and scoring, columns as `judge` gives them.

    Differences between rows are paired over seeds and folds and decided by the corrected resampled
    t interval; the patient bootstrap (`draws`, `seed`) stands beside it. What the flags find is one
    result of all runs together, so there the patient bootstrap decides. Raises UserError where a
    frame lacks a column.
    """
    require_columns(results, RESULT_COLUMNS, "results")
    require_columns(predictions, PREDICTION_COLUMNS, "predictions")
    require_columns(flags, FLAG_COLUMNS, "flags")
    claims = []
    for text in claim_texts("table1"):
        if text.metric == "average_precision":
            test = partial(_test_occasions, text, flags, draws, seed)
            claims.append(_claim(text, "", text.text, test))
            continue
        for name, suffix in CLAIM_SUFFIXES.items():
            scoring = SCORINGS[name]
            contrast = beats(text.better, text.worse, text.metric, scoring)
            test = partial(_test_contrast, contrast, results, predictions, conditions, draws, seed)
            claims.append(_claim(text, suffix, f"{text.text[:-1]}, {SCORED_ON[scoring]}.", test))
    return judge(claims, conditions)


def _claim(text: ClaimText, suffix: str, words: str, test) -> Claim:
    """Return the claim with the paper's figure, which is on curated labels and on no others."""
    paper = float("nan") if text.paper is None or suffix else text.paper
    return Claim(text.id + suffix, words, text.source, paper, test)


def _test_contrast(contrast: Contrast, results, predictions, conditions, draws, seed) -> Outcome:
    """Judge a paired difference of two rows."""
    missing = contrast.missing(results)
    if missing:
        return untestable(missing)
    interval = contrast.interval(results, conditions)
    return decided_by(interval, contrast.bootstrap(predictions, seed=seed, draws=draws))


def _test_occasions(text: ClaimText, flags: pd.DataFrame, draws: int, seed: int) -> Outcome:
    """Judge whether one number of occasions ranks wrong labels above right ones better."""
    is_known, wrong = known_wrong(flags)
    known, wrong = flags[is_known], wrong[is_known]
    if not len(known):
        return untestable("no true labels are known")
    if not wrong.any() or wrong.all():
        return untestable("no label is known to be wrong" if not wrong.any() else "all are wrong")
    better, worse = (times_flagged(known, int(k)) for k in (text.better, text.worse))

    def gain(weights: np.ndarray) -> np.ndarray:
        return average_precision(better, wrong, weights) - average_precision(worse, wrong, weights)

    interval = patient_bootstrap(gain, known["patient"].astype(str), seed=seed, draws=draws)
    return decided_by(interval, interval)


def gain_contrasts(row: str, metric: str) -> dict[str, Contrast]:
    """Return the parts of `row`'s gain over Complete in `metric`, by their name in `PARTS`.

    Two identities hold run by run: reported = rescoring + retraining, reported = real + circular.
    """
    rescored = next(suffix for suffix, name in RESCORED.items() if name == row)
    own, baseline = Term(1, row, CURATED), Term(-1, BASELINE, CURATED)
    terms = {
        "reported": (own, baseline),
        "rescoring": (Term(1, BASELINE, rescored), baseline),
        "retraining": (own, Term(-1, BASELINE, rescored)),
        "original": (Term(1, row, ORIGINAL), Term(-1, BASELINE, ORIGINAL)),
        "real": (Term(1, row, TRUTH), Term(-1, BASELINE, TRUTH)),
        "circular": (own, baseline, Term(-1, row, TRUTH), Term(1, BASELINE, TRUTH)),
    }
    return {part: Contrast(metric, parts) for part, parts in terms.items()}


def circularity(
    results: pd.DataFrame,
    conditions: Conditions,
    predictions: pd.DataFrame | None = None,
    *,
    metrics: tuple[str, ...] = ("accuracy", "f1"),
    draws: int = BOOTSTRAP_DRAWS,
    seed: int = BOOTSTRAP_SEED,
) -> pd.DataFrame:
    """Return what Filtered's and Flipped's gains over Complete are made of, each with intervals.

    One row per row, metric and part (see `PARTS` and `gain_contrasts`), effects as fractions. The
    corrected resampled t interval over paired runs is always there; the patient bootstrap too where
    `predictions` are given. Parts that need true labels are NaN with a note where none are known.
    """
    require_columns(results, RESULT_COLUMNS, "results")
    rows = []
    for row in CURATIONS:
        for metric in metrics:
            for part, contrast in gain_contrasts(row, metric).items():
                note, boot = contrast.missing(results), None
                interval = _absent(note) if note else contrast.interval(results, conditions)
                if not note and predictions is not None:
                    boot = contrast.bootstrap(predictions, seed=seed, draws=draws)
                found = decided_by(interval, boot)
                effect = (found.effect, found.ci_low, found.ci_high, found.n, found.resolvable)
                name = (row, metric, part, PARTS[part])
                rows.append((*name, *effect, found.boot_low, found.boot_high, found.note))
    return pd.DataFrame(rows, columns=[*GAIN_COLUMNS, *GAIN_EXTRAS])


def _absent(note: str) -> Interval:
    nan = float("nan")
    return Interval(nan, nan, nan, 0, nan, note)
