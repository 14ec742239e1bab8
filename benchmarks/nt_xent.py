"""NT-Xent over a 2048 x 2048 similarity matrix, at once and row by row.

    python benchmarks/nt_xent.py [--device cpu] [--rounds 10] [--out table.md]

1,024 pairs, the article's batch, with projections of 128 numbers: the matrix is what is compared,
and wider projections would only add the same matrix product to both. The released code takes the
matrix row by row; the loop here is written from the formula, normalises all projections once, as
the kindest reading of such a loop would, and must give the same value and gradient. Both take
turns in one process, so that both meet the same load of the machine. Memory is what the loss takes
at most beyond the projections: on a CPU the growth of a fresh process each, on a GPU torch's own
count. Under a minute on 2 cores.
"""

import argparse
import math
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import torch
from finetune import keep, processor
from torch.nn import functional

from testiculus.base.devices import device_class, generator, peak_memory, resolve_device
from testiculus.base.progress import progress
from testiculus.pretrain.losses import nt_xent

PAIRS = 1024  # article, section 5: the batch; 2048 views
WIDTH = 128
TEMPERATURE = 0.5  # released code

Loss = Callable[[torch.Tensor, torch.Tensor, float], torch.Tensor]


def row_by_row(a: torch.Tensor, b: torch.Tensor, temperature: float) -> torch.Tensor:
    """Return NT-Xent by the article's equations 1 and 2, one row of the matrix at a time."""
    z = functional.normalize(torch.cat([a, b]), dim=1)
    total = z.new_zeros(())
    for j in range(len(z)):
        scaled = (z @ z[j]) / temperature
        others = torch.cat([scaled[:j], scaled[j + 1 :]])
        total = total - scaled[(j + len(a)) % len(z)] + torch.logsumexp(others, dim=0)
    return total / len(z)


WAYS: dict[str, Loss] = {"row by row": row_by_row, "at once": nt_xent}
PASSES = ("forward", "forward and backward")


@dataclass(frozen=True)
class Row:
    """One line of the table: every round's milliseconds, and bytes."""

    way: str
    passes: str
    times: list[float]
    memory: int


def projections(device: torch.device) -> torch.Tensor:
    """Return two views' projections, (2, pairs, width), partners alike as in a training."""
    random = generator("benchmark of NT-Xent")
    image = torch.randn(PAIRS, WIDTH, generator=random)
    views = image + torch.randn(2, PAIRS, WIDTH, generator=random)
    return views.to(device)


def take(loss: Loss, views: torch.Tensor, passes: str) -> torch.Tensor:
    """Compute the loss; return it, or its gradient where the backward pass is wanted."""
    if passes == "forward":
        with torch.no_grad():
            return loss(*views, TEMPERATURE)
    views = views.detach().requires_grad_()
    loss(*views, TEMPERATURE).backward()
    assert views.grad is not None
    return views.grad


def measure(device: torch.device, rounds: int) -> list[Row]:
    """Time both ways in every round, then their memory; return a row per way and pass."""
    views = projections(device)
    cases = [(passes, way) for passes in PASSES for way in WAYS]
    times: dict[tuple[str, str], list[float]] = {case: [] for case in cases}
    for turn in progress(range(rounds + 1), desc="NT-Xent", unit="round"):
        for passes, way in cases if turn % 2 else reversed(cases):
            start = time.perf_counter()
            take(WAYS[way], views, passes)
            _wait(device)
            if turn:  # the first one warms up
                times[passes, way].append(1000 * (time.perf_counter() - start))
    return [Row(way, p, times[p, way], peak(way, p, device)) for p, way in cases]


def peak(way: str, passes: str, device: torch.device) -> int:
    """Return the bytes that a computation takes at most, beyond the projections and torch itself.

    On a CPU the growth of a fresh process's largest resident size, measured in that process.
    """
    if device.type != "cuda":
        command = [sys.executable, __file__, "--memory-of", way, passes]
        return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    views = projections(device)
    held = torch.cuda.memory_allocated(device)
    torch.cuda.reset_peak_memory_stats(device)
    take(WAYS[way], views, passes)
    return torch.cuda.max_memory_allocated(device) - held


def growth(way: str, passes: str) -> int:
    """Return by how many bytes this process's largest resident size grows in one computation."""
    views = projections(torch.device("cpu"))
    take(WAYS[way], views[:, :32], passes)  # what is loaded at first use is not the loss's
    before = largest_size()
    take(WAYS[way], views, passes)
    return largest_size() - before


def largest_size() -> int:
    """Return this process's largest resident size, in bytes.

    Not `peak_memory` where the kernel tells it otherwise: a child's begins at its parent's.
    """
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.is_file() else []
    sizes = [int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")]
    return sizes[0] if sizes else peak_memory()


def differences(device: torch.device) -> tuple[float, float]:
    """Return how far the two ways differ: of the loss, and of the gradient, as fractions."""
    views = projections(device)
    found = []
    for passes in PASSES:
        slow, fast = (take(loss, views, passes) for loss in WAYS.values())
        found.append(float((slow - fast).abs().max() / slow.abs().max()))
    return found[0], found[1]


def table(rows: list[Row], apart: tuple[float, float], device: torch.device) -> str:
    """Return the rows as a Markdown page."""
    lines = [
        f"# NT-Xent: {PAIRS} pairs, a {2 * PAIRS} x {2 * PAIRS} similarity matrix, d = {WIDTH}",
        "",
        f"{device_class(device)}; {processor()}; threads: {torch.get_num_threads()}; "
        f"torch {torch.__version__}, float32. Medians (range) of {len(rows[0].times)} rounds, in "
        "milliseconds. Memory: the most that the loss takes beyond the projections; on a CPU the "
        "growth of a fresh process.",
        "",
        "| pass | way | ms | times as fast | MB |",
        "|---|---|---|---|---|",
    ]
    slow = {row.passes: median(row.times) for row in rows if row.way == "row by row"}
    for r in rows:
        middle = median(r.times)
        lines.append(
            f"| {r.passes} | {r.way} | {middle:.1f} ({min(r.times):.1f}-{max(r.times):.1f}) | "
            f"{slow[r.passes] / middle:.1f} | {r.memory / 1e6:.1f} |"
        )
    loss, gradient = apart
    same = "the same" if max(apart) < 1e-4 and not math.isnan(sum(apart)) else "NOT the same"
    lines += [
        "",
        f"Values: {same} (loss {loss:.1e} apart, gradient {gradient:.1e} of its largest).",
    ]
    return "\n".join(lines)


def main(words: list[str] | None = None) -> int:
    """Measure, print and keep the table."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:<number>")
    parser.add_argument("--rounds", type=int, default=10, help="measurements to take medians of")
    parser.add_argument("--out", type=Path, help="the Markdown file to write")
    parser.add_argument("--memory-of", nargs=2, help=argparse.SUPPRESS)  # in a process of its own
    options, _ = parser.parse_known_args(words)  # other benchmarks' words are none of this one's
    if options.memory_of:
        print(growth(*options.memory_of))
        return 0
    device = resolve_device(options.device)
    rows = measure(device, options.rounds)
    keep(table(rows, differences(device), device), "nt_xent", device, options.out)
    return 0


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


if __name__ == "__main__":
    sys.exit(main())
