"""From finished trainings of the audits to tidy figures: last and best epoch, dropped batch, flags.

Main functions: `result_frame`, `epoch_frame`, `prediction_frame` and `flag_frame`. What the suffix
of a metric means stands in `claims.audits_schema`.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from testiculus.base.devices import derive_seed
from testiculus.claims.audits_schema import (
    AS_REPORTED,
    AS_WRITTEN,
    BEST,
    BEST_FRESH,
    DROPPED,
    DROPPED_SPREAD,
    EXPERIMENT,
    FLAG_METRICS,
    FRESH,
    TRUTH,
)
from testiculus.claims.schema import RESULT_COLUMNS
from testiculus.classification_metrics import METRICS, scores
from testiculus.data.images import ImageSet
from testiculus.experiments.audits_variants import Variant
from testiculus.experiments.crossval import RowRun
from testiculus.experiments.curation import loss_records
from testiculus.noise import Rule, flag_table, known_wrong, separation

SHUFFLES = 200  # orders of a test fold that the dropped batch is averaged over
EPOCH_COLUMNS = ("row", "seed", "fold", "epoch", "metric", "value")
EPOCH_METRICS = ("f1", "auc")
TEST, FRESH_PATIENTS = "test", "fresh"  # whose images a prediction is of
PREDICTION_ORDER = (
    *("row", "seed", "fold", "patients", "image", "patient"),
    *("label", "curated_label", "true_label", "probability"),
)
Scored = dict[str, tuple[np.ndarray, np.ndarray]]  # suffix -> labels (n,), probabilities (looks, n)


def result_frame(
    runs: Sequence[RowRun],
    variants: Mapping[str, Variant],
    images: ImageSet,
    fresh: ImageSet | None,
    batch_size: int,
) -> pd.DataFrame:
    """Return the metrics of every run, tidy; of the article's protocol also best and dropped."""
    lines = []
    for done in runs:
        told = scored(done, variants[done.plan.row], images, fresh)
        found = {suffix: scores(labels, chances[-1]) for suffix, (labels, chances) in told.items()}
        if done.plan.row == AS_WRITTEN:
            labels, chances = told[AS_REPORTED]
            order = derive_seed("dropped batch", done.plan.seed, done.plan.fold)
            found |= best_epoch(told) | dropped_batch(labels, chances[-1], batch_size, order)
        head = (EXPERIMENT, done.plan.row, done.plan.seed, done.plan.fold)
        for suffix, metrics in found.items():
            lines += [(*head, name + suffix, float(value)) for name, value in metrics.items()]
    return pd.DataFrame(lines, columns=RESULT_COLUMNS)


def scored(done: RowRun, variant: Variant, images: ImageSet, fresh: ImageSet | None) -> Scored:
    """Return, by suffix, the labels that a run is scored on and what it predicted, look by look.

    On the test fold as reported, that is on the labels the variant reads, and on true labels where
    all are known; on fresh patients' true labels where there are any.
    """
    test, arrays = done.plan.test_index, done.run.arrays
    found = {AS_REPORTED: (variant.labels[test], arrays["test"])}
    if images.frame["true_label"].notna().all():
        found[TRUTH] = (images.labels("true_label")[test], arrays["test"])
    if fresh is not None:
        found[FRESH] = (fresh.labels("true_label"), arrays["fresh"])
    return found


def best_epoch(told: Scored) -> dict[str, dict[str, float]]:
    """Return the scores at the epoch whose F1 as reported is highest, the first among equals.

    As reported, and on fresh patients where there are any.
    """
    labels, chances = told[AS_REPORTED]
    epoch = int(np.argmax(scores(labels, chances)["f1"]))
    suffixes = {AS_REPORTED: BEST, FRESH: BEST_FRESH}
    return {
        suffixes[name]: scores(labels, chances[epoch])
        for name, (labels, chances) in told.items()
        if name in suffixes
    }


def dropped_batch(
    labels: np.ndarray, chances: np.ndarray, batch_size: int, seed: int
) -> dict[str, dict[str, float]]:
    """Return each metric without the last incomplete batch, over `SHUFFLES` orders of the images.

    `labels` and `chances` are (n,). The orders depend on `seed` and n alone. The mean over orders,
    and their standard deviation (n - 1); an order that leaves a metric undefined does not count.
    Empty where there are fewer images than a batch holds.
    """
    n = len(labels)
    kept = n - n % batch_size
    if not kept:
        return {}
    places = np.tile(np.arange(n), (SHUFFLES, 1))
    places = np.random.default_rng(seed).permuted(places, axis=1)[:, :kept]
    found = pd.DataFrame(scores(labels[places], chances[places]), columns=METRICS)
    return {DROPPED: found.mean().to_dict(), DROPPED_SPREAD: found.std().to_dict()}


