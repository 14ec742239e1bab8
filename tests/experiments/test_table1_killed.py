"""A table that was killed and started again is the same, to the last bit."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

SCRIPT = """
from testiculus.experiments import table1
plan = table1.plan(profile="smoke", patients=9, epochs=1, batch_size=16)
table1.run(plan).write("results")
"""


def start(folder: Path) -> subprocess.Popen:
    folder.mkdir(exist_ok=True)
    environment = {**os.environ, "TESTICULUS_RUNS": str(folder / "runs"), "OMP_NUM_THREADS": "1"}
    environment["PYTHONPATH"] = os.getcwd()
    return subprocess.Popen([sys.executable, "-c", SCRIPT], cwd=folder, env=environment)


def finished_runs(folder: Path) -> dict[str, float]:
    return {p.parent.name: p.stat().st_mtime_ns for p in folder.glob("runs/*/run.json")}


def test_killed_with_sigkill_and_started_again_it_recomputes_nothing_and_ends_the_same(tmp_path):
    with start(tmp_path / "killed") as process:
        while len(finished_runs(tmp_path / "killed")) < 2 and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    before = finished_runs(tmp_path / "killed")
    assert process.returncode == -signal.SIGKILL
    assert not list((tmp_path / "killed").glob("results/**/results.csv"))
    for name in ("killed", "whole"):
        with start(tmp_path / name) as process:
            assert process.wait() == 0
    after = finished_runs(tmp_path / "killed")
    assert before.items() <= after.items() and len(after) > len(before)
    assert set(after) == set(finished_runs(tmp_path / "whole"))
    for table in ("results", "verdicts", "predictions", "flags", "flag_counts"):
        same = [next((tmp_path / n).glob(f"results/**/{table}.csv")) for n in ("killed", "whole")]
        assert same[0].read_bytes() == same[1].read_bytes()
