from dataclasses import replace

import matplotlib
import numpy as np
import pytest

from testiculus.noise import Rule, exceedances, flag_table
from testiculus.report import (
    circularity_plot,
    flags_at_least,
    image_grid,
    loss_trajectories,
    phantom_grid,
    three_way_scoring,
    verdict_plot,
)
from testiculus.report.style import WIDTH, book_style


def drawn(figure):
    """Render the figure and return all its words, as if no line were broken."""
    figure.draw_without_rendering()
    texts = (text.get_text() for text in figure.findobj(matplotlib.text.Text))
    return " ".join(" ".join(texts).split())


def markers(axis, colour=None):
    """The x of every single point drawn on the axes."""
    lines = [line for line in axis.get_lines() if len(line.get_xdata()) == 1]
    return [float(line.get_xdata()[0]) for line in lines if colour in (None, line.get_color())]


@pytest.mark.parametrize("name", ["run_without_truth", "smoke_run"])
def test_every_plot_draws_names_data_and_profile_and_has_book_width(name, request):
    run = request.getfixturevalue(name)
    figures = [
        three_way_scoring(run.results, run.conditions),
        circularity_plot(run.gains, run.conditions),
        verdict_plot(run.verdicts, run.conditions),
        flags_at_least(run.flags, run.conditions),
        loss_trajectories(run.records[0][0], len(run.flags), run.conditions),
    ]

    for figure in figures:
        words = drawn(figure)
        assert f"{run.conditions.data}, profile {run.conditions.profile}" in words
        assert figure.get_figwidth() == WIDTH


def test_scorings_stand_at_their_means_beside_the_papers(run):
    axis = three_way_scoring(run.results, run.conditions).axes[0]
    mean = (
        100 * run.results.query("row == 'Filtered' and metric == 'accuracy_truth'")["value"].mean()
    )

    points = markers(axis)
    assert any(np.isclose(points, mean)) and any(np.isclose(points, 88.15))
    assert len(points) == 3 * 3 + 3


def test_a_gain_without_truth_says_so_in_its_place(run_without_truth):
    assert "true labels are missing" in drawn(
        circularity_plot(run_without_truth.gains, run_without_truth.conditions)
    )


def test_shares_here_and_released_are_percent_of_their_own_sets(run):
    (axis,) = flags_at_least(run.flags, run.conditions).axes
    lines = {line.get_label(): line for line in axis.get_lines()}

    share = 100 * (run.flags["times_flagged"] >= 8).mean()
    assert lines["here, 3"].get_ydata()[-1] == pytest.approx(share)  # 2 seeds: 8 evaluations
    assert lines["here, 3"].get_xdata()[-1] == 16
    assert lines["released, 3"].get_ydata()[-1] == pytest.approx(100 * 72 / 880)
    assert len(lines) == 4 + 3


def test_losses_of_wrong_labels_have_a_panel_of_their_own(run):
    record, train = run.records[0]
    wrong = (run.flags["label"] != run.flags["true_label"]).to_numpy()

    words = drawn(loss_trajectories(record, len(wrong), run.conditions, wrong=wrong))

    seen = np.unique(record.sample)
    assert f"{wrong[seen].sum()} labels that are wrong" in words
    assert f"{(~wrong[seen]).sum()} labels that are right" in words


def test_losses_and_flags_follow_the_rule_in_use(run):
    rule = Rule(loss_threshold=0.7, occasions=2, occasion="epoch")
    conditions = replace(run.conditions, rule=rule)
    flags = flag_table(run.records, len(run.flags), 0.7, 2, "epoch")
    record, train = run.records[0]
    counts = exceedances(record, len(flags), 0.7, "epoch")[np.unique(record.sample)]

    losses = drawn(loss_trajectories(record, len(flags), conditions))
    figure = flags_at_least(flags, conditions)

    assert "threshold 0.7" in losses and "mean loss > 0.7 in 2 or more epochs" in losses
    assert f"{(counts >= 2).mean():.0%} flagged in this run" in losses
    assert "epochs with mean loss > 0.7" in drawn(figure)
    assert "here, 2" in [line.get_label() for line in figure.axes[0].get_lines()]


def test_losses_of_labels_of_unknown_truth_have_a_panel_of_their_own(run):
    record, _ = run.records[0]
    wrong = np.zeros(len(run.flags), dtype=bool)
    known = np.arange(len(wrong)) >= 30

    words = drawn(loss_trajectories(record, len(wrong), run.conditions, wrong=wrong, known=known))

    seen = np.unique(record.sample)
    assert f"{(seen < 30).sum()} labels of unknown truth" in words
    assert f"{(seen >= 30).sum()} labels that are right" in words


@pytest.mark.parametrize("data", ["phantom", "a-data-set-with-quite-a-long-name-of-its-own"])
def test_title_legend_and_note_stand_apart_and_within_the_figure(run, data):
    figure = three_way_scoring(run.results, replace(run.conditions, data=data))
    figure.draw_without_rendering()
    legend, note, title = (
        part.get_window_extent()
        for part in (figure.legends[0], figure._supxlabel, figure._suptitle)
    )
    panels = [axis.get_tightbbox() for axis in figure.axes]

    assert not legend.overlaps(title) and not legend.overlaps(note)
    assert not any(part.overlaps(panel) for part in (legend, note) for panel in panels)
    assert note.x1 <= figure.bbox.x1 and legend.x1 <= figure.bbox.x1


def test_a_long_note_is_wrapped_within_the_figure(run):
    conditions = replace(run.conditions, data="a-data-set-with-quite-a-long-name-of-its-own")
    figure = verdict_plot(run.verdicts, conditions)
    figure.draw_without_rendering()

    assert figure._supxlabel.get_window_extent().x1 <= figure.bbox.x1


def test_losses_draw_where_no_label_is_wrong(run):
    record, _ = run.records[0]
    nothing = np.zeros(len(run.flags), dtype=bool)

    assert "0 labels that are wrong" in drawn(
        loss_trajectories(record, len(nothing), run.conditions, wrong=nothing)
    )


def test_an_image_grid_has_one_axes_an_image_with_outlines_and_titles():
    pixels = np.random.default_rng(0).integers(0, 255, (5, 1, 8, 12), dtype=np.uint8)
    masks = np.zeros((5, 1, 8, 12), dtype=np.uint8)
    masks[:, :, 2:5, 3:9] = 1

    figure = image_grid(
        pixels, [f"image {i}" for i in range(5)], columns=3, outlines={"lesion": masks}
    )

    assert len(figure.axes) == 5
    assert "image 4" in drawn(figure) and "lesion" in drawn(figure)


def test_a_grid_of_nothing_is_refused():
    with pytest.raises(ValueError, match="at least one image"):
        image_grid(np.zeros((0, 1, 8, 8), dtype=np.uint8))


def test_the_phantoms_grid_marks_wrong_labels():
    from testiculus.data.phantom import PhantomSettings, phantom

    images = phantom(PhantomSettings(patients=12, pixels=32))
    wrong = images.frame["label"] != images.frame["true_label"]
    assert wrong.any()

    words = drawn(phantom_grid(images, columns=3))

    assert "label: " in words and "no patient" in words and "parenchyma" in words


def test_plots_leave_the_readers_settings_alone_and_no_figure_open(run):
    import matplotlib.pyplot as plt

    before, opened = dict(matplotlib.rcParams), plt.get_fignums()
    with book_style():
        pass
    verdict_plot(run.verdicts, run.conditions)

    assert dict(matplotlib.rcParams) == before and plt.get_fignums() == opened
