"""The rule that picks the figure's images, against a plain reading of it."""

import dataclasses
import statistics

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from testiculus.claims.attention import ALL_KINDS, MEASURE_COLUMNS, ROWS, UNMARKED, WITH, WITHOUT
from testiculus.data.images import ImageSet
from testiculus.experiments.explained_runs import ExplainedModel
from testiculus.experiments.fig5_examples import examples, picked
from testiculus.experiments.inserted_markers import insertions


def image_set(n, outlined=None, truth=None, pixels=None):
    frame = pd.DataFrame({"image": [f"{i}.png" for i in range(n)], "organ": "liver"})
    frame["patient"] = [f"p{i // 2}" for i in range(n)]
    frame["label"] = pd.array([i % 2 for i in range(n)], dtype="Int8")
    frame["true_label"] = pd.array([pd.NA] * n if truth is None else truth, dtype="Int8")
    grey = torch.zeros(n, 1, 16, 16, dtype=torch.uint8) if pixels is None else pixels
    masks = {}
    if outlined is not None:
        masks["parenchyma"] = torch.zeros(n, 1, 16, 16, dtype=torch.uint8)
        masks["parenchyma"][list(outlined), 0, 4:9, 4:9] = 1
    settings = {"positive_class": "mass"}
    return ImageSet.build(grey, frame, "x", settings, masks)


def measured(shifts, seeds=(0,)):
    """Measures whose `shift_markers` at layer1 are `shifts`, and decoys that must not count."""
    parts = []
    for row, strength, condition, layer, sign in (
        (WITHOUT, 0.0, ALL_KINDS, "layer1", 1),
        (WITHOUT, 0.0, ALL_KINDS, "layer4", -1),
        (WITHOUT, 1.0, ALL_KINDS, "layer1", -1),
        (WITHOUT, 0.0, "ring", "layer1", -1),
        (WITH, 0.0, ALL_KINDS, "layer1", -1),
    ):
        for seed in seeds:
            part = pd.DataFrame(np.nan, index=range(len(shifts)), columns=list(MEASURE_COLUMNS))
            part["image"] = [f"{i}.png" for i in range(len(shifts))]
            there = 0.25 + 0.01 * seed
            part = part.assign(row=row, strength=strength, condition=condition, layer=layer)
            part = part.assign(seed=seed, there_markers=there)
            parts.append(part.assign(energy_markers=there + sign * np.array(shifts)))
    return pd.concat(parts, ignore_index=True)


@settings(max_examples=25)
@given(st.lists(st.integers(-20, 20).map(lambda n: n / 64), min_size=2, max_size=15))
def test_the_lower_median_of_each_class_is_picked_the_first_of_equals(shifts):
    found = picked(measured(shifts), image_set(len(shifts)), "layer1")
    for label in (0, 1):
        of_class = shifts[label::2]
        place, shift = found[label]
        assert shift == pytest.approx(statistics.median_low(of_class))
        wanted = 2 * of_class.index(statistics.median_low(of_class)) + label
        assert place == wanted


def test_images_without_an_outline_or_a_shift_are_passed_over_unless_none_has_one():
    shifts = [0.1, 0.3, 0.2, np.nan, 0.3, 0.5, 0.9, 0.7]
    assert picked(measured(shifts), image_set(8), "layer1")[0][0] == 2
    found = picked(measured(shifts), image_set(8, outlined=(3, 4, 6, 7)), "layer1")
    assert (found[0][0], found[1][0]) == (4, 7)
    assert picked(measured(shifts), image_set(8, outlined=()), "layer1")[0][0] == 2


def test_the_class_is_the_true_one_where_all_are_known():
    truth = [1, 1, 1, 0, 0, 0, 0, 0]
    shifts = np.arange(8) / 16
    assert picked(measured(shifts), image_set(8, truth=truth), "layer1")[1][0] == 1
    unknown = [1, 1, 1, 0, 0, 0, 0, pd.NA]
    assert picked(measured(shifts), image_set(8, truth=unknown), "layer1")[1][0] == 3


