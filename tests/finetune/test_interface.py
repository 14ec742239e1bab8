from dataclasses import replace

import numpy as np
import pytest
import torch

from testiculus.base.errors import UserError
from testiculus.finetune.interface import FinetuneSettings, checked_inputs

SETTINGS = FinetuneSettings(initialisation="scratch-A", seed=3, fold=1)


def inputs(n=8):
    pixels = torch.zeros(n, 1, 8, 8, dtype=torch.uint8)
    return [pixels, np.arange(n) % 2, np.arange(n - 2), np.arange(n - 2, n), SETTINGS]


def test_good_inputs_come_back_as_integer_indices():
    train, test = checked_inputs(*inputs())
    assert train.dtype == test.dtype == np.int64
    assert train.tolist() == [0, 1, 2, 3, 4, 5] and test.tolist() == [6, 7]


def test_test_labels_may_be_unknown():
    pixels, labels, train, test, settings = inputs()
    labels[test] = -1
    checked_inputs(pixels, labels, train, test, settings)


def test_the_defaults_are_the_articles():
    settings = FinetuneSettings()
    assert (settings.epochs, settings.batch_size) == (30, 64)
    assert (settings.encoder_lr, settings.head_lr, settings.weight_decay) == (1e-5, 1e-4, 1e-5)


def test_settings_print_as_the_name_of_the_run():
    assert str(SETTINGS) == "scratch-A, seed 3, fold 1"


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (0, torch.zeros(8, 1, 8, 8), "uint8 N x 1 x h x w, not torch.float32"),
        (0, torch.zeros(8, 3, 8, 8, dtype=torch.uint8), r"not torch.uint8 \(8, 3, 8, 8\)"),
        (1, np.arange(7) % 2, "7 labels do not fit 8 images"),
        (1, np.array([0, 1, 2, 0, 0, 0, 0, 0]), "training image 2 has label 2, neither 0 nor 1"),
        (1, np.array([0, 1, -1, 0, 0, 0, 0, 0]), "training image 2 has label -1"),
        (1, np.zeros(8, int), "all training images have label 0"),
        (2, np.array([0, 1, 8]), "training image 8 does not exist: there are 8 images"),
        (2, np.array([], int), "there are no training images"),
        (3, np.array([-1]), "test image -1 does not exist"),
        (3, np.array([], int), "there are no test images"),
        (4, replace(SETTINGS, epochs=0), "cannot train 0 epochs"),
        (4, replace(SETTINGS, batch_size=1), "batches of at least 2 images"),
        (4, replace(SETTINGS, encoder_lr=-1e-4), "cannot be negative"),
        (4, replace(SETTINGS, augmentation="artcle"), "did you mean 'article'"),
        (4, replace(SETTINGS, precision="fp16"), "allowed: auto, fp32, bf16"),
    ],
)
def test_what_cannot_be_trained_on_is_refused_with_a_reason(place, value, message):
    given = inputs()
    given[place] = value
    with pytest.raises(UserError, match=message):
        checked_inputs(*given)


def test_a_message_names_the_run():
    given = inputs()
    given[2] = np.array([9])
    with pytest.raises(UserError, match="run: scratch-A, seed 3, fold 1"):
        checked_inputs(*given)
