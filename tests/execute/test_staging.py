"""Staging: the old results or the new ones, whenever the process is killed."""

import os

import pytest

from testiculus.base.errors import UserError
from testiculus.execute import staging as module
from testiculus.execute.staging import recover, staged_folder, staging, swap_in

DEAD = 2**22 + 1  # above the largest process number of Linux


def fill(folder, text):
    """Make a results folder with one file."""
    folder.mkdir(parents=True)
    (folder / "results.csv").write_text(text)
    return folder


def test_new_results_replace_old_ones_as_a_whole(tmp_path):
    old = fill(tmp_path / "phantom" / "demo" / "table1", "old")
    (old / "leftover.csv").touch()

    with staging(tmp_path, "table1") as stage:
        fill(stage / "phantom" / "demo" / "table1", "new")
        target = swap_in(stage, tmp_path, staged_folder(stage, "table1"))

    assert target == old
    assert [p.name for p in old.iterdir()] == ["results.csv"]
    assert (old / "results.csv").read_text() == "new"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["phantom"]


def test_a_failed_run_leaves_no_folder_behind(tmp_path):
    with pytest.raises(ZeroDivisionError), staging(tmp_path / "new", "table1") as stage:
        fill(stage / "phantom" / "demo" / "table1", "half")
        _ = 1 / 0

    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("new_is_there", [True, False])
def test_a_kill_between_the_two_renames_is_made_good(tmp_path, new_is_there):
    (tmp_path / "phantom" / "demo").mkdir(parents=True)
    stage = tmp_path / ".staging" / f"table1-{DEAD}" / "phantom" / "demo"
    fill(stage / "table1.old", "old")
    if new_is_there:
        fill(stage / "table1", "new")

    recover(tmp_path)

    expected = "new" if new_is_there else "old"
    assert (tmp_path / "phantom/demo/table1/results.csv").read_text() == expected


def test_a_kill_after_the_swap_leaves_the_new_results_in_place(tmp_path):
    fill(tmp_path / "phantom" / "demo" / "table1", "new")
    stage = tmp_path / ".staging" / f"table1-{DEAD}"
    fill(stage / "phantom" / "demo" / "table1.old", "old")

    recover(tmp_path)

    assert (tmp_path / "phantom/demo/table1/results.csv").read_text() == "new"
    assert not stage.exists()


def test_the_staging_of_a_living_process_is_left_alone(tmp_path):
    stage = tmp_path / ".staging" / f"table1-{os.getppid()}"
    fill(stage / "phantom" / "demo" / "table1", "in progress")

    recover(tmp_path)

    assert stage.exists()


def test_old_leftovers_of_killed_runs_are_cleared(tmp_path, monkeypatch):
    stage = tmp_path / ".staging" / f"table1-{DEAD}"
    fill(stage / "phantom" / "demo" / "table1", "half")
    monkeypatch.setattr(module, "_STALE_SECONDS", -1.0)

    recover(tmp_path)

    assert not stage.exists()


def test_results_that_cannot_be_a_folder_are_a_user_error(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(UserError, match="cannot write results"), staging(tmp_path / "file", "t"):
        pass


def test_a_notebook_that_wrote_nothing_is_noticed(tmp_path):
    with pytest.raises(RuntimeError, match="0 results folders"):
        staged_folder(tmp_path, "table1")


@pytest.mark.parametrize("new_is_there", [True, False])
def test_an_audit_killed_between_the_two_renames_is_made_good(tmp_path, new_is_there):
    stage = tmp_path / ".staging" / f"audit-{DEAD}" / "ward"
    fill(stage / "audit.old", "old")
    if new_is_there:
        fill(stage / "audit", "new")

    recover(tmp_path)

    expected = "new" if new_is_there else "old"
    assert (tmp_path / "ward/audit/results.csv").read_text() == expected
    assert not stage.parent.exists()


def test_a_file_called_old_inside_an_audit_is_no_folder_to_put_back(tmp_path):
    fill(tmp_path / "ward" / "audit", "in place")
    stage = tmp_path / ".staging" / f"audit-{DEAD}" / "ward"
    (fill(stage / "audit", "half") / "page.old").write_text("a file")

    recover(tmp_path)

    assert [path.name for path in (tmp_path / "ward").iterdir()] == ["audit"]
    assert (tmp_path / "ward/audit/results.csv").read_text() == "in place"
    assert (stage / "audit").exists()  # young, and no swap was interrupted: it may be somebody's
