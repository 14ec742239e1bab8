"""Implied prevalence: exact for one run, and open to the truth for means over runs."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from testiculus.audits.printed_prevalence import (
    common_interval,
    flips_to_positive,
    implied_prevalences,
    rounding_interval,
)
from testiculus.base.errors import UserError
from testiculus.paper import reported


def table(name="a", **figures):
    lines = [(name, metric, *pair) for metric, pair in figures.items()]
    return pd.DataFrame(lines, columns=["row", "metric", "mean", "std"])


def of_runs(hits, alarms, positives, images, name="a"):
    """Return a printed row of runs' counts (arrays)."""
    f1 = 2 * hits / (positives + hits + alarms)
    scores = {"accuracy": (images - positives - alarms + hits) / images, "f1": f1}
    scores |= {"precision": hits / (hits + alarms), "recall": hits / positives}
    figures = {m: (round(v.mean(), 4), round(v.std(ddof=1), 4)) for m, v in scores.items()}
    return table(name, **figures)


@settings(max_examples=40, deadline=None)
@given(
    images=st.integers(50, 900),
    share=st.floats(0.1, 0.5),
    recall=st.floats(0.2, 0.9),
    alarm=st.floats(0.02, 0.5),
)
def test_one_runs_row_implies_its_prevalence_up_to_rounding(images, share, recall, alarm):
    positives = max(2, round(share * images))
    hits = max(1, round(recall * positives))
    alarms = max(1, round(alarm * (images - positives)))
    counts = np.array([hits, hits], float), np.array([alarms, alarms], float)

    found = implied_prevalences(of_runs(*counts, positives, images), images, 2).iloc[0]

    assert found["low"] - 1e-9 <= positives / images <= found["high"] + 1e-9
    assert found["f1_fits"]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000))
def test_the_mean_of_runs_on_one_label_set_leaves_its_prevalence_open(seed):
    """Runs as in the article: 12, folds of about 293 images, scores that differ by a few points."""
    rng = np.random.default_rng(seed)
    hits, alarms = rng.binomial(66, 0.78, 12), rng.binomial(227, 0.15, 12)

    found = implied_prevalences(of_runs(hits, alarms, 66, 293), 293, 12).iloc[0]

    assert found["runs_low"] <= 66 / 293 <= found["runs_high"] and found["f1_fits"]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 60), st.integers(0, 200)), min_size=2, max_size=12),
)
def test_no_mean_of_f1_exceeds_that_of_the_mean_precision_and_recall(runs):
    hits, alarms = np.array(runs, dtype=float).T

    found = implied_prevalences(of_runs(hits, alarms, 60, 300), 300, len(runs))
    assert found["f1_fits"].all()


def test_an_f1_above_its_ceiling_is_found():
    row = dict(accuracy=(0.85, 0.02), precision=(0.6, 0.02), recall=(0.8, 0.02))

    found = implied_prevalences(table(f1=(0.70, 0.02), **row), 293, 12)  # 0.6857 at most
    assert not found["f1_fits"].any()


def test_rounding_is_worst_in_a_corner():
    low, high = rounding_interval(0.8678, 0.6784, 0.8027)
    grid = [
        (1 - a) / (r * (1 - p) / p + 1 - r)
        for a in np.linspace(0.86775, 0.86785, 5)
        for p in np.linspace(0.67835, 0.67845, 5)
        for r in np.linspace(0.80265, 0.80275, 5)
    ]

    assert (low, high) == pytest.approx((min(grid), max(grid)), abs=1e-12)


def test_rows_without_precision_and_recall_imply_nothing():
    assert implied_prevalences(reported("table1"), 293, 12).empty


def test_the_papers_rows_imply_what_is_known_of_them_and_agree():
    found = pd.concat([implied_prevalences(reported(t), 293, 12) for t in ("table2", "table3")])

    assert found["prevalence"].between(0.225, 0.229 + 5e-4).all() and len(found) == 12
    assert found["f1_fits"].all()
    low, high = common_interval(found)
    assert 0.2 < low < 0.225 < high < 0.235


def test_rows_of_different_label_sets_have_no_common_prevalence():
    hits, alarms = np.full(12, 50.0), np.full(12, 30.0)
    rows = [of_runs(hits, alarms, 60, 300, "a"), of_runs(hits, alarms, 90, 300, "b")]

    assert common_interval(implied_prevalences(pd.concat(rows), 300, 12)) is None


def test_flips_add_up_to_the_change_of_the_positives():
    # 50 of 72 labels become positive, 22 negative: 28 positives more among 880.
    before, after = 176 / 880, (176 + 50 - 22) / 880

    assert flips_to_positive(after, before, 880, 72) == pytest.approx(50)
    with pytest.raises(UserError, match="none to reckon with"):
        flips_to_positive(0.2, 0.2, 0, 72)
