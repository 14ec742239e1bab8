"""The hybrid loss of improved DDPM (Nichol & Dhariwal 2021, section 3.1), which no library has.

`simple_loss` teaches the noise, `vlb_term` the variance, `hybrid_loss` joins the two. All take and
return 32 bits; a network's output under autocast is widened first.
"""

import math

import torch
from torch.special import log_ndtr

from testiculus.diffusion.process import Process

HALF_BIN = 1 / 255  # a grey level covers 2/255 of [-1, 1]


def simple_loss(eps_hat: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
    """Return the mean squared error of the noise of each image, (n,); Ho et al. 2020, eq. 14."""
    return (eps_hat - noise).square().mean(dim=(1, 2, 3))


def vlb_term(
    process: Process,
    eps_hat: torch.Tensor,
    v: torch.Tensor,
    x0: torch.Tensor,
    x_t: torch.Tensor,
    t: torch.Tensor,
) -> torch.Tensor:
    """Return each image's term of the variational bound at its step, in bits per dimension, (n,).

    KL(q(x_{t-1} | x_t, x_0) || p(x_{t-1} | x_t)) for t > 0 and -log p(x_0 | x_1) at t = 0
    (L_{t-1} and L_0 of Nichol & Dhariwal 2021, eq. 4 to 6), averaged over the pixels.

    Args:
        process: the chain.
        eps_hat, v: the network's two outputs, (n, 1, h, w). The mean is held fixed: no gradient
            reaches eps_hat, this term teaches the variance alone.
        x0: the images, grey levels k as 2 k / 255 - 1; x_t: them at step t, int64 (n,).
    """
    mean = process.posterior_mean(process.image_of(eps_hat.detach(), x_t, t), x_t, t)
    log_variance = process.log_variance(v, t)
    true_mean = process.posterior_mean(x0, x_t, t)
    true_log_variance = process.log_small[t].view(-1, 1, 1, 1)
    kl = gaussian_kl(true_mean, true_log_variance, mean, log_variance)
    nll = -grey_level_log_likelihood(x0, mean, log_variance)
    nats = torch.where((t == 0).view(-1, 1, 1, 1), nll, kl)
    return nats.mean(dim=(1, 2, 3)) / math.log(2)


def hybrid_loss(
    simple: torch.Tensor, term: torch.Tensor, chain: int, vlb_weight: float
) -> torch.Tensor:
    """Return simple + vlb_weight T term: its mean over t is L_simple + vlb_weight L_vlb (eq. 16).

    L_vlb is the sum of the T terms, so T times one of them, drawn uniformly, estimates it. It is
    counted in bits per dimension, as the weight 0.001 of the released code expects.
    """
    return simple + vlb_weight * chain * term


def gaussian_kl(
    mean: torch.Tensor, log_variance: torch.Tensor,
    other_mean: torch.Tensor, other_log_variance: torch.Tensor,
) -> torch.Tensor:  # fmt: skip
    """Return KL(N(mean, ...) || N(other_mean, ...)) of every pixel, in nats."""
    difference = log_variance - other_log_variance
    apart = (mean - other_mean).square() * torch.exp(-other_log_variance)
    return 0.5 * (torch.exp(difference) - 1 - difference + apart)


def grey_level_log_likelihood(
    x0: torch.Tensor, mean: torch.Tensor, log_variance: torch.Tensor
) -> torch.Tensor:
    """Return log p(x0) in nats of every pixel, where p is a Gaussian cut into 256 grey levels.

    Ho et al. 2020, eq. 13: the mass within half a level of x0; black and white take what lies
    beyond. By log Phi, so that nothing cancels however far x0 is from the mean.
    """
    scale = torch.exp(-0.5 * log_variance)
    distance = x0 - mean
    # The mass between two bounds, mirrored to the lower tail, where log Phi is exact.
    near = log_ndtr((HALF_BIN - distance.abs()) * scale)
    far = log_ndtr((-HALF_BIN - distance.abs()) * scale)
    inner = near + torch.log(-torch.expm1(far - near))
    black = log_ndtr((distance + HALF_BIN) * scale)
    white = log_ndtr((HALF_BIN - distance) * scale)
    return torch.where(x0 < -0.999, black, torch.where(x0 > 0.999, white, inner))
