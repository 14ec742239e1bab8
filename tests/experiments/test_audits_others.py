"""Other tables' results: taken where they are of the same images and profile, else told."""

import numpy as np
import pandas as pd
import pytest
import torch

from testiculus.base.errors import InputWarning
from testiculus.base.files import write_csv, write_json
from testiculus.claims.schema import RESULT_COLUMNS
from testiculus.data.images import ImageSet
from testiculus.experiments import audits_others
from testiculus.experiments.audits_others import TABLES, other_results, passed_over

SETTINGS = {"images": 6, "positive images": 2, "patients": 3, "pixels": 32}


def made():
    frame = pd.DataFrame({"patient": list("aabbcc"), "label": [0, 1, 0, 0, 1, 0]})
    return ImageSet.build(torch.zeros(6, 1, 8, 8, dtype=torch.uint8), frame, "ward")


@pytest.fixture
def images():
    return made()


@pytest.fixture
def places(tmp_path, monkeypatch):
    """A results folder of one's own, and the project's."""
    monkeypatch.setenv("TESTICULUS_RESULTS", str(tmp_path / "own"))
    monkeypatch.setattr(audits_others, "project_root", lambda: tmp_path / "project")
    return tmp_path / "own", tmp_path / "project" / "results"


def put(
    results, table, value=0.5, profile="demo", columns=RESULT_COLUMNS, fingerprint="", **settings
):
    folder = results / "ward" / profile / table
    line = dict(zip(RESULT_COLUMNS, (table, "row", 0, 0, "f1", value), strict=True))
    write_csv(folder / "results.csv", pd.DataFrame([line])[list(columns)])
    about = {"settings": SETTINGS | settings, "data_fingerprint": fingerprint or made().fingerprint}
    write_json(folder / "provenance.json", about)
    return folder


def test_every_table_is_found_in_ones_own_results_first(images, places):
    own, project = places
    for number, table in enumerate(TABLES):
        put(project, table, value=number / 10)
    put(own, "table2", value=0.9)

    found, told = other_results(images, "demo")
    assert tuple(found) == TABLES
    values = [found[table]["value"].item() for table in TABLES]
    np.testing.assert_allclose(values, [0.0, 0.9, 0.2, 0.3])
    assert told["table1"].endswith("ward/demo/table1/results.csv")


def test_a_table_that_is_not_there_is_told_with_its_command(images, places):
    put(places[0], "table1", profile="smoke")
    found, told = other_results(images, "demo")
    assert found == {} and set(told) == set(TABLES)
    assert told["table1"] == "not run: make reproduce-table1 PROFILE=demo"


@pytest.mark.parametrize("settings", [{"images": 8}, {"positive images": 3}, {"patients": 2}])
def test_results_of_other_images_are_passed_over_aloud(images, places, settings):
    put(places[0], "table3", **settings)
    put(places[1], "table3", value=0.3)
    with pytest.warns(InputWarning, match="made from other images"):
        found, _ = other_results(images, "demo")
    assert found["table3"]["value"].item() == 0.3


@pytest.mark.parametrize("table", ["table1", "table2", "table4"])
def test_results_of_as_many_other_images_are_passed_over_by_their_fingerprint(
    images, places, table
):
    put(places[0], table, fingerprint="of other pixels")
    with pytest.warns(InputWarning, match="made from other images"):
        found, told = other_results(images, "demo")
    assert found == {}
    assert told[table].startswith("passed over: it was made from other images (")
    assert "make reproduce" not in told[table]
    assert passed_over(told) == {table: told[table]}


def test_table_3_has_a_resolution_of_its_own_and_is_counted(images, places):
    put(places[0], "table3", fingerprint="of other pixels")
    assert list(other_results(images, "demo")[0]) == ["table3"]


def test_results_that_cannot_be_read_are_passed_over_aloud(images, places):
    put(places[0], "table1", columns=("row", "value"))
    (put(places[0], "table2") / "provenance.json").write_text("{", encoding="utf-8")
    (put(places[0], "table4") / "provenance.json").unlink()
    with pytest.warns(InputWarning) as warned:
        found, told = other_results(images, "demo")
    assert found == {} and told["table3"].startswith("not run")
    assert set(passed_over(told)) == {"table1", "table2", "table4"}
    said = " ".join(str(each.message) for each in warned)
    assert "columns are not those of results" in said and "not valid JSON" in said
    assert len(warned) == 3
