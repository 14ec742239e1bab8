"""Running an experiment's notebook into a results folder: `reproduce`.

The notebook runs in a kernel of its own through papermill, into a staging folder. Only if every
cell ran and none failed does the folder, with the executed notebook and its provenance, take the
place of the old results (`testiculus.execute.staging`).
"""

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import testiculus
from testiculus.base.errors import UserError
from testiculus.base.files import disk_full_is_a_user_error, read_json, write_json
from testiculus.base.places import project_root, runs_folder
from testiculus.execute.parameters import notebook_path, read_parameters, typed
from testiculus.execute.provenance import origin, provenance
from testiculus.execute.scrub import public_parameters, scrubbed, scrubbed_record
from testiculus.execute.staging import staged_folder, staging, swap_in
from testiculus.execute.terminal import ProgressTail, Warnings

PHANTOM = "phantom"
_SHOWN_LINES = 40  # of a failed cell's traceback


class NotebookFailed(Exception):
    """A notebook did not run to its end for a reason that is no fault of the input."""

    is_reported = True  # the message holds all there is to say: no traceback of ours


@dataclass(frozen=True)
class Finished:
    """Where a finished run's results lie and what its provenance says."""

    folder: Path
    provenance: dict[str, Any]


def prepared(experiment: str, values: Mapping[str, str]) -> tuple[Path, dict[str, object]]:
    """Return an experiment's notebook and its parameters, typed and with absolute paths.

    `values` are texts by parameter name. Nothing is written. Raises `UserError` for an unknown
    experiment or parameter, a value of the wrong type, and a manifest that is not there.
    """
    notebook = notebook_path(project_root(), experiment)
    declared = read_parameters(notebook)
    parameters = typed(values, declared)
    data = parameters.get("DATA", PHANTOM)
    if data != PHANTOM:
        parameters["DATA"] = _manifest("DATA", str(data), f"{PHANTOM!r} or ")
    for name in [name for name in parameters if declared[name].kind == "paths"]:
        parameters[name] = [_manifest(name, path) for path in parameters[name] or ()] or None
    return notebook, parameters


def _manifest(name: str, text: str, otherwise: str = "") -> str:
    path = Path(text).expanduser()
    if not path.is_file():  # nor where links go round in a circle, which `resolve` refuses
        raise UserError(
            f"no manifest at {text!r}",
            where=f"{name}={text}",
            remedy=f"{name} takes {otherwise}the path of a manifest.csv (`import` writes one)",
        )
    return str(path.resolve())


def estimate(experiment: str, values: Mapping[str, str]) -> str:
    """Return the settings of a run and what it would cost here, as text; nothing is written."""
    from importlib import import_module

    _, parameters = prepared(experiment, values)
    module = import_module(f"testiculus.experiments.{experiment}")
    arguments = {name.lower(): value for name, value in parameters.items() if name != "RESULTS"}
    return module.plan(**arguments).summary()


def reproduce(experiment: str, values: Mapping[str, str], results: Path) -> Finished:
    """Run an experiment into `results/<data>/<profile>/<experiment>/` and return what was made.

    `values` are texts by parameter name (RESULTS is set here). Raises `UserError` for bad input,
    also when only the kernel notices it, and `NotebookFailed` when the notebook breaks otherwise;
    in both cases earlier results stay as they were.
    """
    notebook, parameters = prepared(experiment, values)
    results = results.expanduser().resolve()
    started, made_with = time.monotonic(), origin(project_root(), experiment)
    with disk_full_is_a_user_error(results), staging(results, experiment) as stage:
        executed = run_notebook(notebook, {**parameters, "RESULTS": str(stage)}, results)
        folder = staged_folder(stage, experiment)
        public = public_parameters(parameters)
        write_notebook(scrubbed(executed, stage, parameters), folder / f"{experiment}.ipynb")
        seconds = time.monotonic() - started
        record = provenance(experiment, public, made_with, seconds, _from_kernel(folder))
        record = scrubbed_record(record, stage, parameters)
        write_json(folder / "provenance.json", record)
        return Finished(swap_in(stage, results, folder), record)


def _from_kernel(folder: Path) -> dict[str, Any]:
    path = folder / "provenance.json"
    return read_json(path) if path.is_file() else {}


def write_notebook(notebook: Any, path: Path) -> None:
    """Write a notebook as UTF-8 with stable formatting."""
    import nbformat

    path.write_text(nbformat.writes(notebook), encoding="utf-8", newline="\n")


