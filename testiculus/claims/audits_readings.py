"""What the protocol's audits compare: every error with its readings, and the claims made of these.

`AUDITS` is data. The directions that the claims state were fixed before this experiment had a
result; those of `known` audits, read from other tables, were written when these tables' results on
the phantom existed.
"""

from collections.abc import Iterable, Iterator

from testiculus.claims.audits_parts import (
    BEYOND_GAIN_WORDS,
    BEYOND_GIVEN_WORDS,
    BEYOND_TRUTH_WORDS,
    CURATED_GIVEN,
    FIGURE,
    FLAG_WORDS,
    FLAGS,
    HIGHEST_GIVEN,
    MOVED,
    OPTIMISM_WORDS,
    PART_GIVEN,
    REPORTED_WORDS,
    SPREAD,
    SPREAD_NOTE,
    SPREAD_WORDS,
    TRUTH_WORDS,
    WORTH,
    WORTH_WORDS,
    Audit,
    Reading,
)
from testiculus.claims.audits_schema import (
    AS_REPORTED,
    AS_WRITTEN,
    BEST,
    BEST_FRESH,
    DROPPED,
    DROPPED_SPREAD,
    EXPERIMENT,
    FLAG_ABOVE_CHANCE,
    FLAG_LIFT,
    FRESH,
    ONE_DRAW,
    ONE_DRAW_UD,
    TRUTH,
    UNGROUPED,
    WRONG_SIDE,
)
from testiculus.claims.contrasts import Contrast, Term, beats
from testiculus.claims.pretraining import CONDITIONAL
from testiculus.claims.schema import CLEAN, CURATED, EXCLUDED, ORIGINAL, UD, lambda_row
from testiculus.claims.synthetic import TABLE3_EXCLUDED, THYROIDS_FILTERED
from testiculus.claims.table1 import gain_contrasts
from testiculus.paper.pretraining import ORGAN_WEIGHT

SCORES = ("f1", "auc")  # the article's figure first: it decides, the other stands beside it


def _scores(
    terms: Iterable[tuple[int, str, str]],
    words: str,
    claim: str = "",
    suffix: str = "",
    kind: str = FIGURE,
    **given: str,
) -> Iterator[Reading]:
    """Yield a reading of the same terms (sign, row, scoring) for each of `SCORES`.

    `given` has, by metric, why a reading is by construction.
    """
    parts = tuple(Term(*term) for term in terms)
    kind = WORTH if words in (WORTH_WORDS, TRUTH_WORDS) else kind
    for metric in SCORES:
        ending = suffix if metric == SCORES[0] else f"{suffix}-{metric}"
        why = given.get(metric, "")
        yield Reading(Contrast(metric, parts), words, claim, ending, kind, why)


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
        *_scores(figure, REPORTED_WORDS, claim, kind=MOVED),
        *_scores(beyond, OPTIMISM_WORDS, *optimistic),
        *_scores(worth, WORTH_WORDS, *(() if optimism else (claim, "-fresh"))),
    )


def _wrong_side() -> tuple[Reading, ...]:
    claim = "wrong-side-labels-understate"
    worth = ((1, WRONG_SIDE, TRUTH), (-1, AS_WRITTEN, TRUTH))
    figure = ((1, WRONG_SIDE, AS_REPORTED), (-1, AS_WRITTEN, AS_REPORTED))
    beyond = (*figure, *((-sign, row, scoring) for sign, row, scoring in worth))
    endings = {FLAG_ABOVE_CHANCE: "-above-chance", "flag_precision": ""}
    others = (FLAG_LIFT, "wrong_labels", "flagged", "flag_recall", "flag_average_precision")
    lower = "wrong-side-labels-lower-flag-precision"
    told = {metric: (lower, ending) for metric, ending in endings.items()}
    told |= dict.fromkeys(others, ("", ""))
    return (
        *_variant(WRONG_SIDE, claim),
        *_scores(beyond, BEYOND_TRUTH_WORDS, claim, "-truth"),
        *_scores(worth, TRUTH_WORDS),
        *(
            Reading(beats(WRONG_SIDE, AS_WRITTEN, metric), FLAG_WORDS, *named, FLAGS)
            for metric, named in told.items()
        ),
    )


