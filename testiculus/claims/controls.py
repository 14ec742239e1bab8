"""Negative controls: claims on what the tables' figures are where there is nothing to be found.

Main function: `judge_controls`. No source has such controls: the sentences are ours, and `paper` is
empty. They say what should hold if the tables measure what they mean to, and were written down
before any control was run; the one exception says what Table 1's own scoring lets one expect.

What decides: scores against chance, the intervals of `controls_evidence`; differences between rows,
paired over runs, the corrected resampled t interval, as in the tables; shares of one set of images,
their exact interval.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import pandas as pd

from testiculus.claims.contrasts import Contrast, Term, beats
from testiculus.claims.controls_chance import SEED
from testiculus.claims.controls_evidence import PROBE, Evidence, over_partitions
from testiculus.claims.controls_reading import note_of
from testiculus.claims.controls_schema import (
    CHANCE,
    CHANCE_AUC,
    MARGIN,
    NOISE,
    PERMUTED,
    RANDOM_WEIGHTS,
    UNTRAINED,
    row_name,
)
from testiculus.claims.schema import BASELINE, CURATED, UD, Conditions, runs_of
from testiculus.claims.synthetic import SYNTHETIC
from testiculus.claims.verdicts import (
    CONTRADICTED,
    NAN,
    NOT_RESOLVED,
    SUPPORTED,
    Claim,
    Outcome,
    decided_by,
    joined,
    judge,
    untestable,
    verdict_of,
    verdict_of_equality,
)
from testiculus.intervals import Interval

OURS = "in no source: this project's control"
AT_CHANCE = f"at chance means within {100 * MARGIN:g} points"
NO_MORE = f"no more means at most {100 * MARGIN:g} points more"
HARDLY_ANY = f"hardly any means at most {100 * MARGIN:g} %"
FLIPPED = "Flipped"


def verdict_of_no_more(interval: Interval, margin: float = MARGIN) -> str:
    """Return the verdict on the claim that the effect is at most `margin`.

    >>> verdict_of_no_more(Interval(-0.1, -0.2, 0.0, 30, 0.1))
    'supported'
    >>> verdict_of_no_more(Interval(0.05, 0.0, 0.1, 30, 0.05))
    'not resolved'
    """
    if interval.high <= margin:
        return SUPPORTED
    return CONTRADICTED if interval.low > margin else NOT_RESOLVED


def judge_controls(evidence: Evidence, conditions: Conditions) -> pd.DataFrame:
    """Return the verdicts: one row a claim, columns as `judge` gives them.

    Effects are fractions: how far a score lies above chance, by how much one row is ahead of
    another, or a share of images. `n` counts patients, partitions, paired runs or images. Notes say
    which verdicts hold by construction or show circularity, see `controls_reading`.
    """
    claims = [
        *_permuted_claims(evidence, conditions),
        *_probe_claims(evidence),
        *_pretraining_claims(evidence, conditions),
        *_image_claims(evidence.figures),
    ]
    found = judge(claims, conditions)
    told = zip(found["claim"], found["verdict"], found["effect"], found["note"], strict=True)
    return found.assign(note=[joined(note, note_of(*claim)) for *claim, note in told])


def _claim(name: str, words: str, test: Callable[[], Outcome]) -> Claim:
    return Claim(name, words, OURS, NAN, test)


def _permuted_claims(evidence: Evidence, conditions: Conditions) -> Iterator[Claim]:
    """Yield the claims on Table 1 with labels that were dealt out anew."""
    own, turned = (row_name("table1", row, PERMUTED) for row in (BASELINE, FLIPPED))
    for metric in ("auc", "f1"):
        yield _claim(
            f"table1-permuted-{metric}-at-chance",
            "Trained and scored on labels dealt out anew among the testes, models are at chance: "
            f"{metric.upper()}.",
            partial(_at_chance, evidence, own, metric),
        )
    yield _claim(
        "table1-permuted-curated-f1-rises",
        "Where labels mean nothing, turning those that the article's rule flags still raises F1 as "
        "the article scores it, on the curated labels.",
        partial(_rises, evidence, own, turned, conditions),
    )
    yield _claim(
        "table1-permuted-curated-f1-rises-above-chance",
        "Where labels mean nothing, turning those that the article's rule flags raises F1 on the "
        "curated labels by more than the F1 of chance, which moves with the share of positives.",
        partial(_paired, _above_chance(own, turned), evidence, conditions),
    )
    yield _claim(
        "table1-permuted-curated-auc-at-chance",
        "Models trained on such curated labels are at chance on the curated labels: AUC.",
        partial(_at_chance, evidence, turned, "auc"),
    )


def _probe_claims(evidence: Evidence) -> Iterator[Claim]:
    """Yield the claims on probes of pretrained encoders for labels that were dealt out anew."""
    for table, whose in {"table2": "Tables 2 and 4 have", "table3": "Table 3 has"}.items():
        yield _claim(
            f"{table}-permuted-probe-at-chance",
            f"Asked for labels dealt out anew, the encoder of all organs that {whose} is at "
            "chance: AUC of a probe.",
            partial(_probe_at_chance, evidence, table),
        )


def _pretraining_claims(evidence: Evidence, conditions: Conditions) -> Iterator[Claim]:
    """Yield the claims on encoders that were pretrained on nothing."""
    for table, row, images in (
        ("table2", NOISE, "grey noise"),
        ("table3", UNTRAINED, "the images of an untrained generator"),
    ):
        rows = (row_name(table, row), row_name(table, RANDOM_WEIGHTS))
        yield _claim(
            f"{table}-{row.split()[0]}-no-more-than-random",
            f"Pretraining on {images} gives no more than random weights: AUC of a probe.",
            partial(
                _paired, beats(*rows, PROBE), evidence, conditions, verdict_of_no_more, NO_MORE
            ),
        )
    real = beats(row_name("table2", UD), row_name("table2", NOISE), PROBE)
    yield _claim(
        "table2-images-beat-noise",
        "Pretraining on ultrasound gives more than the same pretraining on grey noise: AUC of a "
        "probe.",
        partial(_paired, real, evidence, conditions),
    )
    yield _claim(
        "table3-trained-beats-untrained",
        "A trained generator's images give more to pretrain on than an untrained one's: AUC of a "
        "probe.",
        partial(_trained, evidence, conditions),
    )


def _image_claims(figures: pd.DataFrame) -> Iterator[Claim]:
    """Yield the claims on an untrained generator's images as they are."""
    for metric, words in {
        "precision_whole": "Fig. 4's precision takes hardly any for a real one",
        "recall_whole": "Fig. 4's recall finds hardly any real one covered",
        "kept_share": "the filter keeps hardly any",
    }.items():
        yield _claim(
            f"fig4-untrained-{metric.partition('_')[0]}",
            f"Of the images of an untrained generator, {words}.",
            partial(_hardly_any, figures, metric),
        )


