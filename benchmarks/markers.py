"""How many images a second get markers, per recipe, batched on the device.

    python benchmarks/markers.py [--device cpu] [--pixels 64] [--rounds 25] [--out table.md]

A round draws the markers of a batch of 64 on the CPU and puts them into the batch; recipes take
turns, so that all meet the same load of the machine. In training the draws of a whole epoch are
made at once, which costs less for each image. At 64 px at least 5,000 images a second are wanted.
A few seconds on 2 cores.
"""

import argparse
import platform
import sys
from pathlib import Path
from statistics import median

import torch
from finetune import keep, processor, seconds

from testiculus.base.devices import device_class, generator, peak_memory, resolve_device
from testiculus.base.progress import progress
from testiculus.markers import RECIPES, apply_markers, draw_markers, remove_markers

BATCH = 64
WANTED = 5000  # images a second at 64 px
REMOVAL = "removal of rings and crosses"


class Case:
    """One recipe and size, ready to be timed."""

    def __init__(self, recipe: str, pixels: int, device: torch.device):
        self.recipe, self.pixels = recipe, pixels
        random = generator("benchmark")
        self.images = torch.rand(BATCH, 1, pixels, pixels, generator=random).to(device)

    def work(self) -> None:
        """Draw the markers of a batch and put them in (or look for markers in it)."""
        if self.recipe == REMOVAL:
            remove_markers(self.images)
            return
        draws = draw_markers(self.recipe, BATCH, generator("benchmark", self.recipe))
        apply_markers(self.images, draws.to(self.images.device))


def rates(cases: list, rounds: int, device: torch.device, desc: str = "markers") -> dict:
    """Return images a second of every case (its `work()`) and round; the first round warms up."""
    found: dict = {case: [] for case in cases}
    for number in progress(range(rounds + 1), desc=desc, unit="round"):
        for case in cases:
            taken = seconds(case.work, device)
            if number:
                found[case].append(BATCH / taken)
    return found


def memory(device: torch.device) -> str:
    """Return the peak memory in words: the GPU's, or this process's."""
    if device.type == "cuda":
        return f"{torch.cuda.max_memory_allocated(device) / 2**20:.0f} MiB on the GPU"
    return f"{peak_memory() / 2**20:.0f} MiB resident, libraries included"


def table(found: dict[Case, list[float]], device: torch.device) -> str:
    """Return the rates as a Markdown page."""
    rounds = len(next(iter(found.values())))
    lines = [
        f"# Markers: batches of {BATCH} one-channel images",
        "",
        f"{device_class(device)}; {processor()}; threads: {torch.get_num_threads()}; "
        f"Python {platform.python_version()}, torch {torch.__version__}. "
        f"Medians (range) of {rounds} rounds, draws on the CPU included. "
        f"Peak memory: {memory(device)}.",
        "",
        "| recipe | px | images/s | within |",
        "|---|---|---|---|",
    ]
    for case, values in found.items():
        middle = f"{median(values):.0f} ({min(values):.0f}-{max(values):.0f})"
        judged = case.pixels == 64 and case.recipe != REMOVAL
        within = ("yes" if median(values) >= WANTED else "NO") if judged else ""
        lines.append(f"| {case.recipe} | {case.pixels} | {middle} | {within} |")
    return "\n".join([*lines, "", f"Wanted: {WANTED} images/s at 64 px."])


def main(words: list[str] | None = None) -> int:
    """Measure, print and keep the table."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:<number>")
    parser.add_argument("--pixels", type=int, nargs="+", default=[64], help="sides of the images")
    parser.add_argument("--rounds", type=int, default=25, help="measurements to take medians of")
    parser.add_argument("--out", type=Path, help="the Markdown file to write")
    options, _ = parser.parse_known_args(words)  # other benchmarks' words are none of this one's
    device = resolve_device(options.device)
    cases = [Case(name, px, device) for px in options.pixels for name in (*RECIPES, REMOVAL)]
    keep(table(rates(cases, options.rounds, device), device), "markers", device, options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
