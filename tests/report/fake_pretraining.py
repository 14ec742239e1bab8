"""Made-up results of Tables 2 and 4 whose answer is known, so that tables can be looked at.

`fake_table` follows the schema of the experiments' frames; every figure in it is invented.
"""

from types import SimpleNamespace

import numpy as np
import pandas as pd

from testiculus.claims.pretraining import judge_pretraining
from testiculus.claims.schema import (
    CONTROL,
    EXCLUDED,
    IMAGENET,
    NONE,
    OTHER_ORGANS,
    OWN_ORGAN,
    PRETRAINING_PREDICTION_COLUMNS,
    RESULT_COLUMNS,
    SUPERVISED,
    TABLE4_ROWS,
    UD,
    USCL,
)

# row: (fine-tuned F1, probe AUC) that its runs scatter around
TABLE2 = {
    NONE: (0.50, 0.58),
    OWN_ORGAN: (0.58, 0.72),
    OTHER_ORGANS: (0.57, 0.70),
    UD: (0.62, 0.77),
    CONTROL: (0.53, 0.64),
    EXCLUDED: (0.61, 0.76),
}
TABLE4 = dict(
    zip(
        TABLE4_ROWS,
        [(0.58, 0.74), (0.60, 0.76), (0.62, 0.77), (0.6, 0.75), (0.59, 0.74), (0.5, 0.66)],
        strict=True,
    )
)
FINETUNED = {"accuracy": 0.2, "f1": 0.0, "precision": -0.05, "recall": 0.08, "auc": 0.1}
PROBED = {"probe_auc": 0.0, "probe_f1": -0.2, "probe_accuracy": 0.02}
TRAINED_ELSEWHERE = (NONE, IMAGENET, USCL)  # rows without a pretraining of ours


def runs(row, seeds, level, metrics, suffixes, generator, scatter):
    """Lines (row, seed, fold, metric, value) of every seed, three folds, metric and suffix."""
    lines = []
    for seed in range(seeds):
        for fold in range(3):
            shared = generator.normal(0, scatter)
            for metric, offset in metrics.items():
                for suffix, gain in suffixes.items():
                    value = level + offset + gain + shared + generator.normal(0, scatter / 3)
                    lines.append((row, seed, fold, metric + suffix, float(np.clip(value, 0, 1))))
    return lines


def fake_results(experiment, rows, truth, partitions, generator):
    suffixes = {"": 0.0, "_original": -0.02}
    suffixes |= {"_truth": -0.01, "_clean": 0.05} if truth else {}
    lines = []
    for row, (f1, auc) in rows.items():
        lines += runs(row, 1, f1, FINETUNED, suffixes, generator, 0.06)
        lines += runs(row, partitions, auc, PROBED, suffixes, generator, 0.015)
        lines += runs(row, partitions, 0.75, {"knn_accuracy": 0.0}, suffixes, generator, 0.01)
    return pd.DataFrame([(experiment, *line) for line in lines], columns=RESULT_COLUMNS)


def fake_probes(rows, seeds, partitions, scanners, generator):
    several = [row for row in rows if row in (NONE, UD, "lambda 0.2")]
    parts = []
    for row in rows:
        for number in range(seeds if row in several else 1):
            level = rows[row][1] + 0.01 * generator.normal()
            lines = runs(row, partitions, level, PROBED, {"": 0.0}, generator, 0.015)
            if scanners:
                lines += runs(row, partitions, 0.95, {"scanner_auc": 0}, {"": 0}, generator, 0.01)
            part = pd.DataFrame(lines, columns=["row", "seed", "fold", "metric", "value"])
            parts.append(part.assign(pretraining_seed=number))
    columns = ["row", "pretraining_seed", "seed", "fold", "metric", "value"]
    return pd.concat(parts)[columns].reset_index(drop=True)


def fake_history(rows, steps):
    parts = []
    for row in rows:
        if row in TRAINED_ELSEWHERE:
            continue
        step = np.arange(1, steps + 1)
        measured = step % max(1, steps // 10) == 0
        part = pd.DataFrame({"row": row, "pretraining_seed": 0, "step": step})
        part["contrastive"] = np.nan if row == SUPERVISED else 5 - 2 * step / steps
        part["organ"] = 0.7 * np.exp(-4 * step / steps) if row in (UD, *TABLE4_ROWS[1:]) else np.nan
        part["learning_rate"] = 1e-3 * (1 - step / steps)
        part["alignment"] = np.where(measured, 0.4 + 0.3 * np.exp(-step / steps), np.nan)
        part["uniformity"] = np.where(measured, -1 - step / steps, np.nan)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def fake_encoders(rows, seeds, organs):
    own, *others = organs
    of_row = {OWN_ORGAN: [own], OTHER_ORGANS: others, CONTROL: ["procedural"]}
    lines = []
    for row in [row for row in rows if row not in TRAINED_ELSEWHERE]:
        names = ", ".join(of_row.get(row, organs))
        weight = float(row.split()[1]) if row.startswith("lambda") else 0.2 * ("," in names)
        for number in range(3 if row in (UD, EXCLUDED, "lambda 0.2") else 1):
            seed, fold = (0, number) if row == EXCLUDED else (number % seeds, -1)
            key, file = f"k{len(lines)}", f".runs/k{len(lines)}/encoder.safetensors"
            losses = (row != SUPERVISED, 1.0 if row == SUPERVISED else weight)
            lines.append((row, seed, key, names, 500, 150, *losses, 61.5, file, fold))
    names = "row pretraining_seed key organs images steps contrastive organ_loss seconds file fold"
    return pd.DataFrame(lines, columns=names.split())


def fake_map(organs, number, generator):
    frame = pd.DataFrame(generator.normal(size=(number, 2)), columns=["x", "y"])
    frame["organ"] = np.resize(organs, number)
    frame["device"] = np.resize(["linear A", "linear B"], number)
    frame["label"] = np.where(frame["organ"] == organs[0], np.arange(number) % 5 == 0, np.nan)
    return frame.assign(true_label=frame["label"])


def fake_table(experiment, conditions, truth=True, scanners=True, seed=0):
    """Return what an experiment's outcome holds, made up: frames by name, and its conditions."""
    generator = np.random.default_rng(seed)
    organs = [conditions.organ, *conditions.other_organs]
    rows = {"table2": TABLE2, "table4": TABLE4}[experiment]
    results = fake_results(experiment, rows, truth, 10, generator)
    nothing = pd.DataFrame(columns=PRETRAINING_PREDICTION_COLUMNS)
    return SimpleNamespace(
        conditions=conditions,
        results=results,
        verdicts=judge_pretraining(experiment, results, nothing, conditions),
        probes=fake_probes(rows, 3, 10, scanners, generator),
        history=fake_history(rows, 40),
        map=fake_map(organs, 60, generator),
        encoders=fake_encoders(rows, 3, organs),
    )
