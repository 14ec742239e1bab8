import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sklearn_metrics

from testiculus.claims.attention import (
    ALL_KINDS,
    AS_TRAINED,
    MEASURE_COLUMNS,
    RANDOM_MAP,
    RANDOM_WEIGHTS,
    UNMARKED,
    WITH,
    WITHOUT,
)
from testiculus.experiments.fig5_results import result_frame, written_measures

ORACLE = {
    "accuracy": lambda y, p: sklearn_metrics.accuracy_score(y, p > 0.5),
    "f1": lambda y, p: sklearn_metrics.f1_score(y, p > 0.5, zero_division=0),
    "precision": lambda y, p: sklearn_metrics.precision_score(y, p > 0.5, zero_division=0),
    "recall": lambda y, p: sklearn_metrics.recall_score(y, p > 0.5),
    "auc": sklearn_metrics.roc_auc_score,
}
MODELS = [(WITHOUT, 0.0), (WITH, 0.0), (WITHOUT, 0.5), (RANDOM_WEIGHTS, 0.0), (RANDOM_MAP, 0.0)]


def measures(truth=True):
    """Two folds of ten images, two layers, every number at random."""
    random, parts = np.random.default_rng(0), []
    for row, strength in MODELS:
        for fold in (0, 1):
            for condition in (UNMARKED, ALL_KINDS, *([AS_TRAINED] if strength else ["ring"])):
                for layer in ("layer2", "layer4"):
                    part = pd.DataFrame(random.random((10, len(MEASURE_COLUMNS))))
                    part.columns = list(MEASURE_COLUMNS)
                    part["image"] = [f"{fold}{i}" for i in range(10)]
                    part["label"] = pd.Series([0, 1] * 5, dtype="Int8")
                    true = [0, 1, 1, 1, 0] * 2 if truth else [pd.NA] * 10
                    part["true_label"] = pd.Series(true, dtype="Int8")
                    about = {"row": row, "strength": strength, "seed": 0, "fold": fold}
                    part = part.assign(**about, condition=condition, layer=layer)
                    if row == RANDOM_MAP:
                        part["probability"] = np.nan
                    parts.append(part)
    return pd.concat(parts, ignore_index=True)


@pytest.fixture(scope="module")
def frame():
    return measures()


@pytest.fixture(scope="module")
def found(frame):
    return result_frame(frame, "layer2", "fig5").set_index(["row", "fold", "metric"])["value"]


@pytest.mark.parametrize(("scoring", "column"), [("original", "label"), ("truth", "true_label")])
@pytest.mark.parametrize(
    ("row", "name", "strength", "condition", "suffix"),
    [
        (WITH, WITH, 0.0, UNMARKED, ""),
        (WITHOUT, WITHOUT, 0.0, ALL_KINDS, "_marked"),
        (WITHOUT, "without markers, bias 0.5", 0.5, AS_TRAINED, "_as_trained"),
        (RANDOM_WEIGHTS, RANDOM_WEIGHTS, 0.0, ALL_KINDS, "_marked"),
    ],
)
def test_every_score_is_scikit_learns_under_a_name_that_says_what_was_scored(
    frame, found, row, name, strength, condition, suffix, scoring, column
):
    part = frame.query(
        "row == @row and strength == @strength and condition == @condition "
        "and layer == 'layer2' and fold == 1"
    )
    labels, probabilities = part[column].to_numpy(int), part["probability"].to_numpy()
    for metric, oracle in ORACLE.items():
        value = found[name, 1, f"{metric}_{scoring}{suffix}"]
        assert value == pytest.approx(oracle(labels, probabilities))


def test_maps_are_averaged_over_a_fold_and_shifts_are_paired_with_the_same_pixels(frame, found):
    total, flips = [], 0
    main = frame[(frame["layer"] == "layer2") & (frame["fold"] == 0) & (frame["strength"] == 0)]
    rows = main[main["row"] == WITHOUT]
    for image in rows["image"].unique():
        before, after = (
            rows[(rows["image"] == image) & (rows["condition"] == c)].iloc[0]
            for c in (UNMARKED, ALL_KINDS)
        )
        total.append(after["energy_markers"] - after["there_markers"])
        flips += (before["probability"] > 0.5) != (after["probability"] > 0.5)
    assert found[WITHOUT, 0, "shift_markers_marked"] == pytest.approx(sum(total) / 10)
    assert found[WITHOUT, 0, "flipped_marked"] == flips / 10 and 0 < flips < 10
    mean = rows[rows["condition"] == ALL_KINDS]["energy_parenchyma"].mean()
    assert found[WITHOUT, 0, "energy_parenchyma_marked"] == pytest.approx(mean)


def test_maps_without_a_model_and_single_kinds_have_no_results(found):
    assert RANDOM_MAP not in found.index.get_level_values("row")
    assert not found.index.get_level_values("metric").str.contains("ring").any()
    assert not found.index.duplicated().any()


def test_without_true_labels_or_masks_what_needs_them_is_left_out():
    frame = measures(truth=False).assign(energy_parenchyma=np.nan)
    metrics = set(result_frame(frame, "layer2", "fig5")["metric"])
    assert not any("truth" in name or "parenchyma" in name for name in metrics)
    assert {"auc_original", "f1_original_marked", "flipped_marked"} <= metrics


def test_one_image_without_a_true_label_and_nothing_is_scored_on_the_truth():
    frame = measures()
    frame.loc[frame["image"] == "03", "true_label"] = pd.NA  # of fold 0 alone
    assert not result_frame(frame, "layer2", "fig5")["metric"].str.contains("truth").any()


def test_what_is_put_on_disk_is_the_two_by_two_of_the_layer_that_decides(frame):
    written = written_measures(frame, "layer2")
    assert set(written["condition"]) == {UNMARKED, ALL_KINDS}
    assert set(written["layer"]) == {"layer2"} and set(written["strength"]) == {0.0}
    assert len(written) == 4 * 2 * 2 * 10
