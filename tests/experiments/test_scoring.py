import numpy as np
import pandas as pd
import pytest

from testiculus.experiments.scoring import score_rows

COLUMNS = ["row", "seed", "fold", "image", "patient", "label", "curated_label", "true_label"]


def predictions(truth=True):
    """Four images; Filtered leaves out image 3, Flipped turns its label."""
    rows = []
    for row, curated in {
        "Complete": [0, 0, 1, 1],
        "Filtered": [0, 0, 1, None],
        "Flipped": [0, 0, 1, 0],
    }.items():
        for image in range(4):
            label, true = [0, 0, 1, 1][image], [0, 0, 1, 0][image]
            rows.append((row, 0, 0, image, f"p{image}", label, curated[image], true))
    frame = pd.DataFrame(rows, columns=COLUMNS)
    for column in ("label", "curated_label", "true_label"):
        frame[column] = frame[column].astype("Int8")
    if not truth:
        frame["true_label"] = pd.Series([pd.NA] * len(frame), dtype="Int8")
    # every model calls image 2 positive and nothing else
    return frame.assign(probability=np.tile([0.1, 0.2, 0.9, 0.3], 3))


def value(results, row, metric):
    return results.query("row == @row and metric == @metric")["value"].item()


def test_each_row_is_scored_by_its_curated_the_original_and_the_true_labels():
    results = score_rows(predictions(), "table1", "Complete")
    # by hand: one true positive; the original labels hold a second positive that is missed
    assert value(results, "Complete", "f1") == pytest.approx(2 / 3)
    assert value(results, "Filtered", "f1") == value(results, "Flipped", "f1") == 1
    for row in ("Complete", "Filtered", "Flipped"):
        assert value(results, row, "recall_original") == pytest.approx(1 / 2)
        assert value(results, row, "accuracy_original") == pytest.approx(3 / 4)
        assert value(results, row, "f1_truth") == 1


def test_complete_is_also_scored_on_the_other_rows_test_labels():
    results = score_rows(predictions(), "table1", "Complete")
    assert value(results, "Complete", "accuracy_on_filtered") == 1
    assert value(results, "Complete", "f1_on_flipped") == 1
    others = results.query("row != 'Complete'")["metric"]
    assert not others.str.contains("_on_").any()


def test_without_known_truth_nothing_is_scored_by_it():
    metrics = score_rows(predictions(truth=False), "table1", "Complete")["metric"]
    assert not metrics.str.endswith("_truth").any()


def test_truth_known_for_a_part_of_the_images_is_not_scored():
    partly = predictions()
    partly.loc[partly["image"] == 3, "true_label"] = pd.NA
    assert not score_rows(partly, "table1", "Complete")["metric"].str.endswith("_truth").any()


def test_results_have_the_columns_of_the_contract():
    results = score_rows(predictions(), "table1", "Complete")
    assert list(results) == ["experiment", "row", "seed", "fold", "metric", "value"]
    assert results["value"].between(0, 1).all()
