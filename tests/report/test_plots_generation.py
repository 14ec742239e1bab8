import matplotlib
import numpy as np
import pytest

from testiculus.base.errors import UserError
from testiculus.claims.schema import Conditions
from testiculus.report.plots_generation import generation_history, nearest_distances, sweep_plot
from testiculus.report.style import WIDTH

CONDITIONS = Conditions("phantom", "demo")


def drawn(figure):
    """Render the figure and return all its words, as if no line were broken."""
    figure.draw_without_rendering()
    texts = (text.get_text() for text in figure.findobj(matplotlib.text.Text))
    return " ".join(" ".join(texts).split())


def titles(figure):
    return [axis.get_title(loc="left") for axis in figure.axes]


def test_every_plot_names_data_and_profile_has_book_width_and_is_closed(generations):
    run = generations()
    figures = [
        generation_history(run.history, CONDITIONS),
        sweep_plot(run.sweep, 50, run.fidelity, CONDITIONS),
        nearest_distances(run.distances, run.copies, CONDITIONS),
    ]
    for figure in figures:
        assert "phantom, profile demo" in drawn(figure)
        assert figure.get_figwidth() == WIDTH
    assert not matplotlib.pyplot.get_fignums()


def test_both_losses_are_drawn_with_their_running_mean(generations):
    run = generations()
    simple, vlb = generation_history(run.history).axes

    for axis, column in ((simple, "simple"), (vlb, "vlb")):
        faint, strong = axis.lines
        assert np.array_equal(faint.get_ydata(), run.history[column])
        middle = run.history[column].rolling(20, center=True, min_periods=1).mean()
        assert np.allclose(strong.get_ydata(), middle)
        assert axis.get_yscale() == "log"


@pytest.mark.parametrize("steps", [0, 1])
def test_a_history_of_no_or_one_step_is_drawn(generations, steps):
    figure = generation_history(generations().history.head(steps))

    assert ("not known here" in drawn(figure)) is (steps == 0)


def test_the_sweep_draws_four_metrics_what_is_kept_and_the_k_in_use(generations):
    run = generations()
    figure = sweep_plot(run.sweep, 50, run.fidelity)
    swept = run.sweep[run.sweep["space"] == "other-organs"]

    names = ["precision", "recall", "Fréchet distance", "prediction score", "kept and dropped"]
    assert titles(figure)[:5] == names
    assert np.allclose(figure.axes[0].lines[0].get_ydata(), 100 * swept["precision"])
    assert np.allclose(figure.axes[2].lines[0].get_ydata(), swept["frechet"])
    kept, dropped = figure.axes[4].lines[:2]
    assert np.array_equal(kept.get_ydata(), swept["kept"])
    assert np.array_equal(dropped.get_ydata(), swept["dropped"])
    assert all(50 in axis.lines[-1].get_xdata() for axis in figure.axes[:5])
    assert "50" in [label.get_text() for label in figure.axes[0].get_xticklabels()]


def test_the_level_without_a_filter_is_the_fidelity_of_all_images(generations):
    run = generations()
    level = run.fidelity.query(
        "space == 'ud' and metric == 'recall' and reference == 'whole' and row == 'before'"
    )["value"].item()
    recall = sweep_plot(run.sweep, 50, run.fidelity, space="ud").axes[1]

    assert any(np.allclose(line.get_ydata(), 100 * level) for line in recall.lines)


def test_only_inceptions_features_give_a_fid(generations):
    run = generations(spaces=("inception", "other-organs"))

    assert {"FID", "Inception score"} <= set(titles(sweep_plot(run.sweep, 50, run.fidelity)))
    other = sweep_plot(run.sweep, 50, run.fidelity, space="other-organs")
    assert "FID" not in drawn(other) and "thyroid images alone" in drawn(other)


@pytest.mark.parametrize("number", [1, 2, 60])
def test_few_and_many_k_are_drawn_and_a_scaled_k_is_called_so(generations, number):
    sweep = generations.module.fake_sweep(["ud"], number, real=240)

    assert ("as of 880 real images" in drawn(sweep_plot(sweep, 50))) is (number > 1)


def test_a_score_that_is_not_known_says_so(generations):
    sweep = generations.module.fake_sweep(["ud"]).assign(score=np.nan)

    assert "not known here" in drawn(sweep_plot(sweep, 50))


def test_a_space_that_was_not_swept_and_a_missing_column_are_refused(generations):
    run = generations()

    with pytest.raises(UserError, match="clip"):
        sweep_plot(run.sweep, 50, space="clip")
    with pytest.raises(UserError, match="dropped"):
        sweep_plot(run.sweep.drop(columns="dropped"), 50)


def test_the_share_of_images_as_near_or_nearer_rises_to_all(generations):
    run = generations()
    figure = nearest_distances(run.distances, run.copies)
    pixels = run.distances.query("space == 'pixels' and subject == 'generated'")["distance"]

    line = next(line for line in figure.axes[0].lines if line.get_label() == "generated")
    assert np.array_equal(line.get_xdata(), np.sort(pixels))
    assert line.get_ydata()[-1] == 100
    filtered = next(line for line in figure.axes[0].lines if line.get_label() == "filtered")
    kept = run.distances.query("space == 'pixels' and kept")["distance"]
    assert np.array_equal(filtered.get_xdata(), np.sort(kept))
    assert titles(figure)[:3] == ["pixels", "features (other-organs)", "features (ud)"]


def test_planted_copies_are_named_once_and_the_threshold_is_drawn(generations):
    run = generations()
    figure = nearest_distances(run.distances, run.copies)
    legend = [text.get_text() for text in figure.legends[0].get_texts()]

    assert legend == ["generated", "filtered", "held-out real", "planted copies"]
    assert any(np.allclose(line.get_xdata(), 0.48) for line in figure.axes[0].lines)
