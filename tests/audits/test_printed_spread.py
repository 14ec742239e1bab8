"""Spreads: a fold's noise against simulation, and a bound that real runs never break."""

from math import inf

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from testiculus.audits.printed_spread import (
    fold_spread,
    largest_accuracy_spread,
    prevalence_spread_needed,
    spread_bounds,
    spread_ratios,
)
from testiculus.paper import reported

METRICS = ("accuracy", "f1", "precision", "recall")


def scored(hits, calls, positives, images):
    """Return the four scores of runs from their counts."""
    accuracy = (images - positives - calls + 2 * hits) / images
    f1 = 2 * hits / (positives + calls)
    return dict(zip(METRICS, (accuracy, f1, hits / calls, hits / positives), strict=True))


def printed(runs, ddof=1, groups=None):
    """Return runs' scores as a printed table; `groups`: the ± of all but accuracy is over means."""
    lines = []
    for metric, values in runs.items():
        over = values if groups is None or metric == "accuracy" else values.reshape(groups).mean(1)
        lines.append(("a", metric, round(values.mean(), 4), round(over.std(ddof=ddof), 4)))
    return pd.DataFrame(lines, columns=["row", "metric", "mean", "std"])


def simulated(rng, runs, images, rates):
    """Return runs on folds drawn by image: rates of hits, false alarms, misses, rest."""
    hits, alarms, misses, _ = rng.multinomial(images, rates, runs).T.astype(float)
    return scored(hits, hits + alarms, hits + misses, images)


RATES = (0.17, 0.10, 0.05, 0.68)


def test_a_folds_noise_is_that_of_drawing_its_images():
    found = simulated(np.random.default_rng(0), 40_000, 293, RATES)
    means = {metric: float(values.mean()) for metric, values in found.items()}

    noise = fold_spread(means, 293)

    for metric in METRICS:
        assert noise[metric] == pytest.approx(found[metric].std(), rel=0.03)


def test_the_noise_of_f1_needs_accuracy_and_f1_alone():
    found = fold_spread({"accuracy": 0.85, "f1": 0.7}, 293)

    assert set(found) == {"accuracy", "f1"}
    assert fold_spread({"accuracy": 1.0, "f1": 1.0}, 293) == {"accuracy": 0.0, "f1": 0.0}


def test_runs_show_a_folds_noise_and_means_per_seed_do_not():
    """Twelve runs; each of four seeds tests every image of one fixed set."""
    rng = np.random.default_rng(1)
    folds = simulated(rng, 3, 293, RATES)
    runs = {metric: np.tile(values, 4) for metric, values in folds.items()}
    over_runs = spread_ratios(printed(runs), 293).set_index("metric")["ratio"]
    over_seeds = spread_ratios(printed(runs, groups=(4, 3)), 293).set_index("metric")["ratio"]

    assert over_runs["f1"] > 0.4 and over_seeds["f1"] < 0.01
    assert over_seeds["accuracy"] == over_runs["accuracy"]


@st.composite
def runs_of_one_prevalence(draw):
    images = draw(st.integers(60, 400))
    positives = draw(st.integers(10, images // 2))
    runs = draw(st.integers(2, 12))
    hits = draw(st.lists(st.integers(1, positives), min_size=runs, max_size=runs))
    most = images - positives
    alarms = draw(st.lists(st.integers(0, most), min_size=runs, max_size=runs))
    hits, alarms = np.array(hits, dtype=float), np.array(alarms, dtype=float)
    return scored(hits, hits + alarms, positives, images), runs


@settings(max_examples=40, deadline=None)
@given(runs_of_one_prevalence(), st.sampled_from([0, 1]))
def test_a_table_made_from_real_runs_is_never_accused(made, ddof):
    scores, runs = made

    assert spread_bounds(printed(scores, ddof), runs)["fits"].all()


@settings(max_examples=40, deadline=None)
@given(runs_of_one_prevalence(), st.data())
def test_the_bound_holds_for_runs_that_are_alike(made, data):
    """Small spreads, where the bound is finite: it must hold there too."""
    scores, runs = made
    base = data.draw(st.integers(30, 60))
    hits = np.array([base + data.draw(st.integers(-2, 2)) for _ in range(runs)], dtype=float)
    alarms = np.array([20 + data.draw(st.integers(-2, 2)) for _ in range(runs)], dtype=float)
    table = printed(scored(hits, hits + alarms, 70, 300))

    found = spread_bounds(table, runs).iloc[0]
    assert found["fits"] and found["largest"] < inf


def test_spreads_of_two_kinds_are_found_where_they_are_far_apart():
    """Folds of one prevalence that differ in difficulty, all seeds alike."""
    hits, alarms = np.array([55.0, 50, 45]), np.array([20.0, 30, 40])
    runs = {m: np.tile(v, 4) for m, v in scored(hits, hits + alarms, 66, 293).items()}

    assert spread_bounds(printed(runs), 12)["fits"].all()
    found = spread_bounds(printed(runs, groups=(4, 3)), 12).iloc[0]
    assert not found["fits"] and found["needed"] > 0


def test_the_prevalence_that_is_needed_is_less_than_what_made_the_spread():
    """Runs that differ in prevalence alone: recall and false alarm rate are the same in each."""
    positives = np.array([50.0, 60, 70, 80])
    runs = scored(0.8 * positives, 0.8 * positives + 0.1 * (300 - positives), positives, 300)
    table = printed(runs)
    wide = table.set_index("metric")

    needed = prevalence_spread_needed(wide["mean"].to_dict(), wide["std"].to_dict(), 4)
    assert needed <= (positives / 300).std(ddof=1)


def test_spreads_too_wide_to_bind_say_nothing():
    means = {"accuracy": 0.7, "f1": 0.4, "precision": 0.4, "recall": 0.4}
    stds = dict.fromkeys(means, 0.3)

    assert largest_accuracy_spread(means, stds, 12) == inf
    assert prevalence_spread_needed(means, stds, 12) == 0


def test_rows_without_precision_and_recall_have_no_bound():
    assert spread_bounds(reported("table1"), 12).empty
    assert set(spread_ratios(reported("table1"), 293)["metric"]) == {"accuracy", "f1"}


def test_the_papers_f1_lies_below_a_folds_noise_and_its_accuracy_does_not():
    ratios = pd.concat([spread_ratios(reported(t), 293) for t in ("table2", "table3", "table4")])
    middle = ratios.groupby("metric")["ratio"].median()

    assert middle["accuracy"] > 1 > middle[["f1", "precision", "recall"]].max()
    found = spread_bounds(reported("table2"), 12).set_index("row")
    assert list(found.index[~found["fits"]]) == ["UD"]
