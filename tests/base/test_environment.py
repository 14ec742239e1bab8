import json
import os
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

from testiculus.base import environment
from testiculus.base.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
LOCK = "torch==2.11.0 \\\n    --hash=sha256:aa\n"

# Stands in for uv: makes an "environment" whose Python is the one that runs the tests, and writes
# down what it was asked to install. What the file `behave` says it does instead of installing.
UV = """\
#!/bin/sh
case "$1 $2" in
  --version*) echo "uv 9.9.9" ;;
  venv*) for folder; do :; done
    mkdir -p "$folder/bin"
    printf '#!/bin/sh\\nexec {python} "$@"\\n' > "$folder/bin/python"
    chmod +x "$folder/bin/python" ;;
  *) echo "$*" >> {log}
    . {behave} ;;
esac
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project folder, and a uv on PATH that only pretends."""
    root, tools = tmp_path / "a project", tmp_path / "tools"
    root.mkdir(), tools.mkdir()
    (root / "requirements.lock").write_text(LOCK)
    (root / "pyproject.toml").write_text("[project]\n")
    (tools / "behave").touch()
    uv = UV.format(python=sys.executable, log=tools / "log", behave=tools / "behave")
    (tools / "uv").write_text(uv)
    (tools / "uv").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    # A first import of torch takes seconds; that it is asked for is tested by itself.
    monkeypatch.setattr(environment, "FIRST_IMPORT", "pass")
    return root


def asked(project) -> list[str]:
    log = project.parent / "tools" / "log"
    return log.read_text().splitlines() if log.exists() else []


def behave(project, shell: str) -> None:
    (project.parent / "tools" / "behave").write_text(shell)


@pytest.mark.parametrize("version", [(3, 10, 4), (3, 13, 0), (2, 7, 18)])
def test_an_unsupported_python_is_named_with_what_to_do(version):
    with pytest.raises(UserError) as refused:
        environment.check_python(version)
    assert f"this is Python {version[0]}.{version[1]}" in str(refused.value)
    assert "3.11 or 3.12" in str(refused.value)
    assert "remedy" in str(refused.value)


def test_the_supported_pythons_are_those_of_pyproject_and_the_makefile():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["requires-python"] == ">=3.11,<3.13"
    assert environment.SUPPORTED_PYTHONS == ("3.11", "3.12")
    assert "not in ((3, 11), (3, 12))" in (ROOT / "Makefile").read_text()


def test_setup_fills_an_empty_folder_and_then_has_nothing_to_do(project):
    assert environment.setup(root=project) is True
    assert len(asked(project)) == 2  # the lock, then the package itself
    assert environment.setup(root=project) is False
    assert len(asked(project)) == 2
    assert not (project / ".venv.unfinished").exists()


def test_torch_is_imported_before_setup_calls_itself_done(project, monkeypatch):
    monkeypatch.setattr(environment, "FIRST_IMPORT", "import no_such_torch")
    with pytest.raises(UserError, match="first import of torch"):
        environment.setup(root=project)
    assert not (project / ".venv" / environment.STAMP).exists()


@pytest.mark.parametrize("name", ["requirements.lock", "pyproject.toml"])
def test_a_changed_file_brings_the_environment_up_to_date_in_place(project, name):
    environment.setup(root=project)
    (project / ".venv" / "kept").touch()
    with (project / name).open("a") as stream:
        stream.write("\n")
    assert environment.setup(root=project) is True
    assert (project / ".venv" / "kept").exists()
    assert environment.setup(root=project) is False


def test_another_version_of_python_is_another_environment(project):
    assert environment.digest(project, "3.11.7") != environment.digest(project, "3.11.8")


