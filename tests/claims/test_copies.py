import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from testiculus.claims import CONTRADICTED, NOT_RESOLVED, SUPPORTED, UNTESTABLE
from testiculus.claims.copies import (
    COPY_MARGIN,
    _wilson,
    compare_copies,
    newcombe_interval,
    verdict_of_no_more,
)

# Newcombe 1998, Table II, method 10.
PUBLISHED = [
    ((56, 70, 48, 80), (0.0524, 0.3339)),
    ((9, 10, 3, 10), (0.1705, 0.8090)),
    ((6, 7, 2, 7), (0.0582, 0.8062)),
    ((5, 56, 0, 29), (-0.0381, 0.1926)),
    ((0, 10, 0, 20), (-0.1611, 0.2775)),
    ((0, 10, 0, 10), (-0.2775, 0.2775)),
    ((10, 10, 0, 20), (0.6791, 1.0)),
    ((10, 10, 0, 10), (0.6075, 1.0)),
]


def counted(generated, n_generated, real, n_real, name="held-out real"):
    subjects = [("generated", generated, n_generated), (name, real, n_real)]
    lines = [(subject, "pixels", n, copies) for subject, copies, n in subjects]
    return pd.DataFrame(lines, columns=["subject", "space", "n", "copies"])


@pytest.mark.parametrize(("counts", "bounds"), PUBLISHED)
def test_the_interval_is_the_published_one(counts, bounds):
    found = newcombe_interval(*counts)

    assert (found.low, found.high) == pytest.approx(bounds, abs=6e-5)
    assert found.effect == counts[0] / counts[1] - counts[2] / counts[3]


@given(st.data())
def test_the_limits_of_a_share_are_scipys(data):
    n = data.draw(st.integers(1, 5000))
    count = data.draw(st.integers(0, n))

    share, low, high = _wilson(count, n, 0.95)

    oracle = binomtest(count, n).proportion_ci(0.95, method="wilson")
    assert (low, high) == pytest.approx((oracle.low, oracle.high), abs=1e-12)
    assert share == count / n


@given(st.integers(1, 300), st.integers(1, 300), st.data())
def test_the_interval_holds_the_difference_and_turns_round_with_it(n, m, data):
    a, b = data.draw(st.integers(0, n)), data.draw(st.integers(0, m))

    one, other = newcombe_interval(a, n, b, m), newcombe_interval(b, m, a, n)

    assert -1 - 1e-9 <= one.low <= one.effect <= one.high <= 1 + 1e-9
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low))


@pytest.mark.parametrize("counts", [(1, 0, 0, 5), (6, 5, 0, 5), (-1, 5, 0, 5)])
def test_a_share_that_is_none_is_refused(counts):
    with pytest.raises(ValueError, match="no share"):
        newcombe_interval(*counts)


@pytest.mark.parametrize(
    ("counts", "verdict"),
    [
        ((0, 1000, 0, 784), SUPPORTED),
        ((0, 1000, 8, 784), SUPPORTED),  # real images look like training images too
        ((0, 60, 0, 40), NOT_RESOLVED),  # too few images to tell
        ((4, 1000, 0, 784), NOT_RESOLVED),
        ((40, 1000, 0, 784), CONTRADICTED),
        ((100, 20_000, 0, 20_000), CONTRADICTED),  # half a point, below the margin, and sure
    ],
)
def test_copies_are_judged_against_what_real_images_do(counts, verdict):
    assert compare_copies(counted(*counts), "generated", "held-out real").verdict == verdict


def test_the_effect_is_positive_where_generated_images_copy_less():
    found = compare_copies(counted(5, 1000, 30, 1000), "generated", "held-out real")

    assert found.effect == pytest.approx(0.025) and found.ci_low > 0 and found.n == 2000
    assert "5 of 1,000 generated and 30 of 1,000 held-out real images copy" in found.note
    assert "Fisher" in found.note and "Newcombe" in found.note


def test_fishers_test_is_the_chance_of_as_many_copies_or_more():
    found = compare_copies(counted(3, 10, 0, 10), "generated", "held-out real")

    # Of the 3 copies all fall among the 10 of 20: 10 * 9 * 8 / (20 * 19 * 18).
    assert f"p = {720 / 6840:.3g}" in found.note


def test_what_stands_for_held_out_images_is_named_in_the_note():
    frame = counted(0, 500, 0, 500, "held-out real (one half against the other)")

    found = compare_copies(frame, "generated", "held-out real")

    assert found.verdict == SUPPORTED and "one half against the other" in found.note


@pytest.mark.parametrize(
    "frame", [counted(0, 0, 0, 5), counted(0, 5, 0, 0), counted(0, 5, 0, 5)[:1]]
)
def test_without_images_of_both_kinds_nothing_is_judged(frame):
    assert compare_copies(frame, "generated", "held-out real").verdict == UNTESTABLE


def test_a_sure_excess_is_one_however_small():
    sure = newcombe_interval(0, 100_000, 100, 100_000)

    assert -COPY_MARGIN < sure.low < sure.high < 0
    assert verdict_of_no_more(sure) == CONTRADICTED
