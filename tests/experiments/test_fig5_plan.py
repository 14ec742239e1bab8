import dataclasses
import warnings

import numpy as np
import pytest
import torch

from testiculus.augment import RECIPES
from testiculus.base.errors import InputWarning, UserError
from testiculus.claims.attention import (
    ALL_KINDS,
    AS_TRAINED,
    RANDOM_LABELS,
    RANDOM_WEIGHTS,
    WITH,
    WITHOUT,
)
from testiculus.experiments import fig5_plan
from testiculus.experiments.fig5_plan import plan
from testiculus.experiments.profiles import PROFILES, profile_settings
from testiculus.markers import KINDS


@pytest.fixture(scope="module")
def manifest(tmp_path_factory, livers):
    return livers.write(tmp_path_factory.mktemp("livers"))


@pytest.fixture
def small(monkeypatch, tmp_path, livers, manifest):
    """The parameters of a plan that takes a second, with the small encoder and an empty store."""
    livers.use(monkeypatch, tmp_path)
    return livers.SMALL | {"data": manifest}


@pytest.mark.parametrize("profile", PROFILES)
def test_fine_tuning_is_table_1s_of_the_same_profile(profile):
    ours, table1 = (profile_settings(profile, name) for name in ("fig5", "table1"))
    assert ours.pop("strengths")[0] == 0
    shared = {"encoder_lr", "head_lr", "pixels", "patients", "epochs"} & ours.keys()
    differs = {name for name in shared if ours[name] != table1[name]}
    assert differs <= ({"patients", "epochs"} if profile == "smoke" else set())
    assert ours.keys() == table1.keys()


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"profile": "big"}, "allowed: smoke, demo, lite, paper"),
        ({"variant": "book"}, "allowed: article, thesis, released"),
        ({"device": "gpu"}, "allowed: auto, cpu, cuda"),
        ({"data": "livers"}, "neither 'phantom' nor a manifest"),
        ({"data": "phantom", "pixels": 8}, "pixels = 8"),
        ({"pixels": 8}, "images of 8 px are too small for markers"),
        ({"pixels": 4}, "4 pixels"),
        ({"pixels": "many"}, "PIXELS"),
        ({"epochs": 0}, "EPOCHS"),
        ({"batch_size": 1}, "BATCH_SIZE=1"),
        ({"seeds": "x"}, "SEEDS"),
        ({"folds": 1}, "folds"),
        ({"folds": 9}, "fold"),
        ({"strengths": "0,2"}, "STRENGTHS"),
        ({"strengths": "0,half"}, "STRENGTHS"),
        ({"strengths": [0, 0.5, 0.5]}, "twice"),
        ({"layer": "layer9"}, "allowed: layer1, layer2, layer3, layer4"),
        ({"layer": 4}, "unknown layer '4'"),
        ({"initialisation": "imagenet"}, "resnet18_imagenet"),
        ({"initialisation": "random"}, "scratch-A"),
        ({"precision": "fp8"}, "precision"),
        ({"encoder_lr": 0}, "ENCODER_LR"),
    ],
)
def test_a_parameter_that_cannot_be_is_refused_before_anything_is_trained(small, wrong, says):
    with pytest.raises(UserError, match=says):
        plan(**small | wrong)


def test_a_file_of_weights_that_is_no_encoders_is_refused(small, tmp_path):
    torch.save({"layer1.weight": torch.zeros(2)}, tmp_path / "odd.pth")
    with pytest.raises(UserError, match="not a ResNet-18 encoder's"):
        plan(**small, initialisation=str(tmp_path / "odd.pth"))


def test_a_plan_of_outlined_images_warns_of_nothing(small):
    with warnings.catch_warnings():
        warnings.simplefilter("error", InputWarning)
        planned = plan(**small)
    assert planned.layers == ("layer1", "layer4") and planned.not_measured == {}
    assert planned.strengths == (0.0, 1.0) and planned.conditions.initialisation == "scratch-A"
    assert planned.conditions.data == "livers"


def test_each_strength_has_both_models_and_random_labels_are_learnt_once(small):
    planned = plan(**small, strengths="0,0.5,1", seeds=2)
    rows = [(row, s) for s in (0.0, 0.5, 1.0) for row in (WITHOUT, WITH)]
    assert list(planned.jobs) == [*rows, (RANDOM_LABELS, 0.0)]
    assert all(len(jobs) == 2 * 3 for jobs in planned.jobs.values())
    recipes = {row: job.job.settings.augmentation for (row, _), (job, *_) in planned.jobs.items()}
    assert recipes == {WITHOUT: "article-unmarked", WITH: "article", RANDOM_LABELS: "article"}
    keys = [job.job.key for jobs in planned.jobs.values() for job in jobs]
    assert len(set(keys)) == len(keys)


