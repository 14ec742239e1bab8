import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testiculus.claims import (
    CONTRADICTED,
    NOT_RESOLVED,
    SUPPORTED,
    UNTESTABLE,
    best_of,
    verdict_of,
    verdict_of_equality,
    verdict_of_standing_in,
)
from testiculus.claims.verdicts import decided_by, joined, untestable
from testiculus.intervals import Interval

NAN = math.nan
BOUNDS = st.tuples(st.floats(-1, 1), st.floats(-1, 1)).map(sorted)


def outcome(effect, half=0.01, note=""):
    return decided_by(Interval(effect, effect - half, effect + half, 12, half, note))


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (-0.02, 0.02, SUPPORTED),
        (0.005, 0.02, SUPPORTED),  # a small difference that is there is still about equal
        (0.0, 0.0, SUPPORTED),
        (-0.02, 0.025, NOT_RESOLVED),
        (-0.1, 0.1, NOT_RESOLVED),
        (0.02, 0.03, NOT_RESOLVED),
        (0.03, 0.05, CONTRADICTED),
        (-0.05, -0.03, CONTRADICTED),
        (NAN, NAN, NOT_RESOLVED),
    ],
)
def test_rows_are_about_equal_if_the_whole_interval_lies_inside_the_margin(low, high, verdict):
    assert verdict_of_equality(Interval(0.0, low, high, 12, 0.1), margin=0.025) == verdict


@given(BOUNDS, st.floats(0.001, 1))
def test_equality_is_symmetric_in_the_two_rows(bounds, margin):
    low, high = bounds
    turned = Interval(0.0, -high, -low, 12, 0.1)

    assert verdict_of_equality(Interval(0.0, low, high, 12, 0.1), margin) == verdict_of_equality(
        turned, margin
    )


@given(BOUNDS, st.floats(0.001, 0.5))
def test_the_margin_decides_as_points_inside_and_outside_it_do(bounds, margin):
    low, high = bounds
    inside = abs(low) < margin and abs(high) < margin
    reaches_in = low <= margin and high >= -margin

    found = verdict_of_equality(Interval(0.0, low, high, 12, 0.1), margin)

    expected = SUPPORTED if inside else NOT_RESOLVED if reaches_in else CONTRADICTED
    assert found == expected


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.01, 0.03, SUPPORTED),  # better is also no worse
        (-0.02, 0.10, SUPPORTED),
        (-0.025, 0.10, NOT_RESOLVED),
        (-0.1, 0.1, NOT_RESOLVED),
        (-0.1, -0.025, NOT_RESOLVED),
        (-0.1, -0.03, CONTRADICTED),
        (NAN, NAN, NOT_RESOLVED),
    ],
)
def test_a_row_stands_in_for_another_if_it_is_surely_not_worse_by_more_than_the_margin(
    low, high, verdict
):
    assert verdict_of_standing_in(Interval(0.0, low, high, 12, 0.1), margin=0.025) == verdict


@given(BOUNDS, st.floats(0.001, 0.5))
def test_two_rows_are_equal_just_where_each_stands_in_for_the_other(bounds, margin):
    low, high = bounds
    there, back = Interval(0.0, low, high, 12, 0.1), Interval(0.0, -high, -low, 12, 0.1)

    both = {verdict_of_standing_in(interval, margin) for interval in (there, back)}

    assert (verdict_of_equality(there, margin) == SUPPORTED) == (both == {SUPPORTED})
    assert (verdict_of_equality(there, margin) == CONTRADICTED) == (CONTRADICTED in both)


def test_an_outcome_is_decided_by_the_rule_it_is_given():
    interval = Interval(-0.01, -0.02, 0.0, 12, 0.01)

    assert decided_by(interval).verdict == NOT_RESOLVED
    by_margin = decided_by(interval, rule=lambda one: verdict_of_standing_in(one, 0.025))
    assert by_margin.verdict == SUPPORTED and by_margin.effect == -0.01


@given(st.lists(st.tuples(st.floats(-0.1, 0.1), st.floats(0.001, 0.1)), min_size=1, max_size=5))
def test_the_best_row_is_judged_by_all_of_its_contrasts(pairs):
    outcomes = {f"rival {i}": outcome(*pair) for i, pair in enumerate(pairs)}
    each = [verdict_of(Interval(e, e - h, e + h, 12, h)) for e, h in pairs]

    found = best_of(outcomes)

    if all(verdict == SUPPORTED for verdict in each):
        assert found.verdict == SUPPORTED
    elif CONTRADICTED in each:
        assert found.verdict == CONTRADICTED
    else:
        assert found.verdict == NOT_RESOLVED
    effect, half = min(pairs, key=lambda pair: pair[0])
    assert found.effect == effect and found.ci_low == effect - half


def test_the_note_of_a_best_row_names_the_smallest_contrast_and_what_decides():
    outcomes = {"A": outcome(0.02), "B": outcome(0.03, half=0.05), "C": outcome(0.04, half=0.05)}

    found = best_of(outcomes)

    assert (found.effect, found.verdict) == (0.02, NOT_RESOLVED)
    assert found.note == "smallest against A; not resolved against B, C"
    assert best_of({"A": outcome(0.02)}).note == "smallest against A"


def test_a_rival_that_was_not_run_leaves_the_best_untestable_unless_another_contradicts():
    absent = untestable("row C was not run")

    unknown = best_of({"A": outcome(0.02), "C": absent})
    refuted = best_of({"A": outcome(-0.02), "C": absent})

    assert unknown.verdict == UNTESTABLE and unknown.note == "row C was not run"
    assert math.isnan(unknown.effect)
    assert refuted.verdict == CONTRADICTED and refuted.effect == -0.02
    assert refuted.note == "smallest against A; contradicted against A; row C was not run"


def test_notes_are_said_once():
    assert joined("a", "", "b", "a") == "a; b" and joined() == ""