def test_the_index_of_torch_is_remembered_by_later_setups(project):
    environment.setup(torch_index="an-index", root=project)
    assert environment.setup(root=project) is False
    assert environment.setup(torch_index="an-index", root=project) is False
    (project / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    before = len(asked(project))
    assert environment.setup(root=project) is True
    assert "an-index" in asked(project)[before]


def test_asking_for_another_index_makes_the_environment_anew(project):
    environment.setup(root=project)
    (project / ".venv" / "torch of the same version").touch()
    assert environment.setup(torch_index="an-index", root=project) is True
    assert not (project / ".venv" / "torch of the same version").exists()
    assert environment.setup(torch_index="", root=project) is True
    assert "an-index" not in asked(project)[-2]


def test_a_failed_first_setup_is_one_message_and_the_next_starts_anew(project):
    behave(project, "exit 3")
    with pytest.raises(UserError, match="stopped at: the locked packages") as failed:
        environment.setup(root=project)
    assert "make wheelhouse" in str(failed.value)
    (project / ".venv" / "half").touch()
    behave(project, "")
    assert environment.setup(root=project) is True
    assert not (project / ".venv" / "half").exists()


def test_a_failed_update_leaves_the_working_environment_alone(project):
    environment.setup(root=project)
    (project / ".venv" / "kept").touch()
    (project / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    behave(project, "exit 3")
    with pytest.raises(UserError):
        environment.setup(root=project)
    behave(project, "")
    assert environment.setup(root=project) is True
    assert (project / ".venv" / "kept").exists()


def setup_elsewhere(project) -> subprocess.Popen:
    """The same call in a process of its own, which can be killed."""
    code = (
        "import sys; from pathlib import Path; from testiculus.base import environment as e\n"
        "e.FIRST_IMPORT = 'pass'; e.setup(root=Path(sys.argv[1]))"
    )
    command = [sys.executable, "-c", code, str(project)]
    return subprocess.Popen(command, cwd=ROOT, start_new_session=True, stdout=subprocess.PIPE)


def wait_for(condition) -> None:
    for _ in range(1000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("waited in vain")


@pytest.mark.parametrize("update", [False, True])
def test_a_killed_setup_is_made_anew_by_the_next(project, update, capsys):
    if update:
        environment.setup(root=project)
        (project / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    before = len(asked(project))
    behave(project, "sleep 60")
    running = setup_elsewhere(project)
    wait_for(lambda: len(asked(project)) > before)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    (project / ".venv" / "half").touch()
    behave(project, "")
    assert environment.setup(root=project) is True
    assert not (project / ".venv" / "half").exists()
    assert "did not come to its end" in capsys.readouterr().out
    assert environment.setup(root=project) is False


def test_two_setups_at_once_install_once(project):
    behave(project, "sleep 0.3")
    both = [setup_elsewhere(project), setup_elsewhere(project)]
    assert [process.wait() for process in both] == [0, 0]
    assert len(asked(project)) == 2
    assert environment.setup(root=project) is False


def test_an_environment_made_by_hand_is_added_to_not_removed(project):
    subprocess.run(["uv", "venv", str(project / ".venv")], check=True)
    (project / ".venv" / "theirs").touch()
    assert environment.setup(root=project) is True
    assert (project / ".venv" / "theirs").exists()


def test_a_folder_that_is_no_environment_of_ours_is_not_touched(project):
    (project / ".venv").mkdir()
    (project / ".venv" / "theirs").touch()
    with pytest.raises(UserError, match="made by hand"):
        environment.setup(root=project)
    assert (project / ".venv" / "theirs").exists()


def test_a_moved_project_gets_a_new_environment(project):
    environment.setup(root=project)
    (project / ".venv" / "half").touch()
    moved = project.rename(project.parent / "moved")
    assert environment.setup(root=moved) is True
    assert not (moved / ".venv" / "half").exists()


def test_an_environment_whose_python_is_gone_is_made_anew(project):
    environment.setup(root=project)
    (project / ".venv" / "bin" / "python").unlink()
    assert environment.setup(root=project) is True
    assert environment.setup(root=project) is False


def test_a_venv_that_links_to_another_disk_stays_a_link(project, tmp_path):
    (tmp_path / "disk").mkdir()
    (project / ".venv").symlink_to(tmp_path / "disk")
    environment.setup(root=project)
    (project / ".venv.unfinished").write_text("killed")
    (tmp_path / "disk" / environment.STAMP).unlink()
    assert environment.setup(root=project) is True
    assert (project / ".venv").is_symlink()


def test_a_damaged_stamp_counts_as_none(project):
    environment.setup(root=project)
    (project / ".venv" / environment.STAMP).write_text("[1, 2")
    assert environment.setup(root=project) is True


def test_a_wheelhouse_with_a_torch_of_its_own_is_noticed_by_its_card(project, tmp_path):
    from testiculus.base import wheels

    folder = tmp_path / "wheels"
    folder.mkdir()
    (folder / "torch-2.11.0-py3-none-any.whl").touch()
    card = {**wheels.card(project), "own_torch": True}
    (folder / wheels.CARD).write_text(json.dumps(card))
    environment.setup(wheels=folder, root=project)
    first = asked(project)[0]
    assert "torch==2.11.0" in first and "--no-index" in first and "--require-hashes" not in first


def test_outside_the_project_setup_says_where_it_belongs(tmp_path):
    with pytest.raises(UserError, match="requirements.lock"):
        environment.setup(root=tmp_path)


def test_the_commands_for_a_bare_python_need_the_standard_library_alone():
    # -S leaves out site-packages, -I the shell's own ideas of where modules lie.
    for words in (["--help"], ["setup", "--help"], ["wheelhouse", "--help"]):
        code = f"import sys; sys.path.insert(0, '.'); sys.argv[1:] = {words!r}\n"
        code += "import runpy; runpy.run_module('testiculus', run_name='__main__')"
        command = [sys.executable, "-I", "-S", "-c", code]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert "usage" in done.stdout
