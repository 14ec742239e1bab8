"""What batches, views and the record of losses cost beside the bare SimCLR step.

    python benchmarks/pretrain.py [--device cpu] [--pixels 64] [--rounds 9] [--out table.md]

A bare step (forward of both views, NT-Xent and organ loss, backward, LARS on fixed tensors) and a
whole step of the pretraining loop, with its draws, its views and the look at its losses, take turns
in one process, so that both meet the same load of the machine; the added cost is the median over
rounds of their ratio. A round takes several steps of each on a GPU, where the loop looks at its
losses every few steps only. About a minute on 2 cores.
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

from testiculus.base.devices import device_class, generator, resolve_device
from testiculus.base.progress import progress
from testiculus.models import build_classifier
from testiculus.pretrain.batches import batch_rows
from testiculus.pretrain.interface import PretrainSettings
from testiculus.pretrain.training import LOOK_STEPS, Training

BATCH = 128  # images, of two views each
IMAGES = 2048
LIMIT = 0.15  # what the loop may add to the bare step


@dataclass(frozen=True)
class Row:
    """One line of the table; times in milliseconds per step, `added` as a fraction."""

    precision: str
    pixels: int
    bare: float
    whole: float
    views: float
    added: float


class Case:
    """One precision and size: a bare step and a training loop, ready to be timed."""

    def __init__(self, device: torch.device, precision: str, pixels: int, views: str):
        self.device, self.precision, self.pixels = device, precision, pixels
        self.steps = 1 if device.type == "cpu" else LOOK_STEPS
        images = torch.randint(
            0, 256, (IMAGES, 1, pixels, pixels), generator=generator("benchmark")
        )
        organs = torch.arange(IMAGES) % 2
        settings = PretrainSettings(
            10_000, BATCH, precision=precision, schedule="constant", views=views
        )
        made = (images.to(torch.uint8), organs, 2, settings, device)
        self.training = Training(*made, build_classifier("scratch-A", 0).encoder)
        # The bare step is the loop's own with nothing left of it but the model.
        self.model_only = Training(*made, build_classifier("scratch-A", 0).encoder)
        self.rows = batch_rows(IMAGES, BATCH, 0, 0).to(device)
        self.batch = torch.cat(self.views())
        self.organs = self.model_only.organs[self.rows]
        for group in self.model_only.optimiser.param_groups:
            group["lr"] = settings.lr

    def bare(self) -> None:
        """Take bare steps."""
        for _ in range(self.steps):
            total = self.model_only._losses(self.batch, self.organs)[-1]
            self.model_only.optimiser.zero_grad(set_to_none=True)
            total.backward()
            self.model_only.optimiser.step()

    def whole(self) -> None:
        """Take steps of the loop, and look at the losses."""
        for _ in range(self.steps):
            self.training.take_step()
        self.training.look()

    def views(self) -> list[torch.Tensor]:
        """Draw and make the two views of a batch."""
        return self.training._views(self.rows)

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
    taken = {case: {name: [] for name in ("bare", "whole", "views")} for case in cases}
    for turn in progress(range(rounds + 1), desc="pretraining", unit="round"):
        order = ("bare", "whole", "views") if turn % 2 else ("whole", "bare", "views")
        for case in cases:
            for name in order:
                seconds = case.seconds(name)
                if turn:  # the first warms up
                    taken[case][name].append(seconds)
    return [_row(case, times) for case, times in taken.items()]


def _row(case: Case, times: dict[str, list[float]]) -> Row:
    ratios = [w / b for w, b in zip(times["whole"], times["bare"], strict=True)]
    bare, whole = (1000 * median(times[name]) / case.steps for name in ("bare", "whole"))
    views = 1000 * median(times["views"])
    return Row(case.precision, case.pixels, bare, whole, views, median(ratios) - 1)


def table(rows: list[Row], views: str, device: torch.device) -> str:
    """Return the rows as a Markdown page."""
    lines = [
        f"# Pretraining: a SimCLR step of {BATCH} x 2 one-channel views, ResNet-18",
        "",
        f"{device_class(device)}; {processor()}; threads: {torch.get_num_threads()}; "
        f"Python {platform.python_version()}, torch {torch.__version__}. "
        "Medians, milliseconds per step. Bare: forward of both views, NT-Xent and organ loss, "
        f"backward, LARS on fixed views. Whole: the loop, with batches, views ({views} recipe) and "
        "record; added: the median ratio of the two, measured in turn. Views: drawing and making "
        "them, timed by itself. Images per second count images, of two views each.",
        "",
        "| px | precision | bare | whole | added | views | img/s | img/s bare |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for r in rows:
        lines.append(
            f"| {r.pixels} | {r.precision} | {r.bare:.1f} | {r.whole:.1f} | {r.added:+.1%} | "
            f"{r.views:.2f} | {1000 * BATCH / r.whole:.0f} | {1000 * BATCH / r.bare:.0f} |"
        )
    worst = max(r.added for r in rows)
    verdict = "within" if worst <= LIMIT else "NOT within"
    return "\n".join([*lines, "", f"At most {worst:.1%} added: {verdict} the {LIMIT:.0%} allowed."])


def main(words: list[str] | None = None) -> int:
    """Measure, print the table and write it; return 0."""
    options, _ = _parser().parse_known_args(words)  # other benchmarks' words are none of this one's
    device = resolve_device(options.device)
    precisions = ("fp32", "bf16")
    cases = [Case(device, p, n, options.views) for n in options.pixels for p in precisions]
    text = table(measure(cases, options.rounds), options.views, device)
    keep(text, "pretrain", device, options.out)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:<number>")
    parser.add_argument("--pixels", type=int, nargs="+", default=[64], help="sides of the images")
    parser.add_argument("--views", default="article", help="article or released")
    parser.add_argument("--rounds", type=int, default=9, help="measurements to take medians of")
    parser.add_argument("--out", type=Path, help="the Markdown file to write")
    return parser


if __name__ == "__main__":
    sys.exit(main())
