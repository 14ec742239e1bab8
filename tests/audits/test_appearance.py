import numpy as np
import pytest

from testiculus.audits.appearance import GREY, SHARP, appearance


def picture(seed=0):
    return np.random.default_rng(seed).integers(20, 240, (40, 50)).astype(np.uint8)


def test_grey_levels_are_those_of_what_is_not_black():
    grey = picture()
    grey[:, :25] = 0

    found = appearance(grey)

    assert set(found) == {*GREY, *SHARP}
    assert found["black"] == 0.5 and found["grey_mean"] == pytest.approx(grey[:, 25:].mean())
    assert found["grey_50"] == np.percentile(grey[:, 25:], 50)


def test_sharpness_is_the_mean_step_between_neighbours_over_the_contrast():
    grey = picture().astype(int)

    found = appearance(grey.astype(np.uint8))

    steps = [abs(grey[y + 1, x] - grey[y, x]) for y in range(39) for x in range(50)]
    assert found["sharp_down"] == pytest.approx(np.mean(steps) / grey.std())


def test_the_edge_of_the_field_is_no_sharpness():
    flat = np.full((30, 40), 120, np.uint8)
    flat[:, :20] = 0

    found = appearance(flat)

    assert found["sharp_across"] == found["sharp_down"] == found["grain"] == 0


def test_a_blurred_picture_is_less_sharp_and_a_stretched_one_unevenly_so():
    grey = picture()
    blurred = ((grey[:-1].astype(int) + grey[1:]) // 2).astype(np.uint8)

    assert appearance(blurred)["sharp_down"] < 0.8 * appearance(grey)["sharp_down"]
    assert appearance(grey.repeat(2, axis=0))["grain_ratio"] < 0.8


def test_a_black_picture_has_no_contrast_and_no_error():
    found = appearance(np.zeros((8, 8), np.uint8))

    assert found["black"] == 1 and sum(found.values()) == 1
