from dataclasses import replace

import numpy as np
import pytest
import torch

from testiculus.base.errors import UserError
from testiculus.pretrain.interface import PretrainSettings, checked_inputs

SETTINGS = PretrainSettings(steps=10, batch_size=4, seed=3)


def inputs(n=8):
    return [torch.zeros(n, 1, 8, 8, dtype=torch.uint8), np.arange(n) % 3, SETTINGS]


def test_good_inputs_give_the_number_of_organs():
    pixels, organs, settings = inputs()
    assert checked_inputs(pixels, organs, settings) == 3
    assert checked_inputs(pixels, torch.from_numpy(organs), settings) == 3


def test_images_of_one_organ_are_fine_for_the_contrastive_loss_alone():
    pixels, organs, settings = inputs()
    assert checked_inputs(pixels, organs * 0, replace(settings, organ_weight=0)) == 1


def test_the_defaults_are_the_articles_and_where_it_is_silent_the_other_sources():
    settings = PretrainSettings(steps=1)
    assert (settings.batch_size, settings.organ_weight, settings.lr) == (1024, 0.2, 1e-3)
    assert (settings.schedule, settings.momentum, settings.weight_decay) == (
        "polynomial",
        0.9,
        1e-6,
    )
    assert (settings.temperature, settings.projection) == (0.5, (2048, 2048))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, "contrastive + 0.2 x organ loss"),
        ({"organ_weight": 0}, "contrastive loss alone"),
        ({"contrastive": False, "organ_weight": 1.0}, "organ loss alone"),
    ],
)
def test_settings_say_in_words_which_losses_they_train_on(change, words):
    assert replace(SETTINGS, **change).loss_in_words() == words


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (0, torch.zeros(8, 1, 8, 8), "uint8 N x 1 x h x w, not torch.float32"),
        (0, torch.zeros(8, 3, 8, 8, dtype=torch.uint8), r"not torch.uint8 \(8, 3, 8, 8\)"),
        (1, np.arange(7) % 2, "7 organs do not fit 8 images"),
        (1, np.arange(8) % 2 / 2, "whole numbers, not float64"),
        (1, np.arange(8) % 2 * 2, r"numbered 0, 1, ...; found \[0, 2\]"),
        (1, np.arange(8) % 2 - 1, r"found \[-1, 0\]"),
        (1, np.zeros(8, int), "(?s)one organ: there is no organ to classify.*set lambda to 0"),
    ],
)
def test_data_that_cannot_be_pretrained_on_is_refused_with_a_reason(place, value, message):
    given = inputs()
    given[place] = value
    with pytest.raises(UserError, match=message):
        checked_inputs(*given)


NAN, INFINITE = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"organ_weight": -0.1}, "lambda must be a number of at least 0, not -0.1"),
        ({"organ_weight": NAN}, "lambda must be a number of at least 0, not nan"),
        ({"organ_weight": INFINITE}, "not inf"),
        ({"organ_weight": 0, "contrastive": False}, "nothing to train on"),
        ({"batch_size": 9}, "batch of 9 images is larger than the data: there are 8"),
        ({"batch_size": 1}, "batch of at least 2"),
        ({"temperature": 0}, "temperature must be a number above 0, not 0"),
        ({"temperature": NAN}, "temperature must be a number above 0"),
        ({"steps": 0}, "cannot pretrain for 0 steps"),
        ({"warmup_steps": 11}, "warm-up of 11 steps does not fit 10 steps"),
        ({"warmup_steps": -1}, "warm-up of -1"),
        ({"lr": 0}, "lr must be a number above 0"),
        ({"lr": INFINITE}, "lr must be a number above 0, not inf"),
        ({"power": -1}, "power must be"),
        ({"momentum": 1}, "momentum must lie in"),
        ({"weight_decay": -1}, "weight decay cannot be negative"),
        ({"projection": ()}, "no widths"),
        ({"schedule": "cosinus"}, "did you mean 'cosine'"),
        ({"views": "artcle"}, "did you mean 'article'"),
        ({"precision": "fp16"}, "allowed: auto, fp32, bf16"),
    ],
)
def test_settings_out_of_range_are_refused_with_a_reason(change, message):
    pixels, organs, settings = inputs()
    with pytest.raises(UserError, match=message):
        checked_inputs(pixels, organs, replace(settings, **change))


def test_one_organ_is_refused_for_the_organ_loss_alone_too():
    pixels, organs, settings = inputs()
    alone = replace(settings, contrastive=False, organ_weight=1.0)
    with pytest.raises(UserError, match="one organ"):
        checked_inputs(pixels, organs * 0, alone)


def test_a_message_names_the_run():
    pixels, organs, settings = inputs()
    with pytest.raises(UserError, match=r"pretraining: contrastive \+ 0.2 x organ loss, 10 steps"):
        checked_inputs(pixels, organs, replace(settings, lr=-1))
