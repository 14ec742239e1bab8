import matplotlib
import numpy as np
import pandas as pd
import pytest

from testiculus.report.plots_dataset_audit import acquisition_plot, likeness_plot
from testiculus.report.style import ORANGE, VERMILION, WIDTH


def acquisition():
    rows = [
        ("label", "size and tint", 0.55, 0.4),
        ("label", "the device", 0.51, 0.9),
        ("publisher_label", "size and tint", 0.81, 0.001),
    ]
    names = ["column", "features", "balanced_accuracy", "p_adjusted"]
    frame = pd.DataFrame(rows, columns=names).assign(positive="sick", negative="well")
    accuracy = frame["balanced_accuracy"]
    return frame.assign(ci_low=accuracy - 0.05, ci_high=accuracy + 0.05, chance_95=0.57)


def test_every_comparison_is_drawn_at_its_figure_and_the_sure_ones_are_filled():
    figure = acquisition_plot(acquisition())

    (axis,) = figure.axes
    dots = [line for line in axis.lines if line.get_marker() == "o"]
    assert [dot.get_xdata()[0] for dot in dots] == [0.55, 0.51, 0.81]
    assert [dot.get_markerfacecolor() == VERMILION for dot in dots] == [False, False, True]
    strokes = [line.get_xdata()[0] for line in axis.lines if line.get_color() == ORANGE]
    assert strokes == [0.57] * 3
    assert figure.get_figwidth() == WIDTH and not matplotlib.pyplot.get_fignums()


def test_each_pair_of_classes_is_named_once():
    (axis,) = acquisition_plot(acquisition()).axes

    named = [text.get_text() for text in axis.texts]
    assert named == ["sick or well (label)", "sick or well (publisher_label)"]


def test_nothing_to_compare_is_refused():
    with pytest.raises(ValueError, match="no comparison"):
        acquisition_plot(acquisition().iloc[:0])


def test_the_likest_pairs_are_counted_beside_upside_down_ones():
    frame = pd.DataFrame({"likeness": [0.1, 0.12, 0.96], "upside_down": [0.0, 0.2, 0.21]})

    (axis,) = likeness_plot(frame, 0.8).axes

    counts = [np.max(patch.get_xy()[:, 1]) for patch in axis.patches]
    assert counts == [2, 2]
    assert [line.get_xdata()[0] for line in axis.lines if line.get_linestyle() == "--"] == [0.8]
