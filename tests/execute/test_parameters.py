"""Parameters: the notebook's cell is the whole interface, checked before anything runs."""

import json

import pytest

from testiculus.base.errors import UserError
from testiculus.execute.parameters import (
    notebook_path,
    parse_cell,
    parse_pairs,
    read_parameters,
    typed,
)

CELL = """\
PROFILE = "demo"  # type: str size of the run
EPOCHS = None  # type: int passes; None: the profile's
HEAD_LR = None  # type: float learning rate of the head
LOSS_THRESHOLD = 1.0  # type: float a loss above it is an occasion
SEEDS = None  # type: seeds how many, or which
INITIALISATIONS = None  # type: names of the noise protocol
UNLABELLED = None  # type: paths further manifests
WEIGHTS = None  # type: numbers the lambdas
EXCLUDE = None  # type: bool leave the test patients out
"""


def value(name, text):
    """Return what one text becomes."""
    return typed({name: text}, parse_cell(CELL))[name]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("HEAD_LR", "1e-4", 1e-4),
        ("LOSS_THRESHOLD", "2", 2.0),
        ("EPOCHS", "3", 3),
        ("EPOCHS", "None", None),
        ("PROFILE", "1e-4", "1e-4"),
        ("SEEDS", "4", 4),
        ("SEEDS", "0,2", [0, 2]),
        ("SEEDS", "[0, 2]", [0, 2]),
        ("INITIALISATIONS", "scratch-A,imagenet", ["scratch-A", "imagenet"]),
        ("UNLABELLED", "a b/m.csv, c/m.csv", ["a b/m.csv", "c/m.csv"]),
        ("UNLABELLED", "", None),
        ("WEIGHTS", "0,0.2", [0.0, 0.2]),
        ("EXCLUDE", "1", True),
        ("EXCLUDE", "no", False),
    ],
)
def test_a_text_becomes_a_value_of_the_declared_type(name, text, expected):
    result = value(name, text)

    assert result == expected and type(result) is type(expected)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *[("EPOCHS", "3.5"), ("EPOCHS", "many"), ("HEAD_LR", "small"), ("SEEDS", "a")],
        *[("WEIGHTS", "0,a"), ("EXCLUDE", "2"), ("UNLABELLED", ",")],
    ],
)
def test_a_value_of_the_wrong_type_is_refused_by_name(name, text):
    with pytest.raises(UserError, match=f"parameter {name} takes .*{text}"):
        value(name, text)


def test_an_unknown_parameter_is_refused_with_the_nearest_and_the_allowed_names():
    with pytest.raises(UserError, match="did you mean 'EPOCHS'.*allowed: PROFILE, EPOCHS"):
        value("EPOCH", "3")


def test_words_of_name_and_value_are_split_and_case_does_not_matter():
    assert parse_pairs(["epochs=3 PIXELS=64", "head_lr=1e-4"]) == {
        "EPOCHS": "3",
        "PIXELS": "64",
        "HEAD_LR": "1e-4",
    }


@pytest.mark.parametrize("words", [["epochs"], ["=3"], ["epochs=3", "EPOCHS=4"]])
def test_a_word_that_assigns_nothing_or_twice_is_refused(words):
    with pytest.raises(UserError):
        parse_pairs(words)


def test_a_notebook_without_a_parameters_cell_is_refused(tmp_path):
    path = tmp_path / "a.ipynb"
    path.write_text(json.dumps({"cells": [{"metadata": {}, "source": ["x = 1"]}]}))

    with pytest.raises(UserError, match="no cell is tagged"):
        read_parameters(path)


def test_an_unknown_experiment_lists_those_that_have_a_notebook(tmp_path):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "table1_noisy.ipynb").touch()

    assert notebook_path(tmp_path, "table1").name == "table1_noisy.ipynb"
    with pytest.raises(UserError, match="did you mean 'table1'"):
        notebook_path(tmp_path, "tabel1")
