"""Peers of the article's rule: other ways to rank labels by suspicion, from the same trainings.

`score_table` gives each image one score per rule, higher for more suspicious, from the losses and
the held-out predictions that a cross-validation leaves anyway. `flagged` takes as many images as a
budget allows, and `precision_at_planted` says how many of them are wrong.

The rules: the article's own (section 3); confident learning (Northcutt, Jiang & Chuang 2021,
"Confident learning", JAIR 70, by their library cleanlab); the area under the margin (Pleiss et al.
2020, "Identifying mislabeled data using the area under the margin ranking", NeurIPS); the
confidence of data maps (Swayamdipta et al. 2020, "Dataset cartography", EMNLP); the mean loss; and
a random order.
"""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from testiculus.noise import (
    LossRecord,
    Rule,
    exceedance_matrix,
    flags_from,
)

Records = Sequence[tuple[LossRecord, np.ndarray]]

ARTICLE = "article's rule"
CLEANLAB = "cleanlab"
MARGIN = "area under the margin"
CONFIDENCE = "data-map confidence"
MEAN_LOSS = "mean loss"
RANDOM = "random"
RULES = (ARTICLE, CLEANLAB, MARGIN, CONFIDENCE, MEAN_LOSS, RANDOM)
PEERS = tuple(rule for rule in RULES if rule != ARTICLE)
# The article's rule with nothing but its own count, images of the same count left tied.
TIED = "article's rule, ties kept"
# In float32 a cross-entropy cannot be told from 0 once the margin exceeds -log(2^-24).
SMALLEST_LOSS = 2.0**-24


def score_table(
    records: Records, labels: np.ndarray, probabilities: np.ndarray, rule: Rule | None = None
) -> pd.DataFrame:
    """Return one score per image and rule, float64, higher for more suspicious; columns by rule.

    `records` pairs the losses of each training with the images it used; `labels` (int 0 or 1, N)
    are those that were trained on; `probabilities` (N) are the positive class's, of models that did
    not train on the image. `rule` is the article's, with its defaults. No score is missing: what no
    training ever drew is the least suspicious (see `draw_means`). Columns: `RULES`, then `TIED`.
    """
    n, rule = len(labels), rule or Rule()
    times, exceeded = _article_counts(records, n, rule)
    table = {
        ARTICLE: times + exceeded / (1 + exceeded.max(initial=0)),
        CLEANLAB: confident_learning_scores(labels, probabilities),
        MARGIN: _filled(-draw_means(records, n, margins)),
        CONFIDENCE: _filled(1 - draw_means(records, n, label_probabilities)),
        MEAN_LOSS: _filled(draw_means(records, n, np.asarray)),
        RANDOM: np.zeros(n),
        TIED: times.astype(np.float64),
    }
    return pd.DataFrame(table)


def _article_counts(records: Records, n: int, rule: Rule) -> tuple[np.ndarray, np.ndarray]:
    """Return in how many runs each image was flagged, and its exceedances over all runs."""
    matrix = exceedance_matrix(records, n, rule.loss_threshold, rule.occasion)
    times = flags_from(matrix, rule.occasions)["times_flagged"].to_numpy()
    return times, np.maximum(matrix, 0).sum(axis=0)


