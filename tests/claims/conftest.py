"""Invented measures and results of Fig. 5, in which every claim holds, to be bent by the tests."""

import itertools
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from testiculus.claims.attention import (
    ALL_KINDS,
    AS_TRAINED,
    BLIND,
    CENTRE_MAP,
    CONDITION_SUFFIXES,
    MEASURE_COLUMNS,
    RANDOM_LABELS,
    RANDOM_MAP,
    RANDOM_WEIGHTS,
    UNMARKED,
    WITH,
    WITHOUT,
    model_row,
)
from testiculus.classification_metrics import scores

AREA, MARKER_AREA = 0.3, 0.05
# Of each row and strength: the map's energy in the parenchyma without and with markers, what
# markers draw of it, how far they push the probability, and how far the classes lie apart on
# unmarked images and on those that are marked as in training.
WORLD = {
    (WITHOUT, 0.0): dict(tissue=0.5, marked=0.2, pull=0.6, push=0.3, apart=0.1),
    (WITH, 0.0): dict(tissue=0.7, marked=0.65, pull=0.05, push=0.02, apart=0.4),
    (WITHOUT, 1.0): dict(tissue=0.4, marked=0.1, pull=0.7, push=0.4, apart=0.0, trained=0.5),
    (WITH, 1.0): dict(tissue=0.6, marked=0.55, pull=0.1, push=0.05, apart=0.15, trained=0.2),
    (RANDOM_LABELS, 0.0): dict(tissue=0.4, marked=0.4, pull=0.2, push=0.1, apart=0.0),
    (RANDOM_WEIGHTS, 0.0): dict(tissue=0.3, marked=0.3, pull=0.01, push=0.0, apart=0.0),
    (RANDOM_MAP, 0.0): dict(tissue=0.3, marked=0.3, pull=0.0),
    (CENTRE_MAP, 0.0): dict(tissue=0.8, marked=0.8, pull=0.0),
}


def make_measures(bends=None, *, images=150, seeds=2, layers=("layer2", "layer4")):
    """Return measures of `WORLD`, with `bends` ((row, strength): {name: value}) put into it."""
    world = {key: level | (bends or {}).get(key, {}) for key, level in WORLD.items()}
    chance = np.random.default_rng(7)
    patient = np.sort(chance.integers(0, images // 3, images))
    truth = (chance.random(images) < 0.35).astype(int)
    label = np.where(chance.random(images) < 0.05, 1 - truth, truth)
    about = pd.DataFrame({"image": [f"image-{i:03d}.png" for i in range(images)], "label": label})
    about["patient"], about["true_label"] = [f"patient-{p:03d}" for p in patient], truth
    parts = []
    for (key, level), seed in itertools.product(world.items(), range(seeds)):
        noise = chance.normal(0, 0.15, images)
        fold = (patient + seed) % 3
        for condition in (UNMARKED, ALL_KINDS, AS_TRAINED):
            if condition == AS_TRAINED and key[1] == 0:
                continue
            frame = about.assign(row=key[0], strength=key[1], seed=seed, fold=fold)
            frame["condition"], frame["map"] = condition, True
            frame["probability"] = _probability(key[0], level, condition, truth, noise)
            for layer in layers:
                parts.append(_looked(frame.assign(layer=layer), level, condition, chance))
    return pd.concat(parts, ignore_index=True)[list(MEASURE_COLUMNS)]


def _probability(row, level, condition, truth, noise):
    if row in BLIND:
        return np.nan
    apart = level["trained"] if condition == AS_TRAINED else level["apart"]
    push = level["push"] if condition == ALL_KINDS else 0.0
    return np.clip(0.45 + apart * (2 * truth - 1) + noise + push, 0, 1)


def _looked(frame, level, condition, chance):
    scatter = chance.normal(0, 0.03, (3, len(frame)))
    marked = condition != UNMARKED
    frame["energy_parenchyma"] = level["marked" if marked else "tissue"] + scatter[0]
    frame["area_parenchyma"] = AREA
    frame["energy_clear"] = 0.6 * frame["energy_parenchyma"] if marked else np.nan
    frame["change_between"] = np.nan if marked else 0.2 + scatter[0]
    frame["point_parenchyma"] = (frame["energy_parenchyma"] > 0.5).astype(float)
    frame["energy_lesion"], frame["area_lesion"] = 0.1 * level["tissue"] + scatter[1], 0.02
    frame["point_lesion"] = 0.0
    lesions = [name for name in frame if name.endswith("lesion")]
    frame.loc[frame["true_label"] == 0, lesions] = np.nan
    blind = frame["row"].isin(BLIND)
    there = MARKER_AREA + 0 * scatter[2]
    frame["there_markers"] = there if marked else np.nan
    frame["area_markers"] = MARKER_AREA if marked else np.nan
    moved = level["pull"] + scatter[2]
    frame["energy_markers"] = np.where(blind, there, there + moved) if marked else np.nan
    frame["point_markers"] = (frame["energy_markers"] > 0.3).astype(float) if marked else np.nan
    frame["map_change"] = np.where(blind, 0.0, np.abs(moved)) if marked else np.nan
    return frame


def make_results(measures):
    """Return the scores of `measures`, tidy, as the experiment names them."""
    lines = []
    shown = measures[(measures["layer"] == measures["layer"].iloc[0])]
    groups = shown[~shown["row"].isin(BLIND)].groupby(
        ["row", "strength", "seed", "fold", "condition"]
    )
    for (row, strength, seed, fold, condition), part in groups:
        for ending, column in (("_original", "label"), ("_truth", "true_label")):
            if part[column].isna().any():
                continue
            found = scores(part[column].to_numpy(int), part["probability"].to_numpy())
            for metric, value in found.items():
                name = metric + ending + CONDITION_SUFFIXES[condition]
                lines.append(("fig5", model_row(row, strength), seed, fold, name, value))
    return pd.DataFrame(lines, columns="experiment row seed fold metric value".split())


@pytest.fixture(scope="session")
def invented():
    """The functions that make measures and results: `invented.measures`, `invented.results`."""
    return SimpleNamespace(measures=make_measures, results=make_results)
