"""Which rule finds wrong labels? The article's against its peers, as claims of this project's own.

`Rankings` holds every image's scores under every condition; `judge_peers` gives the claims their
verdicts, `summary_frame` and `choice_frame` the figures behind them. No source compares rules: the
sentences are ours, and `paper` is empty.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial

import numpy as np
import pandas as pd

from testiculus.base.progress import progress
from testiculus.claims.contrasts import Contrast, beats
from testiculus.claims.peers_schema import (
    AS_LABELLED,
    AVERAGE_PRECISION,
    BORDERLINE,
    CHOICE_COLUMNS,
    CHOICE_METRICS,
    CURATIONS,
    FRAME_MISSES,
    PLANTED,
    RANDOM_NOISE,
    RANKING_METRICS,
    SCORE_COLUMNS,
    SCORED_RULES,
    SUMMARY_COLUMNS,
    WITHIN_LABEL,
    curated_row,
    slug,
)
from testiculus.claims.schema import BASELINE, TRUTH, Conditions, require_columns
from testiculus.claims.verdicts import NAN, Claim, Outcome, decided_by, judge, untestable
from testiculus.intervals import BOOTSTRAP_DRAWS, Interval, patient_bootstrap
from testiculus.noise import average_precision, known_wrong
from testiculus.noise.peers import ARTICLE, PEERS, RULES, precision_at_planted

OURS = "in no source: this project's comparison"
BOOTSTRAP_SEED = 0
CURATED_METRIC = "f1"


def within_label(
    scores: np.ndarray, wrong: np.ndarray, labels: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Return the average precision among images of one label, float64 (draws,).

    `scores` (N,), `wrong` bool (N,), `labels` 0 or 1 (N,), `weights` draws x N. The mean over both
    labels, each weighted by its number of wrong ones; NaN where none has any weight.

    >>> one, wrong = np.ones((1, 4)), np.array([True, False, False, False])
    >>> within_label(np.array([1, 0, 5, 6]), wrong, np.array([0, 0, 1, 1]), one)
    array([1.])
    """
    found, number = np.zeros(len(weights)), np.zeros(len(weights))
    for label in np.unique(labels):
        own = labels == label
        counted = (weights * wrong)[:, own].sum(axis=1)
        part = average_precision(scores[own], wrong[own], weights[:, own])
        found += np.where(counted > 0, part * counted, 0.0)
        number += counted
    return np.divide(found, number, out=np.full(len(weights), NAN), where=number > 0)


def _measure(metric: str, part: pd.DataFrame, rule: str, weights: np.ndarray) -> np.ndarray:
    scores, wrong = part[rule].to_numpy(), part["wrong"].to_numpy()
    if metric == WITHIN_LABEL:
        return within_label(scores, wrong, part["label"].to_numpy(dtype=np.int64), weights)
    measure = average_precision if metric == AVERAGE_PRECISION else precision_at_planted
    return measure(scores, wrong, weights)


@dataclass(frozen=True, eq=False)
class Rankings:
    """Every image's score under every condition and rule, and which labels are wrong there.

    `scores` has `SCORE_COLUMNS`; images whose true label is not known are left out. Intervals are
    patient bootstraps (`draws`, `seed`) with the trained models held fixed.
    """

    scores: pd.DataFrame
    draws: int = BOOTSTRAP_DRAWS
    seed: int = BOOTSTRAP_SEED
    _values: dict[tuple[str, str, str], list[np.ndarray]] = field(default_factory=dict, repr=False)

    def __post_init__(self):
        require_columns(self.scores, SCORE_COLUMNS, "scores")

    @cached_property
    def parts(self) -> dict[str, pd.DataFrame]:
        """The images of known truth per condition, with a column `wrong`, in the frame's order."""
        known, wrong = known_wrong(self.scores)
        told = self.scores.assign(wrong=wrong)[known]
        return {name: part for name, part in told.groupby("condition", sort=False)}

    def of_kind(self, kind: str) -> list[str]:
        """Return the conditions of a kind of noise."""
        return [name for name, part in self.parts.items() if part["kind"].iloc[0] == kind]

    @property
    def deciding(self) -> list[str]:
        """The conditions that decide which rule to use: those planted, else the labels as given."""
        planted = [name for kind in PLANTED for name in self.of_kind(kind)]
        return planted or self.of_kind(AS_LABELLED)

    def interval(
        self, conditions: Sequence[str], rule: str, metric: str, less: str = ""
    ) -> Interval:
        """Return a rule's mean over conditions of the same images, or its lead over `less`.

        Raises ValueError where the conditions' images differ.
        """
        parts = [self.parts[name] for name in conditions]
        patients = parts[0]["patient"].astype(str).to_numpy()
        if any(not np.array_equal(part["image"], parts[0]["image"]) for part in parts):
            raise ValueError(f"the images of {', '.join(conditions)} are not the same")
        calls = iter(range(1 + self.draws))  # a bootstrap's calls come in the same order every time

        def statistic(weights: np.ndarray) -> np.ndarray:
            call = next(calls)
            values = [self._value((name, rule, metric), call, weights) for name in conditions]
            if less:
                rivals = [self._value((name, less, metric), call, weights) for name in conditions]
                values = [own - rival for own, rival in zip(values, rivals, strict=True)]
            return np.mean(values, axis=0)

        return patient_bootstrap(statistic, patients, seed=self.seed, draws=self.draws)

    def _value(self, key: tuple[str, str, str], call: int, weights: np.ndarray) -> np.ndarray:
        """Return a condition's, rule's and metric's value at the weights of a bootstrap's call.

        Same patients, draws and seed, same weights: what one interval computed serves all others.
        """
        known = self._values.setdefault(key, [])
        if call == len(known):
            known.append(_measure(key[2], self.parts[key[0]], key[1], weights))
        return known[call]


