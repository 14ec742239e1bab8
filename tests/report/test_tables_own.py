import numpy as np
import pandas as pd
import pytest
from scipy import stats

from testiculus.base.errors import UserError
from testiculus.report.tables_own import rows_table

RUNS = [(seed, fold) for seed in (0, 1) for fold in (0, 1, 2)]


def tidy(**rows):
    lines = [
        ("table2", row, seed, fold, "probe_auc", value)
        for row, values in rows.items()
        for (seed, fold), value in zip(RUNS, values, strict=False)
    ]
    columns = ["experiment", "row", "seed", "fold", "metric", "value"]
    return pd.DataFrame(lines, columns=columns)


NONE, MINE = [0.5, 0.6, 0.7, 0.5, 0.6, 0.7], [0.6, 0.7, 0.75, 0.55, 0.7, 0.8]


def test_a_row_shows_its_mean_its_spread_and_how_many_values_it_has():
    table = rows_table(tidy(none=NONE, mine=MINE[:4]), {"AUC": "probe_auc", "F1": "probe_f1"})

    assert table.frame["row"].tolist() == ["none", "mine"]
    spread = 100 * np.std(MINE[:4], ddof=1)
    assert table.frame["AUC"][1] == f"65.00 ± {spread:.2f} (4)"
    assert table.frame["F1"].tolist() == ["–", "–"]
    assert "mine" in str(table) and "- none" not in str(table)


def test_the_difference_is_paired_and_its_interval_that_of_the_formula():
    """Nadeau & Bengio 2003: the variance of the mean is s^2 (1 / J + 1 / (K - 1))."""
    shuffled = tidy(none=NONE, mine=MINE).sample(frac=1, random_state=0)
    shuffled = shuffled.sort_values("row", ascending=False, kind="stable")
    table = rows_table(shuffled, {"AUC": "probe_auc"}, against="none")

    d = np.subtract(MINE, NONE)
    half = stats.t.ppf(0.975, 5) * np.std(d, ddof=1) * np.sqrt(1 / 6 + 1 / 2)
    shown = (
        f"{100 * d.mean():+.1f} [{100 * (d.mean() - half):+.1f}, {100 * (d.mean() + half):+.1f}]"
    )
    assert table.frame.set_index("row")["AUC - none [95 %]"].to_dict() == {
        "none": "–",
        "mine": shown,
    }


def test_only_runs_that_both_rows_have_are_paired():
    table = rows_table(tidy(none=NONE, mine=MINE[:1]), {"AUC": "probe_auc"}, against="none")

    assert table.frame["AUC - none [95 %]"][1] == "+10.0 –"  # one run alone has no interval


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"against": "nine"}, "did you mean 'none'"),
        ({"metrics": {}}, "no metric"),
        ({"results": pd.DataFrame({"row": ["a"]})}, "lack the columns experiment"),
    ],
)
def test_what_cannot_be_shown_is_said(change, said):
    asked = {"results": tidy(none=NONE), "metrics": {"AUC": "probe_auc"}}

    with pytest.raises(UserError, match=said):
        rows_table(**(asked | change))
