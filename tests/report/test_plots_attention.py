import matplotlib
import numpy as np
import pandas as pd
import pytest

from testiculus.base.errors import UserError
from testiculus.claims.attention import ALL_KINDS, AS_TRAINED, UNMARKED, WITH, WITHOUT
from testiculus.claims.schema import Conditions
from testiculus.markers import KINDS
from testiculus.report import dose_plot, kinds_plot, paired_plot
from testiculus.report.attention_words import condition_name
from testiculus.report.style import WIDTH

NAMED = {"trained without markers": WITHOUT, "trained with markers": WITH}


def drawn(figure):
    """Render the figure and return all its words, as if no line were broken."""
    figure.draw_without_rendering()
    texts = (text.get_text() for text in figure.findobj(matplotlib.text.Text))
    return " ".join(" ".join(texts).split())


def dots(axis):
    """The points of both models by row: arrays of x and y."""
    lines = {line.get_label(): line for line in axis.lines}
    return {row: lines[name].get_data() for name, row in NAMED.items() if name in lines}


def values(run, row, condition, measure, layer="layer2"):
    """A summary's values by strength, in percent."""
    found = run.summary.query("row == @row and condition == @condition and measure == @measure")
    return 100 * found[found["layer"] == layer].set_index("strength")["value"].sort_index()


def figures(run):
    yield dose_plot(run.summary, run.conditions)
    yield kinds_plot(run.summary, run.conditions)
    yield paired_plot(run.measures, run.conditions)


@pytest.mark.parametrize(
    ("data", "profile"), [("phantom", "demo"), ("phantom", "smoke"), ("liver", "demo")]
)
def test_every_plot_names_data_and_profile_fits_the_book_and_is_closed(attentions, data, profile):
    for figure in figures(attentions(data, profile)):
        assert f"{data}, profile {profile}" in drawn(figure)
        assert figure.get_figwidth() == WIDTH
    assert not matplotlib.pyplot.get_fignums()


@pytest.mark.parametrize("data", ["phantom", "liver"])
def test_no_title_or_label_runs_over_the_page_or_into_the_next(attentions, data):
    for figure in figures(attentions(data)):
        figure.draw_without_rendering()
        boxes = [axis._left_title.get_window_extent() for axis in figure.axes]
        boxes += [axis.xaxis.label.get_window_extent() for axis in figure.axes]
        boxes = [box for box in boxes if box.width > 0]
        for i, box in enumerate(boxes):
            assert figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1
            assert not any(box.overlaps(other) for other in boxes[:i])


def test_auc_is_drawn_against_the_bias_on_unmarked_and_on_biased_images(attentions):
    run = attentions()
    unmarked, biased, drawn_to = dose_plot(run.summary, run.conditions).axes

    for row in (WITHOUT, WITH):
        x, y = dots(unmarked)[row]
        expected = values(run, row, UNMARKED, "auc_original")
        assert np.allclose(y, expected) and np.allclose(x, expected.index, atol=0.03)
        # without a bias the biased test images are the unmarked ones
        later = values(run, row, AS_TRAINED, "auc_original")
        assert np.allclose(dots(biased)[row][1], [expected[0.0], *later])
        pull = values(run, row, AS_TRAINED, "shift_markers")
        assert np.allclose(dots(drawn_to)[row][1], pull) and 0 not in pull.index
    assert unmarked.get_ylim() == biased.get_ylim()


def test_what_marks_draw_is_above_what_the_same_pixels_had_and_not_where_they_lie(attentions):
    run = attentions()
    axis = dose_plot(run.summary, run.conditions).axes[2]
    chosen = run.measures.query("condition == @AS_TRAINED and row == @WITHOUT")
    moved = chosen["energy_markers"] - chosen["there_markers"]
    expected = 100 * moved.groupby(chosen["strength"]).mean()

    assert np.allclose(dots(axis)[WITHOUT][1], expected)
    assert any(set(line.get_ydata()) == {0} for line in axis.lines)  # none is drawn
    # marks that lie where a map is high anyway draw nothing by that
    higher = run.summary["measure"].eq("energy_markers")
    changed = run.summary.assign(value=run.summary["value"] + 0.3 * higher)
    same = dose_plot(changed, run.conditions).axes[2]
    assert np.allclose(dots(same)[WITHOUT][1], expected)


