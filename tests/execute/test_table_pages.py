"""Pages of results end with where they come from: provenance, price, and the notebook to take."""

import json
from pathlib import Path

import pytest

from testiculus.execute.found import find_results
from testiculus.execute.table_pages import command, command_of, notebook_page

ROOT = Path(__file__).parents[2]
FOUND = find_results(ROOT / "results")


@pytest.mark.parametrize("result", FOUND, ids=lambda result: result.page)
def test_every_committed_page_ends_with_provenance_price_and_the_notebook(result):
    last = "".join(json.loads(notebook_page(result, ROOT, FOUND))["cells"][-1]["source"])
    where = f"/{result.folder.relative_to(ROOT).as_posix()}"

    assert last.startswith("## Where this page comes from")
    assert f"| price | {result.price()} |" in last and result.price()
    assert f"`{result.provenance['commit'][:12]}`" in last
    for name in (f"{result.experiment}.ipynb", "results.csv", "verdicts.csv", "provenance.json"):
        assert f"{{download}}`{name} <{where}/{name}>`" in last
        assert (result.folder / name).is_file()


def test_a_page_that_was_not_measured_says_unknown_and_never_breaks(make_result, tmp_path):
    result = make_result(record={"commit": None, "versions": {}})
    last = json.loads(notebook_page(result, tmp_path))["cells"][-1]["source"]

    assert "| commit | unknown |" in last and "| price | 1 min 30 s |" in last


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"PROFILE": "demo"}, ""),
        ({"EXCLUDE_TEST": True, "PROFILE": "demo", "DEVICE": "cpu"}, " EXCLUDE_TEST=1"),
        (
            {"SEEDS": [0, 2], "OCCASIONS": 4, "EPOCHS": 5},
            ' SEEDS=0,2 P="occasions=4 epochs=5"',
        ),
    ],
)
def test_the_command_of_a_page_is_the_one_it_was_made_with(make_result, parameters, words):
    result = make_result(record={"parameters": parameters})
    plain = command(result.experiment, result.data, result.profile)

    assert command_of(result) == plain + words
