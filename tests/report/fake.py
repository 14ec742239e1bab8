"""Made-up results of Table 1 whose answer is known, so that tables and plots can be looked at.

`fake_table1` simulates readers and models, not images: every figure in it is invented.
"""

import numpy as np
import pandas as pd

from testiculus.noise import LossRecord, flag_table

SUFFIXES = {"": "curated_label", "_original": "label", "_truth": "true_label"}


def fake_images(patients: int, wrong: float, generator) -> pd.DataFrame:
    truth = np.repeat((generator.random(patients) < 0.22).astype(int), 4)
    flipped = generator.random(4 * patients) < wrong
    return pd.DataFrame(
        {
            "image": np.arange(4 * patients),
            "patient": np.repeat([f"p{i:03d}" for i in range(patients)], 4),
            "label": np.where(flipped, 1 - truth, truth),
            "true_label": truth,
        }
    )


def fake_records(images, seeds, folds, generator, epochs=15):
    """Losses of 2 x seeds x 3 runs in which wrong labels stay high more often."""
    wrong = (images["label"] != images["true_label"]).to_numpy()
    hard = generator.gamma(1.2, 0.35, len(images)) + 1.1 * wrong
    records = []
    for _ in range(2 * seeds):
        for fold in range(3):
            train = np.flatnonzero(folds != fold)
            sample = generator.choice(train, (epochs, len(train)))
            fall = np.exp(-np.arange(epochs) / 9)[:, None]
            noise = generator.lognormal(-0.6, 0.6, sample.shape)
            loss = (hard[sample] * (0.45 + fall) * noise).astype(np.float32)
            records.append((LossRecord(sample.astype(np.int32), loss), train))
    return records


def fake_scores(labels, probability):
    from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score

    called = probability > 0.5
    some = {"zero_division": 0}
    return {
        "accuracy": accuracy_score(labels, called),
        "f1": f1_score(labels, called, **some),
        "precision": precision_score(labels, called, **some),
        "recall": recall_score(labels, called, **some),
    }


def score_run(predictions, on=None):
    """Metrics of one run under all three scorings, plus any further label columns in `on`."""
    values = {}
    for suffix, column in (SUFFIXES | (on or {})).items():
        kept = predictions[predictions[column].notna()]
        if len(kept):
            scores = fake_scores(kept[column].astype(int), kept["probability"])
            values |= {name + suffix: value for name, value in scores.items()}
    return values


def fake_table1(patients=220, seeds=4, wrong=0.1, truth=True, seed=0):
    """Return results, predictions, flags and loss records of a made-up Table 1."""
    generator = np.random.default_rng(seed)
    images = fake_images(patients, wrong, generator)
    folds = np.repeat(generator.permutation(np.arange(patients) % 3), 4)
    records = fake_records(images, seeds, folds, generator)
    flags = pd.concat([images, flag_table(records, len(images))], axis=1)
    flags["data_fingerprint"] = "0" * 64
    curated = {"Complete": images["label"], "Filtered": images["label"].astype(float)}
    curated["Filtered"] = curated["Filtered"].mask(flags["suspicious"])
    curated["Flipped"] = images["label"].mask(flags["suspicious"], 1 - images["label"])
    if not truth:
        images = images.assign(true_label=np.nan)
        flags = flags.assign(true_label=np.nan)
    results, frames = [], []
    quality = {"Complete": 0.9, "Filtered": 1.15, "Flipped": 1.25}
    signal = flags["label"] if not truth else images["true_label"]
    for run in range(3 * seeds):
        number, fold = divmod(run, 3)
        shared = generator.normal(0, 1, len(images))
        for row, gain in quality.items():
            noise = 0.8 * shared + 0.6 * generator.normal(0, 1, len(images))
            probability = 1 / (1 + np.exp(-(gain * (3 * signal - 1.3) + 1.1 * noise)))
            part = images.assign(
                row=row,
                seed=number,
                fold=fold,
                probability=probability,
                curated_label=curated[row],
                _on_filtered=curated["Filtered"],
                _on_flipped=curated["Flipped"],
            )[folds == fold]
            on = {"_on_filtered": "_on_filtered", "_on_flipped": "_on_flipped"}
            values = score_run(part, on if row == "Complete" else None)
            results += [("table1", row, number, fold, m, v) for m, v in values.items()]
            frames.append(part.drop(columns=list(on)))
    columns = ["experiment", "row", "seed", "fold", "metric", "value"]
    return pd.DataFrame(results, columns=columns), pd.concat(frames), flags, records
