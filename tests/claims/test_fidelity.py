import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from testiculus.claims.fidelity import (
    MIN_REPLICATES,
    Evidence,
    replicate_differences,
    replicate_interval,
)


def line(row, value, reference="heldout", batch=0, metric="precision", space="a", n=100):
    words = f"features of {space}"
    return (words, space, False, reference, row, batch, metric, value, 440, n)


COLUMNS = ["features", "space", "is_fid", "reference", "row", "batch", "metric", "value"]
COLUMNS += ["n_real", "n_generated"]


def evidence(*lines):
    return Evidence(pd.DataFrame(lines, columns=COLUMNS), pd.DataFrame(), pd.DataFrame())


@given(st.floats(-5, 5), st.floats(-5, 5), st.floats(0.01, 2))
def test_an_interval_keeps_the_replicates_spread_and_not_their_bias(effect, bias, spread):
    drawn = np.random.default_rng(0).normal(effect + bias, spread, 400)

    found = replicate_interval(effect, drawn, 880)

    low, high = np.percentile(drawn, [2.5, 97.5])
    assert found.effect == effect and found.n == 880
    assert found.low < effect < found.high
    assert found.high - found.low == pytest.approx(high - low)
    assert found.resolvable == pytest.approx((high - low) / 2)


def test_replicates_about_the_effect_give_their_percentiles():
    drawn = np.linspace(-1, 1, 401)

    found = replicate_interval(0.0, drawn, 10)

    assert (found.low, found.high) == pytest.approx((-0.95, 0.95))
    assert "taken out" not in found.note and "401 paired replicates" in found.note


def test_a_bias_larger_than_the_spread_is_said():
    assert "+0.5, taken out" in replicate_interval(0.0, np.linspace(0.4, 0.6, 100), 10).note


def test_too_few_replicates_bound_nothing():
    found = replicate_interval(0.3, np.ones(MIN_REPLICATES - 1), 880)

    assert found.effect == 0.3 and np.isnan([found.low, found.high, found.resolvable]).all()
    assert "39 replicates" in found.note


def test_replicates_are_paired_and_of_a_distance_lower_is_better():
    rows = [
        ("whole", row, "frechet", i, value) for i in range(3) for row, value in [("a", i), ("b", 9)]
    ]
    frame = pd.DataFrame(rows, columns=["reference", "row", "metric", "replicate", "value"])
    frame = frame.sample(frac=1, random_state=1)

    assert replicate_differences(frame, "a", "b", "frechet", "whole").tolist() == [9, 8, 7]
    assert not len(replicate_differences(frame, "a", "c", "frechet", "whole"))
    assert not len(replicate_differences(frame, "a", "b", "frechet", "heldout"))
    assert not len(replicate_differences(frame[:0], "a", "b", "frechet", "whole"))


def test_differences_are_those_of_batches_that_both_rows_have():
    of = evidence(
        *(line("filtered", 0.9 + s / 10, batch=s) for s in range(3)),
        *(line("before", 0.5, batch=s) for s in range(2)),
        line("before", float("nan"), batch=2),
    )

    found = of.difference("filtered", "before", "precision", "heldout")

    assert found.tolist() == pytest.approx([0.4, 0.5]) and list(found.index) == [0, 1]
    assert of.difference("before", "real", "precision", "heldout").empty


def test_where_there_are_no_batches_both_rows_are_one():
    lines = [line(row, value, "whole", None) for row, value in [("filtered", 0.9), ("before", 0.5)]]

    found = evidence(*lines).difference("filtered", "before", "precision", "whole")

    assert found.tolist() == pytest.approx([0.4])


def test_a_verdict_says_features_reference_and_numbers_of_images():
    of = evidence(line("filtered", 0.9, n=4640), line("before", 0.5, n=10_000))

    said = of.about(("filtered", "before"), "precision", "heldout")

    assert said == (
        "features of a; reference: 440 labelled images of patients that the filter has not seen, "
        "1 splits; "
        "4,640 filtered, 10,000 before"
    )


def test_the_first_space_is_the_filters_own():
    of = evidence(line("before", 0.5, space="own"), line("before", 0.6, space="other"))

    assert of.spaces == ["own", "other"] and not of.is_fid
    assert of.chosen("before", "precision", "heldout")["value"].tolist() == [0.5]
    assert of.chosen("before", "precision", "heldout", "other")["value"].tolist() == [0.6]
