"""A made-up UD and a tiny encoder: Tables 2 to 4 run whole in seconds, through the real code."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from testiculus import models
from testiculus.data.images import ImageSet
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
