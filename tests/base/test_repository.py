import subprocess

import pytest

from testiculus.base import repository as module
from testiculus.base.repository import commit_in_words, git_state


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


def test_a_copy_inside_another_repository_has_none_of_its_commits(repository):
    copy = repository / "unpacked"
    copy.mkdir()

    assert git_state(copy) == {"commit": None, "dirty": None}


def test_the_commit_in_words_says_when_there_are_changes(repository, monkeypatch):
    monkeypatch.setattr(module, "project_root", lambda: repository)
    commit = git_state(repository)["commit"]
    assert commit_in_words() == commit
    (repository / "testiculus" / "b.py").write_text("b = 1\n")
    assert commit_in_words() == f"{commit} and uncommitted changes"


def test_without_git_there_is_no_commit_in_words_either(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "project_root", lambda: tmp_path)
    assert commit_in_words() == "unknown"
