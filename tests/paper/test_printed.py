import pandas as pd
import pytest

from testiculus.base.errors import UserError
from testiculus.paper import (
    EVALUATIONS,
    FOLDS,
    INITIALISATIONS,
    KEPT,
    LABELLED_IMAGES,
    SEEDS,
    UD_TESTES,
    UD_THYROIDS,
    contradictions,
    released_flag_counts,
    reported,
)
from testiculus.paper.printed import printed_figures, reported_uusic, stated_sums
from testiculus.paper.statements import statements

SUMS = {stated.id: stated for stated in stated_sums()}


def test_every_figure_has_its_place_and_is_there_once():
    figures = printed_figures()

    assert not figures.duplicated(["table", "row", "metric"]).any()
    assert figures["place"].str.len().gt(0).all()
    fractions = figures[figures["metric"] != "fid"]["mean"]
    assert fractions.between(0, 1).all()


def test_the_figures_are_those_of_the_tables_they_come_from():
    figures = printed_figures()
    table2 = figures[figures["table"] == "table2"].drop(columns="table").reset_index(drop=True)

    pd.testing.assert_frame_equal(table2, reported("table2").drop(columns="initialisation"))


def test_the_challenges_tables_are_whole():
    shapes = {
        name: reported_uusic(name).pivot(index="row", columns="metric", values="mean")
        for name in ("classification", "segmentation")
    }

    assert shapes["classification"].shape == (6, 5) and shapes["segmentation"].shape == (6, 12)
    assert all(table.notna().all(axis=None) for table in shapes.values())
    with pytest.raises(UserError, match="table of the challenge"):
        reported_uusic("detection")


def test_sums_are_of_the_constants_that_the_package_uses():
    runs, evaluations = SUMS["noise-runs"], SUMS["noise-evaluations"]
    counts = released_flag_counts().query("occasions == '3' and evaluations == @EVALUATIONS")

    assert runs.parts == (INITIALISATIONS, SEEDS, FOLDS)
    assert evaluations.total == EVALUATIONS and SUMS["ld"].total == LABELLED_IMAGES
    assert SUMS["kept-article"].parts == (KEPT,)
    assert UD_TESTES in (SUMS["ud-article"].parts[0], SUMS["ud-thesis"].parts[0])
    assert SUMS["ud-article"].parts[1] == UD_THYROIDS
    assert SUMS["flagged"].parts == (int(counts["images"].iloc[0]),)


def test_points_that_are_quoted_exist():
    numbers = {point["number"] for point in contradictions()}
    texts = [s.reading for s in (*stated_sums(), *statements())]
    quoted = {int(t.split("(point ")[1].split(")")[0]) for t in texts if "(point " in t}

    assert {11, 16, 20, 21, 23, 32, 33, 37} <= quoted <= numbers
