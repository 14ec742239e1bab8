"""Results folders as a run leaves them, for the tests of what the book makes of them."""

import csv
import json
from pathlib import Path

import pytest

from testiculus.base.code import code_fingerprint
from testiculus.execute.found import Result
from testiculus.execute.provenance import sources_fingerprint

ROOT = Path(__file__).parents[2]
MODULE = "testiculus.base.errors"  # any module: its code decides whether the results are stale


@pytest.fixture(scope="session")
def fingerprints():
    """Return what makes a record of Table 1 current, computed once."""
    return {
        "code_module": MODULE,
        "code_fingerprint": code_fingerprint(MODULE),
        "sources_fingerprint": sources_fingerprint(ROOT, "table1"),
    }


@pytest.fixture
def table_cell():
    """Return a function that makes a code cell which showed a table of one cell."""

    def made(call: str, text: str) -> dict:
        html = f"<table><thead><tr><th>a</th></tr></thead><tr><td>{text}</td></tr></table>"
        output = {"output_type": "execute_result", "data": {"text/html": [html]}, "metadata": {}}
        return {"cell_type": "code", "source": [call], "outputs": [output], "metadata": {}}

    return made


@pytest.fixture
def make_result(tmp_path, fingerprints):
    """Return a function that writes a results folder below `tmp_path` and returns its `Result`."""

    def make(experiment="table1", data="phantom", profile="demo", cells=(), record=(), **frames):
        folder = tmp_path / "results" / data / profile / experiment
        folder.mkdir(parents=True)
        title = {"cell_type": "markdown", "source": ["# A run\n"], "metadata": {}}
        notebook = {"cells": [title, *cells], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
        (folder / f"{experiment}.ipynb").write_text(json.dumps(notebook))
        frames = {"verdicts": [{"claim": "a", "verdict": "supported"}], "results": []} | frames
        for name, rows in frames.items():
            write_rows(folder / f"{name}.csv", rows)
        about = {"experiment": "table1", "data": data, "wall_seconds": 90.0, "licence": "MIT"}
        about |= fingerprints | dict(record)
        (folder / "provenance.json").write_text(json.dumps(about))
        return Result(folder, experiment, data, profile, about)

    return make


def write_rows(file, rows):
    """Write dicts as a CSV; the first names the columns."""
    with file.open("w", newline="", encoding="utf-8") as opened:
        writer = csv.DictWriter(opened, list(rows[0]) if rows else ["row"])
        writer.writeheader()
        writer.writerows(rows)
