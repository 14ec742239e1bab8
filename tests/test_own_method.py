"""The page on methods of one's own: its code runs as it stands, and does what the page says.

All is real but the network that is trained, which is smaller: what is tested here is the page.
"""

import re
from pathlib import Path

import numpy as np
import pytest
from torch import nn

from testiculus import models

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "book" / "own_method.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)
LINES = 15  # "about ten lines each", with the lines that call and print
FLIPPED = {"Complete", "Flipped", "Flipped, late loss"}
SYNTHETIC = {"synthetic", "synthetic filtered", "synthetic, random filter"}


def small_encoder(from_hub):
    """Return a net of one convolution, from images of any size to 512 features."""
    convolution = nn.Conv2d(1, 8, 4, stride=4), nn.BatchNorm2d(8), nn.ReLU()
    return nn.Sequential(*convolution, nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(128, 512))


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Run the page's blocks in order, in one namespace, from a store of its own."""
    names = {"__name__": "page"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TESTICULUS_RUNS", str(tmp_path_factory.mktemp("runs")))
        patch.setattr(models, "_encoder", small_encoder)
        patch.chdir(ROOT)
        for block in BLOCKS:
            exec(compile(block, PAGE.name, "exec"), names)  # as a reader does
    return names


def test_the_page_is_of_the_smoke_size_and_each_method_is_short():
    assert len(BLOCKS) == 4 and '"smoke"' in BLOCKS[0]
    for block in BLOCKS[1:]:
        assert len([line for line in block.splitlines() if line.strip()]) <= LINES


def test_a_rule_of_ones_own_is_a_row_of_table_1(page):
    found = page["flagging"]

    assert set(found.results["row"]) == FLIPPED
    assert found.rules.set_index("rule").loc["late loss", "flagged"] == 5
    scores = page["late_loss"]([], np.zeros(3))
    assert scores.tolist() == [0, 0, 0]  # of images that were never drawn


def test_an_encoder_of_ones_own_is_a_row_of_table_2(page):
    probes = page["probes"]

    assert set(probes["row"]) == {"none", "coarse grey"}
    counts = probes[probes["metric"] == "probe_auc_truth"].groupby("row").size()
    assert counts["none"] == counts["coarse grey"] > 0


def test_a_filter_of_ones_own_is_a_row_of_table_3(page):
    found = page["filtering"]

    assert set(found.figures["row"]) == SYNTHETIC | {"near the mean"}
    assert set(found.results["row"]) >= {"synthetic", "near the mean"}
    kept = found.kept["near the mean"]
    assert kept.sum() == len(kept) / 2
    assert found.figures.set_index("row").loc["near the mean", "images"] == kept.sum()


def test_the_rows_that_the_page_joins_are_paired_with_the_committed_ones(page):
    """What is shown as text: the rows of a run of the same profile stand in one table."""
    import pandas as pd

    file = ROOT / "results" / "phantom" / "demo" / "table2" / "results.csv"
    printed = pd.read_csv(file)
    mine = page["probes"].query("row == 'coarse grey'")
    joined = pd.concat([printed, mine])

    table = page["rows_table"](joined, page["columns"], against="UD").frame
    assert table.set_index("row").loc["coarse grey"].str.contains(r"\d").all()
