import math
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from testiculus.base.errors import UserError
from testiculus.diffusion import SamplerSettings, draw_images
from testiculus.diffusion.process import Process
from testiculus.diffusion.sampling import to_bytes, to_signed

CPU = torch.device("cpu")
CHAIN = 20


def draw(model, numbers, steps=CHAIN, batch_size=64, seed=0, side=8, **more):
    sampler = SamplerSettings(steps, CHAIN, seed, batch_size)
    return draw_images(model, numbers, sampler, pixels=side, device=CPU, **more)


class Gaussian(nn.Module):
    """The network that knows all about images of independent pixels N(mean, std^2).

    Its noise is E[noise | x_t]; its variance that of p(x_{t'} | x_t) for the chain that is walked.
    """

    def __init__(self, mean, std, chain, steps):
        super().__init__()
        self.mean, self.std = mean, std
        self.left = Process(chain).alphas_cumprod.double()
        kept = Process(chain).scheduler(steps).timesteps.tolist()
        self.next = dict(zip(kept, [*kept[1:], None], strict=True))

    def forward(self, x, t):
        step = int(t[0])
        a = self.left[step].item()
        spread = a * self.std**2 + 1 - a
        eps = math.sqrt(1 - a) * (x - math.sqrt(a) * self.mean) / spread
        v = torch.full_like(x, self._v(step, a, self.std**2 * (1 - a) / spread))
        return SimpleNamespace(sample=torch.cat([eps, v], dim=1))

    def _v(self, step, a, unknown):
        """`unknown` is the variance of x_0 given x_t."""
        if self.next[step] is None:
            return 0.0
        before = self.left[self.next[step]].item()
        large = 1 - a / before
        small = large * (1 - before) / (1 - a)
        optimum = small + before * large**2 / (1 - a) ** 2 * unknown
        return 2 * math.log(optimum / small) / math.log(large / small) - 1


@pytest.mark.parametrize("steps", [200, 40, 10])
def test_gaussian_images_are_drawn_with_their_mean_and_spread(steps):
    mean, std, n, side = 0.15, 0.2, 24, 32
    model = Gaussian(mean, std, 200, steps)
    sampler = SamplerSettings(steps, 200, batch_size=24)
    pixels = to_signed(draw_images(model, range(n), sampler, pixels=side, device=CPU))
    number = pixels.numel()
    assert pixels.mean().item() == pytest.approx(mean, abs=4 * std / math.sqrt(number) + 1e-3)
    assert pixels.std().item() == pytest.approx(std, rel=4 / math.sqrt(2 * number) + 5e-3)


def test_an_image_is_the_same_whichever_batch_draws_it(lively):
    together = draw(lively, range(7)).int()
    assert together.float().std() > 10  # it is not all black or all white
    for batch_size in (1, 3):
        assert (draw(lively, range(7), batch_size=batch_size).int() - together).abs().max() <= 1
    few = draw(lively, [5, 0, 3]).int()
    assert (few - together[[5, 0, 3]]).abs().max() <= 1


def test_images_of_other_numbers_and_seeds_are_others(lively):
    first, other, again = draw(lively, [0, 1]), draw(lively, [0], seed=1), draw(lively, [0, 1])
    assert torch.equal(first, again)
    assert not torch.equal(first[0], first[1]) and not torch.equal(first[0], other[0])
    assert draw(lively, [12_345_678_901]).shape == (1, 1, 8, 8)


@pytest.mark.parametrize("steps", [1, 2, 7, CHAIN])
def test_every_length_of_chain_draws_bytes(lively, steps):
    images = draw(lively, range(3), steps)
    assert images.shape == (3, 1, 8, 8) and images.dtype == torch.uint8


def test_no_images_wanted_are_no_images(lively):
    assert draw(lively, []).shape == (0, 1, 8, 8)


def test_progress_counts_the_steps_of_single_images(lively):
    told = []
    draw(lively, range(5), 4, batch_size=2, on_step=lambda *values: told.append(values))
    assert told == [(done, 20) for done in (2, 4, 6, 8, 10, 12, 14, 16, 17, 18, 19, 20)]


def test_global_random_state_is_neither_read_nor_changed(lively):
    before = torch.random.get_rng_state()
    first = draw(lively, [0])
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(5)
    assert torch.equal(draw(lively, [0]), first)


def test_a_sampler_longer_than_the_chain_is_refused(lively):
    with pytest.raises(UserError, match="21 steps does not fit a chain of 20"):
        draw(lively, [0], 21)


def test_a_size_that_the_network_does_not_draw_is_refused(lively):
    with pytest.raises(UserError, match="draws images of 8 px, not of 16"):
        draw(lively, [0], side=16)


def test_a_network_that_is_not_finite_is_refused(lively):
    with torch.no_grad():
        lively.conv_out.bias[0] = math.nan
    with pytest.raises(UserError, match="not finite numbers"):
        draw(lively, [0])


def test_bytes_survive_the_way_to_signed_numbers_and_back():
    levels = torch.arange(256, dtype=torch.uint8)
    signed = to_signed(levels)
    assert (signed[0], signed[-1]) == (-1, 1)
    assert torch.equal(to_bytes(signed), levels)
    assert to_bytes(torch.tensor([-3.0, 3.0])).tolist() == [0, 255]
