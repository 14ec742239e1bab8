"""Made-up results of Fig. 4 and Table 3, so that their tables and plots can be looked at.

Frames follow the experiments' schema; every figure in them is invented. In the first space the
filter raises precision by 0.20 on its own half and by 0.05 on the other patients.
"""

from types import SimpleNamespace

import numpy as np
import pandas as pd

from testiculus.claims.generation import judge_fig4
from testiculus.claims.pretraining import judge_pretraining
from testiculus.claims.schema import IMAGENET, NONE, PRETRAINING_PREDICTION_COLUMNS
from testiculus.claims.synthetic import (
    RANDOM_FILTER,
    REAL_BOTH,
    REAL_OTHERS,
    REAL_OWN,
    SYNTHETIC,
    SYNTHETIC_FILTERED,
    TABLE3_EXCLUDED,
    THYROIDS_FILTERED,
    THYROIDS_RANDOM,
    THYROIDS_SYNTHETIC,
)

WORDS = {
    "inception": "Inception's features",
    "other-organs": "features of an encoder pretrained on thyroid images alone",
    "ud": "features of the encoder pretrained on UD, which has seen the labelled images",
}
# metric: what each row's figures scatter around; distances in another space are a tenth
LEVELS = {
    "precision": {"before": 0.55, "filtered": 0.75, "random": 0.56, "real": 0.84},
    "recall": {"before": 0.40, "filtered": 0.33, "random": 0.36, "real": 0.82},
    "frechet": {"before": 61.2, "filtered": 55.4, "random": 62.0, "real": 12.3},
    "score": {"before": 2.10, "filtered": 1.98, "random": 2.08, "real": 2.31},
}
HELDOUT = {"precision": {"filtered": 0.60}, "frechet": {"filtered": 60.1}}
SCATTER = {"precision": 0.02, "recall": 0.02, "frechet": 2.0, "score": 0.04}
NUMBERS = {"before": 1000, "filtered": 464, "random": 464, "real": 784}
BATCHES = {"whole": 1, "batch": 3, "heldout": 5, "insample": 5}
REAL = {"whole": 880, "batch": 64, "heldout": 440, "insample": 440}


def fake_fidelity(spaces, generator):
    lines = []
    for space in spaces:
        scale = 1.0 if space == "inception" else 0.004
        for reference, batches in BATCHES.items():
            for metric, levels in LEVELS.items():
                if metric == "score" and reference != "whole":
                    continue
                held = HELDOUT.get(metric, {}) if reference == "heldout" else {}
                for batch in range(batches):
                    shared = generator.normal(0, SCATTER[metric])
                    for row, level in (levels | held).items():
                        value = level + shared + generator.normal(0, SCATTER[metric] / 4)
                        value *= scale if metric == "frechet" else 1
                        told = (WORDS[space], space, space == "inception", reference, row, batch)
                        lines.append((*told, metric, value, REAL[reference], NUMBERS[row]))
    names = "features space is_fid reference row batch metric value n_real n_generated"
    return pd.DataFrame(lines, columns=names.split())


def fake_replicates(space, generator, number=60):
    lines, scale = [], 1.0 if space == "inception" else 0.004
    for reference in ("whole", "heldout"):
        for metric in ("precision", "recall", "frechet"):
            held = HELDOUT.get(metric, {}) if reference == "heldout" else {}
            for replicate in range(number):
                shared = generator.normal(0, SCATTER[metric])
                for row, level in (LEVELS[metric] | held).items():
                    value = level + shared + generator.normal(0, SCATTER[metric] / 4)
                    value *= scale if metric == "frechet" else 1
                    lines.append((reference, row, metric, replicate, value))
    return pd.DataFrame(lines, columns="reference row metric replicate value".split())


