import numpy as np
import pandas as pd
import torch

from testiculus.data.images import ImageSet
from testiculus.experiments import plan_words
from testiculus.experiments.crossval import Protocol

PROTOCOL = Protocol(
    seeds=(0, 3),
    folds=3,
    grouped=False,
    epochs=15,
    batch_size=64,
    encoder_lr=1e-5,
    head_lr=1e-4,
    weight_decay=1e-5,
    augmentation="article",
    precision="fp32",
)


def images_of(settings=None):
    frame = pd.DataFrame({"patient": ["a", "a", "b"], "label": [0, 1, 1], "organ": "testis"})
    pixels = torch.from_numpy(np.zeros((3, 1, 8, 8), dtype=np.uint8))
    return ImageSet.build(pixels, frame, "ward", settings)


def test_images_are_told_with_how_many_are_positive_and_of_how_many_patients():
    told = plan_words.about_images("demo", "thesis", images_of())

    assert told["data"] == "ward" and told["variant"] == "thesis"
    assert [told[name] for name in ("images", "positive images", "patients", "pixels")] == [
        3, 2, 2, 8,
    ]  # fmt: skip


def test_folds_say_what_groups_them_and_that_they_are_not_grouped():
    told = plan_words.about_folds(PROTOCOL, images_of({"group": "clip"}))

    assert told["seeds"] == "0, 3" and told["folds"] == "3, NOT grouped by clip"
    assert plan_words.group_of(images_of()) == "patient"


def test_rates_and_device_are_plain_values():
    told = plan_words.about_rates(PROTOCOL)
    told |= plan_words.about_device(PROTOCOL, torch.device("cpu"))

    assert told["learning rates"] == "encoder 1e-05, head 0.0001"
    assert told["device"] == "cpu" and told["precision"] == "fp32"


def test_with_nothing_to_train_the_price_is_not_told():
    cost = {"seconds": 0.0, "memory_gib": 1.0, "disk_mib": 0.0}

    assert plan_words.price(0, "0 runs", cost) == plan_words.NOTHING_TO_TRAIN
    assert plan_words.listed(["3 runs"]) == "3 runs" and plan_words.listed([]) == ""
