"""Pictures of generated images: closed figures that show the images they say, in order."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.patches import Rectangle

from testiculus.base.devices import generator
from testiculus.base.errors import UserError
from testiculus.claims.schema import Conditions
from testiculus.report.pictures_generation import (
    DROPPED_MARK,
    KEPT_MARK,
    RED,
    filter_grid,
    nearest_pairs,
    real_and_generated,
    snapshots,
    source_grid,
)
from testiculus.report.style import GREEN, WIDTH

CONDITIONS = Conditions("phantom", "demo")


def views(n, side=12):
    made = torch.randint(0, 255, (n, 1, side, side), generator=generator("views", n))
    return made.to(torch.uint8)


def shown(figure):
    """The arrays of a figure's pictures, in order."""
    return [np.asarray(axis.images[0].get_array()) for axis in figure.axes]


def words(figure):
    return [text.get_text() for text in figure.texts]


def pairs(n, space="pixels"):
    found = [(space, rank, 2 * rank, rank + 1, 0.1 * (rank + 1)) for rank in range(n)]
    return pd.DataFrame(found, columns="space rank image training_image distance".split())


def test_every_picture_has_book_width_names_its_data_and_is_closed():
    figures = [
        snapshots([1, 2], torch.stack([views(16), views(16)]), conditions=CONDITIONS),
        real_and_generated(views(20), views(30), conditions=CONDITIONS),
        source_grid({"real testes": views(3)}, conditions=CONDITIONS),
        filter_grid(views(4), [True, False, True, True], conditions=CONDITIONS),
        nearest_pairs(pairs(2), views(9), views(9), "pixels", conditions=CONDITIONS),
    ]
    for figure in figures:
        assert figure.get_figwidth() == WIDTH
        assert "phantom, profile demo" in figure.get_supxlabel()
        figure.draw_without_rendering()
    assert not plt.get_fignums()


def test_samples_over_training_stand_row_by_row_beside_their_step():
    images = torch.stack([views(16), 255 - views(16)])
    figure = snapshots([500, 3000], images)
    pictures = shown(figure)

    assert words(figure)[:2] == ["step 500", "step 3,000"] and len(pictures) == 16
    assert np.array_equal(pictures[0], images[0, 0, 0])
    assert np.array_equal(pictures[8], images[1, 0, 0])


def test_of_fifty_snapshots_eight_are_shown_from_the_first_to_the_last():
    figure = snapshots(range(10, 510, 10), torch.stack([views(9)] * 50))

    assert len(shown(figure)) == 8 * 8
    assert words(figure)[0] == "step 10" and words(figure)[7] == "step 500"


def test_where_no_generator_was_trained_the_picture_says_so():
    figure = snapshots([], np.empty((0, 16, 1, 8, 8), np.uint8))

    assert "none" in words(figure) and "No generator was trained" in figure.get_supxlabel()


def test_steps_and_samples_of_different_number_are_refused():
    with pytest.raises(UserError, match="2 steps"):
        snapshots([1, 2], views(16)[None])


def test_kept_images_have_a_solid_green_frame_and_dropped_ones_a_dashed_red_one():
    images, kept = views(5), np.array([True, False, True, False, False])
    figure = filter_grid(images, kept)
    pictures = shown(figure)

    order = [0, 2, 1, 3, 4]
    assert all(np.array_equal(pictures[i], images[n, 0]) for i, n in enumerate(order))
    for axis, is_kept in zip(figure.axes, kept[order], strict=True):
        frame = next(patch for patch in axis.patches if isinstance(patch, Rectangle))
        colour = matplotlib_hex(frame.get_edgecolor())
        assert colour == (GREEN if is_kept else RED).lower()
        assert (frame.get_linestyle() in ("-", "solid")) is bool(is_kept)
        assert axis.texts[0].get_text() == (KEPT_MARK if is_kept else DROPPED_MARK)
    assert words(figure)[0] == "kept: 2 of 5" and "dropped: 3 of 5" in words(figure)


def matplotlib_hex(colour):
    from matplotlib.colors import to_hex

    return to_hex(colour)


@pytest.mark.parametrize("kept", [True, False])
def test_a_filter_that_keeps_or_drops_everything_says_none_of_the_other(kept):
    figure = filter_grid(views(3), [kept] * 3)

    assert len(shown(figure)) == 3 and "none" in words(figure)


def test_as_many_decisions_as_images_are_needed():
    with pytest.raises(UserError, match="3 images, and 2 decisions"):
        filter_grid(views(3), [True, False])


def test_real_images_stand_above_generated_ones_evenly_chosen():
    real, made = views(40), views(33)
    pictures = shown(real_and_generated(real, made))

    assert len(pictures) == 32
    assert np.array_equal(pictures[0], real[0, 0]) and np.array_equal(pictures[15], real[39, 0])
    assert np.array_equal(pictures[16], made[0, 0]) and np.array_equal(pictures[31], made[32, 0])


def test_sources_are_called_after_the_organs_of_the_data():
    liver = Conditions("liver", "demo", organ="liver", other_organs=("lung", "nerve"))
    sources = {"real testes": views(2), "real thyroids": views(2, 9), "synthetic": views(1)}
    figure = source_grid(sources, conditions=liver)

    assert words(figure)[:3] == ["real liver", "real lung, nerve", "synthetic"]
    assert len(shown(figure)) == 5


def test_a_source_without_images_is_refused_by_name():
    with pytest.raises(UserError, match="synthetic filtered"):
        source_grid({"synthetic": views(1), "synthetic filtered": views(0)})
    with pytest.raises(UserError, match="any source"):
        source_grid({})


def test_each_generated_image_stands_above_its_nearest_training_image():
    made, real = views(20), 255 - views(20)
    figure = nearest_pairs(pairs(5), made, real, "pixels")
    pictures = shown(figure)

    for rank in range(5):
        assert np.array_equal(pictures[rank], made[2 * rank, 0])
        assert np.array_equal(pictures[5 + rank], real[rank + 1, 0])
    assert [axis.get_title(loc="left") for axis in figure.axes[:2]] == ["0.100", "0.200"]


def test_many_pairs_go_on_in_further_rows_filled_up_with_white():
    pictures = shown(nearest_pairs(pairs(10), views(20), views(20), "pixels"))

    assert len(pictures) == 32 and (pictures[18] == 255).all()


def test_a_space_without_pairs_is_refused():
    with pytest.raises(UserError, match="ud"):
        nearest_pairs(pairs(2), views(9), views(9), "ud")
