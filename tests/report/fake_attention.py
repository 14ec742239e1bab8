"""Made-up results of Fig. 5, so that its tables, plots and pictures can be looked at.

Frames follow `claims.attention_schema`; every figure in them is invented. Made so that markers draw
the unaugmented model's maps by about 0.20 and the augmented one's by 0.02, that random weights look
at the parenchyma as much as a trained model does, and that a bias costs the unaugmented model AUC.
"""

from types import SimpleNamespace

import numpy as np
import pandas as pd

from testiculus.claims.attention import (
    ALL_KINDS,
    AS_TRAINED,
    BLIND,
    CENTRE_MAP,
    CONTROLS,
    MEASURE_COLUMNS,
    RANDOM_LABELS,
    RANDOM_MAP,
    RANDOM_WEIGHTS,
    ROWS,
    UNMARKED,
    WITH,
    WITHOUT,
    Evidence,
    controls_frame,
    difference_frame,
    judge_fig5,
    summary_frame,
)
from testiculus.experiments.fig5_results import result_frame
from testiculus.markers import KINDS

LAYERS = ("layer2", "layer4")  # the first is the one that is read
STRENGTHS = (0.0, 0.25, 0.5, 1.0)
INSIDE = {WITHOUT: 0.46, WITH: 0.52, RANDOM_LABELS: 0.44, RANDOM_WEIGHTS: 0.51}
INSIDE |= {RANDOM_MAP: 0.38, CENTRE_MAP: 0.66}
PULL = {WITHOUT: 0.20, WITH: 0.02, RANDOM_LABELS: 0.05, RANDOM_WEIGHTS: 0.04}
COVER = {ALL_KINDS: 0.09, AS_TRAINED: 0.03} | dict(
    zip(KINDS, np.linspace(0.002, 0.07, 8), strict=True)
)