def confident_learning_scores(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Return cleanlab's ranking as scores between 0 and 2, float64 (N,).

    1 - the label's quality (its own held-out probability, cleanlab's default), plus 1 where
    confident learning calls the label an issue (`find_label_issues` with its defaults: as many
    images of a class as its estimated noise rate says). So its issues come first, the worst ahead.
    `labels` int 0 or 1 (N,), both present; `probabilities` held out, of the positive class.
    """
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores

    labels = np.asarray(labels, dtype=np.int64)
    positive = np.asarray(probabilities, dtype=np.float64)
    both = np.stack([1 - positive, positive], axis=1)
    issues = find_label_issues(labels, both, n_jobs=1)
    return issues.astype(np.float64) + 1 - get_label_quality_scores(labels, both)


def margins(loss: np.ndarray) -> np.ndarray:
    """Return each draw's margin, the label's logit less the other's, from its cross-entropy.

    With two classes p = exp(-loss) is the label's probability, and the margin is log(p / (1 - p)).
    `loss` in nats, not negative; float64 of the same shape. A loss of 0, which is a rounding,
    counts as `SMALLEST_LOSS`.

    >>> margins(np.array([np.log(2), 3.0])).round(3).tolist()
    [0.0, -2.949]
    """
    loss = np.maximum(np.asarray(loss, dtype=np.float64), SMALLEST_LOSS)
    return -loss - np.log(-np.expm1(-loss))


def label_probabilities(loss: np.ndarray) -> np.ndarray:
    """Return the probability that the model gave the label at each draw, exp(-loss), float64."""
    return np.exp(-np.asarray(loss, dtype=np.float64))


def draw_means(records: Records, n: int, of: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Return the mean of `of`(loss) over every draw of every training, float64 (n,).

    All draws count the same, whichever training and epoch they are from. NaN for an image that was
    never drawn: the sampler draws with replacement.
    """
    total, count = np.zeros(n), np.zeros(n, dtype=np.int64)
    for record, _ in records:
        sample = record.sample.ravel().astype(np.int64)
        values = np.asarray(of(record.loss), dtype=np.float64).ravel()
        total += np.bincount(sample, weights=values, minlength=n)
        count += np.bincount(sample, minlength=n)
    return np.divide(total, count, out=np.full(n, np.nan), where=count > 0)


def _filled(scores: np.ndarray) -> np.ndarray:
    """Return scores in which a missing one is as low as the lowest, or 0 where all are missing."""
    known = scores[~np.isnan(scores)]
    return np.where(np.isnan(scores), known.min() if len(known) else 0.0, scores)


def flagged(scores: np.ndarray, budget: int, generator: np.random.Generator) -> np.ndarray:
    """Return the `budget` most suspicious images, bool (N,); `generator` decides among equals.

    Raises ValueError for a budget below 0 or above N.

    >>> flagged(np.array([0.1, 0.9, 0.5]), 2, np.random.default_rng(0)).tolist()
    [False, True, True]
    """
    if not 0 <= budget <= len(scores):
        raise ValueError(f"a budget of {budget} of {len(scores)} images")
    order = np.lexsort((generator.permutation(len(scores)), -np.asarray(scores)))
    chosen = np.zeros(len(scores), dtype=bool)
    chosen[order[:budget]] = True
    return chosen


def precision_at_planted(
    scores: np.ndarray, wrong: np.ndarray, weights: np.ndarray | None = None
) -> np.ndarray:
    """Return which share of the most suspicious images is wrong, float64 (draws,).

    As many images are taken as there are wrong labels, so that this is precision and recall in one.
    `scores` (N,), `wrong` bool (N,), `weights` draws x N as in `noise.average_precision`. Of images
    with equal scores, of which only some fit, the share is taken that a random order would give on
    average. NaN where no wrong label has any weight.

    >>> precision_at_planted(np.array([3, 2, 2, 0]), np.array([True, True, False, False]))
    array([0.75])
    """
    scores, wrong = np.asarray(scores), np.asarray(wrong, dtype=bool)
    weights = np.ones((1, len(scores))) if weights is None else weights
    order = np.argsort(-scores, kind="stable")
    weights, wrong = weights[:, order], wrong[order]
    last_of_level = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))
    taken = np.cumsum(weights, axis=1)[:, last_of_level]
    found = np.cumsum(weights * wrong, axis=1)[:, last_of_level]
    budget = found[:, -1:]
    before = [np.pad(levels, ((0, 0), (1, 0)))[:, :-1] for levels in (taken, found)]
    room = np.clip(budget - before[0], 0, taken - before[0])  # of each level, how much fits
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(taken > before[0], room / (taken - before[0]), 0.0)
        return ((found - before[1]) * share).sum(axis=1) / budget[:, 0]
