"""What the protocol's audits compare: every error with its readings, and the claims made of these.

`AUDITS` is data. A reading is a signed sum of mean scores, the figure with the error less the one
without it, so that it is positive where the error makes a figure look better. The directions that
the claims state were fixed before anything was run.
"""

from collections.abc import Iterable
from dataclasses import dataclass

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
    TRUTH,
    UNGROUPED,
    WRONG_SIDE,
)
from testiculus.claims.contrasts import Contrast, Term, beats
from testiculus.claims.schema import CLEAN, CURATED, EXCLUDED, ORIGINAL, UD, lambda_row
from testiculus.claims.synthetic import TABLE3_EXCLUDED, THYROIDS_FILTERED
from testiculus.claims.table1 import gain_contrasts
from testiculus.paper.pretraining import ORGAN_WEIGHT

SCORES = ("f1", "auc")  # the article's figure first: it decides, the other stands beside it
# What a reading's figure is, which decides how its sign is put in words.
FIGURE, WORTH, SPREAD, FLAGS = "figure", "worth", "spread", "flags"

# What a reading is scored on. "Above" is the reported figure less the same models' figure there.
REPORTED_WORDS = "as reported"
OPTIMISM_WORDS = "above fresh patients"
BEYOND_TRUTH_WORDS = "above true labels"
BEYOND_GIVEN_WORDS = "above labels as they came"
BEYOND_GAIN_WORDS = "gain over Complete, above the one on true labels"
WORTH_WORDS = "on fresh patients"
TRUTH_WORDS = "on true labels"
SPREAD_WORDS = "spread of a run over shuffles"
FLAG_WORDS = "flags of all trainings"


@dataclass(frozen=True)
class Reading:
    """One figure of an audit: a contrast and what it is scored on, in words.

    `claim` is the id of the claim that it reads ("" for none: the short table and the plot leave it
    out), `suffix` ends the id of its verdict.
    """

    contrast: Contrast
    scored_on: str
    claim: str = ""
    suffix: str = ""
    kind: str = FIGURE

    @property
    def metric(self) -> str:
        """The metric that is compared, without suffix."""
        return self.contrast.metric

    @property
    def rows(self) -> tuple[str, ...]:
        """The rows that it compares, each once."""
        return tuple(dict.fromkeys(term.row for term in self.contrast.terms))


@dataclass(frozen=True)
class Audit:
    """One error of a protocol: what is done, where the sources have it, and its readings.

    `point` holds the numbers of `paper.contradictions` ("" for none), `where` the documents that
    have the error. `source` is the experiment whose results are read.
    """

    id: str
    error: str
    where: str
    point: str
    source: str
    readings: tuple[Reading, ...]


def _scores(terms: Iterable[tuple[int, str, str]], words: str, claim: str = "", suffix: str = ""):
    """Return a reading of the same terms (sign, row, scoring) for each of `SCORES`."""
    parts = tuple(Term(*term) for term in terms)
    for metric in SCORES:
        ending = suffix if metric == SCORES[0] else f"{suffix}-{metric}"
        kind = WORTH if words in (WORTH_WORDS, TRUTH_WORDS) else FIGURE
        yield Reading(Contrast(metric, parts), words, claim, ending, kind)


def _variant(row: str, claim: str, optimism: bool = True) -> tuple[Reading, ...]:
    """Return how a variant differs from the article's protocol: as reported, and on fresh patients.

    With `optimism` the claim is also about how far the figure stands above fresh patients; without,
    about what these models score there.
    """
    figure = ((1, row, AS_REPORTED), (-1, AS_WRITTEN, AS_REPORTED))
    worth = ((1, row, FRESH), (-1, AS_WRITTEN, FRESH))
    beyond = (*figure, *((-sign, name, scoring) for sign, name, scoring in worth))
    optimistic = (claim, "-optimism") if optimism else ()
    return (
        *_scores(figure, REPORTED_WORDS, claim),
        *_scores(beyond, OPTIMISM_WORDS, *optimistic),
        *_scores(worth, WORTH_WORDS, *(() if optimism else (claim, "-fresh"))),
    )


def _wrong_side() -> tuple[Reading, ...]:
    claim = "wrong-side-labels-understate"
    worth = ((1, WRONG_SIDE, TRUTH), (-1, AS_WRITTEN, TRUTH))
    figure = ((1, WRONG_SIDE, AS_REPORTED), (-1, AS_WRITTEN, AS_REPORTED))
    beyond = (*figure, *((-sign, row, scoring) for sign, row, scoring in worth))
    flags = {"flag_precision": "wrong-side-labels-lower-flag-precision"}
    others = ("wrong_labels", "flagged", "flag_recall", "flag_average_precision")
    return (
        *_variant(WRONG_SIDE, claim),
        *_scores(beyond, BEYOND_TRUTH_WORDS, claim, "-truth"),
        *_scores(worth, TRUTH_WORDS),
        *(
            Reading(
                beats(WRONG_SIDE, AS_WRITTEN, metric),
                *(FLAG_WORDS, flags.get(metric, ""), "", FLAGS),
            )
            for metric in (*flags, *others)
        ),
    )


