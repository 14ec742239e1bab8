"""A made-up UD and a tiny encoder: Tables 2 to 4 run whole in seconds, through the real code.

And for Fig. 5 a manifest of outlined images, and an encoder with a ResNet's stages.
"""

from collections import OrderedDict
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch import nn

from testiculus import models
from testiculus.data.images import ImageSet
from testiculus.data.manifest import write_manifest
from testiculus.experiments import pretraining_plan
from testiculus.experiments.flags import Flags
from testiculus.experiments.unlabelled import NOT_LABELLED, Unlabelled

WRONG = (0, 10)  # images whose label is wrong, one of each class
FLAGGED = (0, 6)  # one of them is flagged, and one whose label is right
TINY = {"profile": "smoke", "device": "cpu", "steps": 2, "pretrain_batch": 8, "partitions": 2}


def frame_of(organ, first, patients, labelled):
    """Two images a patient, half of the patients positive, two scanners."""
    number = np.arange(first, first + 2 * patients)
    frame = pd.DataFrame({"image": [f"{i}.png" for i in number], "organ": organ})
    frame["patient"] = [f"{organ}-{i // 2:02d}" for i in number]
    frame["device"] = [f"scanner {i // 4 % 2}" for i in number]
    label = [i // 2 % 2 for i in number] if labelled else pd.NA
    return frame.assign(label=pd.Series(label, index=frame.index, dtype="Int8"))


def made_up(organs=("thyroid",), truth=True):
    """Twelve labelled patients, four more of the same organ, and six of every other organ."""
    frame = frame_of("testis", 0, 12, labelled=True)
    frame["true_label"] = frame["label"].where(~frame.index.isin(WRONG), 1 - frame["label"])
    frame["true_label"] = frame["true_label"].astype("Int8") if truth else pd.NA
    others = [frame_of(organ, 0, 6, labelled=False) for organ in organs]
    more = [frame_of("testis", 24, 4, labelled=False), *others]
    ud = pd.concat([frame, *more], ignore_index=True).assign(set="made-up")
    ud["patient"] = "made-up:" + ud["patient"]
    ud["labelled_as"] = np.where(ud.index < len(frame), ud.index, NOT_LABELLED)
    grey = np.random.default_rng(0).integers(0, 256, (len(ud), 1, 16, 16), np.uint8)
    pixels = torch.from_numpy(grey)
    images = ImageSet.build(pixels[: len(frame)].clone(), frame, "made-up")
    return images, Unlabelled(pixels, ud, "testis")


def tiny_encoder(from_hub):
    layers = nn.Conv2d(1, 8, 4, stride=4), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten()
    return nn.Sequential(*layers, nn.Linear(128, 512))


def use(monkeypatch, runs, organs=("thyroid",), truth=True):
    """Let these tables run on the made-up UD, with known flags, from a store at `runs`."""
    suspicious = np.isin(np.arange(24), FLAGGED)
    monkeypatch.setenv("TESTICULUS_RUNS", str(runs))
    monkeypatch.setattr(models, "_encoder", tiny_encoder)
    monkeypatch.setattr(
        pretraining_plan, "load_images_and_unlabelled", lambda *a, **k: made_up(organs, truth)
    )
    monkeypatch.setattr(
        pretraining_plan, "written_flags", lambda *a: Flags(suspicious, "Flags were given.")
    )


@pytest.fixture(scope="session")
def fakes():
    """What tests of Tables 2 to 4 share."""
    return SimpleNamespace(use=use, made_up=made_up, TINY=TINY)


def staged_encoder(from_hub):
    """Four stages as a ResNet's are called, of a few channels each, on images of any size."""
    widths, stages = (1, 4, 8, 8, 16), OrderedDict()
    for stage in range(4):
        convolution = nn.Conv2d(*widths[stage : stage + 2], 3, stride=2, padding=1)
        parts = (convolution, nn.BatchNorm2d(widths[stage + 1]), nn.ReLU())
        stages[f"layer{stage + 1}"] = nn.Sequential(*parts)
    stages |= {"pool": nn.AdaptiveAvgPool2d(1), "flat": nn.Flatten()}
    return nn.Sequential(OrderedDict(stages, out=nn.Linear(16, 512)))


def write_livers(folder, masks=True, truth=True, patients=12, empty=()):
    """Write a manifest of two images a patient, and return its path as text.

    Every other patient is positive, and has a bright lesion. `masks` are of the liver and of the
    lesion; that of an image in `empty` has nothing inside.
    """
    random, rows = np.random.default_rng(0), []
    down, right = np.mgrid[:20, :20]
    liver, lesion = (down - 10) ** 2 + (right - 9) ** 2 < 60, abs(down - 12) + abs(right - 8) < 3
    for number in range(2 * patients):
        positive = number // 2 % 2
        grey = random.integers(0, 120, (20, 20)) + 60 * liver + 60 * lesion * positive
        row = {"image": f"{number}.png", "patient": f"p{number // 2:02d}", "organ": "liver"}
        row |= {"label": positive} | ({"true_label": positive} if truth else {})
        if masks:
            row["mask"] = f"{number}-liver.png"
            row["lesion_mask"] = f"{number}-lesion.png" if positive else ""
            inside = liver & (number not in empty)
            Image.fromarray(255 * inside.astype(np.uint8)).save(folder / row["mask"])
            Image.fromarray(255 * lesion.astype(np.uint8)).save(folder / f"{number}-lesion.png")
        Image.fromarray(grey.astype(np.uint8)).save(folder / row["image"])
        rows.append(row)
    settings = {"name": "livers", "positive_class": "mass", "negative_class": "plain"}
    return str(write_manifest(folder, pd.DataFrame(rows), settings))


def use_livers(patch, folder):
    """Run Fig. 5 with the small encoder, from a store below `folder`."""
    patch.setenv("TESTICULUS_RUNS", str(folder / "runs"))
    patch.setattr(models, "_encoder", staged_encoder)


LIVERS = {"profile": "smoke", "device": "cpu", "pixels": 16, "epochs": 1, "batch_size": 8}


@pytest.fixture(scope="session")
def livers():
    """What tests of Fig. 5 share."""
    return SimpleNamespace(write=write_livers, use=use_livers, SMALL=LIVERS)
