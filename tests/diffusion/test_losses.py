"""Oracles: torch.distributions and scipy in 64 bits, and Gaussian data, whose optimum is known."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from torch.distributions import Normal, kl_divergence

from testiculus.base.devices import generator
from testiculus.diffusion.losses import (
    grey_level_log_likelihood,
    hybrid_loss,
    simple_loss,
    vlb_term,
)
from testiculus.diffusion.process import Process

CHAIN = 100
PROCESS = Process(CHAIN)


def drawn(t, n=None, side=6):
    """Images of whole grey levels, noise, and a network's guesses near the truth."""
    t = torch.as_tensor(t)
    random = generator("losses")
    size = (len(t) if n is None else n, 1, side, side)
    x0 = torch.randint(0, 256, size, generator=random) / 127.5 - 1
    noise, error, v = torch.randn(3, *size, generator=random)
    return x0, noise, noise + 0.1 * error, v.clamp(-1.5, 1.5), PROCESS.noised(x0, t, noise), t


def naive_grey_level(level, mean, std):
    """-log2 of the mass that a Gaussian leaves in one grey level's bin; the outer bins are open."""
    low = -np.inf if level == 0 else (level - 0.5) / 127.5 - 1
    high = np.inf if level == 255 else (level + 0.5) / 127.5 - 1
    return -math.log2(norm.cdf(high, mean, std) - norm.cdf(low, mean, std))


def test_the_simple_loss_is_the_mean_squared_error_of_each_image():
    _, noise, eps, *_ = drawn([3, 50])
    for i, loss in enumerate(simple_loss(eps, noise).tolist()):
        assert loss == pytest.approx(np.mean((eps[i] - noise[i]).numpy() ** 2), rel=1e-5)


def test_after_the_first_step_the_term_is_the_divergence_of_two_gaussians_in_bits():
    x0, _, eps, v, x_t, t = drawn([1, 2, 10, 50, 98, 99])
    found = vlb_term(PROCESS, eps, v, x0, x_t, t)
    left = torch.cumprod(1 - PROCESS.betas.double(), 0)
    for i, step in enumerate(t.tolist()):
        after, before, beta = left[step], left[step - 1], 1 - left[step] / left[step - 1]
        small = beta * (1 - before) / (1 - after)
        noisy = x_t[i].double()
        guess = (noisy - (1 - after).sqrt() * eps[i]) / after.sqrt()
        of_image, of_noisy = before.sqrt() * beta, (1 - beta).sqrt() * (1 - before)
        means = [(of_image * im + of_noisy * noisy) / (1 - after) for im in (x0[i].double(), guess)]
        share = (v[i].double() + 1) / 2
        std = torch.exp(0.5 * (share * beta.log() + (1 - share) * small.log()))
        divergence = kl_divergence(Normal(means[0], small.sqrt()), Normal(means[1], std))
        expected = divergence.mean().item() / math.log(2)
        assert found[i].item() == pytest.approx(expected, rel=2e-3), step


def test_at_the_first_step_the_term_is_the_grey_levels_code_length():
    x0, _, eps, v, x_t, t = drawn([0, 0])
    x0[0, 0, 0, :2] = torch.tensor([-1.0, 1.0])  # black and white
    x_t = PROCESS.noised(x0, t, eps)  # so that the network is right but for its variance
    found = vlb_term(PROCESS, eps + 0.3, v, x0, x_t, t)
    std = torch.exp(0.5 * PROCESS.log_variance(v, t)).double()
    mean = PROCESS.image_of(eps + 0.3, x_t, t).double()
    levels = ((x0 + 1) * 127.5).round().long()
    for i in range(2):
        each = zip(levels[i].flatten(), mean[i].flatten(), std[i].flatten(), strict=True)
        expected = np.mean([naive_grey_level(*(value.item() for value in one)) for one in each])
        assert found[i].item() == pytest.approx(expected, rel=1e-3)


