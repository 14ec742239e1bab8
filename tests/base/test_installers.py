import sys
from pathlib import Path

import pytest

from testiculus.base import installers
from testiculus.base.installers import Installer, Source, install_steps

LOCK = """\
numpy==2.4.6 \\
    --hash=sha256:aa
torch==2.11.0 \\
    --hash=sha256:bb
torchvision==0.26.0 \\
    --hash=sha256:cc
"""
TORCH = ["torch==2.11.0", "torchvision==0.26.0"]


@pytest.fixture
def root(tmp_path):
    (tmp_path / "requirements.lock").write_text(LOCK)
    return tmp_path


@pytest.fixture(params=["uv", "pip"])
def installer(request):
    return Installer(request.param, ("uv",), quiet=True)


def commands(installer, root, source):
    return [command for _, command in install_steps(installer, root, source)]


def program(folder: Path, name: str, body: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{body}\n")
    (folder / name).chmod(0o755)


def test_the_lock_is_installed_with_its_hashes_and_nothing_is_resolved(installer, root):
    lock, itself = commands(installer, root, Source())
    assert {"--require-hashes", "--no-deps", str(root / "requirements.lock")} <= set(lock)
    assert itself[-2:] == ["--editable", str(root)]


def test_this_package_is_installed_without_network_and_without_dependencies(installer, root):
    itself = commands(installer, root, Source())[-1]
    offline = "--offline" if installer.name == "uv" else "--no-index"
    assert {"--no-deps", "--no-build-isolation", offline} <= set(itself)


def test_another_index_serves_torch_alone_first_and_unhashed(installer, root):
    first, rest, needs, _ = commands(installer, root, Source(torch_index="an-index"))
    assert first[-4:] == ["--index-url", "an-index", *TORCH]
    assert needs[-4:] == first[-4:]
    assert "--no-deps" in first and "--no-deps" not in needs
    assert "--require-hashes" not in first
    assert "--require-hashes" in rest and "an-index" not in rest
    assert rest[-1] == str(installers.rest_of_lock(root))


def test_from_a_folder_of_wheels_no_index_is_asked(installer, root, tmp_path):
    for source in (Source(tmp_path), Source(tmp_path, torch_in_wheels=True)):
        for command in commands(installer, root, source)[:-1]:
            assert "--no-index" in command
            assert command[command.index("--find-links") + 1] == str(tmp_path)


def test_a_folder_wins_over_the_remembered_index_of_torch(installer, root, tmp_path):
    source = Source(tmp_path, torch_index="an-index", torch_in_wheels=True)
    assert not [c for c in commands(installer, root, source) if "an-index" in c]


def test_everything_goes_into_the_environment_of_the_project(installer, root):
    python = str(root / ".venv" / "bin" / "python")
    for command in commands(installer, root, Source(torch_index="an-index")):
        assert python in command


def test_the_environment_is_made_by_the_python_behind_the_present_one(installer, tmp_path):
    command = installer.create(tmp_path / ".venv")
    assert installers.base_python() in command
    assert Path(installers.base_python()).resolve().is_relative_to(Path(sys.base_prefix).resolve())


def test_uv_is_taken_where_it_runs(tmp_path, monkeypatch):
    program(tmp_path, "uv", "echo uv 9.9.9")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert installers.find_installer().name == "uv"


def test_a_uv_that_is_there_but_does_not_run_is_passed_over(tmp_path, monkeypatch):
    program(tmp_path, "uv", "echo not installed; exit 127")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "uv"))
    assert installers.find_installer().name == "pip"


def test_packages_that_the_shell_lends_to_python_are_not_seen(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    command = [sys.executable, "-c", "import sys; print('/elsewhere' in sys.path)"]
    assert installers.answer(command) == "False"
