import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from testiculus.base.devices import generator
from testiculus.base.errors import UserError
from testiculus.markers import draw_kind
from testiculus.pretrain.views import (
    ARTICLE,
    RELEASED_FIRST,
    RELEASED_SECOND,
    VIEWS,
    ViewSettings,
    draw_views,
    make_view,
    without_markers,
)

# Marker removal is another room's, tested there; without it the pixels can be followed by hand.
MARKED = replace(RELEASED_SECOND, unmark=False)
SETTINGS = {"article": ARTICLE, "released a": RELEASED_FIRST, "released b": MARKED}
each_view = pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)


def pictures(n=6, height=24, width=24):
    return torch.rand(n, 1, height, width, generator=generator("pictures", n))


def draws(settings, n=6, size=(24, 24), name="draws", **words):
    return draw_views((settings, settings), n, size, generator(name), **words)[0]


def slow_view(image, settings, draw):
    """One view of one image (h, w), in whole-image operations of torchvision, one after another."""
    from torchvision.transforms import functional as tv

    height, width = image.shape
    image = image[None].clone()
    if settings.square:
        side = round(settings.square * min(height, width))
        left, top = (
            round(place * (length - side))
            for place, length in zip(draw.corner[0].tolist(), (width, height), strict=True)
        )
        image = tv.erase(image, top, left, side, side, torch.zeros(()))
    if settings.rotation:
        (xx, _, _), (yx, yy, _) = draw.theta[0].tolist()
        if math.copysign(1, xx) != math.copysign(1, yy):
            image = tv.hflip(image)
        angle = math.degrees(math.atan2(-yx * height / width, yy))
        image = tv.affine(
            image, angle, [0, 0], 1.0, [0.0], interpolation=tv.InterpolationMode.BILINEAR
        )
    changes = (tv.adjust_contrast, tv.adjust_brightness)
    order = changes if draw.contrast_first[0] else changes[::-1]
    for change, factor in zip(order, draw.factors[0].tolist(), strict=True):
        image = change(image, factor)
    return tv.adjust_sharpness(image, float(draw.sharpness[0]))


def test_the_second_released_view_is_torchvision_s_one_image_at_a_time():
    images, drawn = pictures(12), draws(MARKED, 12)
    found = make_view(images, drawn)
    for i, image in enumerate(images):
        expected = slow_view(image[0], MARKED, drawn[i : i + 1])
        torch.testing.assert_close(found[i], expected, atol=1e-4, rtol=0)


def crop_boxes(drawn):
    """Left, right, top, bottom of the crops, 0 to 1, from the maps of views without rotation."""
    x, y = drawn.theta[:, 0], drawn.theta[:, 1]
    ends = [
        line[:, 2] + sign * line[:, i].abs() for i, line in enumerate((x, y)) for sign in (-1, 1)
    ]
    return [(end + 1) / 2 for end in ends]


@pytest.mark.parametrize("settings", [ARTICLE, RELEASED_FIRST], ids=["article", "released"])
def test_a_crop_is_cut_out_mirrored_and_enlarged(settings):
    """Against torchvision's resized_crop at boxes of whole pixels."""
    from torchvision.transforms import functional as tv

    settings = ViewSettings(area=settings.area, aspect=settings.aspect, flip=0.5, flip_down=0.5)
    images, drawn = pictures(16, 40, 40), draws(settings, 16, (40, 40))
    whole = torch.round(torch.stack(crop_boxes(drawn)) * 40)
    left, right, top, bottom = whole / 20 - 1
    theta = drawn.theta.clone()
    theta[:, 0, 0] = torch.copysign((right - left) / 2, theta[:, 0, 0])
    theta[:, 1, 1] = torch.copysign((bottom - top) / 2, theta[:, 1, 1])
    theta[:, :, 2] = torch.stack([left + right, top + bottom], dim=1) / 2
    found = make_view(images, replace(drawn, theta=theta))
    for i in range(16):
        x0, x1, y0, y1 = whole[:, i].int().tolist()
        expected = tv.resized_crop(images[i], y0, x0, y1 - y0, x1 - x0, [40, 40], antialias=False)
        expected = tv.hflip(expected) if theta[i, 0, 0] < 0 else expected
        expected = tv.vflip(expected) if theta[i, 1, 1] < 0 else expected
        # torchvision repeats the crop's edge; ours sees the pixel beyond it.
        inner = (slice(None), slice(2, -2), slice(2, -2))
        torch.testing.assert_close(found[i][inner], expected[inner], atol=1e-5, rtol=0)