def _best_epoch() -> tuple[Reading, ...]:
    claim = "best-epoch-flatters"
    figure = ((1, AS_WRITTEN, BEST), (-1, AS_WRITTEN, AS_REPORTED))
    worth = ((1, AS_WRITTEN, BEST_FRESH), (-1, AS_WRITTEN, FRESH))
    beyond = (*figure, *((-sign, row, scoring) for sign, row, scoring in worth))
    return (
        *_scores(figure, REPORTED_WORDS, claim),
        *_scores(beyond, OPTIMISM_WORDS, claim, "-optimism"),
        *_scores(worth, WORTH_WORDS),
    )


def _dropped_batch() -> tuple[Reading, ...]:
    means = ((1, AS_WRITTEN, DROPPED), (-1, AS_WRITTEN, AS_REPORTED))
    wider = "dropped-batch-widens-spread"
    spreads = (
        Reading(
            Contrast(metric, (Term(1, AS_WRITTEN, DROPPED_SPREAD),)),
            *(SPREAD_WORDS, wider, ending, SPREAD),
        )
        for metric, ending in zip(SCORES, ("", "-auc"), strict=True)
    )
    return (*_scores(means, REPORTED_WORDS, "dropped-batch-moves-no-mean"), *spreads)


def _curated(row: str) -> tuple[Reading, ...]:
    """Return how far curated labels lift a row, and how much of its gain is not in the truth."""
    claim = f"curated-labels-flatter-{row.casefold()}"
    given = ((1, row, CURATED), (-1, row, ORIGINAL))
    truth = ((1, row, CURATED), (-1, row, TRUTH))
    gain = gain_contrasts(row, SCORES[0])["circular"].terms
    gain = tuple((term.sign, term.row, term.scoring) for term in gain)
    return (
        *_scores(given, BEYOND_GIVEN_WORDS, claim),
        *_scores(truth, BEYOND_TRUTH_WORDS, claim, "-truth"),
        *_scores(gain, BEYOND_GAIN_WORDS, claim, "-gain"),
    )


def _pretraining(better: str, worse: str, claim: str) -> tuple[Reading, ...]:
    """Return two rows of a table of pretraining compared by a probe and by fine-tuning."""
    words = {
        ("probe_auc", CURATED): ("flipped labels", ""),
        ("probe_auc", CLEAN): ("true labels", "-clean"),
        ("f1", CURATED): ("fine-tuned, flipped labels", "-finetuned"),
    }
    return tuple(
        Reading(beats(better, worse, *how), told, claim, suffix)
        for how, (told, suffix) in words.items()
    )


RELEASED, TEXTS, NOWHERE = "released code", "article, thesis", "no source: a common habit"

AUDITS = (
    Audit(
        *("single views", "Folds split single views, not patients", RELEASED, "5", EXPERIMENT),
        _variant(UNGROUPED, "single-view-folds-flatter"),
    ),
    *(
        Audit(
            *(f"curated by {how}", f"{row} labels of the test folds are scored on", TEXTS, "14"),
            *("table1", _curated(row)),
        )
        for row, how in (("Flipped", "flipping"), ("Filtered", "filtering"))
    ),
    Audit(
        *("dropped batch", "The last incomplete test batch is left out", RELEASED, "7", EXPERIMENT),
        _dropped_batch(),
    ),
    Audit(
        *("wrong side", "Left testes have the right one's label", RELEASED, "6", EXPERIMENT),
        _wrong_side(),
    ),
    Audit(
        *("doubled loss", "The organ loss counts twice", RELEASED, "8", "table4"),
        _pretraining(
            *(lambda_row(2 * ORGAN_WEIGHT), lambda_row(ORGAN_WEIGHT)),
            "doubled-organ-loss-moves-headline",
        ),
    ),
    Audit(
        *("one draw", "One augmentation draw for a whole batch", RELEASED, "17, 18", EXPERIMENT),
        _variant(ONE_DRAW, "one-draw-costs-score", optimism=False),
    ),
    Audit(
        *("best epoch", "The epoch is chosen on the test fold", NOWHERE, "", EXPERIMENT),
        _best_epoch(),
    ),
    Audit(
        *("seen in pretraining", "Test patients' images are pretrained on", TEXTS, "29", "table2"),
        _pretraining(UD, EXCLUDED, "test-images-in-pretraining-flatter"),
    ),
    Audit(
        "seen in generation",
        "Generator, filter and pretraining see the test patients' images",
        *(TEXTS, "29", "table3"),
        _pretraining(THYROIDS_FILTERED, TABLE3_EXCLUDED, "test-images-in-generator-flatter"),
    ),
)
