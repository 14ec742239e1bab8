"""Drawing images from a generator.

Main function: `draw_images`. Image i is drawn from noise of its own, so that it is the same
whichever batch, shard or machine of the same kind draws it.
"""

from collections.abc import Callable, Sequence

import torch
from torch import nn

from testiculus.base.devices import autocast, generator, resolve_precision
from testiculus.base.errors import UserError
from testiculus.diffusion.interface import SamplerSettings, checked_sampler
from testiculus.diffusion.model import output_of
from testiculus.diffusion.process import Process

OnStep = Callable[[int, int], None]


def draw_images(
    model: nn.Module,
    numbers: Sequence[int],
    settings: SamplerSettings,
    *,
    pixels: int,
    device: torch.device,
    on_step: OnStep | None = None,
) -> torch.Tensor:
    """Draw the images of these numbers; return uint8 (n, 1, pixels, pixels) on the CPU.

    Args:
        model: a trained U-Net (see `model.build_unet`), moved to the device.
        numbers: the images wanted, any whole numbers, in any order. Image i's noise comes from
            generators named by (seed, i) on the device: in another batch it is the same image, up
            to one grey level of rounding; on another kind of device it is another.
        settings: see `SamplerSettings`.
        pixels: the images' side.
        device: where to draw.
        on_step: called after every step of a batch with (steps done, steps in all), both counted
            for single images: divided by `settings.steps` they are images.

    Raises:
        UserError: for more steps than the chain has, or fewer than 1; a size that the network does
            not draw; a network whose output is not finite.

    The chain is walked by diffusers' DDPM scheduler with the learned variance, respaced where
    `steps` is smaller than `chain`, with the predicted image held within [-1, 1].
    """
    checked_sampler(settings)
    _require_side(model, pixels)
    model.to(device).eval()
    numbers, drawn, done = list(numbers), [], 0
    total = len(numbers) * settings.steps
    for start in range(0, len(numbers), settings.batch_size):
        batch = numbers[start : start + settings.batch_size]

        def tell(steps: int, before: int = done, size: int = len(batch)) -> None:
            if on_step is not None:
                on_step(before + steps * size, total)

        drawn.append(_draw_batch(model, batch, settings, pixels, device, tell))
        done += len(batch) * settings.steps
    return torch.cat([torch.empty(0, 1, pixels, pixels, dtype=torch.uint8), *drawn])


def to_signed(pixels: torch.Tensor) -> torch.Tensor:
    """Bytes to float32 in [-1, 1]."""
    return pixels.float().div_(127.5).sub_(1.0)


def to_bytes(images: torch.Tensor) -> torch.Tensor:
    """Images in [-1, 1] to the nearest grey level, uint8; what lies beyond is black or white."""
    return (images + 1).mul(127.5).round().clamp(0, 255).to(torch.uint8)


@torch.inference_mode()
def _draw_batch(
    model: nn.Module,
    numbers: Sequence[int],
    settings: SamplerSettings,
    pixels: int,
    device: torch.device,
    tell: Callable[[int], None],
) -> torch.Tensor:
    scheduler = Process(settings.chain).scheduler(settings.steps)
    precision = resolve_precision(device, settings.precision)
    streams = [generator("image", settings.seed, int(i), device=device) for i in numbers]
    size = (1, 1, pixels, pixels)
    x = torch.cat([torch.randn(size, generator=stream, device=device) for stream in streams])
    x0 = x
    for done, t in enumerate(scheduler.timesteps.tolist(), start=1):
        steps = torch.full((len(x),), t, device=device)
        with autocast(device, precision):
            output = torch.cat(output_of(model, x, steps), dim=1)
        x, x0 = scheduler.step(output, t, x, generator=streams, return_dict=False)
        if device.type == "cpu" or done % 10 == 0 or done == settings.steps:
            tell(done)
    return to_bytes(_finite(x0)).cpu()  # the last step's mean is its predicted image


def _finite(images: torch.Tensor) -> torch.Tensor:
    if not torch.isfinite(images).all():
        raise UserError(
            "the generator draws images that are not finite numbers",
            remedy="train it again with a lower learning rate, or draw in fp32",
        )
    return images


def _require_side(model: nn.Module, pixels: int) -> None:
    shape = getattr(model, "shape", None)
    if shape is not None and shape.pixels != pixels:
        raise UserError(
            f"this generator draws images of {shape.pixels} px, not of {pixels}",
            remedy=f"ask for {shape.pixels} px, or train a generator at {pixels} px",
        )
