"""Markers in images: pasted as a naive loop would, masked exactly, the same at any batch size."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from testiculus.base.devices import generator
from testiculus.base.errors import UserError
from testiculus.markers import (
    KINDS,
    RECIPES,
    Amount,
    MarkerRecipe,
    apply_markers,
    draw_kind,
    draw_markers,
    stamp,
)

GREY = 0.4  # no marker's shade at 8 bits: 102 of 255, and a grey bar is left out where it matters


def grey(n=4, height=64, width=64):
    return torch.full((n, 1, height, width), GREY)


def pasted(image, draws):
    """One image's markers, pasted one after the other with plain loops (but for caliper lines)."""
    height, width = image.shape
    mask = torch.zeros(height, width, dtype=torch.bool)
    out = image.clone()
    for slot, kind in enumerate(draws.kinds):
        if not draws.present[0, slot]:
            continue
        cover, shade = (torch.round(255 * part) / 255 for part in stamp(kind, height, width))
        x, y = draws.start[0, slot]
        left = round(float(x * (width - cover.shape[1])))
        top = round(float(y * (height - cover.shape[0])))
        for row in range(cover.shape[0]):
            for column in range(cover.shape[1]):
                c, at = cover[row, column], (top + row, left + column)
                if c > 0:
                    out[at] = (1 - c) * image[at] + c * shade[row, column]
                    mask[at] = True
    return out, mask


@pytest.mark.parametrize("size", [(64, 64), (48, 80), (150, 150)])
def test_markers_are_pasted_as_a_plain_loop_pastes_them(size):
    kinds = [kind for kind in KINDS if kind != "calipers"]
    recipe = MarkerRecipe(tuple(Amount(kind, 0.6, 2) for kind in kinds))
    images = torch.rand(5, 1, *size, generator=generator("pasted"))
    draws = draw_markers(recipe, 5, generator("pasted"))
    out, mask = apply_markers(images, draws)
    for i in range(5):
        expected, where = pasted(images[i, 0], draws[i : i + 1])
        torch.testing.assert_close(out[i, 0], expected, atol=1e-6, rtol=0)
        assert torch.equal(mask[i, 0], where)


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("side", [64, 256])
def test_an_image_changes_only_where_its_mask_is_and_is_never_written_to(recipe, side):
    images = torch.rand(8, 1, side, side, generator=generator("only"))
    before = images.clone()
    out, mask = apply_markers(images, draw_markers(recipe, 8, generator("only")))
    assert torch.equal(images, before)
    assert mask.shape == images.shape and mask.dtype == torch.bool
    assert torch.equal(out[~mask], images[~mask])
    assert float(out.min()) >= 0 and float(out.max()) <= 1
    assert bool(mask.any()) == (recipe != "none")


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "grey_bar"])
@pytest.mark.parametrize("side", [32, 64, 256])
def test_the_mask_is_exactly_what_changed(kind, side):
    out, mask = draw_kind(kind, grey(6, side, side), generator("exactly"))
    assert torch.equal(out != GREY, mask)
    assert mask.flatten(1).any(dim=1).all()


def test_a_batch_is_drawn_image_by_image():
    images = torch.rand(6, 1, 64, 64, generator=generator("batch"))
    draws = draw_markers("article", 6, generator("batch"))
    out, mask = apply_markers(images, draws)
    for i in range(6):
        alone, alone_mask = apply_markers(images[i : i + 1], draws[i : i + 1])
        assert torch.equal(out[i : i + 1], alone) and torch.equal(mask[i : i + 1], alone_mask)


def test_every_image_has_markers_of_its_own():
    _, mask = draw_kind("cross", grey(30), generator("own"))
    assert len(mask.flatten(1).unique(dim=0)) == 30


def middle(mask):
    """The centre (x, y) of a mask as fractions of the image's sides."""
    rows, columns = mask.nonzero(as_tuple=True)
    height, width = mask.shape
    return float((columns + 0.5).mean()) / width, float((rows + 0.5).mean()) / height


@pytest.mark.parametrize("kind", ["ring", "cross", "long_dash", "grey_bar"])
def test_the_same_draws_put_a_marker_at_the_same_place_at_64_and_256_pixels(kind):
    small, large = (
        draw_kind(kind, grey(10, side, side), generator("places"))[1] for side in (64, 256)
    )
    for i in range(10):
        assert middle(small[i, 0]) == pytest.approx(middle(large[i, 0]), abs=1.5 / 64)


def line_of_dots(side, x0, y0, x1, y1):
    """The mask of a pair of calipers between two given places, and the pair's centres."""
    draws = draw_markers(MarkerRecipe((Amount("calipers", 1.0),)), 1, generator("line"))
    draws.start[0, 0], draws.end[0, 0] = torch.tensor([x0, y0]), torch.tensor([x1, y1])
    _, mask = apply_markers(grey(1, side, side), draws)
    size = len(stamp("cross", side, side)[0])
    room = side - size
    ends = [torch.tensor(p).mul(room).round() + size / 2 for p in ((x0, y0), (x1, y1))]
    return mask[0, 0], ends, size


