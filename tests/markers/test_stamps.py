"""Stamps: the stated sizes, the shapes that make each kind what it is, legible when small."""

import pytest
import torch

from testiculus.base.errors import UserError
from testiculus.markers import SIZES, stamp

STATED = {  # PAPER section 3: width and height in pixels on a view of 300 px
    "ring": (10, 10),
    "dot": (2, 2),
    "cross": (18, 18),
    "long_dash": (10, 5),
    "small_dash": (5, 5),
    "grey_bar": (18, 125),
    "depth_ruler": (20, 300),
}
SIDES = (32, 64, 128, 224, 256, 300, 600)


@pytest.mark.parametrize("kind", STATED)
def test_on_a_view_of_300_pixels_a_marker_has_its_stated_size(kind):
    cover, shade = stamp(kind, 300, 300)
    width, height = STATED[kind]
    assert cover.shape == shade.shape == (height, width)


@pytest.mark.parametrize("kind", STATED)
@pytest.mark.parametrize("side", [128, 256, 600])
def test_elsewhere_it_has_the_same_share_of_the_image_within_a_pixel(kind, side):
    height, width = stamp(kind, side, side)[0].shape
    assert width == pytest.approx(STATED[kind][0] * side / 300, abs=1)
    assert height == pytest.approx(STATED[kind][1] * side / 300, abs=1)


@pytest.mark.parametrize("kind", STATED)
@pytest.mark.parametrize("side", SIDES)
def test_no_marker_vanishes_at_any_size(kind, side):
    cover, shade = stamp(kind, side, side)
    assert (cover * shade).max() > 0.75
    assert 0 <= cover.min() and cover.max() <= 1
    assert 0 <= shade.min() and shade.max() <= 1


@pytest.mark.parametrize("side", SIDES)
def test_a_ring_is_hollow_and_closed(side):
    cover, _ = stamp("ring", side, side)
    size = len(cover)
    middle = slice((size - 1) // 2, size // 2 + 1)
    assert cover[middle, middle].max() < 0.2
    for line in (*cover[middle], *cover.T[middle]):  # out of the middle, every way meets the line
        assert line[: size // 2].max() > 0.4 and line[(size + 1) // 2 :].max() > 0.4
    assert torch.equal(cover, cover.T) and torch.equal(cover, cover.flip(0))


def test_a_ring_covers_the_area_between_two_circles():
    cover, _ = stamp("ring", 3000, 3000)
    outer, inner = 50, 50 - 15  # 100 px across, a line of 15
    expected = torch.pi * (outer**2 - inner**2)
    assert float(cover.sum()) == pytest.approx(expected, rel=0.001)


@pytest.mark.parametrize("side", SIDES)
def test_a_cross_is_a_white_plus_within_a_dark_outline(side):
    cover, shade = stamp("cross", side, side)
    size = len(cover)
    white = (cover * shade) > 0.5
    dark = (cover > 0.5) & ~white
    for line in (white, white.T):
        assert line[:, size // 2].sum() >= 3  # both arms reach out of the middle
    around = torch.nn.functional.max_pool2d(white[None, None].float(), 3, 1, 1)[0, 0] > 0
    beside = torch.zeros_like(white)
    beside[1:] |= white[:-1]
    beside[:-1] |= white[1:]
    beside[:, 1:] |= white[:, :-1]
    beside[:, :-1] |= white[:, 1:]
    assert (dark | white)[beside].all()  # what touches white is dark
    assert (around & ~white & dark).any()
    assert not cover[0, 0]  # the image shows through between the arms
    assert not white[[0, -1]].any() and dark[0].any()


@pytest.mark.parametrize("side", [64, 256, 300])
def test_straight_edges_lie_on_whole_pixels(side):
    for kind in set(SIZES) - {"ring"}:
        cover, _ = stamp(kind, side, side)
        assert set(cover.unique().tolist()) <= {0.0, 1.0}, kind


def test_the_grey_bar_falls_from_white_to_dark_and_hides_the_image():
    cover, shade = stamp("grey_bar", 256, 256)
    assert (cover == 1).all()
    assert shade[0, 0] == 1 and shade[-1, 0] == 0
    assert (shade[1:] < shade[:-1]).all() and (shade == shade[:, :1]).all()


def segments(box: torch.Tensor) -> str:
    """Which of a digit's seven segments are lit (a top, b and c right, d bottom, ... g middle)."""
    height, width = box.shape
    places = {
        "a": box[0, :],
        "b": box[: height // 2 + 1, -1],
        "c": box[height // 2 :, -1],
        "d": box[-1, :],
        "e": box[height // 2 :, 0],
        "f": box[: height // 2 + 1, 0],
        "g": box[height // 2, :],
    }
    return "".join(name for name, pixels in places.items() if bool((pixels > 0.5).all()))


LIT = {0: "abcdef", 2: "abdeg", 3: "abcdg", 4: "bcfg"}  # a seven-segment display's


@pytest.mark.parametrize("side", [64, 256, 300])
def test_the_ruler_counts_from_0_to_4_from_top_to_bottom(side):
    cover, _ = stamp("depth_ruler", side, side)
    width = cover.shape[1]
    digits = cover[:, width - max(3, round(0.4 * width)) :]
    for digit in range(5):
        part = digits[digit * side // 5 : (digit + 1) * side // 5]
        rows = part.any(dim=1).nonzero()
        box = part[rows.min() : rows.max() + 1]
        assert len(box) >= 5
        if digit == 1:
            assert (box == box[:1]).all() and box[0].any()  # one upright stroke
        else:
            assert segments(box) == LIT[digit]


@pytest.mark.parametrize("side", [64, 128, 256, 300])
def test_the_ruler_has_evenly_spaced_ticks_longer_at_each_digit(side):
    cover, _ = stamp("depth_ruler", side, side)
    lit = cover[:, 0] > 0.5
    starts = (lit & ~torch.roll(lit, 1)).nonzero().flatten()
    assert len(starts) == 17  # from 0 to 4, four to a unit
    steps = starts.diff().float()
    assert steps == pytest.approx([side / 20] * 16, abs=1)
    lengths = (cover[starts].cumprod(dim=1) > 0.5).sum(dim=1)
    assert lengths[::4].min() > max(int(lengths[i]) for i in range(17) if i % 4)


def test_a_stamp_is_never_larger_than_its_image():
    for kind in SIZES:
        cover, shade = stamp(kind, 4, 4)
        assert max(cover.shape) <= 4 and cover.shape == shade.shape


def test_on_an_oblong_view_markers_keep_their_shape_and_the_ruler_its_length():
    assert stamp("cross", 256, 400)[0].shape == stamp("cross", 256, 256)[0].shape
    assert stamp("depth_ruler", 400, 256)[0].shape[0] == 400


def test_an_unknown_kind_is_refused():
    with pytest.raises(UserError, match="unknown marker 'star'"):
        stamp("star", 64, 64)