def fake_measures(images=36, masks=True, truth=True, strengths=STRENGTHS, seed=0):
    """Return the measures of `images` images, two a patient, each tested in one of three folds."""
    generator, parts = np.random.default_rng(seed), []
    true = np.arange(images) // 2 % 2
    label = np.where(generator.random(images) < 0.15, 1 - true, true)
    area = generator.uniform(0.30, 0.42, images)
    frame = pd.DataFrame({"seed": 0, "fold": np.arange(images) // 2 % 3})
    frame["image"] = [f"images/{i:03d}.png" for i in range(images)]
    frame["patient"] = [f"p{i // 2:03d}" for i in range(images)]
    frame["label"], frame["true_label"] = label, true if truth else np.nan
    ease = generator.normal(0, 1, images)
    for row in (*ROWS, *CONTROLS):
        for strength in strengths if row in ROWS else (0.0,):
            steep = (0.8 if row == WITH else 0.8 * (1 - 0.85 * strength)) * (row in ROWS)
            logit = steep * (2 * true - 1) + ease + generator.normal(0, 0.3, images)
            for condition in _conditions(row, strength):
                beside = row not in BLIND and not strength and condition in (UNMARKED, ALL_KINDS)
                for number, layer in enumerate(LAYERS if beside else LAYERS[:1]):
                    part = frame.assign(row=row, strength=strength, condition=condition)
                    part = part.assign(layer=layer, map=True, area_parenchyma=area)
                    spread = generator.normal(0, 0.08, (2, images))
                    part = _measured(part, row, strength, logit, spread / (1 + number), generator)
                    parts.append(part if masks else _without_masks(part))
    return pd.concat(parts, ignore_index=True)[list(MEASURE_COLUMNS)]


def _conditions(row, strength):
    if row not in ROWS:
        return (UNMARKED, ALL_KINDS)
    return (UNMARKED, ALL_KINDS, *([AS_TRAINED] if strength else KINDS))


def _measured(part, row, strength, logit, spread, generator):
    images, condition = len(part), part["condition"].iloc[0]
    marked = condition != UNMARKED
    carries = np.full(images, marked)
    if condition == AS_TRAINED:
        carries = (part["label"] == 1) & (np.arange(images) / images < strength)
    pull = PULL.get(row, 0.0) * (0.3 + 8 * COVER.get(condition, 0)) * marked
    pull = pull * (1 + 1.5 * strength * (row == WITHOUT))
    pushed = 8 * pull * generator.normal(0.4, 0.5, images) if row != RANDOM_WEIGHTS else 0 * pull
    if condition == AS_TRAINED:
        pushed = np.where(carries, 12 * pull, 0)
    part["probability"] = np.nan if row in BLIND else 1 / (1 + np.exp(-logit - pushed))
    part["energy_parenchyma"] = (INSIDE[row] + spread[0] - pull / 2).clip(0, 1)
    part["point_parenchyma"] = (spread[0] + INSIDE[row] + 0.05 > 0.5).astype(float)
    part["area_lesion"] = np.where(part["true_label"].fillna(1) == 1, 0.04, np.nan)
    part["energy_lesion"] = (0.04 + spread[1] / 4 + 0.03 * (row in ROWS)).clip(0, 1)
    part["point_lesion"] = (spread[1] > 0.05).astype(float)
    clear = part["energy_parenchyma"] * (0.7 - 0.5 * pull)  # far from the markers
    part["energy_clear"] = clear if marked else np.nan
    part["change_between"] = np.nan if marked else 0.12 + spread[1] / 2
    absent = part["area_lesion"].isna()
    part.loc[absent, ["energy_lesion", "point_lesion"]] = np.nan
    cover = COVER.get(condition, np.nan) * np.linspace(0.7, 1.3, images)  # as every model sees it
    there = cover * generator.uniform(0.5, 1.2, images)
    part["area_markers"], part["there_markers"] = cover, there
    moved = 0.0 if row in BLIND else np.abs(pull * generator.gamma(4, 0.25, images))
    part["energy_markers"] = (there + moved).clip(0, 1) if marked else np.nan
    part["point_markers"] = (moved + 0 * there > 0.2).astype(float) if marked else np.nan
    part["map_change"] = (1.3 * moved + 0 * there).clip(0, 1) if marked else np.nan
    of_markers = ["area_markers", "there_markers", "energy_markers", "point_markers"]
    part.loc[~carries, [*of_markers, "map_change"]] = np.nan
    return part


def _without_masks(part):
    names = [
        f"{kind}_{t}" for kind in ("energy", "area", "point") for t in ("parenchyma", "lesion")
    ]
    return part.assign(**dict.fromkeys([*names, "energy_clear"], np.nan))


def fake_fig5(conditions, draws=20, **options):
    """Return what Fig. 5's outcome holds, made up: frames by name, and its conditions."""
    measures = fake_measures(**options)
    evidence = Evidence.of(measures, draws=draws)
    results = result_frame(measures, LAYERS[0], "fig5")
    return SimpleNamespace(
        conditions=conditions,
        measures=measures,
        results=results,
        summary=summary_frame(evidence),
        differences=difference_frame(evidence),
        controls=controls_frame(evidence),
        verdicts=judge_fig5(evidence, results, conditions),
    )


CHANCES = ((0.31, 0.83, 0.28, 0.30), (0.62, 0.94, 0.71, 0.70))


def fake_examples(pixels=64, masks=True, number=2):
    """Return examples of the phantom, one of each class, with markers and made-up smooth maps."""
    from testiculus.base.devices import generator
    from testiculus.data.phantom import PhantomSettings, phantom
    from testiculus.markers import apply_markers, draw_kind, draw_markers

    made = phantom(PhantomSettings(pixels=pixels), numbers=range(3))
    truth = made.frame["true_label"].to_numpy("int64")
    index = [int(np.flatnonzero(truth == label)[0]) for label in (0, 1)][:number]
    views = made.pixels[index].float() / 255
    marked, mask = draw_kind("calipers", views, generator("fake example", 3))
    draws = draw_markers("article", len(views), generator("fake example", 5))
    marked, more = apply_markers(marked, draws)
    mask = (mask | more)[:, 0].numpy()
    tissue = made.masks["parenchyma"][index, 0].numpy().astype(bool)
    after = (marked * 255).round().byte()[:, 0].numpy()
    return [
        SimpleNamespace(
            image=f"images/{row:05d}.png",
            patient=str(made.frame["patient"].iloc[row]),
            label=int(made.frame["label"].iloc[row]),
            class_name=("homogeneous", "inhomogeneous")[truth[row]],
            pictures={UNMARKED: made.pixels[row, 0].numpy(), ALL_KINDS: after[i]},
            maps=_maps(tissue[i], mask[i]),
            probabilities=dict(zip(_cells(), CHANCES[i], strict=True)),
            parenchyma=tissue[i] if masks else None,
            markers=mask[i],
        )
        for i, row in enumerate(index)
    ]


def _cells():
    return [(row, condition) for row in ROWS for condition in (UNMARKED, ALL_KINDS)]


def _maps(tissue, mask):
    """Return smooth maps: blurred tissue, and under markers, without the augmentation, these."""
    from scipy.ndimage import gaussian_filter

    side = len(tissue)
    inside = gaussian_filter(tissue.astype(float), side / 7)
    on_marks = gaussian_filter(mask.astype(float), side / 20)
    found = (
        np.roll(inside, side // 6, 1),
        on_marks + 0.1 * inside,
        inside,
        inside + 0.1 * on_marks,
    )
    return {cell: made / made.max() for cell, made in zip(_cells(), found, strict=True)}
