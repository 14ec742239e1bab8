import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from testiculus.base.devices import generator
from testiculus.pretrain.view_changes import (
    NOISE_VALUES,
    add_noise,
    blacken_square,
    jitter,
    normal_values,
    resample,
    sharpen,
)

SIZES = [(24, 24), (17, 30)]


def pictures(n=6, height=24, width=24):
    return torch.rand(n, 1, height, width, generator=generator("pictures", n))


@pytest.mark.parametrize("size", SIZES)
def test_a_square_lies_where_it_is_drawn_and_the_rest_stays(size):
    images = pictures(4, *size) + 0.01
    corner = torch.tensor([[0.0, 0.0], [1.0, 1.0], [0.5, 0.0], [0.31, 0.83]])
    found = blacken_square(images, corner, 96 / 256)
    side = round(96 / 256 * min(size))
    for image, original, (across, down) in zip(found, images, corner.tolist(), strict=True):
        top, left = round(down * (size[0] - side)), round(across * (size[1] - side))
        expected = original.clone()
        expected[:, top : top + side, left : left + side] = 0
        assert torch.equal(image, expected)


@pytest.mark.parametrize("black_outside", [True, False])
def test_resampling_is_a_hand_written_bilinear_look_up(black_outside):
    height, width = 6, 9
    image = pictures(1, height, width)
    theta = torch.tensor([[[0.8, -0.5, 0.1], [0.4, 0.9, -0.2]]])
    found = resample(image, theta, black_outside)[0, 0]

    def pixel(row, column):
        if black_outside and not (0 <= row < height and 0 <= column < width):
            return 0.0
        return float(image[0, 0, min(max(row, 0), height - 1), min(max(column, 0), width - 1)])

    for row in range(height):
        for column in range(width):
            x, y = (2 * column + 1) / width - 1, (2 * row + 1) / height - 1
            u = ((0.8 * x - 0.5 * y + 0.1 + 1) * width - 1) / 2
            v = ((0.4 * x + 0.9 * y - 0.2 + 1) * height - 1) / 2
            i, j = math.floor(v), math.floor(u)
            down, right = v - i, u - j
            upper = (1 - right) * pixel(i, j) + right * pixel(i, j + 1)
            lower = (1 - right) * pixel(i + 1, j) + right * pixel(i + 1, j + 1)
            expected = (1 - down) * upper + down * lower
            assert float(found[row, column]) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("contrast_first", [True, False])
@pytest.mark.parametrize(("first", "second"), [(0.3, 1.7), (1.8, 0.2), (1.6, 1.8), (1.0, 0.6)])
def test_jitter_is_torchvision_s_one_image_at_a_time(first, second, contrast_first):
    from torchvision.transforms.functional import adjust_brightness, adjust_contrast

    images = pictures(3)
    found = jitter(images, torch.tensor([[first, second]] * 3), torch.tensor([contrast_first] * 3))
    changes = (adjust_brightness, adjust_contrast)
    for change, factor in zip(
        changes[:: -1 if contrast_first else 1], (first, second), strict=True
    ):
        images = torch.stack([change(image, factor) for image in images])
    torch.testing.assert_close(found, images, atol=2e-6, rtol=0)


def test_each_image_of_a_batch_is_jittered_in_its_own_order():
    images = pictures(2)
    factors, first = torch.tensor([[1.7, 0.4], [0.4, 1.7]]), torch.tensor([True, False])
    found = jitter(images, factors, first)
    for i in range(2):
        alone = jitter(images[i : i + 1], factors[i : i + 1], first[i : i + 1])
        torch.testing.assert_close(found[i : i + 1], alone, atol=1e-6, rtol=0)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("factor", [0.0, 0.5, 1.0, 2.0])
def test_sharpness_is_torchvision_s(size, factor):
    from torchvision.transforms.functional import adjust_sharpness

    images = pictures(3, *size)
    found = sharpen(images, torch.full((3,), factor))
    torch.testing.assert_close(found, adjust_sharpness(images, factor), atol=2e-6, rtol=0)


@given(st.integers(1, 4), st.integers(1, 4))
def test_an_image_of_a_few_pixels_is_sharpened_where_it_has_neighbours(height, width):
    images = pictures(2, height, width)
    found = sharpen(images, torch.tensor([2.0, 1.0]))
    torch.testing.assert_close(found[1], images[1], atol=1e-6, rtol=0)
    if min(height, width) < 3:
        assert torch.equal(found, images)


def test_noise_is_normal_with_the_spread_drawn_for_each_image():
    amount = torch.tensor([0.0, 0.02, 0.1])
    grey = torch.full((3, 1, 128, 128), 0.5)
    noise = add_noise(grey, amount, torch.tensor([0.1, 0.5, 0.9])) - 0.5
    assert not noise[0].any()
    for image, spread in zip(noise[1:], (0.02, 0.1), strict=True):
        assert float(image.std()) == pytest.approx(spread, rel=0.03)
        assert float(image.mean()) == pytest.approx(0.0, abs=4 * spread / 128)
        within = (image.abs() < spread).float().mean()
        assert float(within) == pytest.approx(math.erf(1 / math.sqrt(2)), abs=0.02)


def test_two_images_noise_is_unrelated():
    grey = torch.full((2, 1, 64, 64), 0.5)
    noise = add_noise(grey, torch.full((2,), 0.05), torch.tensor([0.2, 0.7])).flatten(1)
    assert abs(float(torch.corrcoef(noise)[0, 1])) < 0.06  # 4 standard errors of 4,096 pixels


@pytest.mark.parametrize("stretch", [0.0, 1 - 2**-24, 1.0])
def test_the_first_and_the_last_stretch_of_noise_are_there(stretch):
    found = add_noise(torch.full((1, 1, 16, 16), 0.5), torch.ones(1), torch.tensor([stretch]))
    assert torch.isfinite(found).all()
    assert len(normal_values(torch.device("cpu"), NOISE_VALUES)) == NOISE_VALUES


def test_no_change_writes_to_what_it_is_given():
    images = pictures()
    kept = images.clone()
    one, theta = torch.full((6,), 0.5), torch.eye(2, 3).expand(6, 2, 3)
    blacken_square(images, torch.rand(6, 2, generator=generator("corner")), 0.4)
    resample(images, theta, True)
    jitter(images, torch.full((6, 2), 1.5), one > 0)
    sharpen(images, 4 * one)
    add_noise(images, one, one)
    assert torch.equal(images, kept)
