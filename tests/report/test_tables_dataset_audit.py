import json

import numpy as np
import pandas as pd
import pytest

from testiculus.base.files import write_csv
from testiculus.report.tables_dataset_audit import (
    MOST_PAIRS,
    audit_markdown,
    audit_tables,
    audit_text,
    read_tables,
)

FINDINGS = [
    {
        "audit": "acquisition",
        "state": "found",
        "found": "Told apart by size (publisher_label) 0.72 [0.67, 0.76].",
        "sure": "p < 0.001.",
        "act": "Match them.",
        "table": "acquisition",
    },
    {
        "audit": "duplicates",
        "state": "not checked",
        "found": "Not checked: one image.",
        "sure": "",
        "act": "",
        "table": "",
    },
]


def acquisition():
    row = {"column": "label", "positive": "sick", "negative": "well", "images": 40}
    row |= {"features": "size and tint", "known": "width", "balanced_accuracy": 0.724}
    row |= {"ci_low": 0.6, "ci_high": 0.8, "chance_95": 0.57, "p": 0.001, "p_adjusted": 0.004}
    return pd.DataFrame([row | {"forest": np.nan}])


@pytest.fixture
def folder(tmp_path):
    about = {"data": "ward", "images": 40, "patients": 20, "labelled": 40, "licence": None}
    (tmp_path / "audit.json").write_text(
        json.dumps(about | {"group": "clip", "findings": FINDINGS})
    )
    write_csv(tmp_path / "acquisition.csv", acquisition())
    return tmp_path


def test_a_terminal_is_told_what_was_found_how_sure_and_what_to_do(folder):
    text = audit_text(folder)

    assert text.startswith("Audit of ward: 40 images of 20 patients (grouped by clip)")
    assert "acquisition: FOUND" in text and "To do: Match them." in text
    assert text.endswith("duplicates: NOT CHECKED\n  Not checked: one image.")
    assert max(len(line) for line in text.splitlines()) <= 100


def test_a_page_has_each_finding_with_its_table_and_plot_and_no_stray_markup(folder):
    (folder / "acquisition.svg").touch()

    page = audit_markdown(folder)

    assert "## Acquisition" in page and "**Found.**" in page and "**Not checked.**" in page
    assert r"(publisher\_label) 0.72 \[0.67, 0.76\]" in page
    assert "![acquisition](acquisition.svg)" in page
    assert "| sick or well (label) | size and tint | 40 | 0.72 |" in page
    assert ".." not in page.replace("...", "")


def test_numbers_of_the_tables_are_those_of_the_files(folder):
    table = audit_tables(read_tables(folder))["acquisition"]

    (row,) = table.frame.to_dict("records")
    assert row["95 % interval"] == "[0.60, 0.80]" and row["p, adjusted"] == "0.004"
    assert row["random forest"] == "–"


def test_a_long_list_of_pairs_is_cut_and_says_so():
    pair = {"first": "a", "second": "b", "likeness": 0.9, "same_patient": False}
    pair |= {"identical": True, "mirrored": False, "crosses_split": False}
    table = audit_tables({"duplicates": pd.DataFrame([pair] * (MOST_PAIRS + 3))})["duplicates"]

    assert len(table.frame) == MOST_PAIRS and table.notes == (
        "3 more pairs are in duplicates.csv.",
    )  # fmt: skip


def test_tables_without_a_line_are_left_out():
    assert audit_tables({"acquisition": acquisition().iloc[:0]}) == {}
