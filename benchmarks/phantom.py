"""How many phantom images a second are simulated, per organ and size.

    python benchmarks/phantom.py [--device cpu] [--rounds 25] [--out table.md]

Rounds of one patient each (four views), organs and sizes in turn, so that all meet the same load
of the machine. At 128 px at least 150 a second are wanted: slower, and making the phantom would be
felt in every first run. Under a minute on 2 cores.
"""

import argparse
import sys
import time
from pathlib import Path
from statistics import median

import torch
from finetune import keep, processor

from testiculus.base.devices import resolve_device
from testiculus.base.progress import progress
from testiculus.data.phantom import PhantomSettings, phantom

CASES = [(organ, pixels) for organ in ("testis", "thyroid") for pixels in (64, 128, 256)]
WANTED = 150  # images a second at 128 px


def rates(rounds: int, device: torch.device) -> dict[tuple[str, int], list[float]]:
    """Return images a second of every round, by organ and side in pixels; a first one warms up."""
    found: dict[tuple[str, int], list[float]] = {case: [] for case in CASES}
    for number in progress(range(rounds + 1), desc="phantom", unit="round"):
        for organ, pixels in CASES:
            start = time.perf_counter()
            made = phantom(PhantomSettings(organ, pixels=pixels), [number], device=str(device))
            if number:
                found[organ, pixels].append(len(made) / (time.perf_counter() - start))
    return found


def table(found: dict[tuple[str, int], list[float]], device: torch.device) -> str:
    """Return the rates as Markdown."""
    lines = [
        f"{processor()}, {torch.get_num_threads()} threads, {device.type}; medians (range) of "
        f"{len(found[CASES[0]])} rounds; wanted: {WANTED} images/s at 128 px",
        "",
        "| organ | px | images/s | within |",
        "|---|---|---|---|",
    ]
    for (organ, pixels), values in found.items():
        middle = f"{median(values):.0f} ({min(values):.0f}-{max(values):.0f})"
        within = ("yes" if median(values) >= WANTED else "NO") if pixels == 128 else ""
        lines.append(f"| {organ} | {pixels} | {middle} | {within} |")
    return "\n".join(lines)


def main(words: list[str] | None = None) -> int:
    """Measure, print and keep the table."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:<number>")
    parser.add_argument("--rounds", type=int, default=25, help="measurements to take medians of")
    parser.add_argument("--out", type=Path, help="the Markdown file to write")
    options, _ = parser.parse_known_args(words)  # other benchmarks' words are none of this one's
    device = resolve_device(options.device)
    keep(table(rates(options.rounds, device), device), "phantom", device, options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
