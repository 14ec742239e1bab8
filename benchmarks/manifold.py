"""Precision, recall and membership: here, by plain distances in blocks, and by torch-fidelity.

    python benchmarks/manifold.py [--rounds 3] [--out table.md]

880 real and 20,000 generated images, the article's numbers, with 2,048 features, Inception's; drawn
at random, once without any structure and once, as features are, near a surface of 10 dimensions.
All ways take turns in one process and on the CPU, so that all meet the same load of the machine;
processor time is that of all threads together. Memory is the growth of a fresh process beyond the
features. torch-fidelity returns shares alone and is timed once. Allowed here: 2 s and 1 GiB. Some
minutes on 2 cores, and 8 GB of memory for torch-fidelity (`--without torch-fidelity` leaves it
out).
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
import torch
from finetune import keep, processor
from nt_xent import largest_size

from testiculus.base.devices import derive_seed
from testiculus.base.progress import progress
from testiculus.manifold import precision_recall

REAL, GENERATED, WIDTH = 880, 20_000, 2048  # article, section 4.2; Inception's features
NEIGHBOURS = 3
SECONDS, BYTES = 2.0, 2**30  # allowed
BLOCK = 1000  # rows of a distance matrix at once, in the plain way

Found = tuple[float, float, np.ndarray | None, np.ndarray | None]
Way = Callable[[np.ndarray, np.ndarray], Found]


def here(real: np.ndarray, generated: np.ndarray) -> Found:
    """Return precision, recall and membership by this project's code."""
    found = precision_recall(real, generated, NEIGHBOURS)
    return found.precision, found.recall, found.inside, found.covered


def blocks(real: np.ndarray, generated: np.ndarray) -> Found:
    """Return the same by torch's distances, `BLOCK` rows at a time: all radii, all balls."""
    r, g = torch.from_numpy(real), torch.from_numpy(generated)
    inside, covered = _in_manifold(g, r).numpy(), _in_manifold(r, g).numpy()
    return float(inside.mean()), float(covered.mean()), inside, covered


def _in_manifold(points: torch.Tensor, centres: torch.Tensor) -> torch.Tensor:
    rows = [torch.cdist(x, centres).kthvalue(NEIGHBOURS + 1).values for x in centres.split(BLOCK)]
    radii = torch.cat(rows)
    return torch.cat([(torch.cdist(x, centres) <= radii).any(1) for x in points.split(BLOCK)])


def fidelity(real: np.ndarray, generated: np.ndarray) -> Found:
    """Return the shares by torch-fidelity, as it computes them by default."""
    from torch_fidelity.metric_prc import calculate_precision_recall_full

    both = map(torch.from_numpy, (generated, real))
    return *calculate_precision_recall_full(*both, NEIGHBOURS), None, None


WAYS: dict[str, Way] = {"torch-fidelity": fidelity, "distances in blocks": blocks, "here": here}
KINDS = ("no structure", "10 dimensions")


@dataclass(frozen=True)
class Row:
    """One line of the table: every round's seconds, processor seconds, bytes, and the result."""

    kind: str
    way: str
    times: list[float]
    processor: list[float]
    memory: int
    found: Found


def features(kind: str, real: int = REAL, generated: int = GENERATED) -> tuple[np.ndarray, ...]:
    """Return features of real and generated images, float32 (n, 2048) and (m, 2048)."""
    random = np.random.default_rng(derive_seed("benchmark of the manifold", kind))
    if kind == "no structure":
        return tuple(random.standard_normal((n, WIDTH), np.float32) for n in (real, generated))
    surface = random.standard_normal((10, WIDTH), np.float32) / 10**0.5

    def near(n: int, spread: float) -> np.ndarray:
        points = spread * random.standard_normal((n, 10), np.float32) @ surface
        return np.maximum(points + 0.1 * random.standard_normal((n, WIDTH), np.float32), 0)

    return near(real, 1.0), near(generated, 0.9)


