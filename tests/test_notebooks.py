"""Notebooks: a story over the package, without outputs, with one cell for all parameters."""

import ast
import inspect
import json
import re
from pathlib import Path

import pytest

from testiculus.execute.parameters import read_parameters
from testiculus.execute.runner import __file__ as RUNNER

ROOT = Path(RUNNER).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
KINDS = {"str", "int", "float", "seeds", "names"}


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request):
    return json.loads(request.param.read_text(encoding="utf-8"))


def code_cells(notebook):
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def source(cell):
    return "".join(cell["source"])


def test_it_is_kept_without_outputs(notebook):
    for cell in code_cells(notebook):
        assert not cell["outputs"] and cell["execution_count"] is None


def test_it_defines_no_function_and_no_class(notebook):
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda
    for cell in code_cells(notebook):
        assert not any(isinstance(node, kinds) for node in ast.walk(ast.parse(source(cell))))


def test_no_cell_but_the_parameters_is_longer_than_fifteen_lines(notebook):
    for cell in code_cells(notebook):
        if "parameters" not in cell["metadata"].get("tags", []):
            assert len(source(cell).splitlines()) <= 15


def test_its_first_code_cell_is_its_parameters(notebook):
    first, *others = code_cells(notebook)

    assert first["metadata"]["tags"] == ["parameters"]
    assert not any("parameters" in cell["metadata"].get("tags", []) for cell in others)


def test_its_numbers_are_computed_and_not_written(notebook):
    prose = "\n".join(source(c) for c in notebook["cells"] if c["cell_type"] == "markdown")

    assert not re.findall(r"\d+\.\d+|\d+ ?%", prose)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_parameter_has_a_type_and_a_comment(path):
    for parameter in read_parameters(path).values():
        assert parameter.kind in KINDS and parameter.help
        assert parameter.default is None or type(parameter.default).__name__ == parameter.kind


def test_table1_hands_every_parameter_to_its_plan():
    from testiculus.experiments import table1

    path = next(path for path in NOTEBOOKS if path.stem.startswith("table1"))
    names = set(read_parameters(path)) - {"RESULTS"}
    cells = code_cells(json.loads(path.read_text(encoding="utf-8")))
    call = next(source(cell) for cell in cells if "table1.plan(" in source(cell))

    assert names == set(re.findall(r"=([A-Z_]+)\b", call))
    accepted = inspect.signature(table1.plan).parameters
    assert "sizes" in accepted or {name.lower() for name in names} <= set(accepted)
