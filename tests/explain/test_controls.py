import numpy as np
import pytest

from testiculus.base.errors import UserError
from testiculus.explain import area_share, blurred_random_maps, centred_maps, energy_share

SHAPE = (48, 64)


@pytest.mark.parametrize("make", [lambda n: blurred_random_maps(n, SHAPE, 8, 0), None])
def test_control_maps_are_as_many_as_asked_and_between_0_and_1(make):
    make = make or (lambda n: centred_maps(n, SHAPE))
    maps = make(3)
    assert maps.shape == (3, *SHAPE) and maps.dtype == np.float32
    assert (maps.min(axis=(1, 2)) >= 0).all() and (maps.max(axis=(1, 2)) == 1).all()
    assert make(0).shape == (0, *SHAPE)
    with pytest.raises(UserError, match="no -1 maps"):
        make(-1)


def test_random_maps_come_from_their_seed_and_an_image_has_its_own():
    maps = blurred_random_maps(4, 32, 8, seed=3)
    np.testing.assert_array_equal(maps, blurred_random_maps(4, 32, 8, seed=3))
    np.testing.assert_array_equal(maps[:2], blurred_random_maps(2, 32, 8, seed=3))
    assert np.abs(maps - blurred_random_maps(4, 32, 8, seed=4)).max() > 0.3
    assert np.abs(maps[0] - maps[1]).max() > 0.3


def test_random_maps_give_a_mask_its_share_of_the_area():
    masks = np.zeros((600, *SHAPE), bool)
    masks[:, 10:30, 20:50] = True
    shares = energy_share(blurred_random_maps(600, SHAPE, (6, 8), 0), masks)
    error = shares.std() / np.sqrt(600)
    assert abs(shares.mean() - area_share(masks)[0]) < 4 * error < 0.02
    assert shares.std() > 0.02  # each looks elsewhere


def test_random_maps_are_as_smooth_as_their_grid_is_coarse():
    coarse, fine = (blurred_random_maps(50, 64, grid, 0) for grid in (2, 16))
    step = [np.abs(np.diff(maps, axis=2)).mean() for maps in (coarse, fine)]
    assert step[1] > 3 * step[0]
    # Bilinear between the centres of 2 x 2 cells: straight lines there, and flat outside them.
    np.testing.assert_allclose(np.diff(coarse[:, :, 16:48], n=2, axis=2), 0, atol=1e-6)
    np.testing.assert_allclose(np.diff(coarse[:, :, :16], axis=2), 0, atol=1e-6)


def test_random_maps_of_one_cell_are_flat():
    assert (blurred_random_maps(2, 16, 1, 0) == 1).all()


def test_the_centred_map_is_the_bell_around_the_images_middle():
    map_ = centred_maps(1, SHAPE)[0]
    for y, x in [(0, 0), (23, 31), (10, 60), (47, 5)]:
        v, u = (y + 0.5 - 24) / (48 / 4), (x + 0.5 - 32) / (64 / 4)  # in standard deviations
        top = 0.5**2 / 12**2 + 0.5**2 / 16**2  # the four pixels around the centre are its maximum
        assert map_[y, x] == pytest.approx(np.exp(-(v**2 + u**2 - top) / 2), rel=1e-5)
    np.testing.assert_allclose(map_, map_[::-1, ::-1])
    assert np.argwhere(map_ == 1).tolist() == [[23, 31], [23, 32], [24, 31], [24, 32]]


@pytest.mark.parametrize("size, grid", [(0, 8), (32, 0), ((32, -1), 8)])
def test_a_size_or_grid_below_one_is_refused(size, grid):
    with pytest.raises(UserError, match="at least one pixel"):
        blurred_random_maps(1, size, grid, 0)
