import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from testiculus.augment import (
    RECIPES,
    AugmentSettings,
    affine_maps,
    apply,
    augment,
    draw_augmentations,
    sampling_grid,
)
from testiculus.base.devices import generator
from testiculus.base.errors import UserError
from testiculus.markers import apply_markers


def pictures(n=6, height=24, width=24):
    return torch.rand(n, 1, height, width, generator=generator("pictures"))


def changed(images, angle=0.0, flip=False, right=0.0, down=0.0):
    """One given change, the same for every image."""
    n, size = len(images), images.shape[-2:]
    theta = affine_maps(
        torch.full((n,), angle),
        torch.full((n,), flip),
        torch.full((n,), right),
        torch.full((n,), down),
        size,
    )
    grid = sampling_grid(theta, size)
    return functional.grid_sample(images, grid, padding_mode="zeros", align_corners=False)


@pytest.mark.parametrize("size", [(24, 24), (20, 33)])
@pytest.mark.parametrize(
    ("angle", "flip", "right", "down"),
    [(0, False, 3, -2), (17, False, 0, 0), (-11, True, 2, 5), (90, False, 0, 0), (0, True, 0, 0)],
)
def test_an_image_changes_as_torchvision_changes_it(size, angle, flip, right, down):
    from torchvision.transforms.functional import InterpolationMode, affine, hflip

    images = pictures(2, *size)
    ours = changed(images, float(angle), flip, right / size[1], down / size[0])
    first = hflip(images) if flip else images
    theirs = affine(
        first,
        angle,
        [right, down],
        scale=1.0,
        shear=[0.0],
        interpolation=InterpolationMode.BILINEAR,
    )
    torch.testing.assert_close(ours, theirs, atol=2e-5, rtol=0)


def test_the_grid_is_that_of_torch():
    theta = torch.randn(5, 2, 3, generator=generator("theta"))
    theirs = functional.affine_grid(theta, (5, 1, 9, 14), align_corners=False)
    torch.testing.assert_close(sampling_grid(theta, (9, 14)), theirs, atol=1e-6, rtol=1e-6)


def test_a_batch_is_changed_image_by_image():
    images = pictures()
    drawn = draw_augmentations("released", len(images), (24, 24), generator("batch"))
    together = apply(images, drawn)
    alone = [apply(images[i : i + 1], drawn[i : i + 1]) for i in range(len(images))]
    torch.testing.assert_close(together, torch.cat(alone), atol=1e-6, rtol=0)


def test_a_flip_mirrors_and_two_flips_give_the_image_back():
    images = pictures()
    once = changed(images, flip=True)
    torch.testing.assert_close(once, images.flip(-1), atol=1e-5, rtol=0)
    torch.testing.assert_close(changed(once, flip=True), images, atol=2e-5, rtol=0)


def test_shifts_move_by_whole_pixels_and_let_black_in():
    images = pictures(2, 30, 30)
    moved = changed(images, right=0.1, down=0.21)  # 3 and 6.3 of 30 pixels
    torch.testing.assert_close(moved[..., 6:, 3:], images[..., :-6, :-3], atol=1e-5, rtol=0)
    assert moved[..., :6, :].max() < 1e-4
    assert moved[..., :, :3].max() < 1e-4


def test_a_positive_angle_turns_clockwise_on_the_screen():
    image = torch.zeros(1, 1, 21, 21)
    image[..., 2, 10] = 1.0  # twelve o'clock
    turned = changed(image, angle=90.0)
    assert divmod(int(turned.argmax()), 21) == (10, 18)  # three o'clock


def test_nothing_changes_without_a_recipe_or_with_one_of_no_extent():
    images = pictures()
    assert augment(images, "none", generator("none")) is images
    still = augment(images, AugmentSettings(rotation=1e-9), generator("still"))
    torch.testing.assert_close(still, images, atol=1e-5, rtol=0)


def test_the_input_is_left_as_it_was():
    for recipe in RECIPES:
        images = pictures()
        kept = images.clone()
        augment(images, recipe, generator("kept"))
        assert torch.equal(images, kept)