def test_a_class_whose_maps_are_all_empty_has_no_example():
    shifts = [0.1, np.nan, 0.2, np.nan]
    assert set(picked(measured(shifts), image_set(4), "layer1")) == {0}


def test_over_seeds_the_mean_shift_of_an_image_counts():
    frame = measured([0.0, 0.1, 0.2, 0.3, 0.4, 0.5], seeds=(0, 1))
    second = (frame["seed"] == 1) & (frame["image"] == "0.png")
    frame.loc[second, "energy_markers"] += 0.6  # mean 0.3: now the largest but one of its class
    assert picked(frame, image_set(6), "layer1")[0] == (0, pytest.approx(0.3))


class Bright(torch.nn.Module):
    """Looks at what is bright: its map is the image itself, and its logits follow the mean."""

    def __init__(self, gain):
        super().__init__()
        self.encoder = torch.nn.Sequential()
        self.encoder.add_module("layer1", torch.nn.Sequential(torch.nn.Conv2d(1, 2, 1)))
        self.encoder.layer1.add_module("relu", torch.nn.ReLU())
        torch.nn.init.constant_(self.encoder.layer1[0].weight, gain)
        torch.nn.init.constant_(self.encoder.layer1[0].bias, 2 * gain)  # of grey values from -2 on

    def forward(self, images):
        mean = self.encoder(images).mean(dim=(2, 3))
        return torch.stack([-mean[:, 0], mean[:, 1]], dim=1)


@pytest.fixture
def shown():
    grey = torch.from_numpy(np.random.default_rng(0).integers(0, 90, (6, 1, 16, 16), np.uint8))
    images = image_set(6, outlined=(0, 1, 2, 3, 4), pixels=grey)
    marked = insertions(images, "article", 0, [ALL_KINDS])[0]
    models = [
        ExplainedModel(
            row, strength, seed, fold, np.arange(3) + 3 * fold, "", lambda g=gain: Bright(g)
        )
        for row, gain in zip(ROWS, (1.0, 0.1), strict=True)
        for strength in (1.0, 0.0)
        for seed in (0, 1)
        for fold in (0, 1)
    ]
    return images, marked, models


def test_an_example_shows_one_image_twice_to_both_models(shown):
    images, marked, models = shown
    positive, negative = examples(
        measured([0.1, 0.1, 0.5, 0.9, 0.9, 0.5]), images, marked, models, "layer1"
    )
    assert (positive.class_name, negative.class_name) == ("mass", "negative")
    assert (positive.image, negative.image) == ("1.png", "2.png")
    place = int(positive.image[0])
    assert positive.label == 1 and positive.patient == f"p{place // 2}"
    np.testing.assert_array_equal(positive.pictures[UNMARKED], images.pixels[place, 0])
    np.testing.assert_array_equal(positive.pictures[ALL_KINDS], marked.pixels[place, 0])
    changed = positive.pictures[UNMARKED] != positive.pictures[ALL_KINDS]
    assert changed.any() and (positive.markers | ~changed).all()
    assert set(positive.maps) == {(row, c) for row in ROWS for c in (UNMARKED, ALL_KINDS)}
    bright = positive.pictures[UNMARKED] / positive.pictures[UNMARKED].max()
    np.testing.assert_allclose(positive.maps[WITH, UNMARKED], bright, atol=1e-4)
    steep, flat = (positive.probabilities[row, ALL_KINDS] for row in ROWS)
    assert 0.5 < flat < steep < 1


def test_the_model_that_held_the_image_back_at_strength_0_is_asked(shown):
    images, marked, models = shown

    def refuse():
        raise AssertionError("this model trained on the image, or has another strength")

    place = 2
    only = [
        model
        if model.strength == 0 and place in model.test_index and model.seed == 0
        else dataclasses.replace(model, build=refuse)
        for model in models
    ]
    shifts = [0.0, np.nan, 0.1, np.nan, 0.2, np.nan]
    (example,) = examples(measured(shifts), images, marked, only, "layer1")
    assert example.image == "2.png" and example.shift == pytest.approx(0.1)
    assert example.parenchyma.sum() == 25 and example.parenchyma.dtype == bool