def summary_frame(rankings: Rankings) -> pd.DataFrame:
    """Return each rule's average precision and precision at the planted number, per condition.

    Columns `SUMMARY_COLUMNS`, fractions; the intervals are over patients.
    """
    lines = []
    for name, part in progress(list(rankings.parts.items()), desc="intervals", unit="condition"):
        head = (name, part["kind"].iloc[0], part["rate"].iloc[0])
        for rule in SCORED_RULES:
            for metric in RANKING_METRICS:
                found = rankings.interval([name], rule, metric)
                values = (found.effect, found.low, found.high, found.n)
                counts = (len(part), int(part["wrong"].sum()))
                lines.append((*head, rule, metric, *values, *counts))
    return pd.DataFrame(lines, columns=list(SUMMARY_COLUMNS))


def choice_frame(rankings: Rankings) -> pd.DataFrame:
    """Return the rules, the best first, by mean average precision over the conditions that decide.

    In two blocks: among all images, and among images of one label. `behind` is the best rule's lead
    with its paired interval over patients; `as_good` says that the interval holds zero, so that the
    two cannot be told apart here (always so of the best itself).
    """
    lines = [line for metric in CHOICE_METRICS for line in _choice_lines(rankings, metric)]
    return pd.DataFrame(lines, columns=list(CHOICE_COLUMNS))


def _choice_lines(rankings: Rankings, metric: str) -> Iterator[tuple]:
    names = rankings.deciding
    values = {rule: rankings.interval(names, rule, metric).effect for rule in RULES}
    best = max(values, key=values.get)
    for rule in sorted(RULES, key=values.get, reverse=True):
        lead = rankings.interval(names, best, metric, less=rule)
        same = rule == best or not lead.low > 0
        behind = (lead.effect, lead.low, lead.high)
        yield metric, rule, values[rule], *behind, rule == best, same, len(names)


def judge_peers(
    rankings: Rankings,
    results: pd.DataFrame,
    predictions: pd.DataFrame,
    conditions: Conditions,
) -> pd.DataFrame:
    """Return the verdicts: one row a claim, columns as `judge` gives them.

    That the article's rule ranks wrong labels better than each peer, under each kind of noise on
    average over its rates, and among images of one label over all conditions that decide, is
    decided by the patient bootstrap of the difference in average precision. That models trained on
    labels curated by it are better than others, in F1 on true labels, is decided by the corrected
    resampled t interval over paired runs, with the bootstrap beside it. Effects are fractions,
    positive where the article's rule is ahead.
    """
    trained = _curation_claims(rankings, results, predictions, conditions)
    return judge([*_ranking_claims(rankings), *trained], conditions)


ERRORS = {  # what a claim about rankings is about, in words
    RANDOM_NOISE: "labels turned over at random, on average over the planted rates",
    FRAME_MISSES: "frames that show nothing, on average over the planted rates",
    BORDERLINE: "borderline cases, on average over the planted rates",
    AS_LABELLED: "the labels as they came",
}


def _ranking_claims(rankings: Rankings) -> Iterator[Claim]:
    for kind, errors in ERRORS.items():
        for peer in PEERS:
            words = f"The article's rule ranks wrong labels higher than {peer} does: {errors}."
            name = f"article-ranks-above-{slug(peer)}-{slug(kind)}"
            yield Claim(name, words, OURS, NAN, partial(_ranking, rankings, kind, peer))
    for peer in PEERS:
        words = (
            f"Among images of one label, the article's rule ranks wrong labels higher than {peer} "
        )
        words += "does: on average over the conditions that decide which rule to use."
        name = f"article-ranks-above-{slug(peer)}-within-label"
        yield Claim(name, words, OURS, NAN, partial(_within, rankings, peer))


def _ranking(rankings: Rankings, kind: str, peer: str) -> Outcome:
    names = rankings.of_kind(kind)
    if not names:
        return untestable(f"no errors of this kind ({kind}) were there to be found")
    found = rankings.interval(names, ARTICLE, AVERAGE_PRECISION, less=peer)
    return decided_by(found, found)


def _within(rankings: Rankings, peer: str) -> Outcome:
    found = rankings.interval(rankings.deciding, ARTICLE, WITHIN_LABEL, less=peer)
    return decided_by(found, found)


def _curation_claims(
    rankings: Rankings, results: pd.DataFrame, predictions: pd.DataFrame, conditions: Conditions
) -> Iterator[Claim]:
    for curation in CURATIONS:
        rivals = {"labels left as they were": ("nothing", BASELINE)}
        for peer in PEERS:
            rivals[f"as many {curation} by {peer}"] = (slug(peer), curated_row(peer, curation))
        for named, (short, row) in rivals.items():
            contrast = beats(curated_row(ARTICLE, curation), row, CURATED_METRIC, TRUTH)
            test = partial(_curation, contrast, rankings, results, predictions, conditions)
            words = f"Labels {curation} by the article's rule train better models than {named}."
            yield Claim(f"article-{curation}-beats-{short}", words, OURS, NAN, test)


def _curation(
    contrast: Contrast,
    rankings: Rankings,
    results: pd.DataFrame,
    predictions: pd.DataFrame,
    conditions: Conditions,
) -> Outcome:
    if missing := contrast.missing(results):
        return untestable(missing)
    beside = contrast.bootstrap(predictions, seed=rankings.seed, draws=rankings.draws)
    return decided_by(contrast.interval(results, conditions), beside)