def fake_sweep(spaces, number=14, real=880, images=1000):
    at_880 = np.unique(np.geomspace(1, 600, number).round().astype(int))
    parts = []
    for space in spaces:
        kept = (images * (1 - np.exp(-at_880 / 70))).round().astype(int)
        part = pd.DataFrame({"space": space, "k": np.maximum(1, at_880 * real // 880)})
        part["k_at_880"], part["kept"], part["dropped"] = at_880, kept, images - kept
        part["frechet"] = 0.22 + 0.03 * (np.log10(at_880) - 1.5) ** 2
        part["score"] = 2.1 - 0.2 * np.exp(-at_880 / 60)
        part["precision"] = 0.57 + 0.4 * np.exp(-at_880 / 80)
        part["recall"] = 0.4 * (1 - np.exp(-at_880 / 30))
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def fake_copies(spaces, generator):
    """Return copies.csv, nearest.csv and the distances that both would have come from."""
    subjects = {
        "generated": (1000, 0.91, 2),
        "filtered": (464, 0.90, 1),
        "held-out real": (392, 0.92, 1),
        "for the threshold": (392, 0.92, 1),
        "planted: exact": (100, 0.001, 100),
        "planted: flipped": (100, 0.001, 100),
        "planted: shifted": (100, 0.03, 99),
        "planted: brighter": (100, 0.01, 100),
        "planted: noisy": (100, 0.06, 96),
        "planted: turned": (100, 0.10, 71),
    }
    copies, nearest, distances = [], [], []
    for space in ("pixels", *spaces):
        for subject, (n, median, found) in subjects.items():
            drawn = np.clip(generator.beta(12 * median, 12 * (1 - median), n), 0, 1)
            part = {"subject": subject, "space": space, "distance": drawn}
            if subject != "filtered":
                kept = np.arange(n) < 464 * (subject == "generated")
                distances.append(pd.DataFrame(part).assign(kept=kept))
            if subject == "for the threshold":
                continue
            rate = found / n
            ends = (max(0.0, rate - 0.004), min(1.0, rate + 0.006))
            told = (subject, space, n, found, rate, *ends, float(np.median(drawn)), 0.48)
            share = np.nan if subject.startswith("planted") else 0.5
            copies.append((*told, share, 0.0102, 0.0236, 0.021))
        nearest += [(space, rank, 3 * rank, 5 * rank, 0.1 + 0.01 * rank) for rank in range(8)]
    names = "subject space n copies rate low high median_distance threshold authenticity".split()
    names += ["allowed", "allowed_high", "near"]
    pairs = pd.DataFrame(nearest, columns="space rank image training_image distance".split())
    return pd.DataFrame(copies, columns=names), pairs, pd.concat(distances, ignore_index=True)


def fake_generator_history(steps, generator):
    step = np.arange(1, steps + 1)
    simple = 0.03 + 0.9 * np.exp(-step / 60) + 0.004 * generator.gamma(2, 1, steps)
    vlb = (0.02 + 0.5 * np.exp(-step / 90)) * generator.lognormal(0, 0.7, steps)
    return pd.DataFrame({"step": step, "simple": simple, "vlb": vlb})


def fake_fig4(conditions, spaces=("other-organs", "ud"), seed=0):
    """Return what Fig. 4's outcome holds, made up: frames by name, and its conditions."""
    generator = np.random.default_rng(seed)
    fidelity, replicates = fake_fidelity(spaces, generator), fake_replicates(spaces[0], generator)
    copies, nearest, distances = fake_copies(spaces, generator)
    results = pd.DataFrame(
        [("fig4", "before", 0, 0, "precision_whole", 0.55)],
        columns="experiment row seed fold metric value".split(),
    )
    return SimpleNamespace(
        conditions=conditions,
        results=results,
        fidelity=fidelity,
        replicates=replicates,
        copies=copies,
        nearest=nearest,
        distances=distances,
        sweep=fake_sweep(spaces),
        history=fake_generator_history(400, generator),
        verdicts=judge_fig4(fidelity, replicates, copies, conditions),
    )


# row: (fine-tuned F1, probe AUC) that its runs scatter around
TABLE3 = {
    NONE: (0.50, 0.58),
    SYNTHETIC: (0.56, 0.69),
    SYNTHETIC_FILTERED: (0.57, 0.70),
    REAL_OWN: (0.58, 0.71),
    THYROIDS_SYNTHETIC: (0.59, 0.74),
    THYROIDS_FILTERED: (0.60, 0.75),
    REAL_BOTH: (0.62, 0.77),
    REAL_OTHERS: (0.57, 0.70),
    RANDOM_FILTER: (0.56, 0.69),
    THYROIDS_RANDOM: (0.59, 0.74),
    TABLE3_EXCLUDED: (0.59, 0.74),
}


def fake_encoders(organs):
    own, *others = organs
    of_row = {REAL_OTHERS: others, REAL_OWN: [own], SYNTHETIC: [own], SYNTHETIC_FILTERED: [own]}
    lines = [
        (row, 0, f"k{i}", ", ".join(of_row.get(row, organs)), 500, 150, True, 0.2, 61.5, "f", -1)
        for i, row in enumerate(row for row in TABLE3 if row not in (NONE, IMAGENET))
    ]
    names = "row pretraining_seed key organs images steps contrastive organ_loss seconds file fold"
    return pd.DataFrame(lines, columns=names.split())


def fake_generated(folds=3):
    lines = [("all labelled images", 1000, 464, 50, 880, WORDS["other-organs"], 3000.0, 512.0)]
    for fold in range(folds):
        line = (1000, 470 + fold, 33, 587, WORDS["other-organs"], 3000.0, 350.0)
        lines.append((f"without fold {fold}", *line))
    return pd.DataFrame(
        lines, columns="generation images kept k real features steps seconds".split()
    )


def fake_table3(conditions, fake_results, seed=0):
    """Return what Table 3's outcome holds; `fake_results` is that of `fake_pretraining`."""
    results = fake_results("table3", TABLE3, True, 10, np.random.default_rng(seed))
    nothing = pd.DataFrame(columns=PRETRAINING_PREDICTION_COLUMNS)
    return SimpleNamespace(
        conditions=conditions,
        results=results,
        verdicts=judge_pretraining("table3", results, nothing, conditions, draws=20),
        encoders=fake_encoders([conditions.organ, *conditions.other_organs]),
        generated=fake_generated(),
    )