def test_true_labels_are_scored_on_request_and_other_labels_refused(attentions):
    run = attentions()
    axis = dose_plot(run.summary, run.conditions, scoring="truth").axes[0]

    assert np.allclose(dots(axis)[WITH][1], values(run, WITH, UNMARKED, "auc_truth"))
    with pytest.raises(UserError, match="curated"):
        dose_plot(run.summary, scoring="curated")


def test_without_a_biased_training_the_plot_says_what_was_not_run(attentions):
    run = attentions(profile="smoke")

    assert "not run" in drawn(dose_plot(run.summary, run.conditions))
    truth_unknown = attentions("liver").summary
    assert "not run" in drawn(dose_plot(truth_unknown, scoring="truth"))


def test_every_kind_has_its_line_the_full_recipe_first(attentions):
    run = attentions()
    drawn_to, probability, flips = kinds_plot(run.summary, run.conditions).axes
    kinds = [ALL_KINDS, *KINDS]

    labels = [label.get_text() for label in drawn_to.get_yticklabels()]
    assert labels == [condition_name(kind) for kind in kinds]
    measures = ("shift_markers", "probability_change", "flipped")
    for axis, measure in zip((drawn_to, probability, flips), measures, strict=True):
        for row in (WITHOUT, WITH):
            x, y = dots(axis)[row]
            places = [kinds[round(height)] for height in y]
            expected = [values(run, row, kind, measure)[0.0] for kind in places]
            assert np.allclose(x, expected) and sorted(places) == sorted(kinds)


def test_points_are_images_and_titles_count_those_above_and_below(attentions):
    run = attentions()
    axes = paired_plot(run.measures, run.conditions).axes
    chosen = run.measures.query("strength == 0 and layer == 'layer2' and condition == @UNMARKED")
    pairs = chosen.pivot(index="image", columns="row", values="energy_parenchyma")

    points = axes[0].collections[-1].get_offsets()
    assert np.allclose(points, 100 * pairs[[WITHOUT, WITH]])
    up, down = (pairs[WITH] > pairs[WITHOUT]).sum(), (pairs[WITH] < pairs[WITHOUT]).sum()
    assert axes[0].get_title(loc="left").endswith(f"unmarked: {up} up, {down} down")


def test_paired_changes_are_against_the_same_models_unmarked_image(attentions):
    run = attentions()
    axis = paired_plot(run.measures, run.conditions).axes[2]
    lines = {}
    for line in run.measures.query("strength == 0 and layer == 'layer2'").itertuples():
        lines[line.row, line.condition, line.image] = line.probability
    images = sorted(run.measures["image"].unique())
    expected = [
        [abs(lines[row, ALL_KINDS, image] - lines[row, UNMARKED, image]) for row in (WITHOUT, WITH)]
        for image in images
    ]

    assert np.allclose(axis.collections[-1].get_offsets(), 100 * np.array(expected))


def test_several_seeds_make_one_point_an_image_their_mean(attentions):
    run = attentions()
    higher = run.measures["energy_parenchyma"] + 0.02
    both = pd.concat([run.measures, run.measures.assign(seed=1, energy_parenchyma=higher)])
    once = paired_plot(run.measures).axes[0].collections[-1].get_offsets()
    twice = paired_plot(both).axes[0].collections[-1].get_offsets()

    assert len(twice) == len(once) and np.allclose(twice, once + 1)


def test_without_masks_the_parenchyma_has_no_panel_and_it_is_said(attentions):
    run = attentions("liver")
    figure = paired_plot(run.measures, run.conditions)

    assert len(figure.axes) == 2
    assert "No mask of the parenchyma" in drawn(figure)
    assert "parenchyma" not in figure.axes[0].get_title(loc="left")


def test_a_layer_that_was_not_measured_is_refused(attentions):
    run = attentions()

    for plot, frame in ((dose_plot, "summary"), (kinds_plot, "summary"), (paired_plot, "measures")):
        with pytest.raises(UserError, match="layer9"):
            plot(getattr(run, frame), Conditions("phantom", "demo"), layer="layer9")


def test_a_missing_column_is_refused_by_name(attentions):
    with pytest.raises(UserError, match="there_markers"):
        paired_plot(attentions().measures.drop(columns="there_markers"))