def run_notebook(
    notebook: Path, parameters: Mapping[str, object], results: Path | None = None
) -> Any:
    """Run a notebook in a kernel of its own and return it executed.

    `results` is where earlier tables lie, which some read (RESULTS is a staging folder). Prints go
    to this process's stdout, warnings and progress bars to its stderr, live. Raises `UserError` if
    a cell raised one, `NotebookFailed` if a cell failed otherwise or never ran.
    """
    with tempfile.TemporaryDirectory(prefix="testiculus-") as scratch:
        output = Path(scratch) / notebook.name
        with (
            ProgressTail(Path(scratch) / "progress", sys.stderr) as tail,
            _environment(tail, results),
        ):
            executed, error = _papermill(notebook, output, parameters)
        problem = failure(executed)
        if problem is None and error is None:
            return executed
        if isinstance(problem, UserError):
            raise problem
        kept = _keep(output, notebook)
        if isinstance(error, KeyboardInterrupt):
            raise error
        raise NotebookFailed(f"{_stopped_by(error) or problem}\n  kept at: {kept}") from error


def _papermill(notebook: Path, output: Path, parameters: Mapping[str, object]):
    """Return the executed notebook and the exception that stopped it, if any."""
    import logging

    import nbformat
    import papermill
    from traitlets.config import Config

    logging.getLogger("papermill").setLevel(logging.ERROR)
    error: BaseException | None = None
    try:
        executed = papermill.execute_notebook(
            str(notebook),
            str(output),
            parameters=dict(parameters),
            kernel_name="python3",
            language="python",
            cwd=str(project_root()),
            progress_bar=False,
            stdout_file=sys.stdout,
            stderr_file=Warnings(sys.stderr),
            autosave_cell_every=10,
            config=Config({"KernelManager": {"transport_encryption": "auto"}}),
        )
    except (Exception, KeyboardInterrupt) as stopped:
        error = stopped
        executed = nbformat.read(output, as_version=4) if output.is_file() else None
    return executed, error


@contextmanager
def _environment(tail: ProgressTail, results: Path | None) -> Iterator[None]:
    """Tell the kernel where progress goes and results lie; it inherits this environment."""
    path = [str(Path(testiculus.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    wanted = {
        "PYTHONPATH": os.pathsep.join(filter(None, path)),  # also where it is not installed
        "TESTICULUS_PROGRESS": str(tail.path),
        "TESTICULUS_PROGRESS_STYLE": tail.style,
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # ipykernel's debugger otherwise warns at start
    }
    if results is not None:
        wanted["TESTICULUS_RESULTS"] = str(results)
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def failure(executed: Any) -> Exception | None:
    """Return what went wrong in an executed notebook: a `UserError`, another problem, or None.

    papermill marks cells that never ran as completed, so only an execution count counts.
    """
    if executed is None:
        return None
    cells = [c for c in executed.cells if c.cell_type == "code" and c.source.strip()]
    for cell in cells:
        for output in cell.outputs:
            if output.output_type == "error":
                return _cell_error(cell, output)
    unrun = [c for c in cells if c.execution_count is None]
    return NotebookFailed(f"{len(unrun)} of {len(cells)} cells did not run") if unrun else None


def _cell_error(cell: Any, output: Any) -> Exception:
    if output.ename in _user_errors(UserError):
        return UserError(output.evalue)
    lines = "\n".join(output.traceback).splitlines()[-_SHOWN_LINES:]
    return NotebookFailed("a cell of the notebook failed:\n" + "\n".join(lines))


def _user_errors(kind: type) -> set[str]:
    import testiculus.base.errors  # noqa: F401  (its subclasses are known once it is imported)

    return {kind.__name__}.union(*(_user_errors(sub) for sub in kind.__subclasses__()))


def _stopped_by(error: BaseException | None) -> str | None:
    """Return what stopped papermill itself; None where it ran on and a cell failed."""
    kind = type(error).__name__
    if error is None or kind == "PapermillExecutionError":
        return None
    if kind == "DeadKernelError":
        return "the notebook's kernel died; often the machine ran out of memory"
    return f"the notebook could not be run: {kind}: {error}"


def _keep(output: Path, notebook: Path) -> str:
    if not output.is_file():
        return "nothing (the notebook never started)"
    kept = runs_folder() / "failed" / notebook.name
    kept.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(output, kept)
    return str(kept)