def _best_epoch() -> tuple[Reading, ...]:
    claim = "best-epoch-flatters"
    figure = ((1, AS_WRITTEN, BEST), (-1, AS_WRITTEN, AS_REPORTED))
    worth = ((1, AS_WRITTEN, BEST_FRESH), (-1, AS_WRITTEN, FRESH))
    beyond = (*figure, *((-sign, row, scoring) for sign, row, scoring in worth))
    return (
        *_scores(figure, REPORTED_WORDS, claim, f1=HIGHEST_GIVEN),
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
            note=SPREAD_NOTE,
        )
        for metric, ending in zip(SCORES, ("", "-auc"), strict=True)
    )
    given = dict.fromkeys(SCORES, PART_GIVEN)
    same = "dropped-batch-moves-no-mean"
    return (*_scores(means, REPORTED_WORDS, same, kind=MOVED, **given), *spreads)


def _curated(row: str) -> tuple[Reading, ...]:
    """Return how far curated labels lift a row, and how much of its gain is not in the truth."""
    claim = f"curated-labels-flatter-{row.casefold()}"
    given = ((1, row, CURATED), (-1, row, ORIGINAL))
    truth = ((1, row, CURATED), (-1, row, TRUTH))
    gain = gain_contrasts(row, SCORES[0])["circular"].terms
    gain = tuple((term.sign, term.row, term.scoring) for term in gain)
    return (
        *_scores(given, BEYOND_GIVEN_WORDS, claim, **dict.fromkeys(SCORES, CURATED_GIVEN)),
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
        Reading(beats(better, worse, *how), told, claim, suffix, MOVED, note=CONDITIONAL)
        for how, (told, suffix) in words.items()
    )


RELEASED, TEXTS, NOWHERE = "released code", "article, thesis", "no source: a common habit"
ONLY_BOUNDS = (
    "released code: in pretraining; planted here in fine-tuning, where the release shares only the "
    "bounds of the marker counts"
)

AUDITS = (
    Audit(
        *("single views", "Folds split single views, not patients", RELEASED, "5", EXPERIMENT),
        _variant(UNGROUPED, "single-view-folds-flatter"),
        on_phantom="the size is set by what the phantom makes a patient's images share",
    ),
    *(
        Audit(
            *(f"curated by {how}", f"{row} labels of the test folds are scored on", TEXTS, "14"),
            *("table1", _curated(row)),
            known=True,
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
        on_phantom="the phantom draws the disease of the left and of the right testis "
        "independently, and where it often is in both, fewer labels go wrong and the effect is "
        "smaller",
    ),
    Audit(
        *("doubled loss", "The organ loss counts twice", RELEASED, "8", "table4"),
        _pretraining(
            *(lambda_row(2 * ORGAN_WEIGHT), lambda_row(ORGAN_WEIGHT)),
            "doubled-organ-loss-moves-headline",
        ),
        known=True,
    ),
    Audit(
        "one draw",
        "One augmentation draw for a whole batch of fine-tuning",
        *(ONLY_BOUNDS, "17", EXPERIMENT),
        _variant(ONE_DRAW, "one-draw-costs-score", optimism=False),
    ),
    Audit(
        "one draw in pretraining",
        "One augmentation draw for a whole batch of pretraining",
        *(RELEASED, "17", "table2"),
        _pretraining(ONE_DRAW_UD, UD, "one-draw-in-pretraining-costs-score"),
    ),
    Audit(
        *("best epoch", "The epoch is chosen on the test fold", NOWHERE, "", EXPERIMENT),
        _best_epoch(),
    ),
    Audit(
        "seen in pretraining",
        "Test patients' images are pretrained on, and so more testis images",
        *(TEXTS, "29", "table2"),
        _pretraining(UD, EXCLUDED, "test-images-in-pretraining-flatter"),
        known=True,
    ),
    Audit(
        "seen in generation",
        "Generator, filter and pretraining see the test patients' images, and so more testis "
        "images",
        *(TEXTS, "29", "table3"),
        _pretraining(THYROIDS_FILTERED, TABLE3_EXCLUDED, "test-images-in-generator-flatter"),
    ),
)
