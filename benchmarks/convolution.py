"""Time a ResNet-18 training step with and without `base.convolution` on this machine's CPU.

Both ways in turn, in one run, and their ratio. Under a minute on 2 cores:
`python benchmarks/convolution.py`, or `make bench` for all.
"""

import argparse
import sys
import time
from pathlib import Path
from statistics import median

import torch
from finetune import keep, processor
from torch import nn
from torch.nn import functional

from testiculus.base.convolution import ConvolutionOnSmallMaps
from testiculus.base.devices import autocast, generator
from testiculus.base.progress import progress
from testiculus.models import build_classifier
from testiculus.pretrain.model import normalise

CPU = torch.device("cpu")


class Step:
    """A forward and backward pass of n images of 64 px and a step of AdamW, either way."""

    def __init__(self, n: int, precision: str, product: bool):
        self.model = build_classifier("scratch-A", 0).to(memory_format=torch.channels_last)
        if not product:
            for module in self.model.modules():
                if isinstance(module, ConvolutionOnSmallMaps):
                    module.__class__ = nn.Conv2d
        self.optimiser = torch.optim.AdamW(self.model.parameters(), lr=1e-4, fused=True)
        self.images = normalise(torch.rand(n, 1, 64, 64, generator=generator("benchmark")))
        self.labels, self.precision = torch.arange(n) % 2, precision

    def milliseconds(self) -> float:
        """Take a step and return its wall time."""
        start = time.perf_counter()
        with autocast(CPU, self.precision):
            features = self.model.encoder(self.images)
        loss = functional.cross_entropy(self.model.head(features.float()), self.labels)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        return 1000 * (time.perf_counter() - start)


def row(n: int, precision: str, rounds: int) -> str:
    """Return one line of the table."""
    ways = [Step(n, precision, product) for product in (False, True)]
    for way in ways:
        way.milliseconds()  # warm up
    desc = f"{n} images, {precision}"
    turns = progress(range(rounds), desc=desc, unit="round")
    times = [[way.milliseconds() for way in ways] for _ in turns]
    plain, product = (median(taken) for taken in zip(*times, strict=True))
    ratio = median(a / b for a, b in times)
    return f"| {n} | {precision} | {plain:.0f} | {product:.0f} | {ratio:.2f} |"


def main(words: list[str] | None = None) -> int:
    """Measure, print the table and write it; return 0."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=8, help="measurements to take medians of")
    parser.add_argument("--out", type=Path, help="the Markdown file to write")
    options, _ = parser.parse_known_args(words)  # other benchmarks' words are none of this one's
    lines = [
        "# Convolutions on small maps: a ResNet-18 training step at 64 px",
        "",
        f"cpu; {processor()}; threads: {torch.get_num_threads()}; torch {torch.__version__}. "
        "Medians, milliseconds per step; times as fast: the median ratio of the two, in turn.",
        "",
        "| images | precision | PyTorch's convolution | one matrix product | times as fast |",
        "|---|---|---|---|---|",
    ]
    lines += [row(n, p, options.rounds) for p in ("fp32", "bf16") for n in (64, 256)]
    keep("\n".join(lines), "convolution", CPU, options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
