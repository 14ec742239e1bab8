"""The claims of Tables 2, 3 and 4: which pretraining is better than which, read in five ways.

`judge_pretraining` gives every claim one verdict for each of `READINGS`. The first is the one that
the tables are read by: the AUC of a linear probe on the frozen encoder, over ten partitions of the
patients, which tells encoders apart where a few fine-tunings do not. Fine-tuned F1, the paper's own
figure, stands beside it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import pandas as pd

from testiculus.claims.contrasts import Contrast, beats
from testiculus.claims.schema import (
    CLEAN,
    CURATED,
    EXCLUDED,
    METRIC_NAMES,
    PRETRAINING_PREDICTION_COLUMNS,
    RESULT_COLUMNS,
    TRUTH,
    Conditions,
    require_columns,
)
from testiculus.claims.synthetic import TABLE3_EXCLUDED
from testiculus.claims.verdicts import (
    NAN,
    NOT_RESOLVED,
    SUPPORTED,
    UNTESTABLE,
    Claim,
    Outcome,
    best_of,
    decided_by,
    joined,
    judge,
    untestable,
    verdict_of,
    verdict_of_equality,
    verdict_of_standing_in,
)
from testiculus.intervals import BOOTSTRAP_DRAWS, Interval
from testiculus.paper import EQUAL_MARGIN, ClaimText, claim_texts

BOOTSTRAP_SEED = 0
CONDITIONAL = "conditional on one pretrained encoder"
GENERATED = "on one generator, one drawing of its images and one random choice among them"
HOW_TO_RUN = dict.fromkeys((EXCLUDED, TABLE3_EXCLUDED), "EXCLUDE_TEST=1 runs it")
POINTS = f"{100 * EQUAL_MARGIN:g} points"
# What an interval has to do for a kind of claim, and what the kind means, in words.
RULES: Mapping[str, Callable[[Interval], str]] = {
    "beats": verdict_of,
    "best": verdict_of,
    "equal": partial(verdict_of_equality, margin=EQUAL_MARGIN),
    "stands in": partial(verdict_of_standing_in, margin=EQUAL_MARGIN),
}
MEANINGS = {
    "equal": f"equal means within {POINTS}",
    "stands in": f"standing in means at most {POINTS} worse",
}


@dataclass(frozen=True)
class Reading:
    """One way to read a claim: `metric` under `scoring`, put in `words`.

    `suffix` ends the id of the verdict. `trained_on` says which predictions belong to it ("flipped"
    or "true"); it is empty for probes, of which no predictions are kept.
    """

    suffix: str
    metric: str
    scoring: str
    words: str
    trained_on: str = ""


READINGS = (
    Reading("", "probe_auc", CURATED, "by a linear probe's AUC on the flipped labels"),
    Reading("-clean", "probe_auc", CLEAN, "by a linear probe's AUC on the true labels"),
    Reading(
        "-truth",
        "probe_auc",
        TRUTH,
        "by a linear probe's AUC, trained on the flipped labels and scored on the true ones",
    ),
    Reading("-finetuned", "f1", CURATED, "by fine-tuned F1 on the flipped labels", "flipped"),
    Reading("-finetuned-clean", "f1", CLEAN, "by fine-tuned F1 on the true labels", "true"),
)


def readings_of(text: ClaimText) -> tuple[Reading, ...]:
    """Return how a claim is read: on F1 in all ways, on another metric by the fine-tunings alone.

    >>> text = ClaimText("a", "A beats B.", "here", "A", "B", metric="recall", paper=None)
    >>> [reading.words for reading in readings_of(text)]
    ['by fine-tuned recall on the flipped labels', 'by fine-tuned recall on the true labels']
    """
    if text.metric == "f1":
        return READINGS
    return tuple(
        replace(r, metric=text.metric, words=r.words.replace("F1", METRIC_NAMES[text.metric]))
        for r in READINGS
        if r.metric == "f1"
    )


@dataclass(frozen=True)
class Evidence:
    """What the claims of one table are judged on."""

    results: pd.DataFrame
    predictions: pd.DataFrame
    conditions: Conditions
    draws: int
    seed: int

    def compare(self, better: str, worse: str, reading: Reading, kind: str = "beats") -> Outcome:
        """Judge the difference of two rows, paired over their runs, by the rule of the `kind`."""
        contrast = beats(better, worse, reading.metric, reading.scoring)
        missing = self.not_run(better, worse) or contrast.missing(self.results)
        if missing:
            return untestable(missing)
        differences = contrast.differences(self.results).dropna()
        if not len(differences):
            return untestable(f"{better} and {worse} have no run in common")
        if (differences == 0).all():
            return untestable(f"{better} and {worse} are the same: they rest on the same images")
        interval = contrast.interval(self.results, self.conditions)
        return decided_by(interval, self.bootstrap(contrast, reading), rule=RULES[kind])

    def bootstrap(self, contrast: Contrast, reading: Reading) -> Interval | None:
        """Return the patient bootstrap of a fine-tuned reading; None without its predictions."""
        of_reading = self.predictions[self.predictions["trained_on"] == reading.trained_on]
        if not {term.row for term in contrast.terms} <= set(of_reading["row"]):
            return None
        return contrast.bootstrap(of_reading, seed=self.seed, draws=self.draws)

    def not_run(self, *rows: str) -> str:
        """Return which of `rows` the results lack and what would run them; "" if none."""
        remedies = {name.casefold(): told for name, told in HOW_TO_RUN.items()}
        remedies |= {name.casefold(): told for name, told in self.conditions.not_run.items()}
        absent = [row for row in rows if not (self.results["row"] == row).any()]
        told = {row: remedies.get(row.casefold(), "") for row in absent}
        return joined(
            *(f"row {row} was not run" + (remedy and f": {remedy}") for row, remedy in told.items())
        )


def judge_pretraining(
    table: str,
    results: pd.DataFrame,
    predictions: pd.DataFrame,
    conditions: Conditions,
    *,
    draws: int = BOOTSTRAP_DRAWS,
    seed: int = BOOTSTRAP_SEED,
) -> pd.DataFrame:
    """Return the verdicts on a table of pretrainings, one row a claim and reading, as `judge` does.

    `table` is "table2", "table3" or "table4"; `results` in fractions, with `predictions` of the
    fine-tunings (`schema` describes both). Differences are paired over seeds (for probes:
    partitions) and folds and decided by the corrected resampled t interval. Beside fine-tuned
    readings stands the patient bootstrap (`draws`, `seed`). A claim about a row that was not run
    cannot be tested, with the remedy that `conditions.not_run` has for it. Raises UserError where a
    frame lacks a column.
    """
    require_columns(results, RESULT_COLUMNS, "results")
    require_columns(predictions, PRETRAINING_PREDICTION_COLUMNS, "predictions")
    evidence = Evidence(results, predictions, conditions, draws, seed)
    claims = [
        _claim(text, reading, evidence)
        for text in claim_texts(table)
        for reading in readings_of(text)
    ]
    return judge(claims, conditions)


def _claim(text: ClaimText, reading: Reading, evidence: Evidence) -> Claim:
    """Return the claim under a reading, with the paper's figure where the reading is the paper's.

    The paper fine-tunes and scores on curated labels; a probe's AUC is another quantity.
    """
    printed = text.paper is not None and (reading.metric, reading.scoring) == (text.metric, CURATED)
    words = f"{text.text[:-1]}, {reading.words}."
    test = partial(_test, text, reading, evidence)
    return Claim(text.id + reading.suffix, words, text.source, text.paper if printed else NAN, test)


def _test(text: ClaimText, reading: Reading, evidence: Evidence) -> Outcome:
    """Judge a claim of any kind and say what its interval does not cover."""
    outcomes = {
        rival: evidence.compare(text.better, rival, reading, text.kind) for rival in text.against
    }
    found = best_of(outcomes) if text.kind == "best" else outcomes[text.worse]
    if found.verdict == UNTESTABLE:
        return found
    if text.without:
        found = _with_something_to_lose(
            found, text, evidence.compare(text.worse, text.without, reading)
        )
    meaning = MEANINGS.get(text.kind, "")
    return replace(found, note=joined(found.note, meaning, CONDITIONAL, *_generated(text)))


def _with_something_to_lose(found: Outcome, text: ClaimText, gain: Outcome) -> Outcome:
    """Return the outcome of standing in for `text.worse`, given what that gains over nothing.

    Whatever is pretrained on stands in for images that gain nothing: support then is none. `gain`
    is `text.worse` against `text.without`.
    """
    if gain.verdict == UNTESTABLE:
        return replace(found, note=joined(found.note, f"what {text.worse} gain is not known"))
    told = f"{text.worse} gain {100 * gain.effect:+.1f} points over {text.without} ({gain.verdict})"
    idle = found.verdict == SUPPORTED and gain.verdict != SUPPORTED
    verdict = NOT_RESOLVED if idle else found.verdict
    note = joined(told, "which leaves nothing to lose" if idle else "", found.note)
    return replace(found, verdict=verdict, note=note)


def _generated(text: ClaimText) -> tuple[str, ...]:
    """Return what else holds a verdict on rows of generated images."""
    rows = " ".join((text.better, *text.against))
    return (GENERATED,) if "synthetic" in rows else ()
