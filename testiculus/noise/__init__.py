"""Label noise: which training samples keep a high loss, and whether those labels are wrong.

The rule is the article's (section 3): a sample is suspicious in a run if its training loss exceeds
1.0 on at least three occasions, and suspicious altogether if that holds in every run that trained
on it. `Rule` is that rule with its numbers, `flag_table` applies it to recorded losses, and
`separation` compares it with the label errors that `known_wrong` names.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from testiculus.base.errors import UserError, one_of
from testiculus.paper import EVALUATIONS, LOSS_THRESHOLD, OCCASIONS

OCCASION_KINDS = ("draw", "epoch")
COMPARED_OCCASIONS = (1, 3, 4, 5)  # article: 3, "four and five also tested"; thesis: 1, 3 and 5
NOT_TRAINED_ON = -1


@dataclass(frozen=True)
class Rule:
    """When an image is suspicious: the defaults are the article's rule (section 3).

    In one run, a loss above `loss_threshold` (nats) is an exceedance, counted per `occasion`
    ("draw" or "epoch", see `exceedances`), and `occasions` of them flag the image. It is suspicious
    if flagged in `evaluations` runs (None: in all that trained on it). Raises UserError for another
    occasion.
    """

    loss_threshold: float = LOSS_THRESHOLD
    occasions: int = OCCASIONS
    occasion: str = "draw"
    evaluations: int | None = None

    def __post_init__(self):
        one_of(self.occasion, OCCASION_KINDS, "occasion")

    def of_a_run(self) -> str:
        """Return what flags an image in one run, in words.

        >>> Rule().of_a_run(), Rule(0.5, 1, "epoch").of_a_run()
        ('loss > 1 at 3 or more draws', 'mean loss > 0.5 in 1 or more epochs')
        """
        loss, at = ("loss", "at") if self.occasion == "draw" else ("mean loss", "in")
        return f"{loss} > {self.loss_threshold:g} {at} {self.occasions} or more {self.occasion}s"

    def in_words(self) -> str:
        """Return the whole rule in words.

        >>> Rule(evaluations=12).in_words()
        'loss > 1 at 3 or more draws, in 12 or more of the trainings that used the image'
        """
        runs = "all" if self.evaluations is None else f"{self.evaluations} or more"
        return f"{self.of_a_run()}, in {runs} of the trainings that used the image"


@dataclass(frozen=True)
class LossRecord:
    """The loss of every draw of one training run.

    `sample` holds the index of the drawn image in the whole image set, int (epochs, draws);
    `loss` its cross-entropy at that moment, in nats, float (epochs, draws), both in the order of
    drawing. Raises ValueError for shapes that differ and UserError for a loss that is NaN.
    """

    sample: np.ndarray
    loss: np.ndarray

    def __post_init__(self):
        if self.sample.ndim != 2 or self.sample.shape != self.loss.shape:
            raise ValueError(
                f"sample and loss must both be epochs x draws: {self.sample.shape} and "
                f"{self.loss.shape}"
            )
        if np.isnan(self.loss).any():
            raise UserError(
                "a recorded training loss is not a number: the run has diverged",
                remedy="lower the learning rates (ENCODER_LR, HEAD_LR), or train in fp32",
            )


def exceedances(
    record: LossRecord, n: int, threshold: float = LOSS_THRESHOLD, occasion: str = "draw"
) -> np.ndarray:
    """Return on how many occasions each of `n` images had a loss above `threshold`, int64 (n,).

    With occasion "draw" every draw counts (article, section 3: "on at least three occasions"); with
    "epoch" an image's losses within one epoch are averaged first, as in the released code. The
    sampler draws with replacement, so the two differ. Raises UserError for another occasion and
    ValueError for a sample index outside 0..n-1.
    """
    one_of(occasion, OCCASION_KINDS, "occasion")
    sample = record.sample.astype(np.int64)
    if sample.size and (sample.min() < 0 or sample.max() >= n):
        raise ValueError(f"the record names images outside 0..{n - 1}")
    if occasion == "draw":
        return np.bincount(sample[record.loss > threshold], minlength=n)
    epochs = len(sample)
    cell = (np.arange(epochs)[:, None] * n + sample).ravel()
    count = np.bincount(cell, minlength=epochs * n)
    total = np.bincount(cell, weights=record.loss.ravel().astype(np.float64), minlength=epochs * n)
    # An image that an epoch never drew has no loss there, and no occasion: 0 > threshold * 0 fails.
    return (total > threshold * count).reshape(epochs, n).sum(axis=0).astype(np.int64)


def exceedance_matrix(
    records: Sequence[tuple[LossRecord, np.ndarray]],
    n: int,
    threshold: float = LOSS_THRESHOLD,
    occasion: str = "draw",
) -> np.ndarray:
    """Return the exceedances of every run, int64 (runs, n), -1 where it did not train on an image.

    `records` pairs each run's record with the indices of the images it trained on. An image in the
    training part that the sampler never drew has 0, not -1: the run did evaluate it.
    """
    matrix = np.full((len(records), n), NOT_TRAINED_ON, dtype=np.int64)
    for row, (record, train_index) in zip(matrix, records, strict=True):
        counts = exceedances(record, n, threshold, occasion)
        outside = np.setdiff1d(np.flatnonzero(counts), train_index)
        if len(outside):
            raise ValueError(f"losses recorded for images outside the training part: {outside[:5]}")
        row[train_index] = counts[train_index]
    return matrix


def flags_from(
    matrix: np.ndarray, occasions: int = OCCASIONS, evaluations_required: int | None = None
) -> pd.DataFrame:
    """Return times_flagged, evaluations (int64) and suspicious (bool) for each image of `matrix`.

    `matrix` is `exceedance_matrix`'s. An image is flagged in a run with at least `occasions`
    exceedances, and suspicious if flagged in `evaluations_required` runs; by default in all that
    trained on it (16 in the article's protocol). An image no run trained on is never suspicious.
    """
    if occasions < 1:
        raise UserError(f"OCCASIONS={occasions} would flag every image", remedy="give 1 or more")
    evaluations = (matrix != NOT_TRAINED_ON).sum(axis=0)
    times = (matrix >= occasions).sum(axis=0)
    required = evaluations if evaluations_required is None else evaluations_required
    return pd.DataFrame(
        {
            "times_flagged": times.astype(np.int64),
            "evaluations": evaluations.astype(np.int64),
            "suspicious": (evaluations > 0) & (times >= required),
        }
    )


def flag_table(
    records: Sequence[tuple[LossRecord, np.ndarray]],
    n: int,
    threshold: float = LOSS_THRESHOLD,
    occasions: int = OCCASIONS,
    occasion: str = "draw",
    evaluations_required: int | None = None,
    also: Sequence[int] = COMPARED_OCCASIONS,
) -> pd.DataFrame:
    """Return the rule's outcome for each of `n` images: one row an image, in the set's order.

    Columns times_flagged, evaluations and suspicious (see `flags_from`) are of the rule in use. For
    every number of occasions k in `also`, and for `occasions`, there is a column times_flagged_k,
    to compare rules on the same runs.
    """
    matrix = exceedance_matrix(records, n, threshold, occasion)
    table = flags_from(matrix, occasions, evaluations_required)
    for k in sorted({*also, occasions}):
        table[f"times_flagged_{k}"] = flags_from(matrix, k)["times_flagged"]
    return table


def images_flagged_at_least(
    times_flagged: Sequence[int] | np.ndarray, evaluations: int = EVALUATIONS
) -> np.ndarray:
    """Return how many images were flagged in at least 1, 2, ... `evaluations` runs, int64.

    >>> images_flagged_at_least([0, 1, 3, 3], evaluations=4)
    array([3, 2, 2, 0])
    """
    times = np.asarray(times_flagged, dtype=np.int64)
    return (times[None, :] >= np.arange(1, evaluations + 1)[:, None]).sum(axis=1)


def average_precision(
    times_flagged: np.ndarray, wrong: np.ndarray, weights: np.ndarray | None = None
) -> np.ndarray:
    """Return the average precision of ranking `wrong` labels by `times_flagged`, float64 (draws,).

    `times_flagged` int (N,), `wrong` bool (N,), `weights` float draws x N (default: one draw of
    ones), so that a bootstrap needs no loop. AP = sum over levels of (R_k - R_(k-1)) P_k, ties
    taken together, which is scikit-learn's definition. NaN where no wrong label has any weight.
    """
    times, wrong = np.asarray(times_flagged), np.asarray(wrong, dtype=bool)
    weights = np.ones((1, len(times))) if weights is None else weights
    order = np.argsort(-times, kind="stable")
    weights, wrong = weights[:, order], wrong[order]
    last_of_level = np.flatnonzero(np.append(np.diff(times[order]) != 0, True))
    flagged = np.cumsum(weights, axis=1)[:, last_of_level]
    found = np.cumsum(weights * wrong, axis=1)[:, last_of_level]
    with np.errstate(invalid="ignore", divide="ignore"):
        recall = found / found[:, -1:]
        precision = np.where(flagged > 0, found / flagged, 0.0)
    return (np.diff(recall, prepend=0.0, axis=1) * precision).sum(axis=1)


def times_flagged(flags: pd.DataFrame, occasions: int) -> np.ndarray:
    """Return how often each image of a flag table was flagged under a rule of so many occasions.

    Raises UserError where the table was made without that number of occasions.
    """
    column = f"times_flagged_{occasions}"
    if column not in flags:
        raise UserError(f"the flags hold no {column}", remedy="make them again with that rule")
    return flags[column].to_numpy(dtype=np.int64)


def known_wrong(frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return of which rows the true label is known, and which labels are wrong, both bool (N,).

    `frame` has columns label and true_label, 0 or 1, where a missing value means not known. A label
    that cannot be compared is not counted as wrong: `wrong[known]` are the ones to reckon with.
    """
    label, truth = (pd.to_numeric(frame[c]).astype("Float64") for c in ("label", "true_label"))
    known = (label.notna() & truth.notna()).to_numpy(dtype=bool)
    return known, (label != truth).fillna(False).to_numpy(dtype=bool)


def separation(
    times_flagged: Sequence[int] | np.ndarray,
    wrong: Sequence[bool] | np.ndarray,
    suspicious: Sequence[bool] | np.ndarray,
) -> dict[str, float]:
    """Return how well the flags find labels known to be `wrong`, all of length N, as fractions.

    precision and recall are those of `suspicious`, average_precision that of ranking by
    `times_flagged`. Precision is NaN where nothing is suspicious; all are NaN where no label is
    wrong.
    """
    times, wrong, flagged = np.asarray(times_flagged), np.asarray(wrong), np.asarray(suspicious)
    if not wrong.any():
        return dict.fromkeys(("precision", "recall", "average_precision"), float("nan"))
    found = int((flagged & wrong).sum())
    return {
        "precision": found / int(flagged.sum()) if flagged.any() else float("nan"),
        "recall": found / int(wrong.sum()),
        "average_precision": float(average_precision(times, wrong)[0]),
    }
