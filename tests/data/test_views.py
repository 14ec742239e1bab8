import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from testiculus.base.errors import UserError
from testiculus.data.views import (
    RELEASED_BOXES,
    Box,
    crop_to_ultrasound,
    find_crop,
    share_outside,
    split_screenshot,
)


def components(mask):
    """All 4-connected components of a bool array as sets of (row, column), by flood fill."""
    left = {(int(r), int(c)) for r, c in zip(*np.nonzero(mask), strict=True)}
    found = []
    while left:
        stack, component = [min(left)], set()
        left.discard(stack[0])
        while stack:
            r, c = stack.pop()
            component.add((r, c))
            for n in ((r + 1, c), (r - 1, c), (r, c + 1), (r, c - 1)):
                if n in left:
                    left.discard(n)
                    stack.append(n)
        found.append(component)
    return found


def plain_crop(grey, black):
    """The rule of the thesis, step by step, on sets of pixels; ties go to the first in reading."""
    height, width = grey.shape
    border = [
        c
        for c in components(grey <= black)
        if any(r in (0, height - 1) or k in (0, width - 1) for r, k in c)
    ]
    if not border:
        return None
    surround = max(border, key=len)
    rest = np.ones(grey.shape, bool)
    rest[tuple(zip(*surround, strict=True))] = False
    remaining = components(rest)
    if not remaining:
        return None
    rows, columns = zip(*max(remaining, key=len), strict=True)
    return Box(min(columns), min(rows), max(columns) + 1, max(rows) + 1)


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**32 - 1), st.floats(0.1, 0.9))
@settings(max_examples=80, deadline=None)
def test_the_crop_is_the_rule_of_the_thesis_done_pixel_by_pixel(height, width, seed, dark):
    rng = np.random.default_rng(seed)
    grey = np.where(rng.random((height, width)) < dark, 3, 4).astype(np.uint8)
    assert crop_to_ultrasound(grey, black=3, min_side=1) == plain_crop(grey, 3)


def sector():
    grey = np.zeros((60, 80), np.uint8)
    grey[10:50, 20:60] = 100
    return grey


def test_a_picture_in_black_is_cut_out_and_text_and_noise_around_it_are_left():
    grey = sector()
    grey[55:58, 70:75] = 255  # a body mark
    grey[:5, :] = 3  # the black of a lossy file
    grey[30, 30] = 0  # a dark pixel inside is no surround
    assert crop_to_ultrasound(grey, min_side=40) == Box(20, 10, 60, 50)


@pytest.mark.parametrize(
    ("grey", "reason"),
    [
        (np.full((50, 50), 80, np.uint8), "no black surround"),
        (np.zeros((50, 50), np.uint8), "the picture is black"),
        (sector(), "40 x 40 px, is under 41 px"),
    ],
)
def test_where_the_rule_fails_there_is_no_box_and_a_reason(grey, reason):
    assert crop_to_ultrasound(grey, min_side=41) is None
    assert reason in find_crop(grey, min_side=41)[1]


def test_the_share_outside_counts_the_pixels_a_box_leaves_out():
    mask = np.zeros((4, 4), bool)
    mask[0] = True
    assert share_outside(mask, Box(0, 0, 3, 4)) == pytest.approx(0.25)
    assert share_outside(np.zeros((4, 4), bool), Box(0, 0, 1, 1)) == 0.0


def test_the_released_geometry_cuts_two_squares_of_300_pixels():
    rows, columns = np.mgrid[:600, :800]
    first, second = split_screenshot(columns, list(RELEASED_BOXES.values()))
    assert first.shape == second.shape == (300, 300)
    assert (first[0, 0], first[0, -1], second[0, 0], second[0, -1]) == (185, 484, 485, 784)
    top, _ = split_screenshot(rows, list(RELEASED_BOXES.values()))
    assert (top[0, 0], top[-1, 0]) == (130, 429)


@pytest.mark.parametrize("box", [Box(-1, 0, 5, 5), Box(0, 0, 11, 5), Box(3, 3, 3, 5)])
def test_a_box_outside_the_screenshot_is_refused(box):
    with pytest.raises(UserError, match="not inside the picture of 10 x 8"):
        split_screenshot(np.zeros((8, 10), np.uint8), [box])