def epoch_frame(
    runs: Sequence[RowRun],
    variants: Mapping[str, Variant],
    images: ImageSet,
    fresh: ImageSet | None,
) -> pd.DataFrame:
    """Return F1 and AUC after every epoch (from 1 on) of the runs that looked at every one.

    Columns `EPOCH_COLUMNS`; a metric's suffix says what it is scored on.
    """
    lines = []
    for done in runs:
        variant = variants[done.plan.row]
        if variant.every_epoch:
            head = (done.plan.row, done.plan.seed, done.plan.fold)
            told = scored(done, variant, images, fresh)
            lines += [(*head, *line) for line in _epoch_lines(told)]
    return pd.DataFrame(lines, columns=EPOCH_COLUMNS)


def _epoch_lines(told: Scored) -> Iterator[tuple]:
    for suffix, (labels, chances) in told.items():
        found = scores(labels, chances)
        for metric in EPOCH_METRICS:
            for epoch, value in enumerate(found[metric], 1):
                yield epoch, metric + suffix, float(value)


def prediction_frame(
    runs: Sequence[RowRun],
    variants: Mapping[str, Variant],
    images: ImageSet,
    fresh: ImageSet | None,
) -> pd.DataFrame:
    """Return the last epoch's predictions, one line per run and image: `PREDICTION_ORDER`.

    `patients` says whether `image` counts the images ("test") or those of fresh patients ("fresh").
    `label` is the one that came with an image, `curated_label` the one that the variant reads in
    its place; a fresh patient's are empty, as nothing reads them.
    """
    parts = []
    for done in runs:
        test, own = done.plan.test_index, variants[done.plan.row].labels
        told = {"row": done.plan.row, "seed": done.plan.seed, "fold": done.plan.fold}
        on_test = _lines_of(images, test, done.run.arrays["test"][-1])
        parts.append(on_test.assign(**told, patients=TEST, curated_label=own[test]))
        if fresh is not None:
            on_fresh = _lines_of(fresh, np.arange(len(fresh)), done.run.arrays["fresh"][-1])
            parts.append(on_fresh.assign(**told, patients=FRESH_PATIENTS, label=pd.NA))
    frame = pd.concat(parts, ignore_index=True).astype({"label": "Int8", "curated_label": "Int8"})
    return frame[list(PREDICTION_ORDER)]


def _lines_of(images: ImageSet, index: np.ndarray, chances: np.ndarray) -> pd.DataFrame:
    about = images.frame[["patient", "label", "true_label"]].iloc[index].reset_index(drop=True)
    about["label"] = about["label"].astype("Int8")
    return about.assign(image=index, curated_label=pd.NA, probability=chances.astype(float))


def flag_frame(
    runs: Mapping[str, Sequence[RowRun]],
    variants: Mapping[str, Variant],
    images: ImageSet,
    rule: Rule,
) -> pd.DataFrame:
    """Return what the article's rule flags under each row's labels, one line per row and image.

    `runs` holds all trainings of a row, from every start. `label` is the one that the row reads.
    """
    parts = []
    for row, finished in runs.items():
        told = (rule.loss_threshold, rule.occasions, rule.occasion, rule.evaluations)
        table = flag_table(loss_records(finished), len(images), *told, also=())
        about = images.frame[["image", "patient", "true_label"]].reset_index(drop=True)
        about = about.assign(row=row, label=variants[row].labels)
        parts.append(about.join(table))
    columns = ("row", "image", "patient", "label", "true_label")
    shown = (*columns, "times_flagged", "evaluations", "suspicious")
    return pd.concat(parts, ignore_index=True)[list(shown)]


def flag_results(flags: pd.DataFrame) -> pd.DataFrame:
    """Return how many labels are wrong under each row, and what the flags find: `FLAG_METRICS`.

    All trainings together: seed and fold are 0. Of images whose true label is known; where none is,
    only the share that is flagged. Precision is NaN where nothing is flagged.
    """
    lines = []
    for row, part in flags.groupby("row", sort=False):
        known, wrong = known_wrong(part)
        flagged, times = part["suspicious"].to_numpy(), part["times_flagged"].to_numpy()
        found = {"flagged": float(flagged.mean())}
        if known.any():
            told = separation(times[known], wrong[known], flagged[known])
            found |= {"wrong_labels": float(wrong[known].mean())}
            found |= {f"flag_{name}": value for name, value in told.items()}
        lines += [
            (EXPERIMENT, row, 0, 0, name, found[name]) for name in FLAG_METRICS if name in found
        ]
    return pd.DataFrame(lines, columns=RESULT_COLUMNS)
