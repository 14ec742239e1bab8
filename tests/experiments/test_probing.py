from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch

from testiculus.experiments import probing
from testiculus.experiments.crossval import Start
from testiculus.experiments.probing import Frozen, feature_map, probe_encoders
from testiculus.representation import knn_labels

CPU = torch.device("cpu")
FOLDS = {0: np.arange(24) // 2 % 3, 4: np.arange(24) // 4 % 3}


@pytest.fixture
def images(fakes):
    return fakes.made_up()[0]


def probed(monkeypatch, images, features, truth=True, **frozen):
    """Probe an encoder whose features of the images are given."""
    monkeypatch.setattr(Frozen, "encoder", lambda self: None)
    monkeypatch.setattr(probing, "knn_labels", partial(knn_labels, k=5))  # of 16 to learn from
    monkeypatch.setattr(probing, "features", lambda *_: np.asarray(features, dtype=np.float32))
    flipped = images.labels().copy()
    flipped[6] = 1 - flipped[6]
    known = images.labels("true_label") if truth else None
    one = Frozen("Row", 0, Start("scratch-A"), **frozen)
    found = probe_encoders([one], images, flipped, known, FOLDS, CPU)
    return found, found.groupby("metric")["value"].mean()


def about(values):
    """Features that hold the values plainly, and nothing else."""
    return np.column_stack([2.0 * np.asarray(values) - 1, np.full(len(values), 0.1)])


def test_features_that_hold_the_truth_are_found_out_and_scored_by_each_kind_of_label(
    monkeypatch, images
):
    _, mean = probed(monkeypatch, images, about(images.labels("true_label")))
    assert mean["probe_auc_clean"] == mean["knn_accuracy_clean"] == 1
    assert mean["knn_accuracy_truth"] == 1  # two wrong labels in 24 do not outvote neighbours
    assert mean["knn_accuracy_original"] == pytest.approx(22 / 24)
    assert mean["knn_accuracy"] == pytest.approx(21 / 24)


def test_every_partition_and_fold_has_every_score(monkeypatch, images):
    found, _ = probed(monkeypatch, images, about(images.labels()))
    assert set(zip(found["seed"], found["fold"], strict=True)) == {
        (s, f) for s in FOLDS for f in range(3)
    }
    assert (found.groupby("metric").size() == 6).all()
    assert {"probe_auc", "probe_f1_original", "probe_recall_truth", "knn_accuracy_clean"} <= set(
        found["metric"]
    )


def test_an_encoder_of_one_fold_is_asked_for_that_fold_of_its_partition_only(monkeypatch, images):
    features = about(images.labels())
    found, _ = probed(monkeypatch, images, features, partitions=(4,), fold=1)
    assert set(found["seed"]) == {4} and set(found["fold"]) == {1}
    every, _ = probed(monkeypatch, images, features)
    same = every.query("seed == 4 and fold == 1").reset_index(drop=True)
    pd.testing.assert_frame_equal(found, same)


def test_without_truth_there_is_nothing_clean(monkeypatch, fakes):
    images = fakes.made_up(truth=False)[0]
    _, mean = probed(monkeypatch, images, about(images.labels()), truth=False)
    assert not mean.index.str.contains("_truth|_clean").any() and "probe_auc_original" in mean


def test_scanners_are_told_apart_where_the_features_hold_them(monkeypatch, images):
    scanner = (images.frame["device"] == "scanner 1").to_numpy()
    _, mean = probed(monkeypatch, images, about(scanner))
    assert mean["scanner_auc"] == 1 and mean["probe_auc_clean"] < 0.9


@pytest.mark.parametrize("devices", ["", "one"])
def test_with_fewer_than_two_known_scanners_there_is_no_such_probe(monkeypatch, images, devices):
    images.frame["device"] = devices
    _, mean = probed(monkeypatch, images, about(images.labels()))
    assert "scanner_auc" not in mean


def test_an_image_of_an_unknown_scanner_takes_no_part(monkeypatch, images):
    scanner = (images.frame["device"] == "scanner 1").to_numpy()
    misleading = about(np.where(np.arange(24) < 6, ~scanner, scanner))
    images.frame.loc[:5, "device"] = ""
    _, mean = probed(monkeypatch, images, misleading)
    assert mean["scanner_auc"] == 1


def test_more_than_two_scanners_are_each_told_from_the_rest(monkeypatch, images):
    kinds = np.arange(24) % 3
    images.frame["device"] = [f"scanner {kind}" for kind in kinds]
    _, mean = probed(monkeypatch, images, 10 * np.eye(3)[kinds])
    assert mean["scanner_auc"] == 1


def test_the_map_shows_as_many_of_each_organ_and_labelled_images_first(monkeypatch, fakes):
    _, ud = fakes.made_up(organs=("thyroid", "liver"))
    seen = []

    def given(encoder, pixels, device):
        seen.append(pixels)
        return np.random.default_rng(0).normal(size=(len(pixels), 5))

    class Pretrained:
        file = None

    monkeypatch.setattr(Frozen, "encoder", lambda self: None)
    monkeypatch.setattr(probing, "features", given)
    monkeypatch.setattr(probing, "MAP_IMAGES", 30)
    drawn = feature_map(Pretrained, ud, CPU)
    assert drawn["organ"].value_counts().to_dict() == {"testis": 10, "thyroid": 10, "liver": 10}
    assert drawn.loc[drawn["organ"] == "testis", "label"].notna().all()
    assert list(drawn) == ["x", "y", "organ", "device", "label", "true_label"]
    assert len(seen[0]) == 30
