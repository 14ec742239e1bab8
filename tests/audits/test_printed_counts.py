"""Which means are possible: against counting every count, and never wrongly of real counts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from testiculus.audits.printed_counts import (
    averaged_denominator,
    chance_reachable,
    denominators_as_unusual,
    excess_over_chance,
    reachable,
    reachable_means,
)
from testiculus.base.errors import UserError
from testiculus.paper import TABLES, reported

ACCURACIES = sorted(
    {m for name in TABLES for m in reported(name).query("metric == 'accuracy'")["mean"]}
)


def counted(denominator, digits):
    """Return every printed figure that some count gives, halfway both ways, one count at a time."""
    unit, found = 10**digits, set()
    for count in range(denominator + 1):
        whole, rest = divmod(2 * unit * count + denominator, 2 * denominator)
        found |= {whole, whole - 1} if rest == 0 and whole else {whole}
    return {one for one in found if one <= unit}


@pytest.mark.parametrize("denominator", [1, 7, 12, 16, 80, 96])
def test_what_is_reachable_is_what_counting_gives(denominator):
    naive = counted(denominator, digits=2)

    assert {m for m in range(101) if reachable(m / 100, denominator, 2)} == naive
    assert chance_reachable(denominator, 2) == pytest.approx(len(naive) / 101)


@given(
    sizes=st.lists(st.integers(1, 400), min_size=1, max_size=4),
    seeds=st.integers(1, 5),
    data=st.data(),
)
def test_a_mean_of_real_counts_is_never_accused(sizes, seeds, data):
    runs = [data.draw(st.integers(0, n)) / n for n in sizes for _ in range(seeds)]

    assert reachable(round(float(np.mean(runs)), 4), averaged_denominator(sizes, seeds))


def test_a_figure_between_two_counts_is_not_reachable():
    assert reachable(0.25, 8, 2) and not reachable(0.27, 8, 2)


def test_folds_of_different_sizes_reach_everything_and_of_one_size_do_not():
    assert chance_reachable(averaged_denominator((292, 292, 296), 4)) == 1
    assert chance_reachable(averaged_denominator((256, 256, 256), 4)) < 0.32


def test_the_excess_over_chance_counts_a_figure_once():
    # 3 distinct figures, all reachable over 4 at two decimals: 5 of 101 figures are.
    found = excess_over_chance([0.25, 0.5, 0.5, 0.75], 4, 2)

    assert found["reachable"] == found["of"] == 3
    assert found["p"] == pytest.approx((5 / 101) ** 3)
    assert found["expected"] == pytest.approx(3 * 5 / 101)


def test_an_unusual_denominator_is_told_from_others():
    rng = np.random.default_rng(0)
    means = np.round(rng.integers(0, 973, 15) / 973, 4)

    assert denominators_as_unusual(means, 973, range(500, 1500)) == 0
    assert denominators_as_unusual(means, 974, range(960, 990)) >= 1


def test_figures_that_have_nothing_to_do_with_a_denominator_are_at_chance():
    means = np.round(np.random.default_rng(1).uniform(0.7, 0.9, 400), 4)
    found = excess_over_chance(means, 3072)

    assert abs(found["reachable"] - found["expected"]) < 4 * np.sqrt(found["expected"] * 0.7)


def test_the_papers_accuracies_look_like_those_of_256_images_a_run():
    found = excess_over_chance(ACCURACIES, 12 * 256)

    assert (found["reachable"], found["of"]) == (13, 17) and found["p"] < 1e-3
    assert excess_over_chance(ACCURACIES, 4 * 880)["p"] > 0.3  # every image once a seed: no excess


def test_rows_are_answered_one_by_one_and_a_missing_metric_is_refused():
    table = reported("table2")
    found = reachable_means(table, {"once": 3520, "dropped": 3072})

    assert list(found.columns) == ["row", "mean", "once", "dropped"]
    assert dict(zip(found["row"], found["dropped"], strict=True))["UD thyroids only"] == False  # noqa: E712
    with pytest.raises(UserError, match="no auc"):
        reachable_means(table, {}, "auc")


@pytest.mark.parametrize(("sizes", "seeds"), [((), 4), ((0, 3), 4), ((3, 3), 0)])
def test_no_images_or_seeds_have_no_denominator(sizes, seeds):
    with pytest.raises(UserError, match="no accuracy has a denominator"):
        averaged_denominator(sizes, seeds)