@settings(max_examples=50, deadline=None)
@given(st.floats(-1.5, 1.5), st.floats(-8, 1))
def test_the_masses_of_all_grey_levels_add_up_to_one(mean, log_std):
    levels = (torch.arange(256) / 127.5 - 1).view(-1, 1, 1, 1)
    like = torch.ones_like(levels)
    masses = grey_level_log_likelihood(levels, mean * like, 2 * log_std * like).exp()
    assert masses.sum().item() == pytest.approx(1, abs=2e-3)


def test_a_grey_level_far_from_the_mean_has_a_finite_likelihood_and_gradient():
    mean = torch.tensor(-0.9).view(1, 1, 1, 1).requires_grad_()
    log_variance = torch.tensor(-9.0).view(1, 1, 1, 1).requires_grad_()
    found = grey_level_log_likelihood(torch.tensor(0.8).view(1, 1, 1, 1), mean, log_variance)
    found.sum().backward()
    z = (1.7 - 1 / 255) / math.exp(-4.5)
    assert found.item() == pytest.approx(norm.logsf(z), rel=1e-3)
    assert np.isfinite([mean.grad.item(), log_variance.grad.item()]).all()


def test_a_network_that_is_right_pays_nothing_after_the_first_step():
    x0, noise, _, v, x_t, t = drawn(range(1, CHAIN))
    term = vlb_term(PROCESS, noise, -torch.ones_like(v), x0, x_t, t)
    assert term.abs().max() < 1e-3


def test_the_term_teaches_the_variance_and_leaves_the_noise_alone():
    x0, _, eps, v, x_t, t = drawn([0, 1, 40, 99])
    eps, v = eps.requires_grad_(), v.requires_grad_()
    vlb_term(PROCESS, eps, v, x0, x_t, t).sum().backward()
    assert eps.grad is None
    assert (v.grad.flatten(1).abs().sum(1) > 0).all() and torch.isfinite(v.grad).all()


@pytest.mark.parametrize("t", [1, 3, 20, 70])
def test_on_gaussian_data_the_bound_is_smallest_at_the_optimal_variance(t):
    """x_0 ~ N(m, s^2): p(x_{t-1} | x_t) is Gaussian; its variance is known."""
    m, s, n = 0.1, 0.3, 64
    random = generator("gaussian")
    standard, noise = torch.randn(2, n, 1, 64, 64, generator=random)
    x0 = m + s * standard
    steps = torch.full((n,), t)
    x_t = PROCESS.noised(x0, steps, noise)
    a = PROCESS.alphas_cumprod[t].double().item()
    spread = a * s**2 + 1 - a
    eps = math.sqrt(1 - a) * (x_t - math.sqrt(a) * m) / spread
    small, large = math.exp(PROCESS.log_small[t]), math.exp(PROCESS.log_large[t])
    optimum = small + PROCESS.image_share[t].item() ** 2 * s**2 * (1 - a) / spread
    best = 2 * (math.log(optimum) - math.log(small)) / (math.log(large) - math.log(small)) - 1
    assert -1 < best < 1

    def slope(v):
        v = torch.full_like(x_t, v).requires_grad_()
        vlb_term(PROCESS, eps, v, x0, x_t, steps).mean().backward()
        return v.grad.sum().item()

    unit = 0.25 * math.log(large / small) / math.log(2)  # the slope is this times 1 - S / variance
    assert abs(slope(best)) < 0.01 * unit
    assert slope(best - 0.2) < slope(best) < slope(best + 0.2)


def test_the_hybrid_loss_adds_the_bound_of_the_whole_chain_by_its_weight():
    simple, term = torch.tensor([1.0, 2.0]), torch.tensor([0.5, 0.25])
    assert hybrid_loss(simple, term, chain=1000, vlb_weight=0.001).tolist() == [1.5, 2.25]
    assert hybrid_loss(simple, term, chain=1000, vlb_weight=0.0).tolist() == [1.0, 2.0]
