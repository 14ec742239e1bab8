import numpy as np
import pytest

from testiculus.base.errors import UserError
from testiculus.claims.schema import TABLE4_ROWS
from testiculus.experiments import table2, table4
from testiculus.experiments.crossval import Start


def test_the_rows_are_the_articles_and_the_organ_loss_stands_alone_in_the_last(
    monkeypatch, tmp_path, fakes
):
    fakes.use(monkeypatch, tmp_path)
    planned = table4.plan(**fakes.TINY)
    assert planned.rows == TABLE4_ROWS and planned.starts == {}
    settings = {wanted.row: wanted.settings for wanted in planned.pretrainings}
    assert [settings[row].organ_weight for row in TABLE4_ROWS] == [0, 0.1, 0.2, 0.3, 0.4, 1]
    assert [settings[row].contrastive for row in TABLE4_ROWS] == [True] * 5 + [False]


def test_lambda_0_2_is_table_2s_ud_and_is_trained_once(monkeypatch, tmp_path, fakes):
    fakes.use(monkeypatch, tmp_path)
    ud = next(w for w in table2.plan(**fakes.TINY).pretrainings if w.row == "UD")
    own = next(w for w in table4.plan(**fakes.TINY).pretrainings if w.row == "lambda 0.2")
    assert own.wanted.key == ud.wanted.key and own.settings == ud.settings


def test_table_4_runs_whole_and_shares_what_table_2_trained(monkeypatch, tmp_path, fakes):
    fakes.use(monkeypatch, tmp_path / "runs")
    first = table2.run(table2.plan(**fakes.TINY, exclude_test=0, pretraining_seeds=1))
    outcome = table4.run(table4.plan(**fakes.TINY, organ_weights="0,0.2"))
    assert list(outcome.results["row"].unique()) == ["lambda 0.0", "lambda 0.2", "supervised only"]
    assert outcome.cost["reused_runs"] == 1 + 6  # UD's encoder and its fine-tunings
    both = [
        frame[frame["row"] == row].drop(columns=["experiment", "row"]).reset_index(drop=True)
        for frame, row in ((first.results, "UD"), (outcome.results, "lambda 0.2"))
    ]
    assert both[0].equals(both[1])
    last = outcome.history.query("row == 'supervised only'")
    assert last["contrastive"].isna().all() and last["organ"].notna().sum() == 2
    assert outcome.write(tmp_path / "results").name == "table4"
    assert np.isfinite(outcome.map[["x", "y"]]).all(axis=None)


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ("0,-0.1", "ORGAN_WEIGHTS is ' ?-0.1'"),
        ([0, "much"], "ORGAN_WEIGHTS is 'much'"),
        ([float("inf")], "ORGAN_WEIGHTS is inf"),
        ([0.1, 0.1], "different lambdas"),
        ([], "different lambdas"),
    ],
)
def test_a_lambda_that_cannot_be_is_refused(monkeypatch, tmp_path, wanted, says, fakes):
    fakes.use(monkeypatch, tmp_path)
    with pytest.raises(UserError, match=says):
        table4.plan(**fakes.TINY, organ_weights=wanted)


def test_one_organ_is_refused(monkeypatch, tmp_path, fakes):
    fakes.use(monkeypatch, tmp_path, organs=())
    with pytest.raises(UserError, match="tells organs apart"):
        table4.plan(**fakes.TINY)


def test_rows_differ_in_their_encoders_and_in_nothing_else(monkeypatch, tmp_path, fakes):
    fakes.use(monkeypatch, tmp_path)
    planned = table4.plan(**fakes.TINY)
    keys = [wanted.wanted.key for wanted in planned.pretrainings]
    assert len(set(keys)) == 6
    labels = planned.images.labels()
    jobs = [planned.row_jobs(row, Start("scratch-A"), labels)[0] for row in planned.rows]
    assert len({job.job.key for job in jobs}) == 1
