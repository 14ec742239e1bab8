import pandas as pd
import pytest

from testiculus.audits.consistency import consistency_finding, consistency_table, units_of
from testiculus.audits.findings import CLEAR, FOUND, SKIPPED


def frame(labels, sides=None, patients=None):
    number = len(labels)
    return pd.DataFrame(
        {
            "organ": "testis",
            "patient": patients or [f"p{i // 4}" for i in range(number)],
            "side": sides or ["left", "left", "right", "right"] * (number // 4),
            "label": pd.array(labels, dtype="Int8"),
        }
    )


def found(data):
    table = consistency_table(data, ["label"])
    return table, consistency_finding(table, data)


def test_views_that_agree_say_that_the_label_is_the_testis():
    table, finding = found(frame([1, 1, 0, 0] * 5))

    assert finding.state == CLEAR and "None of 10 testes" in finding.found
    assert "per testis" in finding.found
    row = table.iloc[0]
    assert (row["units"], row["differing"]) == (10, 0) and row["p"] < 0.01
    # two of 20 views with 10 positives differ with probability 2 (10 / 20) (10 / 19)
    assert row["by_chance"] == pytest.approx(10 / 19, abs=0.02)


def test_a_testis_whose_views_differ_is_counted_and_named():
    _, finding = found(frame([1, 0, 0, 0, 1, 1, 0, 0]))

    assert finding.state == FOUND and "1 of 4 testes" in finding.found
    assert "testis p0 left" in finding.found


def test_unlabelled_views_and_single_ones_do_not_count():
    data = frame([1, None, 0, 1, None, None, 1, None])

    table, _ = found(data)

    assert table.loc[0, "units"] == 1 and table.loc[0, "views"] == 2


def test_where_no_side_is_known_a_unit_is_a_patient():
    data = frame([1, 0, 1, 1], sides=[""] * 4, patients=["a", "a", "b", "b"])

    _, finding = found(data)

    assert units_of(data).tolist() == ["testis a", "testis a", "testis b", "testis b"]
    assert "1 of 2 patients" in finding.found


def test_one_view_each_leaves_nothing_to_compare():
    _, finding = found(frame([1, 0, 1, 0], sides=[""] * 4, patients=list("abcd")))

    assert finding.state == SKIPPED and "no patient has two labelled views" in finding.found
