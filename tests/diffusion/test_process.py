"""Oracle: the formulas of Ho et al. 2020 and Nichol & Dhariwal 2021 in 64-bit NumPy."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from testiculus.base.devices import generator
from testiculus.diffusion.process import Process


def cosine(chain):
    """alpha-bar before every step and after the last; betas at most 0.999 (eq. 17)."""
    f = np.cos((np.arange(chain + 1) / chain + 0.008) / 1.008 * math.pi / 2) ** 2
    betas = np.minimum(1 - f[1:] / f[:-1], 0.999)
    return np.concatenate([[1.0], np.cumprod(1 - betas)])


@pytest.mark.parametrize("chain", [4, 100, 1000])
def test_the_tables_are_the_cosine_chains_posterior(chain):
    left = cosine(chain)
    after, before = left[1:], left[:-1]
    beta = 1 - after / before
    small = beta * (1 - before) / (1 - after)
    expected = {
        "alphas_cumprod": after,
        "image_share": np.sqrt(before) * beta / (1 - after),
        "noisy_share": np.sqrt(1 - beta) * (1 - before) / (1 - after),
        "log_large": np.log(beta),
        "log_small": np.log(np.r_[small[1], small[1:]]),
    }
    process = Process(chain)
    for name, table in expected.items():
        np.testing.assert_allclose(getattr(process, name), table, rtol=1e-5, atol=1e-7)


def test_noising_and_its_inverse_agree():
    process, random = Process(50), generator("noised")
    x0, noise = (
        torch.rand(50, 1, 3, 3, generator=random),
        torch.randn(50, 1, 3, 3, generator=random),
    )
    t = torch.arange(50)
    x_t = process.noised(x0, t, noise)
    left = torch.from_numpy(cosine(50)[1:]).float().view(-1, 1, 1, 1)
    torch.testing.assert_close(x_t, left.sqrt() * x0 + (1 - left).sqrt() * noise)
    torch.testing.assert_close(process.image_of(noise, x_t, t)[:40], x0[:40], rtol=0, atol=1e-4)


def test_the_posteriors_mean_is_that_of_two_gaussians_multiplied():
    """q(x_{t-1} | x_t, x_0) is q(x_t | x_{t-1}) q(x_{t-1} | x_0), normalised: precisions add up."""
    process, t, x0, x_t = Process(30), 17, 0.3, -0.8
    left = cosine(30)
    alpha = left[t + 1] / left[t]
    a_mean, a_precision = x_t / math.sqrt(alpha), alpha / (1 - alpha)
    b_mean, b_precision = math.sqrt(left[t]) * x0, 1 / (1 - left[t])
    mean = (a_mean * a_precision + b_mean * b_precision) / (a_precision + b_precision)
    of = torch.full((1, 1, 1, 1), x0), torch.full((1, 1, 1, 1), x_t), torch.tensor([t])
    assert process.posterior_mean(*of).item() == pytest.approx(mean, rel=1e-5)
    variance = math.exp(process.log_variance(-torch.ones(1, 1, 1, 1), of[2]).item())
    assert variance == pytest.approx(1 / (a_precision + b_precision), rel=1e-4)


def test_v_of_minus_one_and_one_are_the_bounds_of_the_variance():
    process, t = Process(40), torch.arange(40)
    ones = torch.ones(40, 1, 1, 1)
    torch.testing.assert_close(process.log_variance(ones, t).flatten(), process.log_large)
    torch.testing.assert_close(process.log_variance(-ones, t).flatten(), process.log_small)
    middle = (process.log_large + process.log_small) / 2
    torch.testing.assert_close(process.log_variance(0 * ones, t).flatten(), middle)


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 300), st.data())
def test_a_respaced_chain_falls_from_the_last_step_to_the_first(chain, data):
    steps = data.draw(st.integers(1, chain))
    timesteps = Process(chain).scheduler(steps).timesteps.tolist()
    assert len(timesteps) == steps and timesteps[0] == chain - 1
    assert timesteps == sorted(set(timesteps), reverse=True)
    assert steps == 1 or timesteps[-1] == 0
    assert steps < chain or timesteps == list(range(chain))[::-1]


@pytest.mark.parametrize("steps", [1000, 50, 7])
@pytest.mark.parametrize("clip", [True, False])
def test_diffusers_walks_the_respaced_chain_as_computed_by_hand(steps, clip):
    """Its own betas between the kept steps, learned variance between theirs, the noise given."""
    scheduler, left = Process(1000).scheduler(steps, clip), cosine(1000)[1:]
    x, eps, v = torch.randn(3, 2, 1, 4, 4, generator=generator("by hand")).double().numpy()
    kept = scheduler.timesteps.tolist()
    for place in {0, 1, len(kept) // 2, len(kept) - 2, len(kept) - 1}:
        t = kept[place]
        after, before = left[t], left[kept[place + 1]] if place + 1 < len(kept) else 1.0
        beta = 1 - after / before
        x0 = (x - np.sqrt(1 - after) * eps) / np.sqrt(after)
        x0 = np.clip(x0, -1, 1) if clip else x0
        mean = (np.sqrt(before) * beta * x0 + np.sqrt(1 - beta) * (1 - before) * x) / (1 - after)
        expected = mean
        if t:
            small = beta * (1 - before) / (1 - after)
            share = (v + 1) / 2
            variance = np.exp(share * np.log(beta) + (1 - share) * np.log(small))
            noise = torch.randn(2, 1, 4, 4, generator=generator("noise")).numpy()
            expected = mean + np.sqrt(variance) * noise
        tensors = [torch.from_numpy(a).float() for a in (np.concatenate([eps, v], axis=1), x)]
        found = scheduler.step(tensors[0], t, tensors[1], generator=generator("noise")).prev_sample
        np.testing.assert_allclose(found, expected, rtol=2e-4, atol=2e-5)
