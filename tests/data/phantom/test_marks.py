"""Burnt-in marks: off by default, with a mask, tied to the label as strongly as asked."""

import pytest
import torch

from testiculus.data.phantom import PhantomSettings, phantom
from testiculus.data.phantom.draws import Draws
from testiculus.data.phantom.labels import truth
from testiculus.data.phantom.marks import SHADE, marked, marker_rate

BALANCED = {"prevalence": 0.5, "reader_error_rate": 0.2}


def test_there_are_no_marks_by_default():
    assert "markers" not in phantom(PhantomSettings(pixels=32), numbers=[0]).masks


def test_marks_change_the_picture_exactly_where_their_mask_is():
    plain = phantom(PhantomSettings(), numbers=range(3))
    with_marks = phantom(PhantomSettings(markers=1.0), numbers=range(3))
    mask = with_marks.masks["markers"].bool()

    assert mask.flatten(1).any(1).all()
    assert (with_marks.pixels[mask] == SHADE).all()
    assert torch.equal(with_marks.pixels[~mask], plain.pixels[~mask])


def test_marks_keep_a_mask_when_the_picture_is_small():
    small = phantom(PhantomSettings(markers=1.0, pixels=48), numbers=range(3))

    assert small.masks["markers"].flatten(1).any(1).all()


def rates_by_label(settings, count=700):
    """Return the share of marked views among those labelled 0 and 1."""
    found = {0: [], 1: []}
    for number in range(count):
        labels = truth(settings, number)["label"]
        draws = Draws(settings.seed, settings.organ, number, "marks")
        for label, wears in zip(labels, marked(settings, draws, labels).flatten(), strict=True):
            found[int(label)].append(float(wears))
    return {label: sum(values) / len(values) for label, values in found.items()}


@pytest.mark.parametrize("bias", [0.0, 0.5, 1.0])
def test_bias_ties_marks_to_the_recorded_label(bias):
    settings = PhantomSettings(markers=0.3, marker_bias=bias, **BALANCED)

    found = rates_by_label(settings)

    for label in (0, 1):
        assert found[label] == pytest.approx(marker_rate(settings, label), abs=0.06)


def test_full_bias_marks_exactly_the_views_labelled_inhomogeneous():
    settings = PhantomSettings(markers=0.3, marker_bias=1.0, **BALANCED)

    assert rates_by_label(settings, 50) == {0: 0.0, 1: 1.0}


def test_no_bias_leaves_both_labels_the_same_rate():
    settings = PhantomSettings(markers=0.3)

    assert marker_rate(settings, 0) == marker_rate(settings, 1) == 0.3
