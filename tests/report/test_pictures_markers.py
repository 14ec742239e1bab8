"""Pictures of the markers: closed figures that show what they say."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from testiculus.base.devices import generator
from testiculus.base.errors import UserError
from testiculus.markers import KINDS
from testiculus.report.pictures_markers import NAMES, marker_grid, marker_kinds


def shown(figure):
    """The arrays of a figure's pictures, in order."""
    return [np.asarray(axis.images[0].get_array()) for axis in figure.axes]


def views(n):
    return torch.randint(30, 200, (n, 1, 40, 40), generator=generator("views")).to(torch.uint8)


def test_every_kind_is_shown_under_its_name_and_the_figure_is_closed():
    before = plt.get_fignums()
    figure = marker_kinds()
    assert plt.get_fignums() == before
    titles = [axis.get_title(loc="left") for axis in figure.axes]
    assert [title.partition(",")[0] for title in titles] == [NAMES[kind] for kind in KINDS]
    assert all(picture.max() == 255 for picture in shown(figure))  # each holds something white


def test_each_row_of_images_stands_above_the_same_row_with_markers():
    images = views(6)
    pictures = shown(marker_grid(images, columns=3))
    assert len(pictures) == 12
    for row in (0, 1):
        for column in range(3):
            plain = images[3 * row + column, 0].numpy()
            assert np.array_equal(pictures[6 * row + column], plain)
    assert any(not np.array_equal(pictures[i], pictures[i + 3]) for i in range(3))


def test_a_last_row_that_is_not_full_is_filled_up_with_black():
    pictures = shown(marker_grid(views(4), columns=3))
    assert len(pictures) == 12 and not pictures[7].any() and not pictures[11].any()


def test_fewer_images_than_columns_make_one_narrow_pair_of_rows():
    assert len(shown(marker_grid(views(2), columns=5))) == 4


def test_without_markers_both_rows_are_the_same():
    pictures = shown(marker_grid(views(2), "none", columns=2))
    assert np.array_equal(pictures[0], pictures[2]) and np.array_equal(pictures[1], pictures[3])


def test_the_phantom_stands_in_where_no_images_are_given():
    figure = marker_grid(columns=2)
    assert len(shown(figure)) == 8
    assert "Simulated" in figure.get_supxlabel()


def test_no_images_and_an_unknown_recipe_are_refused():
    with pytest.raises(ValueError, match="at least one image"):
        marker_grid(views(0))
    with pytest.raises(UserError, match="unknown marker recipe"):
        marker_grid(views(2), "all")
