"""Marks tied to the label: on positives only, nested, none at 0, nothing else changed."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from testiculus.base.errors import UserError
from testiculus.data.images import ImageSet
from testiculus.data.phantom import PhantomSettings, phantom
from testiculus.experiments.planted_marks import planted

STRENGTHS = (0.0, 0.25, 0.5, 1.0)
SICK = PhantomSettings(patients=5, pixels=64, prevalence=0.5, seed=3)


@pytest.fixture(scope="module")
def simulated():
    return phantom(SICK)


@pytest.fixture(scope="module")
def brought():
    """Images from elsewhere, four to a patient, whose labels and truth differ now and then."""
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"image": [f"{i}.png" for i in range(400)]})
    frame["patient"] = [f"p{i // 4}" for i in range(400)]
    frame["label"] = pd.Series(random.integers(0, 2, 400), dtype="Int8")
    frame["true_label"] = pd.Series(random.integers(0, 2, 400), dtype="Int8")
    pixels = torch.from_numpy(random.integers(0, 200, (400, 1, 16, 16), np.uint8))
    return ImageSet.build(pixels, frame, "brought")


@pytest.fixture(scope="module", params=["simulated", "brought"])
def images(request):
    return request.getfixturevalue(request.param)


def marked(mask):
    return mask.flatten(1).any(1).numpy()


def test_at_strength_0_the_images_are_as_they_are(images):
    pixels, mask = planted(images, 0)
    assert torch.equal(pixels, images.pixels) and not mask.any()


def test_at_strength_1_exactly_the_images_labelled_positive_carry_marks(images):
    pixels, mask = planted(images, 1)
    np.testing.assert_array_equal(marked(mask), images.labels() == 1)
    assert mask.dtype == torch.bool and pixels.dtype == torch.uint8


def test_what_is_marked_stays_marked_in_the_same_place_at_a_greater_strength(images):
    masks = [planted(images, strength)[1] for strength in STRENGTHS]
    counts = [int(marked(mask).sum()) for mask in masks]
    assert counts[0] == 0 and counts == sorted(set(counts))
    for less, more in zip(masks, masks[1:], strict=False):
        assert torch.equal(more[marked(less)], less[marked(less)])


@settings(max_examples=25)
@given(st.floats(0, 1), st.floats(0, 1))
def test_marks_are_nested_at_any_two_strengths(brought, one, other):
    less, more = (marked(planted(brought, s)[1]) for s in sorted((one, other)))
    assert (more | ~less).all()


def test_outside_the_mask_every_pixel_is_the_image_s_own(images):
    for strength in STRENGTHS[1:]:
        pixels, mask = planted(images, strength)
        assert torch.equal(pixels[~mask], images.pixels[~mask])
        assert torch.equal(pixels[~marked(mask)], images.pixels[~marked(mask)])
        assert (pixels != images.pixels)[mask].float().mean() > 0.9


def test_the_share_of_marked_positives_is_the_strength(brought):
    positive = brought.labels() == 1
    for strength in (0.25, 0.5, 0.9):
        share = marked(planted(brought, strength)[1])[positive].mean()
        assert share == pytest.approx(strength, abs=0.1)  # three standard deviations of 200
    seeds = [marked(planted(brought, 0.5, seed)[1]) for seed in (0, 1)]
    assert (seeds[0] != seeds[1]).any()


@pytest.mark.parametrize("strength", STRENGTHS)
def test_the_phantom_s_marks_are_those_it_draws_when_it_is_simulated_so(simulated, strength):
    told = phantom(replace(SICK, marker_bias=strength))
    assert torch.equal(planted(simulated, strength)[0], told.pixels)


def test_the_phantom_s_marks_are_bright_and_lie_at_its_gland(simulated):
    pixels, mask = planted(simulated, 1)
    shown = marked(mask)
    brighter = pixels.int() - simulated.pixels.int()
    assert brighter[shown].flatten(1).max(1).values.min() > 40
    gland = simulated.masks["parenchyma"].bool()
    assert (mask & gland)[shown].flatten(1).any(1).float().mean() > 0.9


def test_a_selection_in_another_order_gets_the_same_marks(simulated):
    index = [7, 2, 19, 12, 3]
    pixels, mask = planted(simulated.select(index), 0.5)
    whole = planted(simulated, 0.5)
    assert torch.equal(pixels, whole[0][index]) and torch.equal(mask, whole[1][index])


@pytest.mark.parametrize("strength", [-0.1, 1.01, float("nan")])
def test_what_is_no_share_is_refused(brought, strength):
    with pytest.raises(UserError, match="is no share of the positive images"):
        planted(brought, strength)


def test_images_without_labels_are_refused(brought):
    unlabelled = replace(brought, frame=brought.frame.assign(label=pd.NA))
    with pytest.raises(UserError, match="have no label"):
        planted(unlabelled, 0.5)


def test_a_phantom_that_is_not_what_its_settings_say_is_refused(simulated):
    with pytest.raises(UserError, match="looks different when it is simulated again"):
        planted(replace(simulated, pixels=255 - simulated.pixels), 0.5)
    wearing = phantom(replace(SICK, patients=1, markers=0.5))
    with pytest.raises(UserError, match="carries marks already"):
        planted(wearing, 0.5)