def _at_chance(evidence: Evidence, row: str, metric: str) -> Outcome:
    """Judge whether a row's models are at chance on the labels that they learnt."""
    if not (evidence.predictions["row"] == row).any():
        return untestable(f"row {row} was not run")
    interval = evidence.bootstrap(row, f"{metric}_gap", CURATED)
    return _noted(decided_by(interval, interval, rule=_within), AT_CHANCE)


def _within(interval: Interval) -> str:
    return verdict_of_equality(interval, MARGIN)


def _rises(evidence: Evidence, own: str, turned: str, conditions: Conditions) -> Outcome:
    contrast = beats(turned, own, "f1")
    if missing := contrast.missing(evidence.results):
        return untestable(missing)
    interval = contrast.interval(evidence.results, conditions)
    return decided_by(interval, contrast.bootstrap(evidence.predictions, seed=SEED))


def _above_chance(own: str, turned: str) -> Contrast:
    """Return how far F1 less its closed-form chance rises from a row to the one turned over."""
    figure = (Term(1, turned), Term(-1, own))
    return Contrast("f1", (*figure, Term(-1, turned, CHANCE), Term(1, own, CHANCE)))


def _probe_at_chance(evidence: Evidence, table: str) -> Outcome:
    row = evidence.permuted_probe_row(table)
    if row is None:
        return untestable("no encoder was probed for permuted labels")
    interval = over_partitions(runs_of(evidence.results, row, PROBE) - CHANCE_AUC)
    return _noted(decided_by(interval, rule=_within), AT_CHANCE)


def _paired(
    contrast: Contrast,
    evidence: Evidence,
    conditions: Conditions,
    rule: Callable[[Interval], str] = verdict_of,
    note: str = "",
) -> Outcome:
    if missing := contrast.missing(evidence.results):
        return untestable(missing)
    interval = contrast.interval(evidence.results, conditions)
    return _noted(decided_by(interval, rule=rule), note)


def _trained(evidence: Evidence, conditions: Conditions) -> Outcome:
    """Judge Table 3's own row against the control, on the same partitions."""
    if "table3" not in evidence.others:
        return untestable(evidence.missing.get("table3", "table3 was not run"))
    both = pd.concat([evidence.results, evidence.others["table3"]], ignore_index=True)
    terms = (Term(1, SYNTHETIC), Term(-1, row_name("table3", UNTRAINED)))
    return _paired(Contrast(PROBE, terms), replace(evidence, results=both), conditions)


def _hardly_any(figures: pd.DataFrame, metric: str) -> Outcome:
    found = figures[(figures["metric"] == metric) & figures["value"].notna()]
    if found.empty:
        return untestable(f"no {metric}: too few images")
    one = found.iloc[0]
    half = (one["ci_high"] - one["ci_low"]) / 2
    interval = Interval(one["value"], one["ci_low"], one["ci_high"], int(one["n"]), half)
    return _noted(decided_by(interval, rule=verdict_of_no_more), HARDLY_ANY)


def _noted(outcome: Outcome, note: str) -> Outcome:
    return replace(outcome, note=joined(note, outcome.note))
