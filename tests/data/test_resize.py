import numpy as np
import pytest
import torch
from PIL import Image

from testiculus.data.resize import resize_mask, resize_square


@pytest.fixture
def pictures():
    return torch.from_numpy(np.random.default_rng(0).integers(0, 256, (3, 1, 90, 120), np.uint8))


@pytest.mark.parametrize("size", [16, 64, 90, 150])
def test_every_picture_is_within_one_grey_level_of_pillows_antialiased_resize(pictures, size):
    found = resize_square(pictures, size)
    assert found.dtype == torch.uint8 and found.shape == (3, 1, size, size)
    for picture, square in zip(pictures[:, 0].numpy(), found[:, 0].numpy(), strict=True):
        expected = np.asarray(Image.fromarray(picture).resize((size, size), Image.BILINEAR))
        assert np.abs(square.astype(int) - expected).max() <= 1


def test_whole_factors_average_like_the_triangle_filter_written_out():
    # Halving: the triangle spans four pixels with weights 1 3 3 1 (over 8), in both directions.
    line = np.random.default_rng(1).integers(0, 256, 16).astype(np.uint8)
    picture = torch.from_numpy(np.tile(line, (16, 1)))[None, None]
    found = resize_square(picture, 8)[0, 0].numpy()
    for target in range(1, 7):
        window = line[2 * target - 1 : 2 * target + 3].astype(float)
        assert abs(found[4, target] - window @ [1, 3, 3, 1] / 8) <= 1


def test_a_picture_is_resized_the_same_alone_and_among_others(pictures):
    together = resize_square(pictures, 33)
    alone = torch.cat([resize_square(picture[None], 33) for picture in pictures])
    assert torch.equal(together, alone)


def test_at_the_right_size_nothing_changes(pictures):
    square = pictures[..., :90]
    assert torch.equal(resize_square(square, 90), square)


def test_a_flat_picture_stays_flat():
    assert (resize_square(torch.full((1, 1, 7, 300), 77, dtype=torch.uint8), 31) == 77).all()


@pytest.mark.parametrize(("columns", "inside"), [(17, 4), (18, 5), (19, 5), (20, 5)])
def test_a_mask_is_1_from_one_half_on(columns, inside):
    mask = torch.zeros(1, 1, 40, 40, dtype=torch.uint8)
    mask[..., :columns] = 1  # four columns of the mask make one of the small one
    small = resize_mask(mask, 10)
    assert small[0, 0, 5].tolist() == [1] * inside + [0] * (10 - inside)


def test_a_mask_keeps_its_area_and_its_place():
    y, x = np.mgrid[:200, :200]
    disc = ((y - 80) ** 2 + (x - 120) ** 2 < 50**2).astype(np.uint8)
    small = resize_mask(torch.from_numpy(disc)[None, None], 50)[0, 0].numpy()
    assert small.mean() == pytest.approx(disc.mean(), rel=0.02)
    rows, columns = np.nonzero(small)
    assert (rows.mean() + 0.5) * 4 == pytest.approx(80.5, abs=0.5)
    assert (columns.mean() + 0.5) * 4 == pytest.approx(120.5, abs=0.5)
