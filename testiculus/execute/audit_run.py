"""Running the audits of a data set into its results folder: `run_audit`; `estimate` says the price.

They are written to `<results>/<data>/audit/`, which has no profile: an audit looks at the data
alone. Tables and `audit.json`, which holds the findings and where they come from, take the place
of the old ones together.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from testiculus.base.code import code_fingerprint
from testiculus.base.devices import peak_memory
from testiculus.base.errors import UserError
from testiculus.base.files import disk_full_is_a_user_error, read_json
from testiculus.base.places import project_root
from testiculus.base.repository import git_state
from testiculus.execute.provenance import cpu_model, usable_cpus, versions
from testiculus.execute.runner import PHANTOM, Finished
from testiculus.execute.staging import staging, swap_in

AUDIT = "audit"
MANY = 1000  # images; so many take two minutes on two cores, and are audited without a word
LONG = 300.0  # seconds: what takes longer says so before


def estimate(data: str, columns: tuple[str, ...] = ()) -> str:
    """Return what the audit of the phantom or of a manifest would cost here; nothing is written.

    A few images are read and searched. Raises `UserError` for bad input.
    """
    from testiculus.experiments import audit_cost

    return audit_cost.estimate(_home_in(data), columns).in_words()


def announce(data: str, columns: tuple[str, ...] = (), say: Callable[[str], None] = print) -> None:
    """Say what the audit of a manifest with `MANY` images will cost, if that takes `LONG`.

    Bad input says nothing here: the audit finds all that is wrong, this only what it comes across.
    """
    from testiculus.data.manifest import read_manifest
    from testiculus.experiments import audit_cost

    if data == PHANTOM:
        return
    try:
        cost = audit_cost.estimate(data, columns) if len(read_manifest(data)) > MANY else None
    except UserError:
        return
    if cost and cost.seconds > LONG:
        say(f"{cost.in_words()}; the pairs grow with the square of the images")


def _home_in(data: str) -> str:
    return data if data == PHANTOM else str(Path(data).expanduser())


def run_audit(
    data: str,
    results: Path,
    columns: tuple[str, ...] = (),
    present: Callable[[Path, object], None] = lambda folder, found: None,
) -> Finished:
    """Audit the phantom or the manifest that `data` names; return the folder and `audit.json`.

    `columns` are further columns to take for labels. `present` may add to the finished folder what
    a reader wants to see, before it is put in its place; it is given the folder and the audit.
    Raises `UserError` for bad input; earlier results then stay as they were.
    """
    from testiculus.experiments import dataset_audit

    data = _home_in(data)
    announce(data, columns)
    results = results.expanduser().resolve()
    started = time.monotonic()
    record = {
        **git_state(project_root()),
        "code_module": dataset_audit.MODULE,
        "code_fingerprint": code_fingerprint(dataset_audit.MODULE),
    }
    found = dataset_audit.audit(data, columns)
    with disk_full_is_a_user_error(results), staging(results, AUDIT) as stage:
        folder = stage / found.about["data"] / AUDIT
        record |= {
            **{"versions": versions(), "cpu": cpu_model(), "cpus": usable_cpus()},
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "wall_seconds": round(time.monotonic() - started, 1),
            "peak_memory_bytes": peak_memory(),
        }
        written = dataset_audit.write_audit(found, folder, record)
        present(folder, found)
        about = read_json(written)
        return Finished(swap_in(stage, results, folder), about)
