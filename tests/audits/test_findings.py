import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from testiculus.audits.findings import SKIPPED, holm, skipped

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=8)


def naive_holm(values):
    """Step down as Holm wrote it: the smallest times m, the next times m - 1, never falling."""
    order = sorted(range(len(values)), key=lambda i: values[i])
    adjusted, highest = [0.0] * len(values), 0.0
    for rank, i in enumerate(order):
        highest = max(highest, min(1.0, (len(values) - rank) * values[i]))
        adjusted[i] = highest
    return adjusted


@given(P_VALUES)
def test_holm_is_the_step_down_of_its_paper(values):
    np.testing.assert_allclose(holm(values), naive_holm(values))


def test_a_missing_p_value_stays_missing_and_does_not_count():
    adjusted = holm([0.01, np.nan, 0.04])

    assert np.isnan(adjusted[1])
    np.testing.assert_allclose(adjusted[[0, 2]], [0.02, 0.04])
    assert holm([]).shape == (0,)


def test_a_skipped_audit_says_why():
    finding = skipped("balance", "no image has a label", "Fill the column")

    assert finding.state == SKIPPED and "no image has a label" in finding.found
    assert finding.as_dict()["act"] == "Fill the column"
