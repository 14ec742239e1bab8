import pytest

from testiculus.base.errors import UserError
from testiculus.paper import TABLES, released_flag_counts, reported


@pytest.mark.parametrize("table", TABLES)
def test_figures_are_fractions_with_a_place_and_no_repeats(table):
    frame = reported(table)

    assert list(frame) == ["row", "initialisation", "metric", "mean", "std", "place"]
    assert frame["mean"].between(0, 1).all() and frame["std"].between(0, 0.1).all()
    assert (frame["place"] != "").all()
    assert not frame.duplicated(["row", "metric"]).any()


@pytest.mark.parametrize(
    ("table", "rows", "metrics"),
    [("table1", 3, 2), ("table2", 6, 4), ("table3", 6, 4), ("table4", 6, 2)],
)
def test_every_row_has_every_metric(table, rows, metrics):
    frame = reported(table)

    assert frame["row"].nunique() == rows
    assert (frame.groupby("row")["metric"].nunique() == metrics).all()


def test_rows_that_two_tables_share_have_the_same_figures():
    def figures(table, row):
        frame = reported(table)
        return frame[frame["row"] == row].set_index("metric")[["mean", "std"]]

    assert figures("table2", "UD").equals(figures("table3", "real testes + real thyroids"))
    assert figures("table2", "UD testes only").equals(figures("table3", "real testes"))
    assert figures("table2", "UD").loc[["accuracy", "f1"]].equals(figures("table4", "lambda 0.2"))


def test_flipped_of_table_1_is_the_ud_row_of_table_2():
    flipped = reported("table1").query("row == 'Flipped'").set_index("metric")["mean"]
    ud = reported("table2").query("row == 'UD'").set_index("metric")["mean"]

    assert flipped["accuracy"] == ud["accuracy"] and flipped["f1"] == ud["f1"]


@pytest.mark.parametrize("table", ["table2", "table3"])
def test_precision_recall_and_accuracy_of_a_row_imply_one_prevalence(table):
    """A = 1 - pi (R (1 - P) / P + 1 - R): a row's three figures tell the share of positives."""
    wide = reported(table).pivot(index="row", columns="metric", values="mean")
    precision, recall = wide["precision"], wide["recall"]

    prevalence = (1 - wide["accuracy"]) / (recall * (1 - precision) / precision + 1 - recall)

    assert prevalence.between(0.2245, 0.2295).all()


def test_a_pretraining_called_none_stays_a_name():
    assert "none" in set(reported("table2")["row"])


def test_released_counts_fall_with_n_and_with_the_number_of_occasions():
    wide = released_flag_counts().pivot(index="evaluations", columns="occasions", values="images")

    assert list(wide.index) == list(range(1, 17))
    assert (wide.diff().dropna() < 0).all().all()
    assert (wide["3"] > wide["4?"]).all() and (wide["4?"] > wide["5"]).all()
    assert wide.loc[16, "3"] == 72  # the images that the article removes or flips


def test_an_unknown_table_is_refused_with_the_ones_there_are():
    with pytest.raises(UserError, match="table1, table2, table3, table4"):
        reported("table9")
