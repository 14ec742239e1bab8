"""What holds for every test: one thread, no network, no screen, nothing of the person's touched."""

import os
import shutil
import socket
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# Before torch or matplotlib is imported, and inherited by the processes that tests start. Two
# workers on two cores: more threads than that only wait for each other.
for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = "1"
os.environ |= {"MPLBACKEND": "Agg", "HF_HUB_OFFLINE": "1"}

# A person's finished runs, decoded images and weights must neither help a test nor be changed by
# it. Workers inherit the folder of the process that started them.
if "TESTICULUS_TEST_SCRATCH" not in os.environ:
    os.environ["TESTICULUS_TEST_SCRATCH"] = tempfile.mkdtemp(prefix="testiculus-")
_SCRATCH = os.environ["TESTICULUS_TEST_SCRATCH"]
for _name in ("RUNS", "CACHE", "WEIGHTS"):
    os.environ[f"TESTICULUS_{_name}"] = f"{_SCRATCH}/{_name.lower()}"


def pytest_configure(config):
    """Draw the same examples every time, and keep no folder of them."""
    from hypothesis import settings

    settings.register_profile("repeatable", derandomize=True, deadline=None, database=None)
    settings.load_profile("repeatable")
    config.results_before = _listing(ROOT / "results")


def _listing(folder: Path) -> dict[str, tuple[int, int]]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in files}


def pytest_sessionfinish(session):
    """Fail the whole run if results changed under it; remove the scratch folder."""
    if hasattr(session.config, "workerinput"):
        return  # a worker of pytest-xdist: the process that started it looks
    shutil.rmtree(_SCRATCH, ignore_errors=True)
    if _listing(ROOT / "results") != session.config.results_before:
        print("\nresults/ changed while the tests ran: by a test, or by a run beside them")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """Refuse every connection but those to this machine, which notebooks' kernels need."""
    connect = socket.socket.connect

    def local_only(self, address):
        host = address[0] if isinstance(address, tuple) else "localhost"
        if host not in ("localhost", "127.0.0.1", "::1"):
            raise OSError(f"a test tried to reach {host}; tests run without network")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", local_only)
