"""Notebooks: a story over the package, without outputs, with one cell for all parameters."""

import ast
import inspect
import json
import re
from importlib import import_module
from pathlib import Path

import nbformat
import pytest

from testiculus.execute.parameters import KINDS, read_parameters
from testiculus.execute.runner import __file__ as RUNNER

ROOT = Path(RUNNER).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


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


def prose_of(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return "\n".join(source(cell) for cell in cells if cell["cell_type"] == "markdown")


def accepted_by(experiment):
    """The names of the parameters that an experiment's plan takes, in capitals."""
    module = import_module(f"testiculus.experiments.{experiment}")
    names = set(inspect.signature(module.plan).parameters)
    if experiment in ("table1", "fig5", "peers", "audits"):
        return {name.upper() for name in (*names, *overridable(experiment))}
    from testiculus.experiments.pretraining_parameters import PARAMETERS
    from testiculus.experiments.pretraining_plan import resolve

    if experiment == "fig4":
        return {name.upper() for name in (*names, *known("fig4"))}
    own = known("table3") if experiment == "table3" else PARAMETERS
    return {name.upper() for name in (*names, *inspect.signature(resolve).parameters, *own)}


def known(experiment):
    """The parameters of an experiment with a generator: no other name is taken."""
    return import_module(f"testiculus.experiments.{experiment}_plan").KNOWN


def overridable(experiment):
    from testiculus.experiments.profiles import profile_settings

    return profile_settings("smoke", experiment)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_hands_every_parameter_to_its_plan(path):
    experiment = path.stem.partition("_")[0]
    names = set(read_parameters(path)) - {"RESULTS"}
    cells = code_cells(json.loads(path.read_text(encoding="utf-8")))
    call = next(source(cell) for cell in cells if f"{experiment}.plan(" in source(cell))

    handed = dict(re.findall(r"(\w+)=([A-Z_]+)\b", call))
    assert names == set(handed.values()) == {name.upper() for name in handed}
    assert names <= accepted_by(experiment)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_a_valid_notebook_that_says_what_it_is_not(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)

    assert "no medical device" in notebook.cells[-1].source
    prose = " ".join(prose_of(path).split())
    assert all(words in prose for words in ("no verdict", "this data set", "the article's images"))


@pytest.mark.parametrize("experiment", ["fig4", "table3"])
def test_every_parameter_of_a_generator_can_be_set(experiment):
    path = next(path for path in NOTEBOOKS if path.stem.startswith(experiment))

    assert {name.upper() for name in known(experiment)} <= set(read_parameters(path))


@pytest.mark.parametrize("table", ["table2", "table3", "table4"])
def test_a_table_of_pretraining_says_what_its_figures_rest_on(table):
    path = next(path for path in NOTEBOOKS if path.stem.startswith(table))
    prose = " ".join(prose_of(path).split())

    for words in (
        "conditional on one pretrained encoder",
        "without their labels",
        "read on the probe's AUC",
        "how small a difference could have been resolved|the smallest difference that",
    ):
        assert re.search(words, prose), words


def test_the_page_of_the_generator_says_what_its_figures_rest_on():
    path = next(path for path in NOTEBOOKS if path.stem.startswith("fig4"))
    prose = " ".join(prose_of(path).split())

    for words in (
        "conditional on one generator",
        "patients that the filter has not seen",
        "can therefore not lower precision",
        "is no proof of privacy",
        "No distance in such features is called FID",
    ):
        assert words in prose, words


def test_the_page_of_the_maps_says_what_its_figures_rest_on():
    path = next(path for path in NOTEBOOKS if path.stem.startswith("fig5"))
    prose = " ".join(prose_of(path).split())

    for words in (
        "**conditional on these trained models**",
        "the positive class, always",
        "Nobody chose these images",
        "**as they were written down**",
        "here markers alone make the difference",
        "no proof that the tissue was understood",
    ):
        assert words in prose, words


def test_the_page_of_the_maps_shows_the_controls_before_the_verdicts():
    path = next(path for path in NOTEBOOKS if path.stem.startswith("fig5"))
    text = "\n".join(map(source, json.loads(path.read_text(encoding="utf-8"))["cells"]))

    shown = ("fig5_picture", "two_by_two_table", "controls_table", "dose_plot", "verdicts_table")
    places = [text.index(name) for name in shown]
    assert places == sorted(places)
