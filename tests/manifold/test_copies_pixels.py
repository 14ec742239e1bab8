import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from testiculus.base.devices import generator
from testiculus.base.errors import UserError
from testiculus.data.resize import resize_square
from testiculus.manifold.copies_pixels import (
    BLUR,
    MARGIN,
    NOISE,
    PLANTED,
    REACH,
    SIDE,
    STEP,
    pixel_blocks,
    planted,
)


def noise(n, size=SIDE, seed=0):
    """Coarse random patterns: blocks of four pixels, as speckle that survives the blur."""
    small = torch.randint(0, 256, (n, 1, size // 4, size // 4), generator=generator("test", seed))
    return small.to(torch.uint8).repeat_interleave(4, 2).repeat_interleave(4, 3)


def matrix(images, training):
    return torch.cat([block for _, block in pixel_blocks(images, training)]).numpy()


def naive(image, other):
    """1 - the best correlation of the inner part, by loops over flips and shifts."""
    from scipy.ndimage import gaussian_filter

    image, other = (
        gaussian_filter(x[0].numpy().astype(float), BLUR, mode="nearest", truncate=3)
        for x in (image, other)
    )
    part = image[MARGIN : SIDE - MARGIN : STEP, MARGIN : SIDE - MARGIN : STEP].ravel()
    best = -1.0
    for whole in (other, other[:, ::-1]):
        for down in range(-REACH, REACH + 1):
            for right in range(-REACH, REACH + 1):
                top, left = MARGIN + down, MARGIN + right
                width = SIDE - 2 * MARGIN
                there = whole[top : top + width : STEP, left : left + width : STEP].ravel()
                best = max(best, np.corrcoef(part, there)[0, 1])
    return 1 - best


def test_distances_are_those_of_a_plain_search_over_flips_and_shifts():
    images, training = noise(2), torch.cat([noise(2, seed=1), noise(2).flip(-1).roll(3, 2)])
    expected = [[naive(image, other) for other in training] for image in images]
    np.testing.assert_allclose(matrix(images, training), expected, atol=1e-4)


@settings(max_examples=15)
@given(st.integers(-REACH, REACH), st.integers(-REACH, REACH), st.booleans())
def test_a_moved_mirrored_or_brightened_image_is_at_distance_zero(down, right, flip):
    training = noise(3)
    moved = training.roll((down, right), (2, 3))
    moved = (moved.flip(-1) if flip else moved) // 2 + 40
    found = matrix(moved, training)
    assert (found.argmin(1) == np.arange(3)).all() and found.diagonal().max() < 1e-3
    assert found[~np.eye(3, dtype=bool)].min() > 0.3


def test_an_image_without_contrast_is_far_from_all_and_from_itself():
    black = torch.zeros(1, 1, SIDE, SIDE, dtype=torch.uint8)
    found = matrix(torch.cat([black, black + 7]), torch.cat([black, noise(1)]))
    np.testing.assert_array_equal(found, 1)


@pytest.mark.parametrize("size", [16, 32, 96])
def test_images_of_any_size_are_compared_at_one(size):
    images = noise(3, size)
    found = matrix(images, images)
    np.testing.assert_allclose(found.diagonal(), 0, atol=1e-5)
    np.testing.assert_array_equal(found, matrix(resize_square(images, SIDE), images))


def test_rows_come_in_blocks_that_change_nothing(monkeypatch):
    images, training = noise(5), noise(4, seed=1)
    whole = matrix(images, training)
    monkeypatch.setattr("testiculus.manifold.copies_pixels.ROWS_AT_ONCE", 2)
    rows = [rows for rows, _ in pixel_blocks(images, training)]
    assert rows == [slice(0, 2), slice(2, 4), slice(4, 5)]
    np.testing.assert_allclose(matrix(images, training), whole, atol=1e-6)


@pytest.mark.parametrize(
    "pixels",
    [torch.zeros(2, 1, 8, 8), torch.zeros(2, 8, 8, dtype=torch.uint8), noise(1)[:0], None],
)
def test_other_pixels_are_refused(pixels):
    with pytest.raises(UserError, match="uint8|none"):
        list(pixel_blocks(pixels, noise(1)))
    with pytest.raises(UserError, match="uint8|none"):
        planted(pixels, "exact", generator("test"))


def test_planted_copies_are_what_their_names_say():
    images = noise(40, 32)
    made = {kind: planted(images, kind, generator("test", kind)) for kind in PLANTED}
    assert all(x.dtype == torch.uint8 and x.shape == images.shape for x in made.values())
    assert torch.equal(made["exact"], images) and torch.equal(made["flipped"], images.flip(-1))
    assert torch.equal(made["brighter"], (images * 1.25).round().clamp(max=255).to(torch.uint8))
    middle = (images > 50) & (images < 205)
    change = (made["noisy"].float() - images)[middle]
    assert abs(change.mean()) < 0.5 and abs(change.std() - NOISE) < 0.5


def test_a_shifted_copy_holds_the_image_whole_pixels_away_and_black():
    images = noise(30, 32).clamp(min=1)
    shifted = planted(images, "shifted", generator("test"))
    seen = set()
    for image, copy in zip(images[:, 0], shifted[:, 0], strict=True):
        rows, columns = (copy.any(dim).nonzero().ravel() for dim in (1, 0))
        down = int(rows[0]) or len(rows) - 32
        right = int(columns[0]) or len(columns) - 32
        inside = image.roll((down, right), (0, 1))[rows[0] : rows[-1] + 1]
        assert torch.equal(copy[rows[0] : rows[-1] + 1, columns], inside[:, columns])
        seen.add((down, right))
    assert len(seen) > 10 and max(map(max, seen)) <= 2 and min(map(min, seen)) >= -2


def test_planted_copies_follow_their_generator_and_leave_the_images_alone():
    images = noise(4)
    before = images.clone()
    for kind in PLANTED:
        first, again = (planted(images, kind, generator("test", 1)) for _ in range(2))
        assert torch.equal(first, again) and torch.equal(images, before)
    with pytest.raises(UserError, match="planted copy"):
        planted(images, "upside down", generator("test"))
