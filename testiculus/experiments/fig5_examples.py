"""The images that Fig. 5 shows, picked by a rule and never by hand: `examples`.

One image of each class, of those whose parenchyma is outlined (of all, where none is): the one on
which the pull of the inserted markers on the model without marker augmentation is the median of its
class. The pull is what `shift_markers` measures, at strength 0 and under all kinds of markers, the
mean over seeds. Of an even number of images it is the lower of the two in the middle, of equal ones
the first in the data set's order. The class is the true one where it is known for all images, else
the label.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from testiculus.claims.attention import ALL_KINDS, NO_STRENGTH, ROWS, UNMARKED, WITHOUT
from testiculus.data.images import ImageSet
from testiculus.experiments.explained_runs import ExplainedModel
from testiculus.experiments.inserted_markers import Insertion
from testiculus.explain import gradcam_plus_plus
from testiculus.finetune.training import normalise, to_float

CONDITIONS = (UNMARKED, ALL_KINDS)
# What the images' settings call a class, and what it is called where they do not.
CLASSES = {1: ("positive_class", "positive"), 0: ("negative_class", "negative")}


@dataclass(frozen=True, eq=False)
class Example:
    """One test image, with and without markers, as two models that never saw its patient see it.

    `label` is the one that decides its class, `class_name` that class. `shift` is the median that
    it was picked by. By condition: `pictures`, uint8 (h, w). By row and condition: `maps`, float32
    (h, w) in [0, 1], and `probabilities` of the positive class. `parenchyma` (None where there is
    none) and `markers` are masks, bool (h, w). The models are those of the first seed, at `layer`.
    """

    image: str
    patient: str
    label: int
    class_name: str
    shift: float
    layer: str
    pictures: dict[str, np.ndarray]
    maps: dict[tuple[str, str], np.ndarray]
    probabilities: dict[tuple[str, str], float]
    parenchyma: np.ndarray | None
    markers: np.ndarray


def picked(measures: pd.DataFrame, images: ImageSet, layer: str) -> dict[int, tuple[int, float]]:
    """Return, by class, the position in the set of the image that the rule picks, and its shift.

    A class without an image whose shift is defined has none. `measures` has `MEASURE_COLUMNS`.
    """
    chosen = measures[
        (measures["row"] == WITHOUT)
        & (measures["strength"] == NO_STRENGTH)
        & (measures["condition"] == ALL_KINDS)
        & (measures["layer"] == layer)
    ]
    shift = (chosen["energy_markers"] - chosen["there_markers"]).groupby(chosen["image"]).mean()
    shift = images.frame["image"].map(shift).to_numpy(np.float64)
    outlined = _outlined(images)
    there = np.isfinite(shift) & (outlined if outlined.any() else True)
    classes, found = _classes(images), {}
    for label in CLASSES:
        of_class = np.flatnonzero(there & (classes == label))
        if len(of_class):
            median = np.sort(shift[of_class])[(len(of_class) - 1) // 2]
            found[label] = (int(of_class[shift[of_class] == median][0]), float(median))
    return found


def examples(
    measures: pd.DataFrame,
    images: ImageSet,
    marked: Insertion,
    models: Sequence[ExplainedModel],
    layer: str,
) -> list[Example]:
    """Return the picked images, the positive class first, with the maps of both models.

    `marked` are all images under all kinds of markers, `models` at least those of `ROWS` at
    strength 0: the first that did not train on an image is asked.
    """
    found = picked(measures, images, layer)
    return [
        _example(images, label, *found[label], marked, models, layer)
        for label in CLASSES
        if label in found
    ]


def _example(
    images: ImageSet,
    label: int,
    place: int,
    shift: float,
    marked: Insertion,
    models: Sequence[ExplainedModel],
    layer: str,
) -> Example:
    both = torch.cat([images.pixels[[place]], marked.pixels[[place]]])
    shown, maps, probabilities = normalise(to_float(both)), {}, {}
    for row in ROWS:
        found = gradcam_plus_plus(_model(models, row, place), shown, layer)
        for condition, seen, probability in zip(CONDITIONS, *found, strict=True):
            maps[row, condition] = seen
            probabilities[row, condition] = float(probability)
    outline = images.masks["parenchyma"][place, 0] > 0 if "parenchyma" in images.masks else None
    setting, name = CLASSES[label]
    return Example(
        image=str(images.frame["image"].iloc[place]),
        patient=str(images.frame["patient"].iloc[place]),
        label=label,
        class_name=images.settings.get(setting, name),
        shift=shift,
        layer=layer,
        pictures=dict(zip(CONDITIONS, both[:, 0].numpy(), strict=True)),
        maps=maps,
        probabilities=probabilities,
        parenchyma=outline.numpy() if outline is not None and outline.any() else None,
        markers=marked.mask[place, 0].numpy(),
    )


def _model(models: Sequence[ExplainedModel], row: str, place: int):
    """Return the first model of a row at strength 0 that was not trained on the image."""
    own = (model for model in models if (model.row, model.strength) == (row, NO_STRENGTH))
    return next(model for model in own if place in model.test_index).build()


def _outlined(images: ImageSet) -> np.ndarray:
    """Return which images have a parenchyma mask with any pixel inside, bool (N,)."""
    if "parenchyma" not in images.masks:
        return np.zeros(len(images), dtype=bool)
    return images.masks["parenchyma"].flatten(1).any(dim=1).numpy()


def _classes(images: ImageSet) -> np.ndarray:
    known = images.frame.get("true_label")
    truth = known is not None and known.notna().all()
    return images.labels("true_label" if truth else "label")
