"""All experiments in one go: what each is given, what failures cost, what is said at the end."""

import re
from types import SimpleNamespace

import pytest

from testiculus.base.errors import UserError
from testiculus.execute import reproduce_all as module
from testiculus.execute import runner
from testiculus.execute.reproduce_all import FOR_ALL, ORDER, estimate_all, reproduce_all, values_for

PRICE = {"wall_seconds": 90.0, "peak_memory_bytes": 2**30, "cost": {"runs": 3}}


@pytest.fixture
def world(monkeypatch, tmp_path):
    """Experiments that end at once, as `failing` says; what each was given is in `ran`."""
    ran, failing = {}, {}

    def reproduce(experiment, values, results):
        ran[experiment] = values
        if experiment in failing:
            raise failing[experiment]
        return runner.Finished(results / "phantom" / "smoke" / experiment, PRICE)

    monkeypatch.setattr(runner, "reproduce", reproduce)
    return SimpleNamespace(ran=ran, failing=failing, results=tmp_path, shown=[], said=[])


def run(world, **values):
    return reproduce_all(values, world.results, world.shown.append, world.said.append)


def manifest(folder, name="manifest.csv"):
    path = folder / name
    path.write_text("image,patient,organ\n")
    return str(path)


def test_each_experiment_gets_what_its_notebook_takes(world, tmp_path):
    path = manifest(tmp_path)
    given = {"PROFILE": "smoke", "DEVICE": "cpu", "SEEDS": "2", "DATA": path}
    more = {"UNLABELLED": path, "SYNTHETIC": path, "EXCLUDE_TEST": "1"}

    run(world, **given, **more)

    assert list(world.ran) == list(ORDER)
    taking = {name: [e for e in ORDER if name in world.ran[e]] for name in (*given, *more)}
    assert taking["PROFILE"] == taking["DEVICE"] == taking["DATA"] == list(ORDER)
    assert taking["SEEDS"] == ["table1", "table2", "table3", "table4", "fig5"]
    assert taking["UNLABELLED"] == ["table2", "fig4", "table3", "table4"]
    assert taking["SYNTHETIC"] == ["fig4", "table3"]
    assert taking["EXCLUDE_TEST"] == ["table2", "table3"]
    assert "fig4, which takes no SEEDS, EXCLUDE_TEST" in "\n".join(world.said)


def test_every_parameter_for_all_is_in_some_notebook():
    values = dict.fromkeys(set(FOR_ALL) - {"DATA", "UNLABELLED", "SYNTHETIC"}, "1")
    taken = {name for own in values_for(values).values() for name in own}
    assert taken == set(values)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"EPOCHS": "3"}, "EPOCHS cannot be given to all experiments at once"),
        ({"RESULTS": "x"}, "RESULTS cannot be given"),
        ({"UNLABELLED": "no.csv"}, "no manifest at 'no.csv'"),
        ({"SEEDS": "few"}, "SEEDS takes a number of seeds"),
    ],
)
def test_what_cannot_be_given_to_all_is_refused_before_anything_runs(world, values, said):
    with pytest.raises(UserError, match=re.escape(said)):
        run(world, **values)
    assert not world.ran and not world.said


def test_one_that_fails_does_not_lose_the_others(world, capsys):
    world.failing["table2"] = UserError("no thyroids", "row 3", "add some")
    world.failing["fig4"] = runner.NotebookFailed("a cell of the notebook failed:\nZeroDivision")

    ended = run(world)

    assert [end.experiment for end in ended if end.done is None] == ["table2", "fig4"]
    assert [done.folder.name for done in world.shown] == ["table1", "table3", "table4", "fig5"]
    told = capsys.readouterr().err
    assert "error: no thyroids\n  where:  row 3" in told and "ZeroDivision" in told
    assert "Traceback" not in told
    table = world.said[-1]
    assert re.search(r"^table1 +done +1 min 30 s, 1.0 GiB of memory, 3 trainings$", table, re.M)
    assert re.search(r"^table2 +failed +0 s: no thyroids$", table, re.M)
    assert re.search(r"^fig4 +failed +0 s: a cell of the notebook failed$", table, re.M)
    assert "4 of 6 done" in table and "the same command" in table


def test_a_mistake_of_the_program_shows_its_traceback_and_the_rest_runs(world, capsys):
    world.failing["table1"] = ZeroDivisionError("division by zero")

    ended = run(world)

    assert len(ended) == 6 and ended[0].problem == "division by zero"
    assert "Traceback" in capsys.readouterr().err


def test_a_message_that_was_read_once_is_not_repeated(world, capsys):
    for experiment in ORDER:
        world.failing[experiment] = UserError("40 problems in manifest.csv")

    run(world)

    told = capsys.readouterr().err
    assert told.count("40 problems") == 1 and told.count("error: as of table1") == 5


def test_when_all_went_well_nothing_is_left_to_do(world):
    ended = run(world)

    assert all(end.done for end in ended)
    assert world.said[-1].splitlines()[-1] == "6 of 6 done, 0 s in all"


def test_an_interrupt_stops_everything_and_still_says_what_is_done(world):
    world.failing["fig4"] = KeyboardInterrupt()

    with pytest.raises(KeyboardInterrupt):
        run(world)

    assert list(world.ran) == ["table1", "table2", "fig4"]
    assert re.search(r"^fig4 +not run$", world.said[-1], re.M)
    assert "2 of 6 done" in world.said[-1]


class FakePlan:
    """A plan that costs what it is told, with nothing that others share."""

    def __init__(self, **cost):
        self.cost = {"memory_gib": 1.0, "disk_mib": 10.0, **cost}

    def estimate(self):
        return self.cost


def test_an_estimate_sums_what_is_to_be_done(monkeypatch):
    asked = {}

    def planner(experiment, seconds):
        def plan(**parameters):
            asked[experiment] = parameters
            return FakePlan(runs=2, seconds=seconds, memory_gib=seconds / 60)

        return SimpleNamespace(plan=plan)

    fakes = {name: planner(name, 60.0 * (n + 1)) for n, name in enumerate(ORDER)}
    monkeypatch.setattr(module, "import_module", lambda name: fakes[name.rpartition(".")[2]])

    told, possible = estimate_all({"PROFILE": "smoke", "EXCLUDE_TEST": "1"})

    assert possible and re.search(r"^table3 +4 min 0 s +2 trainings$", told, re.M)
    assert "all: about 21 min 0 s, 6.0 GiB of memory, 60 MiB of disk" in told
    assert asked["table1"] == {"profile": "smoke"}
    assert asked["table3"] == {"profile": "smoke", "exclude_test": True}


def test_an_estimate_says_what_cannot_be_run_and_counts_the_rest(monkeypatch):
    def plan(**parameters):
        raise UserError("too few patients")

    good = SimpleNamespace(plan=lambda **_: FakePlan(runs=1, seconds=60.0))
    bad = SimpleNamespace(plan=plan)
    monkeypatch.setattr(module, "import_module", lambda name: bad if "fig4" in name else good)

    told, possible = estimate_all({})

    assert not possible and "fig4 cannot be run: too few patients" in told
    assert "all: about 5 min 0 s" in told
