"""What sampling, augmentation and loss recording cost beside the bare training step.

    python benchmarks/finetune.py [--device cpu] [--pixels 64] [--rounds 25] [--out table.md]

A bare step (forward, cross-entropy, backward, AdamW on one fixed batch) and an epoch of the real
training loop over a single batch take turns in one process, so that both meet the same load of the
machine; the added cost is the median over rounds of their ratio. What the loop does once an epoch
(drawing, the look at the losses) is thus charged to every batch, ten times what a fold of the
article's set pays. The parts are timed by themselves as well, which is the steadier figure on a
busy machine. Under a minute on 2 cores.
"""

import argparse
import os
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
import torch
from torch.nn import functional

from testiculus.augment import apply
from testiculus.base.devices import autocast, device_class, generator, resolve_device
from testiculus.base.files import write_text
from testiculus.base.places import project_root
from testiculus.base.progress import progress
from testiculus.finetune.interface import FinetuneSettings
from testiculus.finetune.training import (
    Training,
    draw_epoch,
    normalise,
    optimiser_for,
    to_float,
    training_set,
)
from testiculus.models import build_classifier

BATCH = 64
IMAGES = 880  # in memory, as many as the article's labelled set; an epoch draws BATCH of them
LIMIT = 0.15  # what the parts may add to the bare step at 64 px


@dataclass(frozen=True)
class Row:
    """One line of the table; times in milliseconds per batch of 64, `added` as a fraction."""

    precision: str
    pixels: int
    bare: float
    whole: float
    added: float
    sampling: float
    augmentation: float
    recording: float

    @property
    def parts(self) -> float:
        """What the parts, timed by themselves, add to the bare step, as a fraction."""
        return (self.sampling + self.augmentation + self.recording) / self.bare


class Case:
    """One precision and size: a bare step, a training loop, and its parts, ready to be timed."""

    def __init__(self, device: torch.device, precision: str, pixels: int):
        self.device, self.precision, self.pixels = device, precision, pixels
        random = generator("benchmark")
        images = torch.randint(0, 256, (IMAGES, 1, pixels, pixels), generator=random)
        labels = (torch.arange(IMAGES) % 5 == 0).long()
        self.settings = FinetuneSettings(
            "scratch-A", epochs=10_000, batch_size=BATCH, precision=precision
        )
        data = training_set(images.to(torch.uint8), labels, np.arange(BATCH), device)
        self.training = Training(build_classifier("scratch-A", 0), data, self.settings)
        self.model = build_classifier("scratch-A", 0).to(
            device=device, memory_format=torch.channels_last
        )
        self.optimiser = optimiser_for(self.model, self.settings)
        self.batch = normalise(to_float(data.pixels[:BATCH]))
        self.target = data.labels[:BATCH]

    def bare(self) -> None:
        """Take a bare step."""
        with autocast(self.device, self.precision):
            features = self.model.encoder(self.batch)
        loss = functional.cross_entropy(self.model.head(features.float()), self.target)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()

    def whole(self) -> None:
        """Train one epoch of one batch with the real loop."""
        self.training.train_epoch()

    def sampling(self) -> None:
        """Draw an epoch's samples and augmentations, and note the samples."""
        self.draws = draw_epoch(self.training.data, self.settings, 0)
        self.training.sample[0] = self.draws.sample

    def augmentation(self) -> None:
        """Select, convert, augment and normalise a batch."""
        images = to_float(self.training.data.pixels.index_select(0, self.draws.sample))
        normalise(apply(images, self.draws.augmentations))

    def recording(self) -> None:
        """Write a batch's losses into the record, and look whether all are finite."""
        self.training.loss[0] = self.training.loss[1]
        mean = self.training.loss[0].mean()
        float(torch.isfinite(mean) * mean)


