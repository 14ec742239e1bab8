"""How many Grad-CAM++ maps a second, per layer, beside the model's own pass over the images.

    python benchmarks/gradcam.py [--device cpu] [--pixels 64] [--rounds 10] [--out table.md]

A round makes the maps of a batch of 64 images with a ResNet-18 of random weights, from the images
to maps at their size; layers take turns, so that all meet the same load of the machine. The layer
that is taken where none is named is marked. Under a minute on 2 cores.
"""

import argparse
import platform
import sys
from pathlib import Path
from statistics import median

import torch
from finetune import keep, processor
from markers import BATCH, memory, rates

from testiculus.base.devices import device_class, generator, resolve_device
from testiculus.explain import gradcam_plus_plus, layer_grid, resolve_layer
from testiculus.finetune.training import normalise
from testiculus.models import build_classifier

STAGES = ("layer1", "layer2", "layer3", "layer4")  # of the residual network, the coarsest last
PREDICTION = "none: the prediction alone"


class Case:
    """One layer and size, ready to be timed; without a layer the images are only classified."""

    def __init__(self, layer: str, pixels: int, device: torch.device):
        self.layer, self.pixels = layer, pixels
        model = build_classifier("scratch-A", 0).to(device)
        self.model = model.to(memory_format=torch.channels_last).eval()
        images = torch.rand(BATCH, 1, pixels, pixels, generator=generator("benchmark"))
        self.images = normalise(images).to(device)
        rows, columns = layer_grid(model, pixels).get(layer, (0, 0))
        self.cells = f"{rows} x {columns}" if rows else ""
        self.is_default = layer == resolve_layer(model, pixels)

    def work(self) -> None:
        """Make the maps of a batch (or only classify it)."""
        if self.layer != PREDICTION:
            gradcam_plus_plus(self.model, self.images, self.layer, batch_size=BATCH)
            return
        with torch.inference_mode():
            self.model(self.images)


def table(found: dict[Case, list[float]], device: torch.device) -> str:
    """Return the rates as a Markdown page."""
    rounds = len(next(iter(found.values())))
    lines = [
        f"# Grad-CAM++: maps of batches of {BATCH} one-channel images, ResNet-18",
        "",
        f"{device_class(device)}; {processor()}; threads: {torch.get_num_threads()}; "
        f"Python {platform.python_version()}, torch {torch.__version__}. "
        f"Medians (range) of {rounds} rounds, the maps enlarged to the images' size. "
        f"Peak memory: {memory(device)}.",
        "",
        "| px | layer | cells | images/s |",
        "|---|---|---|---|",
    ]
    for case, values in found.items():
        layer = f"{case.layer} (taken by default)" if case.is_default else case.layer
        middle = f"{median(values):.0f} ({min(values):.0f}-{max(values):.0f})"
        lines.append(f"| {case.pixels} | {layer} | {case.cells} | {middle} |")
    return "\n".join(lines)


def main(words: list[str] | None = None) -> int:
    """Measure, print and keep the table."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:<number>")
    parser.add_argument("--pixels", type=int, nargs="+", default=[64], help="sides of the images")
    parser.add_argument("--rounds", type=int, default=10, help="measurements to take medians of")
    parser.add_argument("--out", type=Path, help="the Markdown file to write")
    options, _ = parser.parse_known_args(words)  # other benchmarks' words are none of this one's
    device = resolve_device(options.device)
    layers = (*STAGES, PREDICTION)
    cases = [Case(layer, px, device) for px in options.pixels for layer in layers]
    keep(
        table(rates(cases, options.rounds, device, "maps"), device), "gradcam", device, options.out
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
