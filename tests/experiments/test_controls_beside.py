import json

import pandas as pd
import pytest

from testiculus.claims.schema import RESULT_COLUMNS
from testiculus.experiments.controls_beside import results_beside


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("TESTICULUS_RESULTS", str(tmp_path))
    return tmp_path / "ward" / "demo"


def write(folder, table, fingerprint="images", lines=(("none", 0, 0, "f1", 0.5),)):
    (folder / table).mkdir(parents=True)
    frame = pd.DataFrame([(table, *line) for line in lines], columns=RESULT_COLUMNS)
    frame.to_csv(folder / table / "results.csv", index=False)
    about = json.dumps({"data_fingerprint": fingerprint})
    (folder / table / "provenance.json").write_text(about)


def test_results_on_the_same_images_are_read_and_a_row_may_be_called_none(folder):
    write(folder, "table2")
    found, missing = results_beside("ward", "demo", {"table2": "images"})

    assert missing == {} and found["table2"]["row"].tolist() == ["none"]


def test_results_on_other_images_are_left_out_and_missing_ones_say_how_to_make_them(folder):
    write(folder, "table2", fingerprint="others")
    found, missing = results_beside("ward", "demo", {"table2": "images", "table3": "images"})

    assert found == {} and "of other images" in missing["table2"]
    assert missing["table3"].endswith("make reproduce-table3")


def test_results_without_their_columns_are_left_out(folder):
    write(folder, "table1")
    (folder / "table1" / "results.csv").write_text("row,value\nUD,1\n")

    assert "lack the columns" in results_beside("ward", "demo", {"table1": "images"})[1]["table1"]


def test_distances_of_fig_4_come_from_the_features_that_decide(folder):
    write(folder, "fig4", lines=[("before", 0, 0, "recall_whole", 0.9)])
    columns = ["space", "reference", "row", "batch", "metric", "value"]
    lines = [
        ("first", "whole", "before", 0, "frechet", 4.5),
        ("first", "batch", "before", 1, "frechet", 7.0),
        ("second", "whole", "before", 0, "frechet", 9.0),
    ]
    pd.DataFrame(lines, columns=columns).to_csv(folder / "fig4" / "fidelity.csv", index=False)
    found = results_beside("ward", "demo", {"fig4": "images"})[0]["fig4"]

    told = found[found["metric"] == "frechet_whole"]
    assert told[["row", "value"]].values.tolist() == [["before", 4.5]]
