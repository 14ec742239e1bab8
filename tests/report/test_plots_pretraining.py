import matplotlib
import numpy as np
import pandas as pd
import pytest

from testiculus.base.errors import UserError
from testiculus.claims.schema import CONTROL, SUPERVISED, TABLE4_ROWS, UD, Conditions
from testiculus.report.plots_pretraining import (
    alignment_uniformity,
    feature_map,
    losses_over_steps,
)
from testiculus.report.style import BLACK, BLUE, WIDTH

CONDITIONS = Conditions("phantom", "demo")


def drawn(figure):
    """Render the figure and return all its words, as if no line were broken."""
    figure.draw_without_rendering()
    texts = (text.get_text() for text in figure.findobj(matplotlib.text.Text))
    return " ".join(" ".join(texts).split())


def made_up_history(rows=TABLE4_ROWS, seeds=1, steps=40):
    step = np.arange(1, steps + 1)
    measured = (step == 1) | (step % 10 == 0)
    parts = []
    for i, row in enumerate(rows):
        for seed in range(seeds):
            run = {"row": row, "pretraining_seed": seed, "step": step}
            run["contrastive"] = np.nan if row == SUPERVISED else 3 + np.exp(-step / 9) + 0.1 * seed
            run["organ"] = np.nan if row == "lambda 0.0" else 0.7 * np.exp(-step / 9)
            run["learning_rate"] = 1e-3 * (1 - step / steps)
            run["alignment"] = np.where(measured, 0.2 + 0.01 * step, np.nan)
            run["uniformity"] = np.where(measured, -1 - 0.05 * step - 0.1 * i, np.nan)
            parts.append(pd.DataFrame(run))
    return pd.concat(parts, ignore_index=True)


def made_up_map(n=60):
    random = np.random.default_rng(0)
    frame = pd.DataFrame(random.normal(size=(n, 2)), columns=["x", "y"])
    frame["organ"] = np.resize(["testis", "thyroid"], n)
    frame["device"] = np.resize(["A", "B", None], n)
    frame["label"] = np.resize([0, 1, np.nan, np.nan], n)
    return frame.assign(true_label=frame["label"])


def test_every_plot_draws_names_data_and_profile_and_has_book_width():
    history = made_up_history()
    figures = [
        losses_over_steps(history, CONDITIONS),
        alignment_uniformity(history, CONDITIONS),
        feature_map(made_up_map(), CONDITIONS),
    ]
    for figure in figures:
        assert "phantom, profile demo" in drawn(figure)
        assert figure.get_figwidth() == WIDTH
    assert not matplotlib.pyplot.get_fignums()


def test_a_row_without_a_loss_has_no_line_for_it():
    figure = losses_over_steps(made_up_history())
    contrastive, organ, rate, names = figure.axes
    assert len(contrastive.lines) == len(organ.lines) == 2 * (len(TABLE4_ROWS) - 1)
    legend = [text.get_text() for text in names.get_legend().get_texts()]
    assert legend == list(TABLE4_ROWS)
    assert "the same for all" in rate.get_title("left") and rate.lines[0].get_color() == BLACK


def test_the_strong_line_is_the_running_mean_of_the_faint_one():
    history = made_up_history(rows=(UD,))
    faint, strong = losses_over_steps(history).axes[0].lines
    loss = history["contrastive"].to_numpy()  # 40 steps: a window of two
    np.testing.assert_allclose(faint.get_ydata(), loss)
    np.testing.assert_allclose(strong.get_ydata()[1:], (loss[1:] + loss[:-1]) / 2)


def test_single_organs_have_no_organ_loss_and_the_plot_says_so():
    history = made_up_history(rows=(CONTROL,)).assign(organ=np.nan)
    assert "no row trains it" in drawn(losses_over_steps(history))


def test_learning_rates_that_differ_are_drawn_in_the_colours_of_their_rows():
    history = made_up_history(rows=(UD, CONTROL))
    history.loc[history["row"] == CONTROL, "learning_rate"] *= 2
    rate = losses_over_steps(history).axes[2]
    assert rate.get_title("left") == "learning rate"
    assert rate.lines[0].get_color() == BLUE != rate.lines[1].get_color()


def test_further_seeds_are_thin_and_share_their_rows_colour():
    axis = losses_over_steps(made_up_history(rows=(UD,), seeds=3)).axes[0]
    strong = axis.lines[1::2]
    assert [line.get_linewidth() > 1 for line in strong] == [True, False, False]
    assert {line.get_color() for line in strong} == {BLUE}


def test_a_path_goes_through_the_measured_steps_with_growing_markers():
    history = made_up_history(rows=(UD, CONTROL))
    axis = alignment_uniformity(history).axes[0]
    measured = history[(history["row"] == UD)].dropna(subset="alignment")
    np.testing.assert_allclose(axis.lines[0].get_xdata(), measured["uniformity"])
    np.testing.assert_allclose(axis.lines[0].get_ydata(), measured["alignment"])
    sizes = axis.collections[0].get_sizes()
    assert len(sizes) == len(measured) - 1 and (np.diff(sizes) > 0).all()
    assert "NT-Xent" in axis.get_xlabel() and "NT-Xent" in axis.get_ylabel()


def test_unmeasured_rows_have_no_path_and_keep_the_others_colours():
    history = made_up_history(rows=(UD, CONTROL))
    history.loc[history["row"] == UD, ["alignment", "uniformity"]] = np.nan
    figure = alignment_uniformity(history)
    (line,) = figure.axes[0].lines
    assert line.get_color() == losses_over_steps(history).axes[0].lines[-1].get_color()
    assert UD not in [text.get_text() for text in figure.axes[1].get_legend().get_texts()]
    assert "not known here" in drawn(alignment_uniformity(history.assign(alignment=np.nan)))


def test_the_map_counts_every_kind_and_what_is_not_known():
    words = drawn(feature_map(made_up_map()))
    for entry in ("testis (30)", "thyroid (30)", "A (20)", "B (20)", "not known here (20)"):
        assert entry in words
    for entry in ("negative (15)", "positive (15)", "not known here (30)"):
        assert entry in words


@pytest.mark.parametrize("column", ["organ", "device", "label"])
def test_a_missing_column_of_the_map_is_not_known(column):
    assert "not known here (60)" in drawn(feature_map(made_up_map().drop(columns=column)))


def test_rare_scanners_share_an_entry():
    frame = made_up_map(100).assign(device=[f"s{min(i, 11)}" for i in range(100)])
    words = drawn(feature_map(frame))
    assert "s11 (89)" in words and "7 more (7)" in words


def test_a_map_without_images_or_coordinates():
    assert "by label" in drawn(feature_map(made_up_map().iloc[:0]))
    with pytest.raises(UserError, match="lack the columns x"):
        feature_map(made_up_map().drop(columns="x"))


def test_what_is_not_in_the_frames_is_refused_by_name():
    with pytest.raises(UserError, match="lack the columns step"):
        losses_over_steps(made_up_history().drop(columns="step"))
    with pytest.raises(UserError, match="lack the columns alignment"):
        alignment_uniformity(made_up_history().drop(columns="alignment"))
