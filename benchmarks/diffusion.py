"""What draws, losses and the average cost beside the bare U-Net step, and what an image costs.

    python benchmarks/diffusion.py [--device cpu] [--shape demo] [--rounds 9] [--out table.md]

A bare step (forward, mean squared error, backward, AdamW on fixed tensors) and a whole step of the
training loop, with its draws, the hybrid loss, the average and the look at the losses, take turns
in one process, so that both meet the same load of the machine; the added cost is the median over
rounds of their ratio. The sampler draws one batch, in a few steps of the chain; every step costs
the same. Under a minute on 2 cores.
"""

import argparse
import platform
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import torch
from finetune import keep, processor
from torch.nn import functional

from testiculus.base.devices import autocast, device_class, generator, resolve_device
from testiculus.base.progress import progress
from testiculus.diffusion import DiffusionSettings, SamplerSettings, draw_images
from testiculus.diffusion.model import output_of
from testiculus.diffusion.training import LOOK_STEPS, Training

IMAGES = 880
LIMIT = 0.10  # what the loop may add to the bare step
CHAIN_STEPS = 50  # of the demo's sampler
TIMED_STEPS = 5
SHAPES = {
    "demo": (
        32,
        64,
        DiffusionSettings(10_000, 16, width=32, multipliers=(1, 2, 2), blocks=1, attention=(8,)),
    ),
    "lite": (64, 64, DiffusionSettings(10_000, 64, width=64, multipliers=(1, 2, 2, 4))),
    "article": (256, 16, DiffusionSettings(10_000)),
}


@dataclass(frozen=True)
class Row:
    """One line of the table; times in milliseconds per step, `added` as a fraction.

    `image`: seconds of an image drawn in `CHAIN_STEPS` steps.
    """

    precision: str
    bare: float
    whole: float
    added: float
    image: float


class Case:
    """One precision: a bare step, a training loop and a sampler, ready to be timed."""

    def __init__(self, device: torch.device, precision: str, shape: str):
        self.device, self.precision = device, precision
        self.side, self.drawn, settings = SHAPES[shape]
        self.settings = DiffusionSettings(**{**vars(settings), "precision": precision})
        self.steps = 1 if device.type == "cpu" else LOOK_STEPS
        size = (IMAGES, 1, self.side, self.side)
        pixels = torch.randint(0, 256, size, generator=generator("benchmark")).to(torch.uint8)
        self.training = Training(pixels, self.settings, device)
        # The bare step is the loop's own with nothing left of it but the network.
        self.network = Training(pixels, self.settings, device)
        x0, self.t, self.noise = self.network.draw_batch()
        self.x_t = self.network.process.noised(x0, self.t, self.noise)
        self.target = torch.cat([self.noise, torch.zeros_like(self.noise)], dim=1)

    def bare(self) -> None:
        """Take bare steps."""
        network = self.network
        for _ in range(self.steps):
            with autocast(self.device, self.precision):
                output = torch.cat(output_of(network.model, self.x_t, self.t), dim=1)
            network.optimiser.zero_grad(set_to_none=True)
            functional.mse_loss(output, self.target).backward()
            network.optimiser.step()

    def whole(self) -> None:
        """Take steps of the loop, and look at the losses."""
        for _ in range(self.steps):
            self.training.take_step()
        self.training.look()

    def sample(self) -> None:
        """Draw a batch in a few steps."""
        sampler = SamplerSettings(TIMED_STEPS, batch_size=self.drawn, precision=self.precision)
        numbers = range(self.drawn)
        draw_images(self.network.model, numbers, sampler, pixels=self.side, device=self.device)
        self.network.model.train()

    def seconds(self, name: str) -> float:
        """Return the wall time of a piece of work, the device's queue emptied before and after."""
        self._wait()
        start = time.perf_counter()
        getattr(self, name)()
        self._wait()
        return time.perf_counter() - start

    def _wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)


def measure(cases: list[Case], rounds: int) -> list[Row]:
    """Time every case in every round, bare and whole in turn; return one row per case."""
    taken = {case: {name: [] for name in ("bare", "whole", "sample")} for case in cases}
    for turn in progress(range(rounds + 1), desc="diffusion", unit="round"):
        order = ("bare", "whole", "sample") if turn % 2 else ("whole", "bare", "sample")
        for case in cases:
            for name in order:
                seconds = case.seconds(name)
                if turn:  # the first warms up
                    taken[case][name].append(seconds)
    return [_row(case, times) for case, times in taken.items()]


def _row(case: Case, times: dict[str, list[float]]) -> Row:
    ratios = [w / b for w, b in zip(times["whole"], times["bare"], strict=True)]
    bare, whole = (1000 * median(times[name]) / case.steps for name in ("bare", "whole"))
    image = median(times["sample"]) / TIMED_STEPS * CHAIN_STEPS / case.drawn
    return Row(case.precision, bare, whole, median(ratios) - 1, image)


def table(rows: list[Row], case: Case, shape: str) -> str:
    """Return the rows as a Markdown page."""
    settings = case.settings
    weights = sum(weight.numel() for weight in case.network.weights) / 1e6
    multipliers = ", ".join(map(str, settings.multipliers))
    attention = ", ".join(map(str, settings.attention))
    blocks = f"{settings.blocks} block" + "s" * (settings.blocks > 1)
    lines = [
        f"# Diffusion: a training step of {settings.batch_size} images of {case.side} px, "
        f"{shape} shape",
        "",
        f"{device_class(case.device)}; {processor()}; threads: {torch.get_num_threads()}; "
        f"Python {platform.python_version()}, torch {torch.__version__}. U-Net of {weights:.1f} M "
        f"parameters: width {settings.width} x {multipliers}, {blocks} a stage, "
        f"attention at {attention} px. Medians, milliseconds per step. Bare: forward, mean squared "
        "error, backward, AdamW on fixed tensors. Whole: the loop, with draws, hybrid loss, "
        "average and record; added: the median ratio of the two, measured in turn. Image: seconds "
        f"of one image drawn in {CHAIN_STEPS} steps, in batches of {case.drawn}.",
        "",
        "| precision | bare | whole | added | s/image | img/s |",
        "|---|---|---|---|---|---|",
    ]
    for r in rows:
        lines.append(
            f"| {r.precision} | {r.bare:.0f} | {r.whole:.0f} | {r.added:+.1%} | {r.image:.3f} | "
            f"{1 / r.image:.1f} |"
        )
    worst = max(r.added for r in rows)
    verdict = "within" if worst <= LIMIT else "NOT within"
    return "\n".join([*lines, "", f"At most {worst:.1%} added: {verdict} the {LIMIT:.0%} allowed."])


def main(words: list[str] | None = None) -> int:
    """Measure, print the table and write it; return 0."""
    options, _ = _parser().parse_known_args(words)  # other benchmarks' words are none of this one's
    device = resolve_device(options.device)
    cases = [Case(device, precision, options.shape) for precision in ("fp32", "bf16")]
    text = table(measure(cases, options.rounds), cases[0], options.shape)
    keep(text, "diffusion", device, options.out)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:<number>")
    parser.add_argument("--shape", default="demo", choices=SHAPES, help="of the network")
    parser.add_argument("--rounds", type=int, default=9, help="measurements to take medians of")
    parser.add_argument("--out", type=Path, help="the Markdown file to write")
    return parser


if __name__ == "__main__":
    sys.exit(main())
