"""Executed notebooks that can be shared: no folder of the machine that ran them.

`scrubbed` replaces the run's own folders in every text of a notebook and shortens warnings;
`public_parameters` does the same for the parameters kept in a provenance.
"""

import copy
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from testiculus.base.places import project_root
from testiculus.execute.terminal import tidy_warnings


def public_parameters(parameters: Mapping[str, object]) -> dict[str, object]:
    """Return the parameters without RESULTS and with DATA as a file name, not a path.

    >>> public_parameters({"DATA": "/home/ann/liver/manifest.csv", "RESULTS": "/x", "EPOCHS": 2})
    {'DATA': 'manifest.csv', 'EPOCHS': 2}
    """
    shown = {name: value for name, value in parameters.items() if name != "RESULTS"}
    if "DATA" in shown:
        shown["DATA"] = Path(str(shown["DATA"])).name
    return shown


def scrubbed(notebook: Any, stage: Path, parameters: Mapping[str, object]) -> Any:
    """Return a copy of an executed notebook that names no folder of this machine.

    The cell of injected parameters gets the public ones and an empty RESULTS, so that whoever
    opens the copy and runs it by hand writes nothing.
    """
    public = public_parameters(parameters)
    folders = {str(stage): "results"}
    if "DATA" in parameters:
        folders[str(Path(str(parameters["DATA"])).parent)] = "."
    folders |= {str(project_root()): ".", str(Path.home()): "~"}
    notebook = copy.deepcopy(notebook)
    for cell in notebook.cells:
        if "injected-parameters" in cell.metadata.get("tags", []):
            cell.source = _assignments({**public, "RESULTS": ""})
        for output in cell.get("outputs", []):
            if output.output_type == "stream" and output.name == "stderr":
                output.text = tidy_warnings(output.text)
        cell.update(_replaced(cell, folders))
    run = notebook.metadata.get("papermill", {})
    notebook.metadata["papermill"] = {
        "parameters": dict(public),
        **{name: run[name] for name in ("version", "duration") if name in run},
    }
    return notebook


def _assignments(values: Mapping[str, object]) -> str:
    return "\n".join(["# Parameters", *(f"{name} = {value!r}" for name, value in values.items())])


def _replaced(value: Any, folders: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        for folder, name in folders.items():
            if folder in value and len(folder) > 1:
                value = re.sub(rf"(?<![\w+]){re.escape(folder)}(?![\w.-])", name, value)
        return value
    if isinstance(value, Mapping):  # pictures are base64: what looks like a folder there is none
        return type(value)(
            {k: v if k.startswith("image/") else _replaced(v, folders) for k, v in value.items()}
        )
    if isinstance(value, list):
        return [_replaced(item, folders) for item in value]
    return value
