"""The runner: a notebook runs through or leaves no trace."""

import errno
import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import nbformat
import pytest

from testiculus.base.errors import UserError
from testiculus.execute import runner

PARAMETERS = """\
PROFILE = "demo"  # type: str the size
DATA = "phantom"  # type: str the data
RESULTS = ""  # type: str where to write
EPOCHS = None  # type: int passes
UNLABELLED = None  # type: paths further manifests
"""
WRITE = """\
from pathlib import Path
folder = Path(RESULTS, "phantom", PROFILE, "toy")
folder.mkdir(parents=True)
(folder / "results.csv").write_text(f"epochs {EPOCHS}")
print("wrote", folder)
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Return a function that makes a project with one notebook, `toy`, of the given cells."""

    def make(*cells: str) -> Path:
        (tmp_path / "notebooks").mkdir()
        notebook = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(source) for source in (PARAMETERS, *cells)],
            metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
        )
        notebook.cells[0].metadata["tags"] = ["parameters"]
        nbformat.write(notebook, tmp_path / "notebooks" / "toy.ipynb")
        return tmp_path

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TESTICULUS_RUNS", str(tmp_path / "runs"))
    monkeypatch.setattr("testiculus.execute.provenance.code_fingerprint", lambda module: "f" * 64)
    for module in ("runner", "scrub"):
        monkeypatch.setattr(f"testiculus.execute.{module}.project_root", lambda: tmp_path)
    return make


def test_a_run_leaves_results_an_executed_notebook_and_provenance(project, capfd):
    root = project(WRITE)

    done = runner.reproduce("toy", {"PROFILE": "smoke", "EPOCHS": "3"}, root / "out")

    assert done.folder == root / "out" / "phantom" / "smoke" / "toy"
    assert (done.folder / "results.csv").read_text() == "epochs 3"
    record = json.loads((done.folder / "provenance.json").read_text())
    assert record["parameters"] == {"PROFILE": "smoke", "EPOCHS": 3}
    assert record["wall_seconds"] > 0 and record["peak_memory_bytes"] > 1e6
    assert "wrote" in capfd.readouterr().out  # the kernel's prints reach the terminal
    assert record["code_fingerprint"] == "f" * 64 and len(record["sources_fingerprint"]) == 64
    shared = (done.folder / "toy.ipynb").read_text() + (done.folder / "provenance.json").read_text()
    assert str(root) not in shared and str(Path.home()) + "/" not in shared
    assert not (root / "out" / ".staging").exists()


def test_no_path_of_the_machine_survives_in_a_provenance(project, capfd):
    about = (
        "import json\n"
        "about = {'settings': {'initialisations': ', '.join(INITIALISATIONS), 'device': 'cpu'},\n"
        "    'not_run': {name: f'put a file at {name}' for name in INITIALISATIONS},\n"
        "    'data_settings': {'source': f'from {DATA} and {RESULTS}/x', 'licence': '/srv/a b'}}\n"
        "print(about)\n"
        "(folder / 'provenance.json').write_text(json.dumps(about))"
    )
    root = project("INITIALISATIONS = None  # type: names starts", WRITE + about)
    notebook = nbformat.read(root / "notebooks" / "toy.ipynb", as_version=4)
    notebook.cells[0].source += notebook.cells.pop(1).source
    nbformat.write(notebook, root / "notebooks" / "toy.ipynb")
    (root / "wards").mkdir()
    (root / "wards" / "manifest.csv").touch()
    values = {"DATA": str(root / "wards" / "manifest.csv"), "INITIALISATIONS": "/mnt/w3/a.pth,b"}

    done = runner.reproduce("toy", values, root / "out")

    text = (done.folder / "provenance.json").read_text()
    assert not re.search(r"(?<![\w.~])/\w", text)
    assert json.loads(text) == done.provenance
    assert done.provenance["parameters"] == {
        "DATA": "manifest.csv",
        "INITIALISATIONS": ["a.pth", "b"],
    }
    assert done.provenance["not_run"] == {"a.pth": "put a file at a.pth", "b": "put a file at b"}
    assert str(root) not in (done.folder / "toy.ipynb").read_text()
    assert "/mnt/w3" not in (done.folder / "toy.ipynb").read_text()


def test_bad_input_found_in_the_kernel_is_a_user_error_and_changes_nothing(project):
    root = project(
        WRITE,
        "from testiculus.base.errors import InputProblems\n"
        "raise InputProblems('2 problems', ['row 3: no image'], 'mend the file')",
    )
    old = root / "out" / "phantom" / "demo" / "toy"
    old.mkdir(parents=True)
    (old / "results.csv").write_text("old")

    with pytest.raises(UserError) as caught:
        runner.reproduce("toy", {}, root / "out")

    assert str(caught.value) == "2 problems\n  - row 3: no image\n  remedy: mend the file"
    assert [p.name for p in old.iterdir()] == ["results.csv"]
    assert (old / "results.csv").read_text() == "old"
    assert not (root / "out" / ".staging").exists()


