"""Markers in test images: at least one on each, nothing else changed, the same for every model."""

import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from testiculus.base.devices import generator
from testiculus.base.errors import UserError
from testiculus.claims.attention import ALL_KINDS, UNMARKED
from testiculus.data.images import ImageSet
from testiculus.experiments.inserted_markers import (
    BLOCK,
    CONDITIONS,
    image_draws,
    insertions,
    unmarked,
)
from testiculus.markers import (
    KINDS,
    RECIPES,
    Amount,
    MarkerRecipe,
    apply_markers,
    draw_markers,
    marker_recipe,
)


def noise(n=70, side=32):
    pixels = torch.randint(0, 256, (n, 1, side, side), generator=generator("noise"))
    frame = pd.DataFrame({"image": [f"{i}.png" for i in range(n)], "patient": "p"})
    return ImageSet.build(pixels.to(torch.uint8), frame, "noise")


@pytest.fixture(scope="module")
def images():
    return noise()


@pytest.fixture(scope="module", params=[name for name in RECIPES if name != "none"])
def inserted(request, images):
    return insertions(images, request.param, seed=0)


def test_every_image_carries_a_marker_under_every_condition(images, inserted):
    assert tuple(one.name for one in inserted) == CONDITIONS == (ALL_KINDS, *KINDS)
    for one in inserted:
        assert one.pixels.dtype == torch.uint8 and one.mask.dtype == torch.bool
        assert one.mask.shape == one.pixels.shape == images.pixels.shape
        assert one.mask.flatten(1).any(1).all()


def test_nothing_is_changed_outside_the_mask_and_much_inside(images, inserted):
    for one in inserted:
        assert torch.equal(one.pixels[~one.mask], images.pixels[~one.mask])
        assert (one.pixels != images.pixels)[one.mask].float().mean() > 0.9
    assert torch.equal(images.pixels, noise().pixels)  # never written to


def test_markers_are_those_of_the_recipe_drawn_again_only_where_there_was_none(images):
    """The plain way: image by image, the first of the block's rounds that draws a marker."""
    [all_kinds] = insertions(images, "article", 7, [ALL_KINDS])
    rounds = {}
    for block in (0, 1):
        stream = generator("inserted markers", 7, ALL_KINDS, block)
        rounds[block] = [draw_markers("article", BLOCK, stream) for _ in range(9)]
    used = []
    for i in range(len(images)):
        block, place = divmod(i, BLOCK)
        nth = next(k for k, draws in enumerate(rounds[block]) if draws.present[place].any())
        used.append(nth)
        draws = rounds[block][nth][place : place + 1]
        drawn, mask = apply_markers(images.pixels[i : i + 1].float() / 255, draws)
        assert torch.equal(all_kinds.mask[i : i + 1], mask)
        grey = all_kinds.pixels[i : i + 1].float() / 255
        assert (grey - drawn).abs().max() <= 0.51 / 255
    assert max(used) > 0 and used.count(0) > len(used) / 2


@settings(max_examples=25)
@given(st.integers(1, 150), st.integers(1, 150))
def test_an_image_s_markers_do_not_depend_on_how_many_images_there_are(n, other):
    both = min(n, other)
    a, b = (image_draws(marker_recipe("article"), "x", 3, k) for k in (n, other))
    assert len(a) == n
    assert torch.equal(a.present[:both], b.present[:both])
    assert torch.equal(a.start[:both], b.start[:both])


def test_kinds_are_as_frequent_as_in_training_given_that_there_is_a_marker():
    """P(kind | any) = 0.3 / (1 - 0.7^8), of eight independent kinds."""
    draws = image_draws(marker_recipe("article"), "frequency", 0, 6400)
    expected = 0.3 / (1 - 0.7**8)
    for kind in KINDS:
        slots = [i for i, slot in enumerate(draws.kinds) if slot == kind]
        share = float(draws.present[:, slots].any(1).float().mean())
        assert share == pytest.approx(expected, abs=4 * (expected * (1 - expected) / 6400) ** 0.5)


def test_seeds_and_conditions_have_markers_of_their_own(images):
    masks = [one.mask for seed in (0, 1) for one in insertions(images, "article", seed)]
    for i, mask in enumerate(masks):
        assert not any(torch.equal(mask, other) for other in masks[i + 1 :])
    again = insertions(images, "article", 0, ["ring"])[0]
    assert torch.equal(again.mask, masks[1])


def test_images_as_they_are_have_an_empty_mask(images):
    plain = unmarked(images)
    assert plain.name == UNMARKED and not plain.mask.any() and len(plain) == len(images)
    assert torch.equal(plain.pixels, images.pixels)


def test_an_image_smaller_than_a_marker_is_refused():
    with pytest.raises(UserError, match="images of 8 px are too small") as told:
        insertions(noise(2, 8), "article", 0)
    assert "cross 10" in str(told.value) and "PIXELS to at least 12" in str(told.value)
    with pytest.raises(UserError, match="cross 10"):
        insertions(noise(2, 8), "article", 0, ["calipers"])
    assert len(insertions(noise(2, 8), "article", 0, ["dot"])) == 1


def test_unknown_conditions_and_recipes_that_draw_nothing_are_refused(images):
    with pytest.raises(UserError, match="unknown condition 'rings'"):
        insertions(images, "article", 0, ["rings"])
    for nothing in ("none", MarkerRecipe((Amount("ring", 0.0),))):
        with pytest.raises(UserError, match="draws no marker"):
            insertions(images, nothing, 0)