@pytest.mark.parametrize("recipe", ["article", "released"])
def test_equal_images_get_different_draws(recipe):
    images = pictures(1).repeat(12, 1, 1, 1)
    different = augment(images, recipe, generator("different"))
    assert len({image.numpy().tobytes() for image in different}) > 3


@pytest.mark.parametrize("recipe", ["article", "released"])
def test_the_same_generator_gives_the_same_bits(recipe):
    images = pictures()
    first = augment(images, recipe, generator("twice"))
    assert torch.equal(first, augment(images, recipe, generator("twice")))
    assert not torch.equal(first, augment(images, recipe, generator("other")))


def test_the_global_random_state_is_neither_read_nor_changed():
    before = torch.random.get_rng_state()
    augment(pictures(), "article", generator("explicit"))
    assert torch.equal(before, torch.random.get_rng_state())


def test_the_released_bands_are_black_a_quarter_of_the_time_on_each_side():
    settings = AugmentSettings(band=25 / 300, band_chance=0.25)
    drawn = draw_augmentations(settings, 4000, (60, 60), generator("bands"))
    banded = apply(torch.ones(4000, 1, 60, 60), drawn)
    for rows in (slice(0, 5), slice(55, 60)):  # 25 of 300 px are 5 of 60
        black = banded[..., rows].amax(dim=(1, 2, 3)) == 0
        assert abs(black.float().mean() - 0.25) < 0.03
    assert banded[..., 5:55].min() == 1


def test_the_recipes_draw_within_their_bounds_and_as_often_as_they_say():
    n, side = 4000, 300
    theta = draw_augmentations("released", n, (side, side), generator("bounds")).theta
    mirrored, down = theta[:, 0, 0] < 0, -theta[:, 1, 2] * side / 2
    assert abs(mirrored.float().mean() - 0.5) < 0.03
    assert abs((down > 0).float().mean() - 0.2) < 0.03
    assert down.min() >= 0 and 55 < down.max() < 60.01

    theta = draw_augmentations("article", n, (side, side), generator("bounds")).theta
    angles = torch.rad2deg(torch.atan2(-theta[:, 1, 0], theta[:, 1, 1]))
    assert 14.5 < angles.max() <= 15.01 and -15.01 <= angles.min() < -14.5
    assert abs(angles.mean()) < 0.5


@given(st.integers(1, 40), st.integers(4, 40), st.integers(4, 40), st.sampled_from(list(RECIPES)))
def test_shape_and_range_are_kept(n, height, width, recipe):
    images = torch.rand(n, 1, height, width, generator=generator("range"))
    result = augment(images, recipe, generator("range", n))
    assert result.shape == images.shape and result.dtype == images.dtype
    assert result.min() >= 0 and result.max() <= 1 + 1e-6


@pytest.mark.parametrize("recipe", ["article", "released"])
def test_markers_come_last_over_the_same_picture_as_without_them(recipe):
    images = torch.rand(64, 1, 48, 48, generator=generator("marked pictures"))
    marked = augment(images, recipe, generator("markers"))
    plain = augment(images, f"{recipe}-unmarked", generator("markers"))
    draws = draw_augmentations(recipe, 64, (48, 48), generator("markers")).markers
    drawn = apply_markers(plain, draws)[1]
    assert 0 < drawn.float().mean() < 0.3
    assert torch.equal(marked[~drawn], plain[~drawn])
    assert (marked != plain).flatten(1).any(dim=1).float().mean() > 0.4


def test_an_unknown_recipe_is_refused_with_the_known_ones():
    with pytest.raises(
        UserError, match="allowed: article, released, none, article-unmarked, released-unmarked"
    ):
        augment(pictures(), "artcle", generator("wrong"))


def test_rotation_on_an_oblong_image_is_by_true_angles():
    height, width = 21, 41
    image = torch.zeros(1, 1, height, width)
    image[..., 10, 28] = 1.0  # eight pixels right of the centre
    turned = changed(image, angle=30.0)
    row, column = divmod(int(turned.argmax()), width)
    assert abs(row - (10 + 8 * math.sin(math.pi / 6))) <= 1
    assert abs(column - (20 + 8 * math.cos(math.pi / 6))) <= 1
