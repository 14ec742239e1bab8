import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testiculus import paper
from testiculus.base.errors import UserError
from testiculus.paper import LABELLED_IMAGES, contradictions, filter_neighbours
from testiculus.paper.generation import reported_change, reported_generation

FIGURES = reported_generation().set_index(["document", "row", "metric"])


def test_every_figure_is_as_printed():
    printed = {  # percent, and FID: before and after the filter
        ("article", "precision"): (79.68, 90.1),
        ("article", "recall"): (25.0, 11.9),
        ("article", "fid"): (119.84, 116.84),
        ("thesis", "precision"): (57.10, 49.57),
        ("thesis", "recall"): (27.60, 36.53),
        ("thesis", "fid"): (49.03, 59.03),
    }
    for (document, metric), figures in printed.items():
        scale = 1 if metric == "fid" else 100
        both = [FIGURES.loc[(document, row, metric), "mean"] for row in ("before", "filtered")]
        assert [scale * mean for mean in both] == pytest.approx(figures)
    assert len(FIGURES) == 2 * len(printed)


def test_the_article_prints_a_spread_and_the_thesis_none():
    std = FIGURES["std"]

    assert std["article"].notna().all() and std["thesis"].isna().all()
    assert std["article", "filtered", "precision"] == pytest.approx(0.0470)
    assert list(reported_generation()) == ["document", "row", "metric", "mean", "std", "place"]
    assert all(place.startswith(document) for (document, *_), place in FIGURES["place"].items())


def test_the_figures_are_those_that_point_15_quotes():
    said = str(contradictions()[14])

    for (_, _, metric), mean in FIGURES["mean"].items():
        percent = mean if metric == "fid" else 100 * mean
        assert any(f"{percent:.{digits}f}" in said for digits in (1, 2))


def test_the_two_documents_move_in_opposite_directions():
    for metric, better, worse in (
        ("precision", "filtered", "before"),
        ("recall", "before", "filtered"),
        ("fid", "filtered", "before"),
    ):
        assert reported_change("article", better, worse, metric) > 0
        assert reported_change("thesis", worse, better, metric) > 0


def test_a_figure_that_no_document_prints_is_none():
    assert reported_change("slides", "filtered", "before", "fid") is None
    assert reported_change("article", "filtered", "random", "fid") is None


@given(real=st.integers(1, 100_000), at_880=st.integers(1, 879))
def test_the_filters_k_grows_with_the_number_of_real_images_and_stays_below_it(real, at_880):
    k = filter_neighbours(real, at_880)

    assert 1 <= k <= real
    assert k == 1 or math.isclose(k, at_880 * real / LABELLED_IMAGES, abs_tol=0.5)


def test_the_filters_k_is_the_articles_at_880_and_half_of_it_at_half_of_them():
    assert filter_neighbours(LABELLED_IMAGES) == paper.FILTER_NEIGHBOURS == 50
    assert filter_neighbours(LABELLED_IMAGES // 2) == 25


@pytest.mark.parametrize(("real", "at_880"), [(0, 50), (880, 0), (-1, 50)])
def test_a_filter_without_images_or_neighbours_is_refused(real, at_880):
    with pytest.raises(UserError, match="at least 1"):
        filter_neighbours(real, at_880)


def test_the_net_halves_the_image_down_to_the_maps_with_attention():
    sides = [paper.GENERATOR_PIXELS >> stage for stage in range(len(paper.MULTIPLIERS))]

    assert sides[-2:] == list(paper.ATTENTION) == [16, 8]
    assert paper.KEPT < paper.GENERATED / 2
    assert paper.REFERENCE_BATCH * paper.REFERENCE_BATCHES < LABELLED_IMAGES
