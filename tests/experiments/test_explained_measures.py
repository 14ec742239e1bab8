"""Measures of models: the frame, the store, what is skipped, and maps that ignore the picture."""

from functools import partial
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from testiculus.base.store import Store
from testiculus.claims.attention import (
    ALL_KINDS,
    AS_TRAINED,
    BLIND,
    CENTRE_MAP,
    MEASURE_COLUMNS,
    RANDOM_MAP,
    UNMARKED,
)
from testiculus.data.images import ImageSet
from testiculus.experiments import explained_measures
from testiculus.experiments.explained_measures import (
    blind_measures,
    finish_maps,
    map_jobs,
    seconds_per_map,
)
from testiculus.experiments.explained_runs import untrained_models
from testiculus.experiments.inserted_markers import Insertion, insertions, unmarked
from testiculus.experiments.planted_marks import planted
from testiculus.explain import blurred_random_maps, energy_share, gradcam_plus_plus
from testiculus.finetune.training import normalise, to_float

CPU = torch.device("cpu")
LAYERS = ("layer1", "layer3")
MARKER_VALUES = ["energy_markers", "area_markers", "there_markers", "point_markers", "map_change"]
OF_PLAIN = ["change_between"]


@pytest.fixture(scope="module")
def world():
    """Eight images with masks in two folds, two models, three conditions, all measured."""
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"image": [f"{i}.png" for i in range(8)], "label": pd.array([0, 1] * 4)})
    frame["patient"] = [f"p{i // 2}" for i in range(8)]
    frame["true_label"] = pd.array([0, 1, 1, 1] * 2)
    masks = {"parenchyma": torch.zeros(8, 1, 32, 32, dtype=torch.uint8)}
    masks["parenchyma"][:6, :, 8:24, 4:28] = 1  # two have none
    noise = torch.from_numpy(random.integers(0, 200, (8, 1, 32, 32), np.uint8))
    images = ImageSet.build(noise, frame, "made-up", masks=masks)
    folds = {0: np.array([0, 0, 0, 0, 1, 1, 1, 1])}
    models = untrained_models(folds, CPU)
    shown = [*insertions(images, "article", 0, [ALL_KINDS, "ring"])]
    shown.append(Insertion(AS_TRAINED, *planted(images, 0.7, 1)))
    return SimpleNamespace(images=images, folds=folds, models=models, shown=shown)