def measure(kind: str, ways: list[str], rounds: int) -> list[Row]:
    """Time the ways in turn, then their memory; return a row for each."""
    both = features(kind)
    times: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
    found = {}
    for turn in progress(range(rounds), desc=kind, unit="round"):
        for way in ways if turn % 2 else reversed(ways):
            if way == "torch-fidelity" and turn:
                continue
            start = time.perf_counter(), time.process_time()
            found[way] = WAYS[way](*both)
            times[way].append((time.perf_counter() - start[0], time.process_time() - start[1]))
    return [
        Row(kind, way, *map(list, zip(*times[way], strict=True)), peak(kind, way), found[way])
        for way in ways
    ]


def peak(kind: str, way: str) -> int:
    """Return the bytes that a way takes at most beyond the features, in a fresh process."""
    command = [sys.executable, __file__, "--memory-of", kind, way]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def growth(kind: str, way: str) -> int:
    """Return by how many bytes this process's largest resident size grows in one computation."""
    WAYS[way](*features(kind, 20, 200))  # what is loaded at first use is not counted
    both = features(kind)
    before = _resident()
    WAYS[way](*both)
    return largest_size() - before


def _resident() -> int:
    """Return this process's resident size now: drawing the features has had a larger one."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.is_file() else []
    sizes = [int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:")]
    return sizes[0] if sizes else largest_size()


def table(rows: list[Row]) -> str:
    """Return the rows as a Markdown page."""
    lines = [
        f"# Precision, recall and membership: {REAL} real, {GENERATED:,} generated, d = {WIDTH:,}",
        "",
        f"cpu; {processor()}; threads: {torch.get_num_threads()}; torch {torch.__version__}. "
        f"k = {NEIGHBOURS}. Medians (range) of {len(rows[-1].times)} rounds, in seconds; "
        "torch-fidelity once. Processor: seconds of all threads together. Memory: the most that "
        "is taken beyond the features, in a fresh process.",
        "",
        "| features | way | s | times as fast | processor | GiB | precision | recall |",
        "|---|---|---|---|---|---|---|---|",
    ]
    ours = {row.kind: median(row.times) for row in rows if row.way == "here"}
    for r in rows:
        lines.append(
            f"| {r.kind} | {r.way} | {median(r.times):.2f} ({min(r.times):.2f}-{max(r.times):.2f})"
            f" | {median(r.times) / ours[r.kind]:.1f} | {median(r.processor):.2f} | "
            f"{r.memory / 2**30:.2f} | {r.found[0]:.4f} | {r.found[1]:.4f} |"
        )
    return "\n".join(
        [*lines, "", "Times as fast: how many times as fast it is here.", *_judged(rows)]
    )


def _judged(rows: list[Row]) -> list[str]:
    """Say whether time and memory are within what is allowed, and where membership differs."""
    ours = [row for row in rows if row.way == "here"]
    slowest, largest = max(median(r.times) for r in ours), max(r.memory for r in ours)
    within = "within" if slowest <= SECONDS and largest <= BYTES else "NOT within"
    said = [
        f"At most {slowest:.2f} s and {largest / 2**30:.2f} GiB here: {within} the {SECONDS:.0f} s "
        "and 1 GiB allowed."
    ]
    for row in rows:
        if row.way == "distances in blocks":
            mine = next(r for r in ours if r.kind == row.kind)
            apart = [
                int((a != b).sum()) for a, b in zip(mine.found[2:], row.found[2:], strict=True)
            ]
            said.append(
                f"{row.kind}: membership differs from distances in blocks, which round, for "
                f"{apart[0]} generated and {apart[1]} real images."
            )
    return ["", *said]


def main(words: list[str] | None = None) -> int:
    """Measure, print and keep the table."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="measurements to take medians of")
    parser.add_argument("--without", choices=list(WAYS), help="a way to leave out")
    parser.add_argument("--out", type=Path, help="the Markdown file to write")
    parser.add_argument("--memory-of", nargs=2, help=argparse.SUPPRESS)  # in a process of its own
    options, _ = parser.parse_known_args(words)  # other benchmarks' words are none of this one's
    if options.memory_of:
        print(growth(*options.memory_of))
        return 0
    ways = [way for way in WAYS if way != options.without or way == "here"]
    rows = [row for kind in KINDS for row in measure(kind, ways, options.rounds)]
    keep(table(rows), "manifold", torch.device("cpu"), options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