@pytest.mark.parametrize("settings", [ARTICLE, RELEASED_FIRST], ids=["article", "released"])
def test_crops_keep_to_their_area_and_aspect_and_to_the_image(settings):
    left, right, top, bottom = crop_boxes(draws(settings, 4000))
    width, height = right - left, bottom - top
    area, aspect = width * height, width / height
    assert min(left.min(), top.min()) > -1e-6 and max(right.max(), bottom.max()) < 1 + 1e-6
    low, high = settings.area
    assert low - 1e-5 <= area.min() < low + 0.01 and high - 0.01 < area.max() <= high + 1e-5
    assert float(area.mean()) == pytest.approx((low + high) / 2, abs=0.01)
    narrow, wide = settings.aspect
    assert narrow - 1e-5 <= aspect.min() < narrow * 1.1
    assert wide / 1.1 < aspect.max() <= wide + 1e-5
    assert float(torch.log(aspect).mean()) == pytest.approx(0.0, abs=0.02)
    assert float((left - (1 - right)).mean()) == pytest.approx(0.0, abs=0.01)


def test_mirrors_turns_and_changes_come_as_often_and_as_far_as_they_should():
    n = 4000
    first, second = draw_views("released", n, (24, 24), generator("often"))
    assert float((first.theta[:, 0, 0] < 0).float().mean()) == pytest.approx(0.5, abs=0.03)
    assert float((first.theta[:, 1, 1] < 0).float().mean()) == pytest.approx(0.5, abs=0.03)
    angle = torch.rad2deg(torch.atan2(-second.theta[:, 1, 0], second.theta[:, 1, 1]))
    assert -90.01 < angle.min() < -89 and 89 < angle.max() < 90.01
    assert float(angle.mean()) == pytest.approx(0.0, abs=3)
    assert float((second.factors != 1).any(dim=1).float().mean()) == pytest.approx(0.8, abs=0.03)
    assert 0.2 - 1e-6 <= second.factors.min() < 0.21 and 1.79 < second.factors.max() <= 1.8 + 1e-6
    assert float(second.contrast_first.float().mean()) == pytest.approx(0.5, abs=0.03)
    assert float((second.sharpness == 2).float().mean()) == pytest.approx(0.3, abs=0.03)
    assert set(second.sharpness.unique().tolist()) == {1.0, 2.0}
    noise = draws(ARTICLE, n).noise
    assert 0 <= noise.min() < 0.001 and 0.049 < noise.max() <= 0.05


