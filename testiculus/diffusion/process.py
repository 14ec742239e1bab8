"""The chain that turns images into noise, and what is known of the way back.

Main class: `Process`, the cosine chain of T steps (Nichol & Dhariwal 2021, section 3.2; diffusers'
betas) with the posterior of Ho et al. 2020, eq. 6 and 7. Steps are numbered from 0, as in the code
of the field: x at t = 0 is an image with the first, smallest noise. Images are in [-1, 1].
"""

from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from diffusers import DDPMScheduler


class Process:
    """A chain of T steps. All tables are float32 (T,) on the device, computed in 64 bits.

    betas: the noise's share of each step.
    alphas_cumprod: the share of the image's variance that is left after it.
    image_share, noisy_share: the posterior's mean is image_share x_0 + noisy_share x_t.
    log_large, log_small: log beta and log beta-tilde, the posterior's variance, between which a
        network interpolates. Beta-tilde is 0 at t = 0; there log_small is that of t = 1, as in
        improved DDPM.
    """

    def __init__(self, chain: int, device: torch.device | str = "cpu"):
        self.chain = chain
        betas = self._scheduler().betas.double()
        left = torch.cumprod(1 - betas, dim=0)
        before = torch.cat([torch.ones(1, dtype=torch.float64), left[:-1]])
        small = betas * (1 - before) / (1 - left)
        tables = {
            "betas": betas,
            "alphas_cumprod": left,
            "image_amplitude": left.sqrt(),
            "noise_amplitude": (1 - left).sqrt(),
            "image_share": before.sqrt() * betas / (1 - left),
            "noisy_share": (1 - betas).sqrt() * (1 - before) / (1 - left),
            "log_large": betas.log(),
            "log_small": torch.cat([small[1:2], small[1:]]).log(),
        }
        for name, table in tables.items():
            setattr(self, name, table.to(device, torch.float32))

    def noised(self, x0: torch.Tensor, t: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        """Return x_t, (n, 1, h, w), of images x0 and standard normal noise at steps t (n,)."""
        return at(self.image_amplitude, t) * x0 + at(self.noise_amplitude, t) * noise

    def image_of(self, eps: torch.Tensor, x_t: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        """Return the x0 from which the noise eps makes x_t; not clipped."""
        return (x_t - at(self.noise_amplitude, t) * eps) / at(self.image_amplitude, t)

    def posterior_mean(self, x0: torch.Tensor, x_t: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        """Return the mean of q(x_{t-1} | x_t, x_0); Ho et al. 2020, eq. 7."""
        return at(self.image_share, t) * x0 + at(self.noisy_share, t) * x_t

    def log_variance(self, v: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        """Return a network's log variance: -1 is log beta-tilde, 1 is log beta, linear between.

        Nichol & Dhariwal 2021, eq. 15, with (v + 1) / 2 for its v, as in their code.
        """
        share = (v + 1) / 2
        return share * at(self.log_large, t) + (1 - share) * at(self.log_small, t)

    def scheduler(self, steps: int, clip: bool = True) -> "DDPMScheduler":
        """Return diffusers' sampler of this chain, set to walk `steps` of it, 1 to T.

        The first is T - 1, the last 0 (one step: T - 1 alone), evenly spaced between. `clip` holds
        the predicted x0 within [-1, 1] at every step, as ADM does.
        """
        scheduler = self._scheduler(clip_sample=clip)
        spaced = np.linspace(self.chain - 1, 0, steps).round().astype(int)
        scheduler.set_timesteps(timesteps=spaced.tolist())
        return scheduler

    def _scheduler(self, **more: bool) -> "DDPMScheduler":
        from diffusers import DDPMScheduler

        return DDPMScheduler(
            self.chain, beta_schedule="squaredcos_cap_v2", variance_type="learned_range", **more
        )


def at(table: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    """Return the table's values at steps t (n,), shaped (n, 1, 1, 1) for images."""
    return table[t].view(-1, 1, 1, 1)
