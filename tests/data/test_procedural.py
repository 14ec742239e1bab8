import numpy as np
import pytest
import torch

from testiculus.base.devices import generator
from testiculus.base.errors import UserError
from testiculus.data.procedural import (
    EXPONENTS,
    dead_leaves,
    noise_texture,
    power_law_noise,
    procedural,
)


def slope(picture: np.ndarray) -> float:
    """Slope of log amplitude over log frequency, by least squares, below half of Nyquist."""
    centred = picture.astype(float) - picture.mean()
    amplitude = np.abs(np.fft.fft2(centred))
    frequency = np.hypot(*np.meshgrid(*2 * [np.fft.fftfreq(len(picture))]))
    used = (frequency > 2 / len(picture)) & (frequency < 0.25)
    return np.polyfit(np.log(frequency[used]), np.log(amplitude[used]), 1)[0]


def jumps(picture: np.ndarray) -> float:
    """Share of neighbours of the very same grey: flat leaves have many, noise hardly any."""
    return float((np.diff(picture.astype(int), axis=1) == 0).mean())


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    return procedural(40, 48, seed=1)[:, 0].numpy()


def test_pictures_are_bytes_of_the_asked_shape():
    found = procedural(3, 20, seed=0)
    assert found.dtype == torch.uint8 and found.shape == (3, 1, 20, 20)
    assert procedural(0, 20, seed=0).shape == (0, 1, 20, 20)


def test_a_picture_depends_on_the_seed_and_its_place_alone():
    many, few = procedural(7, 24, seed=5), procedural(4, 24, seed=5)
    assert torch.equal(many[:4], few)
    assert all(not torch.equal(a, b) for a, b in zip(few, procedural(4, 24, seed=6), strict=True))


def test_the_global_random_state_is_neither_read_nor_moved():
    torch.manual_seed(0)
    first, state = procedural(2, 16, seed=0), torch.get_rng_state()
    assert torch.equal(state, torch.Generator().manual_seed(0).get_state())
    torch.manual_seed(1)
    assert torch.equal(first, procedural(2, 16, seed=0))


def test_half_the_pictures_are_leaves_and_half_are_noise(pictures):
    flat = np.array([jumps(picture) for picture in pictures])
    assert (flat[0::2] > 0.3).all() and (flat[1::2] < 0.2).all()


def test_no_picture_is_empty_and_no_two_are_alike(pictures):
    assert (pictures.std(axis=(1, 2)) > 12).all()
    assert 70 < pictures.mean() < 185 and pictures.min() < 10 and pictures.max() > 245
    flat = pictures.reshape(len(pictures), -1).astype(float)
    alike = np.corrcoef(flat) - np.eye(len(flat))
    assert np.abs(alike).max() < 0.8


@pytest.mark.parametrize("exponent", [0, 0.5, 1, 2])
def test_the_noise_falls_with_frequency_as_asked(exponent):
    noise = power_law_noise(128, exponent, generator("noise", exponent))
    assert slope(noise) == pytest.approx(-exponent, abs=0.1)
    assert noise.mean() == pytest.approx(0, abs=1e-5) and noise.std() == pytest.approx(1)


def test_textures_differ_in_slope_within_the_range_that_is_stated():
    found = [-slope(noise_texture(64, generator("texture", i))) for i in range(40)]
    low, high = EXPONENTS
    assert min(found) > low - 0.15 and max(found) < high + 0.15
    assert max(found) - min(found) > 0.6 * (high - low)


def test_leaves_are_the_same_at_another_resolution():
    coarse, fine = (dead_leaves(size, generator("leaves")) for size in (64, 128))
    averaged = fine.reshape(64, 2, 64, 2).mean(axis=(1, 3))
    assert np.abs(averaged - coarse).mean() < 0.02


def test_leaves_have_edges_and_stay_between_black_and_white():
    leaves = dead_leaves(64, generator("edges"))
    assert leaves.min() >= 0 and leaves.max() <= 1
    assert len(np.unique(leaves.round(3))) > 30
    assert np.abs(np.diff(leaves, axis=1)).max() > 0.3


@pytest.mark.parametrize(("n", "pixels"), [(-1, 32), (3, 7)])
def test_impossible_sizes_are_refused(n, pixels):
    with pytest.raises(UserError, match="cannot make"):
        procedural(n, pixels, seed=0)
