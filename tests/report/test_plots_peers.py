import numpy as np
import pandas as pd
import pytest
import torch

from testiculus.claims import Conditions
from testiculus.claims.peers_schema import (
    AS_LABELLED,
    AVERAGE_PRECISION,
    SUMMARY_COLUMNS,
    curated_row,
)
from testiculus.claims.schema import RESULT_COLUMNS
from testiculus.data.images import ImageSet
from testiculus.noise.peers import ARTICLE, RULES
from testiculus.report import curated_plot, ranking_plot, wrong_examples

CONDITIONS = Conditions("phantom", "demo", "scratch-A")


def summary(kinds, rates):
    lines = [
        (f"{kind} {rate}", kind, rate, rule, AVERAGE_PRECISION, 0.5 + rate, 0.4, 0.9, 9, 90, 9)
        for kind in kinds
        for rate in rates
        for rule in RULES
    ]
    return pd.DataFrame(lines, columns=SUMMARY_COLUMNS)


@pytest.mark.parametrize("kinds", [("random noise", "frame misses", AS_LABELLED), (AS_LABELLED,)])
def test_each_kind_has_a_panel_with_a_line_for_every_rule(kinds):
    figure = ranking_plot(summary(kinds, (0.1, 0.4)), CONDITIONS)
    drawn = [axis for axis in figure.axes if axis.get_title(loc="left")]

    assert [axis.get_title(loc="left") for axis in drawn] == list(kinds)
    for axis in drawn:
        assert [line.get_label() for line in axis.lines] == list(RULES)
        np.testing.assert_allclose(axis.lines[0].get_ydata(), [60, 90])
    assert [t.get_text() for t in drawn[0].get_xticklabels()] == ["10 %", "40 %"]


def test_retrained_rows_are_dots_and_rows_not_run_say_so():
    lines = [("peers", "Complete", 0, fold, "f1_truth", 0.4) for fold in range(3)]
    row = curated_row(ARTICLE, "flipped")
    lines += [("peers", row, 0, fold, "f1_truth", 0.5 + fold / 10) for fold in range(3)]

    axis = curated_plot(pd.DataFrame(lines, columns=RESULT_COLUMNS), CONDITIONS).axes[0]

    means = [line for line in axis.lines if line.get_label() == "flipped"]
    assert len(means) == 1 and means[0].get_xdata()[0] == pytest.approx(60)
    assert [text.get_text() for text in axis.texts] == ["not run"] * (len(RULES) - 1)


def test_examples_are_images_whose_label_is_wrong():
    frame = pd.DataFrame({"patient": list("abcd"), "organ": "testis", "label": 0, "true_label": 0})
    images = ImageSet.build(torch.zeros(4, 1, 8, 8, dtype=torch.uint8), frame, "made-up")
    scores = pd.DataFrame({"condition": "random noise 50 %", "label": [0, 1, 0, 1]})
    scores["true_label"] = [0, 0, 0, np.nan]

    figure = wrong_examples(images, scores, "random noise 50 %")
    titles = [axis.get_title(loc="left") for axis in figure.axes]
    assert titles == ["label 1, true 0"]
