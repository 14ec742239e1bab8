"""Sums and averages: exact decimals, and what rounding of the parts may explain."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from testiculus.audits.printed_sums import (
    AS_PRINTED,
    BEFORE_ROUNDING,
    NOT,
    OUTCOMES,
    adds_up,
    average_rows,
    combined,
)
from testiculus.base.errors import UserError


@pytest.mark.parametrize(
    ("kind", "parts", "total", "steps", "outcome"),
    [
        ("sum", [0.1, 0.2], 0.3, (0, 0), AS_PRINTED),  # decimals, not floats
        ("sum", [1664, 24126], 25792, (0, 0), NOT),
        ("sum", [1.6, 23.4], 25, (1, 0.1), AS_PRINTED),
        ("product", [2, 4, 3], 24, (0, 0), AS_PRINTED),
        ("product", [1.2, 3], 3.7, (0.1, 0.1), BEFORE_ROUNDING),
        ("same", [9289], 9000, (1000, 0), AS_PRINTED),
        ("same", [9500], 9000, (1000, 0), AS_PRINTED),  # halfway rounds either way
        ("same", [9501], 9000, (1000, 0), NOT),
        ("mean", [84.2, 83.3, 67.2, 93.0, 88.1], 83.2, (0.1, 0.1), AS_PRINTED),
        ("mean", [84.2, 83.3, 67.2, 93.0, 88.1], 83.1, (0.1, 0.1), BEFORE_ROUNDING),
        ("mean", [84.2, 83.3, 67.2, 93.0, 88.1], 83.1, (0.1, 0), NOT),
        ("mean", [84.2, 83.3, 67.2, 93.0, 88.1], 83.3, (0.1, 0.1), NOT),
    ],
)
def test_parts_give_their_total_or_not(kind, parts, total, steps, outcome):
    assert adds_up(kind, parts, total, *steps) == outcome


@given(
    st.sampled_from(["sum", "mean"]),
    st.lists(st.floats(0, 100), min_size=1, max_size=7),
)
def test_rounded_figures_of_a_real_total_are_never_accused(kind, parts):
    total = np.sum(parts) if kind == "sum" else np.mean(parts)

    found = adds_up(kind, [round(p, 1) for p in parts], round(float(total), 1), 0.1, 0.1)
    assert found != NOT


@pytest.mark.parametrize(("kind", "parts"), [("median", [1]), ("sum", []), ("same", [1, 2])])
def test_what_makes_no_total_is_refused(kind, parts):
    with pytest.raises(UserError, match="make no"):
        combined(kind, parts)


def table(**figures):
    return pd.DataFrame(
        [("a", m, v) for m, v in figures.items()], columns=["row", "metric", "mean"]
    )


def test_rows_of_averages_are_judged_one_by_one():
    found = average_rows(table(x=0.811, y=0.812, average=0.812), ["x", "y"], "average", 0.001)

    assert found.to_numpy().tolist() == [["a", 0.8115, 0.812, AS_PRINTED]]
    assert set(found["outcome"]) <= set(OUTCOMES)


def test_a_row_without_one_of_the_parts_is_refused():
    with pytest.raises(UserError, match="not every row has x, z, average"):
        average_rows(table(x=0.8, average=0.8), ["x", "z"], "average", 0.001)