def seconds(work: Callable[[], None], device: torch.device) -> float:
    """Return the wall time of `work`, the device's queue emptied before and after."""
    _wait(device)
    start = time.perf_counter()
    work()
    _wait(device)
    return time.perf_counter() - start


def measure(cases: list[Case], rounds: int) -> list[Row]:
    """Time every case in every round, bare and whole in turn; return one row per case."""
    parts = ("sampling", "augmentation", "recording")
    times = {case: {name: [] for name in ("bare", "whole", *parts)} for case in cases}
    for case in cases:  # warm up
        for work in (case.bare, case.whole, case.sampling, case.augmentation):
            work()
    for turn in progress(range(rounds), desc="fine-tuning", unit="round"):
        order = ("bare", "whole") if turn % 2 else ("whole", "bare")
        for case in cases:
            for name in (*order, *parts):
                times[case][name].append(seconds(getattr(case, name), case.device))
    return [_row(case, taken) for case, taken in times.items()]


def table(rows: list[Row], device: torch.device) -> str:
    """Return the rows as a Markdown page."""
    lines = [
        f"# Fine-tuning: a ResNet-18 step of {BATCH} one-channel images",
        "",
        f"{device_class(device)}; {processor()}; threads: {torch.get_num_threads()}; "
        f"Python {platform.python_version()}, torch {torch.__version__}. "
        "Medians, milliseconds per batch. Bare: forward, loss, backward, AdamW on a fixed batch. "
        "Whole: the training loop, with sampling, augmentation and loss recording; added: the "
        "median ratio of the two, measured in turn. Parts: the three timed by themselves.",
        "",
        "| px | precision | bare | whole | added | sampling | augmentation | recording | parts "
        "| img/s |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for r in rows:
        lines.append(
            f"| {r.pixels} | {r.precision} | {r.bare:.1f} | {r.whole:.1f} | {r.added:+.1%} | "
            f"{r.sampling:.2f} | {r.augmentation:.2f} | {r.recording:.2f} | {r.parts:.1%} | "
            f"{1000 * BATCH / r.whole:.0f} |"
        )
    worst = max(max(r.parts, r.added) for r in rows)
    verdict = "within" if worst <= LIMIT else "NOT within"
    return "\n".join([*lines, "", f"At most {worst:.1%} added: {verdict} the {LIMIT:.0%} allowed."])


def main(words: list[str] | None = None) -> int:
    """Measure, print the table and write it; return 0."""
    options, _ = _parser().parse_known_args(words)  # other benchmarks' words are none of this one's
    device = resolve_device(options.device)
    precisions = ("fp32", "bf16")
    cases = [Case(device, p, pixels) for pixels in options.pixels for p in precisions]
    text = table(measure(cases, options.rounds), device)
    keep(text, "finetune", device, options.out)
    return 0


def keep(text: str, name: str, device: torch.device, out: Path | None = None) -> None:
    """Print a table and write it to `out`, by default `benchmarks/results/<name>-<device>.md`."""
    on = "".join(c if c.isalnum() else "-" for c in device_class(device).lower())
    out = out or project_root() / "benchmarks" / "results" / f"{name}-{on}.md"
    write_text(out, text + "\n")
    print(f"{text}\n\nwritten to {os.path.relpath(out)}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:<number>")
    parser.add_argument("--pixels", type=int, nargs="+", default=[64], help="sides of the images")
    parser.add_argument("--rounds", type=int, default=25, help="measurements to take medians of")
    parser.add_argument("--out", type=Path, help="the Markdown file to write")
    return parser


def _row(case: Case, taken: dict[str, list[float]]) -> Row:
    ratios = [w / b for w, b in zip(taken["whole"], taken["bare"], strict=True)]
    middle = {name: 1000 * median(values) for name, values in taken.items()}
    return Row(case.precision, case.pixels, added=median(ratios) - 1, **middle)


def processor() -> str:
    """Return the processor's name."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


if __name__ == "__main__":
    sys.exit(main())
