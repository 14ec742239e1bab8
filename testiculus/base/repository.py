"""What git says of the project: the commit, and whether the sources differ from it.

Main functions: `git_state`, and `commit_in_words` for a card or a footer.
"""

import subprocess
from pathlib import Path

from testiculus.base.places import project_root

# What decides a result; a change elsewhere (prose, committed results) does not make it "dirty".
SOURCES = ("testiculus", "notebooks", "pyproject.toml", "requirements.lock")


def commit_in_words() -> str:
    """Return the project's commit and whether sources differ from it; "unknown" without git."""
    state = git_state(project_root())
    if state["commit"] is None:
        return "unknown"
    return f"{state['commit']}{' and uncommitted changes' if state['dirty'] else ''}"


def git_state(root: Path) -> dict[str, object]:
    """Return the commit and whether the sources differ from it; None where git cannot say.

    It cannot where `root` is not the top of its repository: an unpacked copy of the project that
    lies inside another repository has none of that one's commits.
    """
    top = _git(root, "rev-parse", "--show-toplevel")
    if not top or Path(top).resolve() != root.resolve():
        return {"commit": None, "dirty": None}
    commit = _git(root, "rev-parse", "HEAD")
    changed = _git(root, "status", "--porcelain", "--", *SOURCES)
    dirty = None if commit is None or changed is None else bool(changed)
    return {"commit": commit, "dirty": dirty}


def _git(root: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", *words], cwd=root, capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
