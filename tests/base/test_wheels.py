import json
import os
import sys
from pathlib import Path

import pytest

from testiculus.base import installers, wheels
from testiculus.base.errors import UserError

LOCK = """\
numpy==2.4.6 \\
    --hash=sha256:aa
torch==2.11.0 \\
    --hash=sha256:bb
torchvision==0.26.0 \\
    --hash=sha256:cc
"""


@pytest.fixture
def root(tmp_path):
    (tmp_path / "requirements.lock").write_text(LOCK)
    return tmp_path


@pytest.fixture
def folder(root):
    made = root / "wheels"
    made.mkdir()
    (made / "numpy-2.4.6-py3-none-any.whl").touch()
    return made


def test_the_locked_files_are_fetched_by_their_hashes(tmp_path):
    root, scratch = tmp_path / "project", tmp_path / "scratch"
    root.mkdir(), scratch.mkdir()
    (root / "requirements.lock").write_text(LOCK)
    [(_, arguments)] = wheels.download_steps(root, tmp_path / "wheels", scratch, "")
    assert {"--require-hashes", "--no-deps", str(root / "requirements.lock")} <= set(arguments)
    assert arguments[arguments.index("--dest") + 1] == str(tmp_path / "wheels")
    assert not list(scratch.iterdir())


def test_torch_of_another_index_is_fetched_from_there_and_the_rest_without_it(tmp_path):
    root, scratch = tmp_path / "project", tmp_path / "scratch"
    root.mkdir(), scratch.mkdir()
    (root / "requirements.lock").write_text(LOCK)
    steps = wheels.download_steps(root, tmp_path / "wheels", scratch, "an-index")
    torch, rest = [arguments for _, arguments in steps]
    assert torch[-4:] == ["--index-url", "an-index", "torch==2.11.0", "torchvision==0.26.0"]
    assert "an-index" not in rest
    assert Path(rest[-1]).read_text() == LOCK.split("torch==")[0]


def test_the_card_is_written_last_and_read_back(root, folder, monkeypatch):
    monkeypatch.setattr(wheels, "_pip", lambda scratch: ["true"])
    wheels.fill_wheelhouse(folder, root, torch_index="an-index")
    card = wheels.read_card(folder, root)
    assert card["own_torch"] is True
    assert card["python"] == "{}.{}".format(*sys.version_info)
    assert "an-index" not in (folder / wheels.CARD).read_text()


def test_a_failed_download_leaves_no_card(root, folder, monkeypatch):
    monkeypatch.setattr(wheels, "_pip", lambda scratch: ["false"])
    with pytest.raises(UserError, match="download failed"):
        wheels.fill_wheelhouse(folder, root)
    assert not (folder / wheels.CARD).exists()


@pytest.mark.parametrize(
    ("what", "other"), [("python", "3.9"), ("system", "cray x1"), ("lock", "0" * 64)]
)
def test_wheels_for_something_else_are_refused_by_name(root, folder, what, other):
    card = {**wheels.card(root), "own_torch": False, what: other}
    (folder / wheels.CARD).write_text(json.dumps(card))
    with pytest.raises(UserError, match=f"another {what}: {other}"):
        wheels.read_card(folder, root)


def test_a_folder_without_wheels_is_refused(root):
    with pytest.raises(UserError, match="no wheels"):
        wheels.read_card(root / "nowhere", root)


def test_a_folder_without_a_card_is_left_to_the_hashes(root, folder):
    assert wheels.read_card(folder, root) == {}


def test_a_python_without_pip_gets_one_for_the_moment(tmp_path, monkeypatch):
    python = tmp_path / "python"  # knows venv, and makes a pip that answers
    made = tmp_path / "pip" / "bin"
    python.write_text(
        f'#!/bin/sh\n[ "$2" = venv ] || exit 1\nmkdir -p {made}\n'
        f"printf '#!/bin/sh\\necho pip 1.0\\n' > {made}/python\nchmod +x {made}/python\n"
    )
    python.chmod(0o755)
    monkeypatch.setattr(installers, "base_python", lambda: str(python))
    assert wheels._pip(tmp_path) == [str(made / "python"), "-m", "pip"]
    assert os.access(made / "python", os.X_OK)
