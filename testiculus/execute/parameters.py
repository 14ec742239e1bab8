"""A notebook's parameters cell, read without running it: names, defaults, types and help.

The cell tagged `parameters` is the whole interface of an experiment. papermill only logs a warning
for a name it does not know, and passes every value of the command line as text; here an unknown
name is refused and a value takes the type that the cell declares (`# type: int ...`).
"""

import ast
import io
import json
import re
import shlex
import tokenize
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from testiculus.base.errors import UserError, nearest

_TYPE_COMMENT = re.compile(r"#\s*type:\s*(\S+)\s*(.*)")
_NONE_WORDS = ("", "None", "none")


@dataclass(frozen=True)
class Parameter:
    """One name of the parameters cell; `kind` is a key of `KINDS`."""

    name: str
    default: object
    kind: str
    help: str


def notebook_path(root: Path, experiment: str) -> Path:
    """Return the notebook of an experiment: `notebooks/<experiment>.ipynb` or `<experiment>_*`.

    Raises `UserError` that lists the experiments that have a notebook.
    """
    found = experiments(root)
    if experiment in found:
        return found[experiment]
    near = nearest(experiment, found)
    hint = f"did you mean {near!r}? " if near else ""
    if not found:
        hint = "run this inside the project's folder; "
    names = ", ".join(found) or "none (no notebooks here)"
    raise UserError(f"unknown experiment {experiment!r}", remedy=f"{hint}there are: {names}")


def experiments(root: Path) -> dict[str, Path]:
    """Return the notebook of each experiment; the name is the file's up to the first underscore."""
    return {p.stem.split("_")[0]: p for p in sorted((root / "notebooks").glob("*.ipynb"))}


def read_parameters(notebook: Path) -> dict[str, Parameter]:
    """Return the parameters of a notebook by name, in the order of its cell.

    Raises `UserError` where the notebook is unreadable or no cell is tagged `parameters`.
    """
    try:
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"cannot read the notebook: {error}", where=str(notebook)) from error
    for cell in cells:
        if "parameters" in cell.get("metadata", {}).get("tags", []):
            return parse_cell("".join(cell["source"]))
    raise UserError("no cell is tagged 'parameters'", where=str(notebook))


def parse_cell(source: str) -> dict[str, Parameter]:
    """Return the parameters that the text of a parameters cell declares.

    >>> parse_cell('EPOCHS = None  # type: int passes over the data')["EPOCHS"]
    Parameter(name='EPOCHS', default=None, kind='int', help='passes over the data')
    """
    comments = _comments(source)
    found = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name, default = node.targets[0].id, ast.literal_eval(node.value)
            kind, text = comments.get(node.lineno, ("", ""))
            found[name] = Parameter(name, default, kind or type(default).__name__, text)
    return found


def _comments(source: str) -> dict[int, tuple[str, str]]:
    comments = {}
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            match = _TYPE_COMMENT.match(token.string)
            kind, text = match.groups() if match else ("", token.string.lstrip("# "))
            comments[token.start[0]] = (kind, text)
    return comments


def parse_pairs(pairs: Iterable[str]) -> dict[str, str]:
    """Return `{NAME: text}` of `name=value` words; a word may hold several, split at blanks.

    A value with blanks is quoted as in a shell. Raises `UserError` for a word without `=`, a name
    given twice, and quotes that are not closed.

    >>> parse_pairs(["epochs=3 data='my images/manifest.csv'"])
    {'EPOCHS': '3', 'DATA': 'my images/manifest.csv'}
    """
    values: dict[str, str] = {}
    for pair in (word for text in pairs for word in _words(text)):
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise UserError(f"{pair!r} is not name=value", remedy='write P="epochs=3 pixels=64"')
        if name.upper() in values:
            raise UserError(f"parameter {name!r} is given twice", remedy="give it once")
        values[name.upper()] = value
    return values


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise UserError(f"cannot read {text!r}: {error}", remedy="close the quotes") from error


def typed(values: Mapping[str, str], declared: Mapping[str, Parameter]) -> dict[str, object]:
    """Return the values as the types that the notebook declares.

    Raises `UserError` for an unknown name (the allowed ones and the nearest are listed) and for a
    value that is not of its parameter's type.
    """
    return {name: typed_value(text, _declared(name, declared)) for name, text in values.items()}


def _declared(name: str, declared: Mapping[str, Parameter]) -> Parameter:
    if name in declared:
        return declared[name]
    near = nearest(name, declared)
    hint = f"did you mean {near!r}? " if near else ""
    raise UserError(
        f"unknown notebook parameter {name!r}", remedy=f"{hint}allowed: {', '.join(declared)}"
    )


def typed_value(text: str, parameter: Parameter) -> object:
    """Return one value as its parameter's type; "None" and nothing mean the default None.

    >>> typed_value("1e-4", Parameter("HEAD_LR", None, "float", ""))
    0.0001
    """
    if text in _NONE_WORDS and parameter.default is None:
        return None
    convert, words = KINDS[parameter.kind]
    try:
        return convert(text)
    except ValueError as error:
        raise UserError(
            f"parameter {parameter.name} takes {words}, not {text!r}",
            where=f"{parameter.name}={text}",
            remedy=parameter.help,
        ) from error


def _names(text: str) -> list[str]:
    names = [name for name in re.split(r"[,\s]+", text.strip("[]() ")) if name]
    if not names:
        raise ValueError(text)
    return [name.strip("'\"") for name in names]


def _seeds(text: str) -> int | list[int]:
    if re.fullmatch(r"\d+", text.strip()):
        return int(text)
    return [int(name) for name in _names(text)]


def _numbers(text: str) -> list[float]:
    return [float(name) for name in _names(text)]


def _paths(text: str) -> list[str]:
    """Return paths between commas; a blank may be part of a path."""
    paths = [path.strip() for path in text.split(",") if path.strip()]
    if not paths:
        raise ValueError(text)
    return paths


def _switch(text: str) -> bool:
    """Return what 1 or 0, yes or no, true or false mean."""
    switches = {"1": True, "yes": True, "true": True, "0": False, "no": False, "false": False}
    if text.strip().casefold() not in switches:
        raise ValueError(text)
    return switches[text.strip().casefold()]


# kind: (how a text becomes a value, what to call such a value)
KINDS = {
    "str": (str, "a word"),
    "int": (int, "a whole number"),
    "float": (float, "a number"),
    "bool": (_switch, "1 (yes) or 0 (no)"),
    "seeds": (_seeds, "a number of seeds (4) or a list of them (0,1,2)"),
    "names": (_names, "names separated by commas"),
    "numbers": (_numbers, "numbers separated by commas"),
    "paths": (_paths, "paths separated by commas"),
}
