"""Fig. 5's claims as tests: do markers draw a model's attention, and does augmentation cure it?

`judge_fig5` gives every claim of `paper.attention` its verdict. The vocabulary of Fig. 5 and what
makes its frames can be imported from here too.
"""

from collections.abc import Iterator
from functools import partial

import pandas as pd

from testiculus.base.errors import one_of
from testiculus.claims.attention_evidence import BOOTSTRAP_SEED, Evidence
from testiculus.claims.attention_intervals import controls_frame, difference_frame, summary_frame
from testiculus.claims.attention_schema import (
    ALL_KINDS,
    AS_TRAINED,
    BLIND,
    CENTRE_MAP,
    CONDITION_SUFFIXES,
    CONTROL_COLUMNS,
    CONTROL_MEASURES,
    CONTROLLED,
    CONTROLS,
    DIFFERENCE_COLUMNS,
    IMAGE_MEASURES,
    MAP_MEASURES,
    MEASURE_COLUMNS,
    MEASURE_NAMES,
    NO_STRENGTH,
    PREDICTION_MEASURES,
    RANDOM_LABELS,
    RANDOM_MAP,
    RANDOM_WEIGHTS,
    ROWS,
    SCORE_MEASURES,
    SCORES,
    SUMMARY_COLUMNS,
    UNMARKED,
    WITH,
    WITHOUT,
    model_row,
)
from testiculus.claims.attention_verdicts import Case, images_outcome, scores_outcome
from testiculus.claims.schema import RESULT_COLUMNS, Conditions, require_columns
from testiculus.claims.verdicts import NAN, Claim, judge
from testiculus.intervals import BOOTSTRAP_DRAWS
from testiculus.paper.attention import AttentionClaim, attention_claims

__all__ = [
    "ALL_KINDS",
    "AS_TRAINED",
    "BLIND",
    "CENTRE_MAP",
    "CONDITION_SUFFIXES",
    "CONTROLLED",
    "CONTROLS",
    "CONTROL_COLUMNS",
    "CONTROL_MEASURES",
    "DIFFERENCE_COLUMNS",
    "IMAGE_MEASURES",
    "MAP_MEASURES",
    "MEASURE_COLUMNS",
    "MEASURE_NAMES",
    "NO_STRENGTH",
    "PREDICTION_MEASURES",
    "RANDOM_LABELS",
    "RANDOM_MAP",
    "RANDOM_WEIGHTS",
    "ROWS",
    "SCORES",
    "SCORE_MEASURES",
    "SUMMARY_COLUMNS",
    "UNMARKED",
    "WITH",
    "WITHOUT",
    "Evidence",
    "controls_frame",
    "difference_frame",
    "judge_fig5",
    "model_row",
    "summary_frame",
]

SCORED_ON = {"original": "on labels as they came", "truth": "on true labels"}
ID_SUFFIXES = {"original": "", "truth": "-truth"}


def judge_fig5(
    measures: pd.DataFrame | Evidence,
    results: pd.DataFrame,
    conditions: Conditions,
    *,
    layer: str = "",
    draws: int = BOOTSTRAP_DRAWS,
    seed: int = BOOTSTRAP_SEED,
) -> pd.DataFrame:
    """Return the verdicts on Fig. 5: one row a claim and scoring, columns as `judge` gives them.

    `measures` has `MEASURE_COLUMNS` (or is the `Evidence` made of it; then `draws` and `seed` are
    its own); `results` holds the scores of strength 0 and of the dose, its rows named by
    `model_row`, its metrics ending as `CONDITION_SUFFIXES` has them.

    Every claim is about a way of training, and two trainings differ: the corrected resampled t
    interval over paired runs decides (`n` of them), of a run's mean over its test images or of its
    score, with the patient bootstrap beside it, which holds the trained models fixed. Claims on
    maps are judged at `layer`, the measures' first if not named, and the note says what the other
    layers say. Those on scores are judged on labels as they came and, with the suffix "-truth", on
    true ones. With a single run the bootstrap decides what images measure. Effects are
    fractions, positive where they are what the claim says; `paper` is NaN, for the sources print no
    figure. Raises UserError where a frame lacks a column, for no measures, and for a layer that was
    not mapped.
    """
    evidence = Evidence.of(measures, draws=draws, seed=seed)
    require_columns(results, RESULT_COLUMNS, "results")
    layer = one_of(layer or evidence.layers[0], evidence.layers, "layer")
    case = Case(evidence, results, conditions, layer)
    claims = (claim for text in attention_claims() for claim in _readings(text, case))
    return judge(claims, conditions)


def _readings(text: AttentionClaim, case: Case) -> Iterator[Claim]:
    """Yield a claim of the file under each way of judging it."""
    if text.measure not in SCORES:
        yield Claim(text.id, text.text, text.source, NAN, partial(images_outcome, text, case))
        return
    for labels, suffix in ID_SUFFIXES.items():
        words = f"{text.text[:-1]}, {SCORED_ON[labels]}."
        test = partial(scores_outcome, text, labels, case)
        yield Claim(text.id + suffix, words, text.source, NAN, test)
