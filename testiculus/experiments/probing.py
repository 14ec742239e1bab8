"""Does the encoder know more? Linear probes and nearest neighbours on frozen features.

Main function: `probe_encoders`. Every encoder is asked for the label (and for the scanner) over
several patient-grouped partitions; what is learnt and what is scored are named as in `scoring`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch

from testiculus.base.progress import progress
from testiculus.claims.schema import CLEAN, PROBE_COLUMNS
from testiculus.classification_metrics import scores
from testiculus.data.images import ImageSet
from testiculus.experiments.crossval import Start
from testiculus.experiments.scoring import scored_columns
from testiculus.models import build_classifier
from testiculus.representation import (
    class_probabilities,
    features,
    knn_labels,
    linear_probe,
    mean_auc,
    plane,
)

if TYPE_CHECKING:
    from testiculus.experiments.row_encoders import Pretrained
    from testiculus.experiments.unlabelled import Unlabelled

MAP_IMAGES = 1500  # of the 2-D picture: more are slow and hide one another
MAP_COLUMNS = ("x", "y", "organ", "device", "label", "true_label")


@dataclass(frozen=True, eq=False)
class Frozen:
    """An encoder to probe: its row, its pretraining seed, and what it starts from.

    `partitions` names the partitions to ask it in (None: all) and `fold` the one fold to score.
    """

    row: str
    seed: int
    start: Start
    partitions: tuple[int, ...] | None = None
    fold: int | None = None

    def encoder(self) -> torch.nn.Module:
        """Build or load the encoder."""
        start = self.start
        return build_classifier(start.initialisation, self.seed, file=start.file).encoder


def probe_encoders(
    encoders: Sequence[Frozen],
    images: ImageSet,
    flipped: np.ndarray,
    truth: np.ndarray | None,
    partitions: dict[int, np.ndarray],
    device: torch.device,
) -> pd.DataFrame:
    """Return every encoder's probe figures: row, pretraining_seed, seed, fold, metric, value.

    `seed` is the number of the partition. Metrics are the scores with `probe_` before them, and
    `knn_accuracy`; without suffix learnt and scored on the `flipped` labels (int64, N), `_original`
    and `_truth` the same predictions scored by other labels, `_clean` learnt and scored on the
    truth (None where it is not known). `scanner_auc` is the probe's for the device (of more than
    two: the mean over one against the rest), where at least two are known.
    """
    lines = []
    for frozen in progress(encoders, desc="probing encoders", unit="encoder"):
        found = features(frozen.encoder(), images.pixels, device)
        numbers = partitions if frozen.partitions is None else frozen.partitions
        for number in numbers:
            told = _partition(found, images, flipped, truth, partitions[number])
            lines += [
                (frozen.row, frozen.seed, number, fold, metric, value)
                for fold, metric, value in told
                if frozen.fold in (None, fold)
            ]
    return pd.DataFrame(lines, columns=PROBE_COLUMNS)


def _partition(
    found: np.ndarray,
    images: ImageSet,
    flipped: np.ndarray,
    truth: np.ndarray | None,
    folds: np.ndarray,
) -> Iterator[tuple[int, str, float]]:
    """Yield fold, metric and value of all probes on one partition."""
    table = images.frame[["label", "true_label"]].assign(curated_label=flipped)
    scorings = {suffix: table[c].to_numpy(np.int64) for suffix, c in scored_columns(table).items()}
    yield from _label_probes(found, flipped, scorings, folds)
    if truth is not None:
        yield from _label_probes(found, truth, {CLEAN: truth}, folds)
    yield from _scanner_probe(found, images.frame["device"], folds)


def _label_probes(
    found: np.ndarray, learnt: np.ndarray, scorings: dict[str, np.ndarray], folds: np.ndarray
) -> Iterator[tuple[int, str, float]]:
    if not _trainable(learnt, folds):
        return
    probabilities = linear_probe(found, learnt, folds)
    neighbours = knn_labels(found, learnt, folds)
    for suffix, labels in scorings.items():
        for fold in np.unique(folds):
            test = folds == fold
            told = scores(labels[test], probabilities[test])
            for metric, value in told.items():
                yield int(fold), f"probe_{metric}{suffix}", value
            yield int(fold), f"knn_accuracy{suffix}", float((neighbours == labels)[test].mean())


def _scanner_probe(
    found: np.ndarray, devices: pd.Series, folds: np.ndarray
) -> Iterator[tuple[int, str, float]]:
    """Yield the AUC with which a linear probe tells scanners apart; images of unknown ones rest."""
    known = devices.notna().to_numpy() & (devices != "").to_numpy()
    classes = np.unique(devices[known].astype(str), return_inverse=True)[1]
    if len(np.unique(classes)) < 2 or not _trainable(classes, folds[known]):
        return
    probabilities = class_probabilities(found[known], classes, folds[known])
    for fold in np.unique(folds[known]):
        test = folds[known] == fold
        auc = mean_auc(classes[test], probabilities[test])
        if np.isfinite(auc):
            yield int(fold), "scanner_auc", auc


def _trainable(classes: np.ndarray, folds: np.ndarray) -> bool:
    """Return whether there are two folds or more, each with two classes outside it."""
    found = np.unique(folds)
    return len(found) > 1 and all(len(np.unique(classes[folds != f])) > 1 for f in found)


def feature_map(pretrained: "Pretrained", ud: "Unlabelled", device: torch.device) -> pd.DataFrame:
    """Return a 2-D picture of an encoder's features on UD: x, y, organ, device, label, true_label.

    At most `MAP_IMAGES` images, as many of each organ as there are, the labelled ones first.
    """
    from testiculus.base.devices import generator

    order = torch.randperm(len(ud), generator=generator("map")).numpy()
    quota = MAP_IMAGES // len(ud.organs)
    frame = ud.frame.assign(unlabelled=ud.frame["label"].isna()).iloc[order]
    first = frame.sort_values("unlabelled", kind="stable").groupby("organ", sort=False).head(quota)
    chosen = np.sort(first.index.to_numpy())
    encoder = Frozen("", 0, Start("", pretrained.file)).encoder()
    coordinates = plane(features(encoder, ud.pixels[torch.from_numpy(chosen)], device), seed=0)
    table = ud.frame.loc[chosen].reset_index(drop=True)
    return table.assign(x=coordinates[:, 0], y=coordinates[:, 1])[list(MAP_COLUMNS)]