unit = st.floats(0, 1, width=32)


@given(unit, unit, unit, unit, st.sampled_from([64, 128, 300]))
def test_caliper_dots_lie_evenly_on_the_line_between_the_ends(x0, y0, x1, y1, side):
    mask, (a, b), size = line_of_dots(side, x0, y0, x1, y1)
    length = float((b - a).norm())
    gaps = max(1, round(length / (0.1 * side)))
    half = len(stamp("dot", side, side)[0]) / 2
    expected = torch.zeros_like(mask)
    for end in (a, b):
        left, top = (int(v) for v in end - size / 2)
        expected[top : top + size, left : left + size] |= stamp("cross", side, side)[0] > 0
    for i in range(1, gaps):
        dot = a + (b - a) * i / gaps
        near = [(dot - half - 0.51).ceil().int(), (dot + half + 0.51).floor().int()]
        window = mask[near[0][1] : near[1][1], near[0][0] : near[1][0]]
        assert window.any()  # a dot where the line has one
        expected[near[0][1] : near[1][1], near[0][0] : near[1][0]] = True
    assert not (mask & ~expected).any()  # and nothing anywhere else


def test_dots_are_30_pixels_apart_on_a_view_of_300():
    mask, (a, _), _ = line_of_dots(300, 0.1, 0.5, 0.1 + 150 / 282, 0.5)
    row = mask[int(a[1])]
    starts = (row & ~torch.roll(row, 1)).nonzero().flatten()
    dots = [int(s) for s in starts if not row[s + 2]]  # two pixels wide; a cross is wider
    assert dots == [int(a[0]) - 1 + 30 * i for i in range(1, 5)]


def test_what_is_drawn_later_lies_on_top():
    recipe = MarkerRecipe((Amount("grey_bar", 1.0), Amount("depth_ruler", 1.0)))
    draws = draw_markers(recipe, 1, generator("top"))
    draws.start[...] = draws.end[...] = 0.0
    out, _ = apply_markers(torch.zeros(1, 1, 256, 256), draws)
    cover, shade = stamp("depth_ruler", 256, 256)
    assert (out[0, 0, :, : cover.shape[1]][cover == 1] == 1).all()


@given(st.integers(3, 40), st.integers(3, 40))
def test_any_size_of_image_takes_markers(height, width):
    images = grey(3, height, width)
    out, mask = apply_markers(images, draw_markers("article", 3, generator("any")))
    assert out.shape == images.shape and torch.equal(out[~mask], images[~mask])


def test_bars_and_rulers_stand_upright_within_the_image_beside_an_edge():
    for kind in ("grey_bar", "depth_ruler"):
        _, mask = draw_kind(kind, grey(20, 256, 256), generator("upright"))
        for one in mask[:, 0]:
            columns = one.any(dim=0).nonzero().flatten()
            rows = one.any(dim=1).nonzero().flatten()
            assert len(rows) > 5 * len(columns) or kind == "depth_ruler"
            assert columns.max() < 256 * 0.13 or columns.min() >= 256 * 0.87


def test_half_precision_images_stay_half_precision():
    images = grey().to(torch.bfloat16)
    out, mask = draw_kind("cross", images, generator("half"))
    assert out.dtype == torch.bfloat16 and torch.equal(out[~mask], images[~mask])


def test_the_none_recipe_gives_the_images_back():
    images = grey()
    out, mask = apply_markers(images, draw_markers("none", 4, generator("none")))
    assert torch.equal(out, images) and not mask.any()


def test_an_empty_batch_stays_empty():
    out, mask = apply_markers(grey(0), draw_markers("article", 0, generator("empty")))
    assert len(out) == len(mask) == 0


def test_draws_for_another_number_of_images_are_refused():
    with pytest.raises(ValueError, match="3 draws for 4 images"):
        apply_markers(grey(4), draw_markers("article", 3, generator("number")))


def test_an_unknown_kind_is_refused():
    with pytest.raises(UserError, match="unknown marker 'arrow'"):
        draw_kind("arrow", grey(), generator("kind"))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_draws_the_same_pixels():
    images = torch.rand(16, 1, 64, 64, generator=generator("gpu"))
    draws = draw_markers("article", 16, generator("gpu"))
    out, mask = apply_markers(images, draws)
    there, there_mask = apply_markers(images.cuda(), draws.to("cuda"))
    assert torch.equal(there_mask.cpu(), mask)
    torch.testing.assert_close(there.cpu(), out, atol=1e-6, rtol=0)