def test_models_train_on_marks_tied_to_the_label_and_are_tested_on_the_images_as_they_are(small):
    planned = plan(**small)
    own, labels = planned.images.pixels, planned.images.labels()
    for (row, strength), (job, *_) in planned.jobs.items():
        pixels, learnt, train, test, *_ = job.job.compute.args
        assert torch.equal(pixels[test], own[job.test_index])
        changed = (pixels[train] != own[job.train_index]).flatten(1).any(dim=1).numpy()
        tied = labels[job.train_index] == 1 if strength else np.zeros(len(train), bool)
        np.testing.assert_array_equal(changed, tied)
        if row != RANDOM_LABELS:
            np.testing.assert_array_equal(learnt[train], labels[job.train_index])


def test_controls_see_all_kinds_and_only_models_of_a_shortcut_see_its_marks(small):
    planned = plan(**small)

    def names(row, strength):
        return [insertion.name for insertion in planned.shown_to(row, strength)]

    assert names(WITH, 0.0) == [ALL_KINDS, *KINDS]
    assert names(WITHOUT, 1.0) == [ALL_KINDS, AS_TRAINED]
    assert names(RANDOM_LABELS, 0.0) == names(RANDOM_WEIGHTS, 0.0) == [ALL_KINDS]
    assert torch.equal(planned.shown_to(WITH, 1.0)[1].pixels, planned.marked[1.0].pixels)


def test_the_released_variant_draws_its_own_markers_and_does_not_group_patients(small):
    planned = plan(**small, variant="released")
    assert planned.recipe == RECIPES["released"].markers == "released"
    assert not planned.protocol.grouped
    assert planned.jobs[WITHOUT, 0.0][0].job.settings.augmentation == "released-unmarked"


def test_a_layer_can_be_chosen_and_the_last_stage_stays_beside_it(small):
    assert plan(**small, layer="layer2").layers == ("layer2", "layer4")
    assert plan(**small, layer="layer4").layers == ("layer4",)


def test_absent_masks_are_warned_of_and_said_in_the_summary(livers, monkeypatch, tmp_path):
    livers.use(monkeypatch, tmp_path)
    data = livers.write(tmp_path, masks=False)
    with pytest.warns(InputWarning) as caught:
        planned = plan(**livers.SMALL, data=data)
    assert set(planned.not_measured) == {"parenchyma", "lesion"}
    told = [str(warning.message) for warning in caught]
    assert sum("mask (the manifest's column" in message for message in told) == 2
    assert "not measured: no image has a parenchyma mask" in planned.summary()


def test_empty_masks_are_counted_and_warned_of(livers, monkeypatch, tmp_path):
    livers.use(monkeypatch, tmp_path)
    data = livers.write(tmp_path, empty=(0, 5))
    with pytest.warns(InputWarning, match="2 parenchyma masks are empty"):
        planned = plan(**livers.SMALL, data=data)
    assert planned.settings()["parenchyma masks"] == "22 of 24 images"
    assert planned.not_measured == {}


@pytest.mark.parametrize(
    ("odd", "says"),
    [
        ({"encoder_lr": 1e-5}, "ENCODER_LR"),
        ({"patients": 9}, "PATIENTS"),
        ({"strengths": 0}, "no shortcut"),
        ({"strengths": "0.5"}, "lacks 0"),
    ],
)
def test_odd_choices_are_warned_of(small, odd, says):
    with pytest.warns(InputWarning, match=says):
        plan(**small | odd)


def test_an_image_that_is_listed_twice_gets_a_name_of_its_own(small, monkeypatch):
    found = fig5_plan.load_source(small["data"], pixels=16, patients=1, device="cpu")
    frame = found.frame.assign(image=["same.png"] * 2 + found.frame["image"].tolist()[2:])
    doubled = dataclasses.replace(found, frame=frame)
    monkeypatch.setattr(fig5_plan, "load_source", lambda *a, **k: doubled)
    names = plan(**small).images.frame["image"]
    assert names.is_unique and names.tolist()[:2] == ["same.png", "same.png (row 1)"]


def test_the_estimate_counts_what_is_still_to_train_and_to_map(small):
    planned = plan(**small)
    cost = planned.estimate()
    assert cost["runs"] == 3 * (2 * 2 + 1)
    # 24 images; strength 0: 2 conditions at 2 layers and 8 kinds, twice; strength 1: 2 at 1, and 1
    assert cost["maps"] == 24 * (2 * (2 * 2 + 8) + 2 * (2 + 1) + 2 * 2)
    assert cost["seconds"] > 0 and cost["disk_mib"] > 0
    text = planned.summary()
    assert "15 models to train" in text and "not run from imagenet: put a file at" in text
