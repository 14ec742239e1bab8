"""The lab: a person's work and a person's images stay out of the tracked notebooks."""

import subprocess
from pathlib import Path

import pytest

from testiculus.execute import lab as module


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Make a project with one notebook, and a lab that only notes how it was called."""
    monkeypatch.delenv("TESTICULUS_RUNS", raising=False)
    monkeypatch.setattr(module, "runs_folder", lambda: tmp_path / ".runs")
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "table1.ipynb").write_text("as committed")
    calls = []

    def run(command, **options):
        calls.append(command)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(module.subprocess, "run", run)
    return tmp_path, calls


def test_the_lab_opens_copies_in_a_folder_that_git_ignores(project):
    root, calls = project

    assert module.lab(root) == 0

    assert (root / ".runs" / "lab" / "table1.ipynb").read_text() == "as committed"
    assert f"--ServerApp.root_dir={root / '.runs' / 'lab'}" in calls[0]
    ignored = (Path(module.__file__).parents[2] / ".gitignore").read_text().splitlines()
    assert "/.runs/" in ignored


def test_a_persons_copy_is_kept_and_named(project, capsys):
    root, _ = project
    module.lab(root)
    copy = root / ".runs" / "lab" / "table1.ipynb"
    copy.write_text("with pictures")

    module.lab(root)

    assert copy.read_text() == "with pictures"
    assert (root / "notebooks" / "table1.ipynb").read_text() == "as committed"
    assert "kept, not the same as the project's: table1.ipynb" in capsys.readouterr().out


def test_an_unchanged_copy_is_not_spoken_of(project, capsys):
    root, _ = project
    module.lab(root)
    module.lab(root)

    assert "kept" not in capsys.readouterr().out


def test_a_relative_path_in_a_notebook_is_seen_from_the_projects_folder(tmp_path):
    kernels = pytest.importorskip("jupyter_server.services.kernels.kernelmanager")
    command = module.lab_command(tmp_path / ".runs" / "lab", tmp_path)
    option = next(word for word in command if word.startswith("--MappingKernelManager.root_dir="))

    manager = kernels.AsyncMappingKernelManager(root_dir=option.partition("=")[2])

    assert Path(manager.cwd_for_path("table1.ipynb")) == tmp_path
