"""Fig. 5 that was killed and started again is the same, to the last bit."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from testiculus.base.errors import InputWarning
from testiculus.experiments import fig5

# The same small encoder and images as the other tests, in a process that can be killed.
SCRIPT = """
import importlib.util, sys
from testiculus import models
from testiculus.experiments import fig5

spec = importlib.util.spec_from_file_location("shared", sys.argv[1])
shared = importlib.util.module_from_spec(spec)
spec.loader.exec_module(shared)
models._encoder = shared.staged_encoder
fig5.run(fig5.plan(**shared.LIVERS, data=sys.argv[2], strengths=0)).write("results")
"""
TRAININGS = 9  # three models of three folds
FRAMES = (*fig5.FRAMES, "measures")


def start(data: str, folder: Path) -> subprocess.Popen:
    environment = {**os.environ, "TESTICULUS_RUNS": str(folder / "runs"), "OMP_NUM_THREADS": "1"}
    environment["PYTHONPATH"] = os.getcwd()
    shared = str(Path(__file__).with_name("conftest.py"))
    command = [sys.executable, "-c", SCRIPT, shared, data]
    return subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.DEVNULL)


def finished_runs(folder: Path) -> dict[str, float]:
    return {p.parent.name: p.stat().st_mtime_ns for p in folder.glob("runs/*/run.json")}


def run(monkeypatch, livers, folder: Path, data: str) -> Path:
    livers.use(monkeypatch, folder)
    return fig5.run(fig5.plan(**livers.SMALL, data=data, strengths=0)).write(folder / "results")


def test_killed_with_sigkill_amid_its_maps_it_recomputes_nothing_and_ends_the_same(
    tmp_path, monkeypatch, livers
):
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    for folder in (killed, whole):
        folder.mkdir()
    data = livers.write(tmp_path)
    with start(data, killed) as process:
        while len(finished_runs(killed)) < TRAININGS + 2 and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    before = finished_runs(killed)
    assert process.returncode == -signal.SIGKILL
    assert not list(killed.glob("results/**/results.csv"))
    with pytest.warns(InputWarning, match="no shortcut"):
        ends = [run(monkeypatch, livers, folder, data) for folder in (killed, whole)]
    after = finished_runs(killed)
    assert before.items() <= after.items() and len(after) > len(before) > TRAININGS
    assert set(after) == set(finished_runs(whole))
    for name in FRAMES:
        one, other = ((end / f"{name}.csv").read_bytes() for end in ends)
        assert one == other
