"""What experiments cost together: a run that two of them need is paid for once."""

import warnings
from types import SimpleNamespace

import pytest

from testiculus.base.store import Store
from testiculus.experiments import table1, table4, together
from testiculus.experiments.together import Waiting, costs_of, waiting_runs


@pytest.fixture
def groups(monkeypatch):
    """Plans that say themselves which runs they wait for."""
    monkeypatch.setattr(together, "waiting_runs", lambda planned, store: planned.waiting)


def plan(seconds, *waiting, **counts):
    cost = {"seconds": seconds, "memory_gib": 1.0, "disk_mib": 5.0, **counts}
    groups = [Waiting(frozenset(keys), lambda each=each: each) for keys, each in waiting]
    return SimpleNamespace(waiting=groups, estimate=lambda: cost)


def test_a_run_that_two_experiments_wait_for_is_counted_once(groups):
    first = plan(100.0, ("abc", 20.0), runs=5)
    second = plan(90.0, ("bcd", 20.0), runs=3, pretrainings=1)
    third = plan(50.0, ("d", 20.0), runs=1)

    costs = list(costs_of([("table1", first), ("table2", second), ("table4", third)]))

    assert [cost.seconds for cost in costs] == [100.0, 50.0, 30.0]
    assert [cost.shared for cost in costs] == [0, 2, 1]
    assert costs[1].counts == {"pretrainings": 1, "runs": 3}
    assert costs[1].in_words() == "1 pretraining, 3 trainings (2 of these as above)"


def test_what_two_timings_of_one_run_differ_by_never_makes_a_cost_negative(groups):
    costs = list(costs_of([("a", plan(9.0, ("x", 10.0))), ("b", plan(9.0, ("x", 10.0)))]))

    assert [cost.seconds for cost in costs] == [9.0, 0.0]
    assert costs[1].in_words() == "nothing to train"


def test_nothing_is_timed_where_nothing_is_shared(groups):
    waiting = Waiting(frozenset("a"), lambda: pytest.fail("it was timed"))
    alone = SimpleNamespace(
        waiting=[waiting], estimate=lambda: {"seconds": 1.0, "memory_gib": 1.0, "disk_mib": 0.0}
    )

    assert [cost.seconds for cost in costs_of([("table1", alone)])] == [1.0]


SMALL = {"profile": "smoke", "device": "cpu", "pixels": 32}
FEW = {"patients": 12, "unlabelled_patients": 2, "thyroid_patients": 2, "pretrain_batch": 8}


@pytest.fixture(scope="module")
def plans():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # so small a pretraining teaches nothing, and says so
        fourth = table4.plan(**SMALL, **FEW, organ_weights=[0.2])
    return table1.plan(**SMALL, patients=FEW["patients"]), fourth


def test_the_noise_runs_of_table_4_are_those_of_table_1(plans, tmp_path):
    first, fourth = (waiting_runs(planned, Store(tmp_path)) for planned in plans)

    noise = {job.job.key for row in plans[0].noise_jobs for job in row}
    assert [waiting.keys for waiting in first] == [noise]
    pretrained = {wanted.wanted.key for wanted in plans[1].pretrainings}
    assert [waiting.keys for waiting in fourth] == [noise, pretrained]


def test_what_the_store_holds_is_not_waited_for(plans, tmp_path):
    kept = plans[0].noise_jobs[0][0].job.key
    (tmp_path / kept).mkdir()
    (tmp_path / kept / "run.json").write_text("{}")

    waiting = waiting_runs(plans[0], Store(tmp_path))[0]

    assert kept not in waiting.keys
    assert len(waiting.keys) == sum(map(len, plans[0].noise_jobs)) - 1
