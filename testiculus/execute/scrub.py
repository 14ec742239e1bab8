"""Results that can be shared: no folder of the machine that ran them.

`scrubbed` replaces the run's own folders in every text of an executed notebook and shortens
warnings, `scrubbed_record` does the same for a provenance, and `public_parameters` for the
parameters that both hold. Of a file outside the project, weights above all, only the name stays.
"""

import copy
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from testiculus.base.places import cache_folder, project_root, runs_folder, weights_folder
from testiculus.execute.staging import STAGING
from testiculus.execute.terminal import tidy_warnings

DATA_FILES = ("DATA", "UNLABELLED", "SYNTHETIC")  # parameters that name manifests
# A path of at least one folder that starts at the root, inside a text; an address is none.
_ABSOLUTE = re.compile(r"""(?<![\w:/.~+])(?:[A-Za-z]:)?[/\\](?:[^\s/\\,;'"]+[/\\])+[^\s/\\,;'"]*""")


def public_parameters(parameters: Mapping[str, object]) -> dict[str, object]:
    """Return the parameters without RESULTS, and with data and weights as file names, not paths.

    >>> public_parameters({"DATA": "/home/ann/liver/manifest.csv", "RESULTS": "/x", "EPOCHS": 2})
    {'DATA': 'manifest.csv', 'EPOCHS': 2}
    >>> public_parameters({"INITIALISATIONS": ["imagenet", "../ward/ours.pth"]})
    {'INITIALISATIONS': ['imagenet', 'ours.pth']}
    """
    shown = {name: value for name, value in parameters.items() if name != "RESULTS"}
    for name in {*DATA_FILES, "INITIALISATIONS"} & set(shown):
        value = shown[name]
        if isinstance(value, list | tuple):
            shown[name] = [_file_name(item) for item in value]
        elif value is not None:
            shown[name] = _file_name(value)
    return shown


def _file_name(value: object) -> str:
    return re.split(r"[/\\]", str(value).strip())[-1]


def scrubbed(notebook: Any, stage: Path, parameters: Mapping[str, object]) -> Any:
    """Return a copy of an executed notebook that names no folder of this machine.

    The cell of injected parameters gets the public ones and an empty RESULTS, so that whoever
    opens the copy and runs it by hand writes nothing.
    """
    public = public_parameters(parameters)
    shown = _shown_instead(stage, parameters)
    notebook = copy.deepcopy(notebook)
    for cell in notebook.cells:
        if "injected-parameters" in cell.metadata.get("tags", []):
            cell.source = _assignments({**public, "RESULTS": ""})
        for output in cell.get("outputs", []):
            if output.output_type == "stream" and output.name == "stderr":
                output.text = tidy_warnings(output.text)
        cell.update(_replaced(cell, shown))
    run = notebook.metadata.get("papermill", {})
    notebook.metadata["papermill"] = {
        "parameters": dict(public),
        **{name: run[name] for name in ("version", "duration") if name in run},
    }
    return notebook


def scrubbed_record(
    record: Mapping[str, Any], stage: Path, parameters: Mapping[str, object]
) -> dict[str, Any]:
    """Return a copy of a provenance that names no folder of this machine.

    The run's own folders are replaced as in a notebook. Of any other absolute path only the last
    name stays: a record is short and made by us, so nothing else in it looks like one.
    """
    return _names_only(_replaced(dict(record), _shown_instead(stage, parameters)))


def _shown_instead(stage: Path, parameters: Mapping[str, object]) -> dict[str, str]:
    """Return what is shown for each path of the run, the longest path first: it may hold others."""
    folders = {Path.home(): "~", project_root(): "."}
    folders |= {Path(path).parent: "." for path in _data_files(parameters)}
    folders |= {cache_folder(): ".cache", runs_folder(): ".runs", weights_folder(): "weights"}
    if stage.parent.name == STAGING:
        folders[stage.parents[1]] = "results"  # earlier tables, whose flags are read
    folders[stage] = "results"
    shown = {}
    for folder, name in folders.items():
        if folder.is_absolute():  # else it tells nothing of the machine
            shown |= {str(folder.resolve()): name, str(folder): name}
    shown |= _weights_files(parameters)
    return {path: shown[path] for path in sorted(shown, key=len, reverse=True) if len(path) > 1}


def _data_files(parameters: Mapping[str, object]) -> list[str]:
    values = (parameters.get(name) or () for name in DATA_FILES)
    lists = (value if isinstance(value, list | tuple) else [value] for value in values)
    return [str(path) for paths in lists for path in paths]


def _weights_files(parameters: Mapping[str, object]) -> dict[str, str]:
    wanted = parameters.get("INITIALISATIONS") or []
    names = wanted.split(",") if isinstance(wanted, str) else wanted
    found = {}
    for text in (str(name).strip() for name in names):
        if _file_name(text) not in ("", text):
            whole = project_root() / Path(text).expanduser()  # where the kernel looks for it
            paths = (text, str(whole), str(whole.resolve()))
            found |= dict.fromkeys(paths, _file_name(text))
    return found


def _assignments(values: Mapping[str, object]) -> str:
    return "\n".join(["# Parameters", *(f"{name} = {value!r}" for name, value in values.items())])


def _replaced(value: Any, shown: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        for path, name in shown.items():
            if path in value:
                whole = rf"(?<![\w+]){re.escape(path)}(?![\w-]|\.\w)"
                value = re.sub(whole, lambda _, name=name: name, value)
        return value
    if isinstance(value, Mapping):  # pictures are base64: what looks like a folder there is none
        return type(value)(
            {
                _replaced(k, shown): v if k.startswith("image/") else _replaced(v, shown)
                for k, v in value.items()
            }
        )
    if isinstance(value, list | tuple):
        return [_replaced(item, shown) for item in value]
    return value


def _names_only(value: Any) -> Any:
    """Return plain values with every absolute path in them, also of Windows, as its last name."""
    if isinstance(value, str):
        if PurePosixPath(value).is_absolute() or PureWindowsPath(value).is_absolute():
            return _file_name(value.rstrip("/\\"))
        return _ABSOLUTE.sub(lambda found: _file_name(found[0].rstrip("/\\")), value)
    if isinstance(value, Mapping):
        return {_names_only(k): _names_only(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_names_only(item) for item in value]
    return value
