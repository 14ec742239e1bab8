import numpy as np
import pytest
import torch

from testiculus.experiments.noise_images import CHUNK, grey_levels, grey_noise, on_noise
from testiculus.pretrain import PretrainSettings


def test_noise_has_the_mean_and_the_spread_that_were_asked_for():
    noise = grey_noise(40, 32, 120.0, 20.0)

    assert noise.dtype == torch.uint8 and noise.shape == (40, 1, 32, 32)
    mean, std = grey_levels(noise)
    assert mean == pytest.approx(120, abs=0.5) and std == pytest.approx(20, abs=0.5)
    assert mean == pytest.approx(noise.double().mean().item())
    assert std == pytest.approx(noise.double().std(correction=0).item())


def test_pixels_know_nothing_of_their_neighbours():
    noise = grey_noise(60, 32, 128.0, 30.0).numpy().astype(float)
    right, left = noise[..., 1:].ravel(), noise[..., :-1].ravel()

    assert abs(np.corrcoef(right, left)[0, 1]) < 0.02


def test_the_first_of_many_pictures_are_those_of_few_and_another_seed_has_others():
    few = grey_noise(3, 8, 100, 10)

    assert torch.equal(few, grey_noise(CHUNK + 2, 8, 100, 10)[:3])
    assert not torch.equal(few, grey_noise(3, 8, 100, 10, seed=1))


def test_levels_beyond_the_scale_are_black_or_white():
    noise = grey_noise(4, 16, 128, 1e4)

    assert (noise == 0).float().mean() > 0.45 and (noise == 255).float().mean() > 0.45


def test_noise_stands_for_every_image_of_ud_under_its_organs(fakes):
    _, ud = fakes.made_up()
    settings = PretrainSettings(steps=1, batch_size=4)
    wanted = on_noise("noise", ud, settings, torch.device("cpu"))
    pixels, organs = wanted.pictures()

    assert wanted.images == len(ud) == len(pixels) and wanted.organs == ud.organs
    assert organs.tolist() == [ud.organs.index(organ) for organ in ud.frame["organ"]]
    real, noise = (grey_levels(some) for some in (ud.pixels, pixels))
    assert noise[0] == pytest.approx(real[0], abs=3)