def test_the_released_square_is_always_there_and_whole():
    n = 200
    still = ViewSettings(square=96 / 256)
    for side in (64, 256):
        found = make_view(torch.ones(n, 1, side, side), draws(still, n, (side, side)))
        assert torch.equal(
            (found < 0.5).sum(dim=(1, 2, 3)), torch.full((n,), (side * 96 // 256) ** 2)
        )


def test_the_article_s_views_are_drawn_alike_and_the_released_ones_are_two_kinds():
    first, second = VIEWS["article"]
    assert first == second
    first, second = VIEWS["released"]
    assert first != second and second.unmark and not first.unmark


@each_view
def test_a_batch_is_what_its_images_are_one_at_a_time(settings):
    images, drawn = pictures(), draws(settings)
    together = make_view(images, drawn)
    alone = [make_view(images[i : i + 1], drawn[i : i + 1]) for i in range(len(drawn))]
    torch.testing.assert_close(together, torch.cat(alone), atol=1e-6, rtol=0)


@each_view
def test_equal_images_get_views_of_their_own_unless_the_draw_is_shared(settings):
    images = pictures(1).expand(8, 1, 24, 24)
    own = make_view(images, draws(settings, 8))
    assert len({image.numpy().tobytes() for image in own}) == 8
    plain = replace(settings, square=0.0, noise=0.0)  # what stays each image's own
    shared = make_view(images, draws(plain, 8, shared=True))
    torch.testing.assert_close(shared, shared[:1].expand_as(shared), atol=1e-6, rtol=0)


def test_a_shared_draw_is_the_first_image_s_and_leaves_square_and_noise_to_each():
    for recipe in VIEWS:
        apart = draw_views(recipe, 9, (24, 24), generator("shared"))
        alike = draw_views(recipe, 9, (24, 24), generator("shared"), shared=True)
        for one, all_ in zip(apart, alike, strict=True):
            for name in ("theta", "factors", "contrast_first", "sharpness", "noise"):
                part = getattr(all_, name)
                assert torch.equal(part, getattr(one, name)[:1].expand_as(part))
            assert torch.equal(one.corner, all_.corner) and len(one.corner.unique(dim=0)) == 9
            assert torch.equal(one.stretch, all_.stretch)


def test_the_two_views_of_an_image_are_drawn_apart():
    first, second = draw_views("article", 50, (24, 24), generator("apart"))
    assert not torch.isclose(first.theta, second.theta).all(dim=(1, 2)).any()


@each_view
def test_the_same_generator_gives_the_same_bits(settings):
    images = pictures()
    first, again, other = (draws(settings, name=name) for name in ("one", "one", "two"))
    assert torch.equal(make_view(images, first), make_view(images, again))
    assert not torch.equal(make_view(images, first), make_view(images, other))


def test_every_recipe_takes_as_many_values_per_image_from_the_generator():
    states = set()
    for recipe in (*VIEWS, (ViewSettings(), ViewSettings())):
        for shared in (False, True):
            random = generator("state")
            draw_views(recipe, 5, (24, 24), random, shared=shared)
            states.add(random.get_state().numpy().tobytes())
    assert len(states) == 1
    few, many = (draw_views("article", n, (24, 24), generator("state"))[1] for n in (3, 30))
    assert torch.equal(few.theta, many[:3].theta) and torch.equal(few.stretch, many[:3].stretch)


def test_draws_fit_every_square_size():
    small, large = (draw_views("released", 4, (s, s), generator("size"))[1] for s in (16, 256))
    assert torch.equal(small.theta, large.theta) and torch.equal(small.corner, large.corner)


def test_the_global_random_state_is_neither_read_nor_changed():
    before = torch.random.get_rng_state()
    make_view(pictures(), draws(ARTICLE))
    assert torch.equal(before, torch.random.get_rng_state())


@given(st.integers(1, 12), st.integers(3, 40), st.integers(3, 40), st.sampled_from(list(SETTINGS)))
def test_shape_and_range_are_kept_and_the_images_too(n, height, width, which):
    images = torch.rand(n, 1, height, width, generator=generator("range"))
    kept = images.clone()
    found = make_view(images, draws(SETTINGS[which], n, (height, width)))
    assert found.shape == images.shape and found.dtype == images.dtype
    assert torch.isfinite(found).all() and found.min() >= 0 and found.max() <= 1
    assert torch.equal(images, kept)


def test_a_view_without_changes_is_the_image():
    images = pictures()
    found = make_view(images, draws(ViewSettings()))
    torch.testing.assert_close(found, images, atol=1e-5, rtol=0)


def test_the_second_released_view_is_made_of_the_image_without_its_markers(monkeypatch):
    markers = pytest.importorskip("testiculus.markers")
    monkeypatch.setattr(markers, "remove_markers", lambda images: 1 - images, raising=False)
    images, drawn = pictures(), draws(RELEASED_SECOND)
    expected = make_view(1 - images, replace(drawn, settings=MARKED))
    assert torch.equal(make_view(images, drawn), expected)
    assert torch.equal(make_view(images, drawn, unmarked=1 - images), expected)
    first = draws(ARTICLE)
    assert torch.equal(make_view(images, first, unmarked=1 - images), make_view(images, first))


def test_draws_go_to_a_device_whole():
    drawn = draws(ARTICLE).to("meta")
    assert drawn.theta.device.type == drawn.stretch.device.type == "meta"
    assert len(drawn) == 6 and len(drawn[2:4]) == 2


def test_an_unknown_recipe_is_refused_with_the_known_ones():
    with pytest.raises(UserError, match="allowed: article, released"):
        draw_views("artcle", 2, (24, 24), generator("wrong"))


def test_only_recipes_that_remove_markers_have_them_removed_beforehand():
    pixels = torch.full((2, 1, 32, 32), 60, dtype=torch.uint8)
    assert without_markers(pixels, "article") is None
    unmarked = without_markers(pixels, "released")
    assert unmarked.dtype == torch.uint8 and torch.equal(unmarked, pixels)


def test_markers_removed_beforehand_give_the_view_that_removing_them_then_gives():
    plain = torch.full((4, 1, 64, 64), 0.25)
    marked, _ = draw_kind("cross", plain, generator("crosses"))
    pixels = (marked * 255).round().to(torch.uint8)
    images, drawn = pixels.float() / 255, draws(RELEASED_SECOND, 4, (64, 64))
    before = make_view(images, drawn, without_markers(pixels, "released").float() / 255)
    then = make_view(images, drawn)
    assert (before - then).abs().max() < 0.02  # rounded to bytes, then sharpened and stretched
    assert (before - make_view(images, drawn, images)).abs().max() > 0.1