def planned(world, **changed):
    told = SimpleNamespace(**{**vars(world), **changed})
    return map_jobs(told.models, told.images, told.shown, LAYERS, CPU)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return Store(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def measures(world, runs):
    return finish_maps(runs, planned(world), world.images)


def test_there_is_a_row_for_every_model_condition_layer_and_image(world, measures):
    assert list(measures.columns) == list(MEASURE_COLUMNS)
    counts = measures.groupby(["fold", "condition", "layer"], sort=False).size()
    both = [(condition, layer) for condition in (UNMARKED, ALL_KINDS) for layer in LAYERS]
    expected = [*both, ("ring", LAYERS[0]), (AS_TRAINED, LAYERS[0])]
    assert list(counts.index) == [(fold, *entry) for fold in (0, 1) for entry in expected]
    assert (counts == 4).all()
    for (fold, *_), part in measures.groupby(["fold", "condition", "layer"]):
        wanted = world.images.frame[world.folds[0] == fold]
        for column in ("image", "patient", "label", "true_label"):
            assert part[column].tolist() == wanted[column].tolist()


def test_what_is_not_defined_is_missing(world, measures):
    plain, marked = (measures["condition"] == name for name in (UNMARKED, ALL_KINDS))
    assert measures.loc[plain, MARKER_VALUES].isna().all(axis=None)
    assert measures.loc[marked, MARKER_VALUES].notna().all(axis=None)
    assert measures.loc[plain, OF_PLAIN].notna().all(axis=None)
    assert measures.loc[marked, OF_PLAIN].isna().all(axis=None)
    maskless = measures["image"].isin(["6.png", "7.png"])
    inside = ["energy_parenchyma", "area_parenchyma", "point_parenchyma"]
    assert measures.loc[maskless, inside].isna().all(axis=None)
    assert measures.loc[~maskless, inside].notna().all(axis=None)
    assert (measures.loc[~maskless, "area_parenchyma"] == 16 * 24 / 32**2).all()
    assert measures.filter(like="lesion").isna().all(axis=None)
    assert measures["map"].dtype == bool and measures["map"].all()


def test_an_image_that_was_not_marked_keeps_its_map(world, measures):
    shown = measures[measures["condition"] == AS_TRAINED].set_index("image")
    before = measures[(measures["condition"] == UNMARKED) & (measures["layer"] == LAYERS[0])]
    bare = [f"{i}.png" for i in range(8) if not world.shown[-1].mask[i].any()]
    assert 4 < len(bare) < 8
    assert (shown.loc[bare, "map_change"] == 0).all()
    assert shown.loc[bare, MARKER_VALUES[:4]].isna().all(axis=None)
    kept = before.set_index("image").loc[bare, "probability"]
    assert shown.loc[bare, "probability"].equals(kept)
    assert (shown.drop(bare)["map_change"] > 0).all()


def test_a_measure_is_that_of_the_model_s_own_map(world, measures):
    model, ring = world.models[1], world.shown[1]
    shown = normalise(to_float(ring.pixels[model.test_index]))
    maps, probability = gradcam_plus_plus(model.build(), shown, LAYERS[0])
    part = measures[(measures["fold"] == 1) & (measures["condition"] == "ring")]
    masks = ring.mask[model.test_index, 0].numpy()
    np.testing.assert_allclose(part["energy_markers"], energy_share(maps, masks), atol=1e-6)
    np.testing.assert_allclose(part["probability"], probability, atol=1e-6)


def test_a_killed_measuring_goes_on_with_the_next_model(world, runs, measures, tmp_path):
    built, store = [], Store(tmp_path)

    def watched(model, kill):
        def build():
            if kill:
                raise KeyboardInterrupt
            built.append(model.fold)
            return model.build()

        return explained_measures.replace(model, build=build)

    doomed = [watched(model, model.fold == 1) for model in world.models]
    with pytest.raises(KeyboardInterrupt):
        finish_maps(store, planned(world, models=doomed), world.images)
    patient = [watched(model, False) for model in world.models]
    again = finish_maps(store, planned(world, models=patient), world.images)
    assert built == [0, 1]
    pd.testing.assert_frame_equal(again, measures)


def test_what_decides_a_measure_is_in_its_key(world):
    def keys(**changed):
        return {plan.job.key for plan in planned(world, **changed)}

    images, first = world.images, keys()
    masks = {"parenchyma": 1 - images.masks["parenchyma"]}
    other_masks = explained_measures.replace(images, masks=masks)
    other_marks = insertions(images, "article", 1, [ALL_KINDS, "ring"])
    others = [explained_measures.replace(model, key="another") for model in world.models]
    for changed in ({"images": other_masks}, {"shown": other_marks}, {"models": others}):
        assert not keys(**changed) & first
    assert keys(shown=[unmarked(images), *world.shown]) == first
    assert len(first) == len(world.models)


def test_the_bar_counts_the_maps_that_are_made(world, tmp_path):
    plan = planned(world)[0]
    counted = []
    compute = partial(plan.job.compute, on_images=counted.append)
    Store(tmp_path).finish(explained_measures.replace(plan.job, compute=compute))
    marked = int(world.shown[-1].mask[plan.model.test_index].flatten(1).any(1).sum())
    assert sum(counted) == plan.maps == 4 * 5 + marked


def test_maps_that_ignore_the_picture_do_not_move(world):
    found = blind_measures(world.images, world.folds, world.shown[:1], {"layer1": (8, 8)})
    assert list(found.columns) == list(MEASURE_COLUMNS)
    assert list(found["row"].unique()) == list(BLIND) and found["probability"].isna().all()
    counts = found.groupby(["row", "condition"]).size()
    assert (counts == 8).all() and len(counts) == 4
    marked = found[found["condition"] == ALL_KINDS]
    assert (marked["map_change"] == 0).all()
    assert (marked["energy_markers"] == marked["there_markers"]).all()
    centred = found[(found["row"] == CENTRE_MAP) & found["energy_parenchyma"].notna()]
    assert (centred["point_parenchyma"] == 1).all()
    assert centred["energy_parenchyma"].nunique() == 1  # one map, one mask


def test_blurred_random_maps_are_drawn_for_every_image_and_seed(world):
    folds = {seed: world.folds[0] for seed in (0, 1)}
    found = blind_measures(world.images, folds, [], {"layer1": (8, 8)})
    random = found[(found["row"] == RANDOM_MAP) & found["energy_parenchyma"].notna()]
    assert random["energy_parenchyma"].nunique() == len(random) == 12
    many = blurred_random_maps(400, 32, (8, 8), 0)
    mask = np.repeat(world.images.masks["parenchyma"][:1, 0].numpy() > 0, 400, axis=0)
    assert energy_share(many, mask).mean() == pytest.approx(16 * 24 / 32**2, abs=0.01)


def test_a_map_can_be_timed(world):
    assert 0 < seconds_per_map(world.models[0], world.images, LAYERS[0], maps=4) < 5
