import errno
import os
import shutil
import signal
import subprocess
import sys
import time
import warnings

import pytest

from testiculus.base.errors import InputWarning, UserError
from testiculus.data.importers.staging import ABANDONED_AFTER, check_destination, staged_folder


def fill(to, text="new", force=False):
    with staged_folder(to, force) as part:
        (part / "manifest.csv").write_text(text)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_filled_folder_appears_as_a_whole_and_leaves_nothing_beside_it(tmp_path):
    with staged_folder(tmp_path / "out") as part:
        (part / "manifest.csv").write_text("x")
        assert not (tmp_path / "out").exists()
    assert names(tmp_path) == ["out"] and names(tmp_path / "out") == ["manifest.csv"]


def test_an_error_leaves_everything_as_it_was(tmp_path):
    fill(tmp_path / "out", "old")
    with pytest.raises(ZeroDivisionError), staged_folder(tmp_path / "out", force=True):
        raise ZeroDivisionError
    assert names(tmp_path) == ["out"]
    assert (tmp_path / "out" / "manifest.csv").read_text() == "old"


def test_an_earlier_import_is_only_replaced_by_force(tmp_path):
    fill(tmp_path / "out", "old")
    with pytest.raises(UserError, match="earlier import.*(?s:.*)--force"):
        fill(tmp_path / "out")
    assert (tmp_path / "out" / "manifest.csv").read_text() == "old"
    fill(tmp_path / "out", "new", force=True)
    assert (tmp_path / "out" / "manifest.csv").read_text() == "new"
    assert names(tmp_path) == ["out"]


def test_a_folder_that_is_no_import_is_never_replaced(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(UserError, match="no import"):
        fill(tmp_path, force=True)
    with pytest.raises(UserError, match="is a file"):
        fill(tmp_path / "thesis.txt", force=True)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_a_replacement_killed_between_its_renames_is_undone(tmp_path):
    fill(tmp_path / "out", "old")
    os.rename(tmp_path / "out", tmp_path / ".out.replaced")
    with pytest.raises(UserError, match="earlier import"):
        fill(tmp_path / "out")
    assert (tmp_path / "out" / "manifest.csv").read_text() == "old"


def test_a_full_disk_is_one_clear_message(tmp_path):
    with pytest.raises(UserError, match="disk is full"), staged_folder(tmp_path / "out"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert names(tmp_path) == []


def test_a_kill_leaves_no_output_and_the_leftovers_are_cleared_when_old(tmp_path):
    code = (
        "import time, pathlib\nfrom testiculus.data.importers.staging import staged_folder\n"
        f"with staged_folder(pathlib.Path({str(tmp_path / 'out')!r})) as part:\n"
        "    (part / 'manifest.csv').write_text('half')\n    print('ready', flush=True)\n"
        "    time.sleep(60)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "ready\n"
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    assert not (tmp_path / "out").exists() and len(names(tmp_path)) == 1
    leftover = next(tmp_path.iterdir())
    past = time.time() - 2 * ABANDONED_AFTER
    for path in (leftover / "manifest.csv", leftover):
        os.utime(path, (past, past))
    fill(tmp_path / "out")
    assert names(tmp_path) == ["out"]


@pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")
def test_an_output_that_git_would_take_up_is_warned_of(tmp_path, monkeypatch):
    monkeypatch.delenv("GIT_DIR", raising=False)
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    subprocess.run(["git", "init", "-q", str(checkout)], check=True)
    (checkout / ".gitignore").write_text("/imported/\n")
    with pytest.warns(InputWarning, match="new/set lies in a git checkout"):
        check_destination(checkout / "new/set", force=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for to in ("checkout/imported/set", "checkout/imported", "beside"):
            check_destination(tmp_path / to, force=False)
        monkeypatch.setenv("PATH", "")  # no git: nothing is said
        check_destination(checkout / "new/set", force=False)
