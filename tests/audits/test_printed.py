"""Printed tables: their shape is checked, and rows printed twice are found."""

import pandas as pd
import pytest

from testiculus.audits.printed import by_row, half_unit, identical_rows
from testiculus.base.errors import UserError
from testiculus.paper import TABLES, reported


def table(*lines, **more):
    return pd.DataFrame(lines, columns=["row", "metric", "mean", "std"]).assign(**more)


A = [("a", "accuracy", 0.8, 0.02), ("a", "f1", 0.5, 0.03)]
B = [("b", "accuracy", 0.8, 0.02), ("b", "f1", 0.5, 0.04)]


def test_a_table_has_a_line_a_row_in_its_order():
    wide = by_row(table(*B, *A))

    assert list(wide.index) == ["b", "a"] and wide.loc["b", ("std", "f1")] == 0.04


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (table(*A).drop(columns="std"), "needs the column 'std'"),
        (table(*A, A[0]), "a, accuracy: given twice"),
        (table(("a", "f1", 73.17, 1.55)), "the mean 73.17 is no fraction"),
        (table(("a", "f1", 0.7, -0.1)), "the standard deviation -0.1 is negative"),
    ],
)
def test_what_is_no_printed_table_is_refused(wrong, words):
    with pytest.raises(UserError, match=words):
        by_row(wrong)


def test_rows_are_the_same_only_where_mean_and_std_are():
    same = [("c", *figures) for _, *figures in A]

    assert identical_rows({"one": table(*A, *B)}).empty
    found = identical_rows({"one": table(*A), "two": table(*same, *B)})
    assert found[["table", "row"]].to_numpy().tolist() == [["one", "a"], ["two", "c"]]


def test_rows_are_compared_on_the_metrics_that_both_have():
    more = [*A, ("a", "recall", 0.6, 0.01)]
    found = identical_rows({"one": table(*A), "two": table(*more)})

    assert list(found["metrics"]) == ["accuracy, f1", "accuracy, f1, recall"]
    assert identical_rows({"one": table(*A), "two": table(*more)}, least=3).empty


def test_a_row_like_two_others_joins_them_in_one_group():
    left = [("l", "accuracy", 0.8, 0.02), ("l", "f1", 0.5, 0.03)]
    right = [("r", "precision", 0.7, 0.02), ("r", "recall", 0.6, 0.03)]
    both = [("b", *figures) for _, *figures in (*left, *right)]

    found = identical_rows({"one": table(*left, *right, *both)})

    assert list(found["row"]) == ["l", "r", "b"] and set(found["group"]) == {1}


def test_the_papers_repeated_rows_are_those_that_are_known():
    found = identical_rows({name: reported(name) for name in TABLES})
    groups = found.groupby("group")[["table", "row"]].apply(lambda g: set(map(tuple, g.to_numpy())))

    assert list(groups) == [
        {
            ("table1", "Flipped"),
            ("table2", "UD"),
            ("table3", "real testes + real thyroids"),
            ("table4", "lambda 0.2"),
        },
        {("table2", "UD testes only"), ("table3", "real testes")},
    ]
    assert list(found["start"][:2]) == ["ImageNet", "UD"]  # contradiction 11


def test_rounding_moves_a_figure_by_half_a_unit():
    assert abs(0.81514 - round(0.81514, 4)) < half_unit(4) == 0.00005
