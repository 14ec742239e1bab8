"""Provenance: where a result comes from, and whether the code is still the same."""

import json
import subprocess

import pytest

from testiculus.base.code import code_fingerprint
from testiculus.execute import provenance as module
from testiculus.execute.provenance import git_state, is_stale, provenance, versions


@pytest.fixture
def repository(tmp_path):
    """Make a repository with one commit; skip where there is no git."""

    def git(*words):
        identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *identity, *words], cwd=tmp_path, check=True, capture_output=True)

    (tmp_path / "testiculus").mkdir()
    (tmp_path / "testiculus" / "a.py").write_text("a = 1\n")
    try:
        git("init", "-q")
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no git")
    git("add", ".")
    git("commit", "-q", "-m", "first")
    return tmp_path


def test_a_clean_checkout_names_its_commit(repository):
    state = git_state(repository)

    assert len(state["commit"]) == 40 and state["dirty"] is False


def test_changed_and_new_sources_are_dirty_but_results_and_prose_are_not(repository):
    (repository / "results").mkdir()
    (repository / "results" / "a.csv").write_text("1")
    (repository / "README.md").write_text("hello")
    assert git_state(repository)["dirty"] is False

    (repository / "testiculus" / "b.py").write_text("b = 1\n")
    assert git_state(repository)["dirty"] is True


def test_without_git_the_commit_is_unknown(tmp_path):
    assert git_state(tmp_path) == {"commit": None, "dirty": None}


def test_a_record_holds_what_the_contract_asks_for(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "code_fingerprint", lambda name: "f")
    from_kernel = {
        "data": "liver",
        "data_fingerprint": "d",
        "data_settings": {"licence": "CC BY 4.0"},
        "settings": {"device": "cpu"},
    }

    record = provenance(tmp_path, "table1", {"EPOCHS": 2}, 1.23, from_kernel)

    wanted = {"experiment": "table1", "licence": "CC BY 4.0", "device": "cpu", "wall_seconds": 1.2}
    assert wanted.items() <= record.items()
    names = "commit dirty parameters data data_fingerprint versions peak_memory_bytes finished"
    assert set(names.split()) <= set(record)
    assert json.loads(json.dumps(record)) == record


def test_versions_name_python_and_what_computes():
    assert {"python", "torch", "numpy"} <= set(versions())


def test_a_result_is_stale_when_the_code_that_made_it_has_changed():
    name = "testiculus.base.errors"
    fresh = {"code_module": name, "code_fingerprint": code_fingerprint(name)}

    assert not is_stale(fresh)
    assert is_stale(fresh | {"code_fingerprint": "0" * 64})
    assert is_stale(fresh | {"code_module": "testiculus.gone"})
    assert is_stale({})