def test_a_cell_that_breaks_is_reported_with_its_traceback_and_the_notebook_kept(project):
    root = project("1 / 0")

    with pytest.raises(runner.NotebookFailed, match="ZeroDivisionError"):
        runner.reproduce("toy", {}, root / "out")

    assert (root / "runs" / "failed" / "toy.ipynb").is_file()
    assert not (root / "out").exists()


def test_a_kernel_that_dies_is_a_failure_although_papermill_calls_its_cells_completed(project):
    root = project("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", WRITE)

    with pytest.raises(runner.NotebookFailed, match="kernel died"):
        runner.reproduce("toy", {}, root / "out")


def test_a_notebook_with_a_cell_that_never_ran_is_no_success():
    ran = nbformat.v4.new_code_cell("1", execution_count=1)
    never = nbformat.v4.new_code_cell("2", metadata={"papermill": {"status": "completed"}})

    assert runner.failure(nbformat.v4.new_notebook(cells=[ran])) is None
    problem = runner.failure(nbformat.v4.new_notebook(cells=[ran, never]))
    assert str(problem) == "1 of 2 cells did not run"


def test_a_manifest_is_found_from_the_callers_folder(project, tmp_path, monkeypatch):
    root = project()
    (root / "mine").mkdir()
    (root / "mine" / "manifest.csv").touch()
    monkeypatch.chdir(root / "mine")

    _, parameters = runner.prepared("toy", {"DATA": "manifest.csv"})

    assert parameters["DATA"] == str(root / "mine" / "manifest.csv")


def test_further_manifests_are_found_from_the_callers_folder_too(project, monkeypatch):
    root = project()
    for name in ("a", "b"):
        (root / name).mkdir()
        (root / name / "m.csv").touch()
    monkeypatch.chdir(root / "a")

    _, parameters = runner.prepared("toy", {"UNLABELLED": "m.csv, ../b/m.csv"})

    assert parameters["UNLABELLED"] == [str(root / name / "m.csv") for name in ("a", "b")]
    with pytest.raises(UserError, match="UNLABELLED=nowhere.csv"):
        runner.prepared("toy", {"UNLABELLED": "m.csv,nowhere.csv"})


def test_the_kernel_knows_where_the_results_lie_and_nobody_else_does(project, monkeypatch):
    root = project(WRITE, "import os\nprint('look in', os.environ['TESTICULUS_RESULTS'])")
    monkeypatch.delenv("TESTICULUS_RESULTS", raising=False)

    done = runner.reproduce("toy", {}, root / "out")

    shared = (done.folder / "toy.ipynb").read_text()
    assert "look in results" in shared and str(root) not in shared
    assert "TESTICULUS_RESULTS" not in os.environ


def test_a_manifest_whose_links_go_round_is_none(project, tmp_path):
    project()
    loop = tmp_path / "loop.csv"
    loop.symlink_to(loop)

    with pytest.raises(UserError, match="no manifest at"):
        runner.prepared("toy", {"DATA": str(loop)})


def test_a_missing_manifest_is_refused_before_anything_runs(project):
    root = project()

    with pytest.raises(UserError, match="no manifest at 'nowhere.csv'"):
        runner.reproduce("toy", {"DATA": "nowhere.csv"}, root / "out")

    assert not (root / "out").exists()


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_an_interrupt_stops_the_kernel_and_leaves_the_old_results(project):
    root = project("print('up', flush=True)\nimport time\ntime.sleep(60)", WRITE)
    program = textwrap.dedent("""
        import signal
        from pathlib import Path
        from testiculus.execute import provenance, runner
        signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in the background
        runner.project_root = Path.cwd
        provenance.code_fingerprint = str
        try:
            runner.reproduce("toy", {}, Path("out"))
        except KeyboardInterrupt:
            print("interrupted")
    """)
    here = Path(runner.__file__).parents[2]
    child = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(here)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout.readline().strip() == "up"
    out = None
    for _ in range(5):  # on a busy machine one interrupt can get lost: people press the keys again
        time.sleep(0.2)
        child.send_signal(signal.SIGINT)
        try:
            out, _ = child.communicate(timeout=10)
            break
        except subprocess.TimeoutExpired:
            continue
    child.kill()

    assert out is not None and "interrupted" in out
    assert not (root / "out").exists()


def test_a_disk_that_fills_up_is_told_as_such_and_leaves_the_old_results(project, monkeypatch):
    root = project("x = 1", WRITE)
    runner.reproduce("toy", {}, root / "out")
    before = {path: path.read_bytes() for path in (root / "out").rglob("*.ipynb")}

    def full(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(runner, "write_notebook", full)
    with pytest.raises(UserError, match="the disk is full"):
        runner.reproduce("toy", {}, root / "out")
    assert before and {path: path.read_bytes() for path in before} == before
