"""Fig. 5's trainings: on marked images, tested as they are; labels dealt out anew; models found."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from testiculus.base.errors import UserError
from testiculus.base.store import Store
from testiculus.claims.attention import RANDOM_WEIGHTS, WITH, WITHOUT
from testiculus.data.images import ImageSet
from testiculus.experiments import crossval
from testiculus.experiments.explained_runs import (
    explained_jobs,
    random_labels,
    row_protocol,
    trained_model,
    untrained_models,
)
from testiculus.finetune.training import predict

CPU = torch.device("cpu")
SEEDS_AND_FOLDS = [(seed, fold) for seed in (0, 1) for fold in (0, 1, 2)]
PROTOCOL = crossval.Protocol(
    seeds=(0, 1),
    folds=3,
    grouped=True,
    epochs=1,
    batch_size=8,
    encoder_lr=1e-3,
    head_lr=1e-3,
    weight_decay=0.0,
    augmentation="article",
    precision="fp32",
)


def image_set(labels, patients):
    frame = pd.DataFrame({"patient": patients, "image": [f"{i}.png" for i in range(len(labels))]})
    frame["label"] = pd.Series(labels, dtype="Int8")
    noise = np.random.default_rng(0).integers(0, 200, (len(labels), 1, 32, 32), np.uint8)
    return ImageSet.build(torch.from_numpy(noise), frame, "made-up")


@pytest.fixture(scope="module")
def images():
    """Twelve patients of two images, the first six negative in both."""
    return image_set(np.repeat([0, 1], 12), [f"p{i // 2:02d}" for i in range(24)])


@pytest.fixture(scope="module")
def folds(images):
    return crossval.fold_table(images, PROTOCOL)


def jobs(images, folds, row=WITHOUT, **more):
    return explained_jobs(row, images, "scratch-A", row_protocol(row, PROTOCOL), folds, CPU, **more)


def keys(planned):
    return [plan.job.key for plan in planned]


def test_a_row_trains_on_marked_images_and_is_tested_on_them_as_they_are(images, folds):
    marked = images.pixels + 50
    planned = jobs(images, folds, strength=0.5, marked=marked)
    assert [(plan.seed, plan.fold) for plan in planned] == [
        (s, f) for s in (0, 1) for f in (0, 1, 2)
    ]
    for plan in planned:
        pixels, labels, train, test, _, _ = plan.job.compute.args
        assert torch.equal(pixels[train], marked[plan.train_index])
        assert torch.equal(pixels[test], images.pixels[plan.test_index])
        np.testing.assert_array_equal(labels[train], images.labels()[plan.train_index])
        assert sorted([*plan.train_index, *plan.test_index]) == list(range(24))
        np.testing.assert_array_equal(
            plan.test_index, np.flatnonzero(folds[plan.seed] == plan.fold)
        )
        assert plan.strength == 0.5 and plan.row == WITHOUT


def test_images_without_marks_are_kept_once(images, folds):
    for marked in (None, images.pixels.clone()):
        plan = jobs(images, folds, marked=marked)[2]
        pixels, labels, train, test, _, _ = plan.job.compute.args
        assert torch.equal(pixels, images.pixels) and len(labels) == len(images)
        np.testing.assert_array_equal(train, plan.train_index)
        np.testing.assert_array_equal(test, plan.test_index)


def test_only_the_row_without_markers_trains_without_them(images, folds):
    recipes = {row: row_protocol(row, PROTOCOL).augmentation for row in (WITH, WITHOUT, "another")}
    assert recipes == {WITH: "article", WITHOUT: "article-unmarked", "another": "article"}
    assert jobs(images, folds)[0].job.settings.augmentation == "article-unmarked"


def test_every_training_has_a_key_of_its_own_and_the_same_training_the_same(images, folds):
    marked = images.pixels + 50
    shuffled = random_labels(images, folds)
    rows = {
        "without": jobs(images, folds),
        "with": jobs(images, folds, WITH),
        "marked": jobs(images, folds, strength=1.0, marked=marked),
        "shuffled": jobs(images, folds, WITH, labels=shuffled),
    }
    found = [key for planned in rows.values() for key in keys(planned)]
    assert len(set(found)) == len(found) == 24
    assert keys(jobs(images, folds, marked=images.pixels.clone())) == keys(rows["without"])


def test_what_a_training_costs_can_be_timed(images, folds):
    planned = jobs(images, folds)[0]
    assert 0 < crossval.seconds_per_image(planned, CPU, batches=2) < 10


def test_a_finished_run_is_found_again_as_a_model_of_its_fold(images, folds, tmp_path):
    store, planned = Store(tmp_path), jobs(images, folds, strength=0.5)[1:2]
    [done] = crossval.finish_rows(store, planned, "training")
    [again] = crossval.finish_rows(store, planned, "training")
    assert again.run.reused and not done.run.reused
    model = trained_model(again, CPU)
    assert (model.row, model.strength, model.seed, model.fold) == (WITHOUT, 0.5, 0, 1)
    assert model.key == planned[0].job.key
    found = predict(model.build(), images.pixels, model.test_index).numpy()
    np.testing.assert_array_equal(found, done.run.arrays["probabilities"])


def test_there_are_random_weights_for_every_fold(folds):
    models = untrained_models(folds, CPU)
    assert [(model.seed, model.fold) for model in models] == SEEDS_AND_FOLDS
    assert {model.row for model in models} == {RANDOM_WEIGHTS}
    assert len({model.key for model in models}) == 6
    for model in models:
        np.testing.assert_array_equal(
            np.flatnonzero(folds[model.seed] == model.fold), model.test_index
        )


def patterns(labels, patients):
    """The labels of each patient in order, as a sorted list."""
    table = pd.DataFrame({"label": labels, "patient": patients})
    return sorted(tuple(part["label"]) for _, part in table.groupby("patient"))


@settings(max_examples=40)
@given(st.data())
def test_random_labels_keep_each_patient_s_pattern(data):
    """Where all have the same number of images: the patterns are permuted whole."""
    pairs = data.draw(st.lists(st.sampled_from([(0, 0), (0, 1), (1, 1)]), min_size=9, max_size=20))
    labels = np.array([0, 1] * 3 + [label for pair in pairs for label in pair])
    patients = [f"p{i // 2:02d}" for i in range(len(labels))]
    order = np.random.default_rng(data.draw(st.integers(0, 9))).permutation(len(labels))
    labels, patients = labels[order], np.array(patients)[order]
    folds = {seed: np.arange(len(labels)) % 3 for seed in (0, 1)}
    for dealt in random_labels(image_set(labels, patients), folds).values():
        assert patterns(dealt, patients) == patterns(labels, patients)


@settings(max_examples=40)
@given(st.lists(st.integers(1, 5), min_size=6, max_size=12), st.integers(0, 1000))
def test_random_labels_keep_the_number_of_positives_whatever_the_patients_sizes(sizes, seed):
    patients = np.repeat([f"p{i:02d}" for i in range(len(sizes))], sizes)
    labels = np.random.default_rng(seed).permutation(np.arange(len(patients)) % 2)
    folds = {seed: np.arange(len(patients)) % 3}
    try:
        dealt = random_labels(image_set(labels, patients), folds)[seed]
    except UserError:
        return  # so few images that no draw leaves both labels in every training part
    assert sorted(dealt) == sorted(labels)
    assert all(set(dealt[folds[seed] != fold]) == {0, 1} for fold in range(3))


def test_random_labels_say_nothing_of_the_labels(images, folds):
    """Over many seeds an image of either class gets a positive label as often as there are any."""
    many = {seed: folds[0] for seed in range(200)}
    dealt = np.stack(list(random_labels(images, many).values()))
    positive = images.labels() == 1
    for part in (dealt[:, positive], dealt[:, ~positive]):
        assert part.mean() == pytest.approx(0.5, abs=0.05)
    assert len(np.unique(dealt, axis=0)) > 150


def test_labels_that_cannot_be_dealt_out_are_refused():
    lonely = image_set([1, *[0] * 5], list("abcdef"))
    with pytest.raises(UserError, match="no random labels were found"):
        random_labels(lonely, {0: np.arange(6) % 2})
