import hashlib
import json
import os
import signal
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import pytest

from testiculus.base.errors import InputWarning
from testiculus.base.store import Job, Store


@dataclass(frozen=True)
class Settings:
    seed: int = 0


def job(compute, seed=0, data="d", device="cpu"):
    return Job(Settings(seed), data, "testiculus.base.errors", device, compute)


def refuse(checkpoint):
    raise AssertionError("computed again")


def test_a_finished_run_is_not_computed_again(tmp_path):
    first = Store(tmp_path).finish(job(lambda c: {"x": np.arange(3)}))
    again = Store(tmp_path).finish(job(refuse))
    assert not first.reused and again.reused
    np.testing.assert_array_equal(again.arrays["x"], [0, 1, 2])
    assert again.seconds == first.seconds


@pytest.mark.parametrize("change", [{"seed": 1}, {"data": "e"}, {"device": "cuda:x"}])
def test_settings_data_and_device_are_part_of_the_key(change):
    assert job(refuse).key != job(refuse, **change).key


def test_the_code_is_part_of_the_key():
    assert job(refuse).key != replace(job(refuse), module="testiculus.base.store").key


@pytest.mark.parametrize("damage", [b"", b"\x00" * 200])
def test_a_damaged_run_is_computed_again_and_said_so(tmp_path, damage):
    run = Store(tmp_path).finish(job(lambda c: {"x": np.zeros(2)}))
    (tmp_path / run.key / "arrays.npz").write_bytes(damage)
    with pytest.warns(InputWarning, match="damaged"):
        again = Store(tmp_path).finish(job(lambda c: {"x": np.ones(2)}))
    np.testing.assert_array_equal(again.arrays["x"], [1, 1])


def keep_two_files(checkpoint):
    for name in ("weights.bin", "notes.txt", ".notes.txt.x.part"):  # the last as after a kill
        (checkpoint.folder / name).write_bytes(name.encode())
    checkpoint.save({"step": 1})
    return {"x": np.zeros(2)}


def test_files_kept_beside_the_arrays_belong_to_the_run(tmp_path):
    (tmp_path / job(refuse).key).mkdir()
    run = Store(tmp_path).finish(job(keep_two_files))
    again = Store(tmp_path).finish(job(refuse))
    assert run.folder == again.folder == tmp_path / run.key
    assert (again.folder / "weights.bin").read_bytes() == b"weights.bin"
    noted = json.loads((run.folder / "run.json").read_text())["files"]
    checksum = hashlib.sha256(b"weights.bin").hexdigest()
    assert set(noted) == {"weights.bin", "notes.txt"} and noted["weights.bin"] == checksum


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda file: file.unlink(), "weights.bin is missing"),
        (lambda file: file.write_bytes(b"others"), "checksum of weights.bin differs"),
    ],
)
def test_a_run_whose_kept_file_is_missing_or_damaged_is_computed_again(tmp_path, damage, said):
    (tmp_path / job(refuse).key).mkdir()
    run = Store(tmp_path).finish(job(keep_two_files))
    damage(run.folder / "weights.bin")
    with pytest.warns(InputWarning, match=said):
        again = Store(tmp_path).finish(job(keep_two_files))
    assert not again.reused and (again.folder / "weights.bin").read_bytes() == b"weights.bin"


def test_a_run_stored_before_files_were_kept_is_still_found(tmp_path):
    run = Store(tmp_path).finish(job(lambda c: {"x": np.zeros(2)}))
    note = json.loads((run.folder / "run.json").read_text())
    del note["files"]
    (run.folder / "run.json").write_text(json.dumps(note))
    assert Store(tmp_path).finish(job(refuse)).reused


def test_an_interrupted_run_finds_its_checkpoint_and_a_finished_one_leaves_none(tmp_path):
    def interrupted(checkpoint):
        checkpoint.save({"epoch": 7})
        raise KeyboardInterrupt

    def resumed(checkpoint):
        return {"epoch": np.array(checkpoint.load()["epoch"])}

    with pytest.raises(KeyboardInterrupt):
        Store(tmp_path).finish(job(interrupted))
    run = Store(tmp_path).finish(job(resumed))
    assert run.arrays["epoch"] == 7
    assert not (tmp_path / run.key / "checkpoint.pt").exists()


def test_a_damaged_checkpoint_is_left_aside(tmp_path):
    store, wanted = Store(tmp_path), job(lambda c: {"found": np.array(c.load() is not None)})
    (tmp_path / wanted.key).mkdir()
    (tmp_path / wanted.key / "checkpoint.pt").write_bytes(b"not a checkpoint")
    with pytest.warns(InputWarning, match="checkpoint"):
        assert not store.finish(wanted).arrays["found"]


def test_an_executor_gives_the_same_runs_in_the_same_order(tmp_path):
    jobs = [job(lambda c, s=s: {"s": np.array(s)}, seed=s) for s in range(6)]
    with ThreadPoolExecutor(3) as pool:
        runs = list(pool.map(Store(tmp_path).finish, jobs))
    assert [int(run.arrays["s"]) for run in runs] == [0, 1, 2, 3, 4, 5]


def test_a_process_killed_with_sigkill_leaves_finished_runs_and_no_half_ones(tmp_path):
    script = textwrap.dedent("""
        import sys, time
        from pathlib import Path
        import numpy as np
        from tests_store_settings import Settings
        from testiculus.base.store import Job, Store
        def compute(c, s):
            if s == 2:
                print("third", flush=True); time.sleep(60)
            return {"s": np.array(s)}
        jobs = [Job(Settings(s), "d", "testiculus.base.errors", "cpu",
                    lambda c, s=s: compute(c, s)) for s in range(3)]
        list(map(Store(sys.argv[1]).finish, jobs))
    """)
    (tmp_path / "tests_store_settings.py").write_text(
        "from dataclasses import dataclass\n"
        "@dataclass(frozen=True)\nclass Settings:\n    seed: int = 0\n"
    )
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{os.getcwd()}"}
    runs = tmp_path / "runs"
    with subprocess.Popen(
        [sys.executable, "-c", script, str(runs)], stdout=subprocess.PIPE, env=environment
    ) as process:
        assert process.stdout.readline() == b"third\n"
        process.send_signal(signal.SIGKILL)
    jobs = [job(refuse, s) for s in range(2)]
    assert [int(Store(runs).find(j).arrays["s"]) for j in jobs] == [0, 1]
    assert Store(runs).find(job(refuse, 2)) is None
