"""The encoders' card: what results say of each encoder, and nothing where there are none."""

import re
from pathlib import Path

import pytest

from testiculus.execute.encoder_card import LAST, encoder_card_pieces, encoders_of
from testiculus.pretrain.encoder_files import LOADING

ROOT = Path(__file__).parents[2]
UD = {"row": "UD", "pretraining_seed": 0, "key": "a" * 24, "organs": "testis, thyroid"}
UD |= {"images": 7664, "steps": 30, "contrastive": True, "organ_loss": 0.2, "seconds": 120}
UD |= {"file": "x", "fold": -1}
OUT = UD | {"row": "UD without test patients", "key": "b" * 24, "fold": 1}
SETTINGS = {"pixels": 64, "LARS": "learning rate 3", "temperature": 0.5}


def probe(row, seed, fold, value):
    where = {"row": row, "pretraining_seed": 0, "seed": seed, "fold": fold}
    return where | {"metric": "probe_auc", "value": value}


@pytest.fixture
def run(make_result):
    history = [
        {"row": "UD", "pretraining_seed": 0, "step": s, "contrastive": 5 - s / 10, "organ": s / 100}
        for s in range(1, 31)
    ]
    probes = [probe("UD", s, f, v) for s, f, v in ((0, 0, 0.7), (0, 1, 0.9), (1, 0, 0.5))]
    probes += [probe("UD without test patients", 0, f, 0.6 + f / 10) for f in (0, 1)]
    record = {"settings": SETTINGS, "device": "cpu"}
    record |= {"unlabelled_sets": {"lung": {"licence": "CC BY 4.0"}}}
    frames = {"encoders": [UD, OUT], "history": history, "probes": probes}
    return make_result("table2", record=record, **frames)


def cells(text, row):
    (line,) = [line for line in text.splitlines() if line.startswith(f"| {row}")]
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_a_row_says_what_an_encoder_was_trained_on_and_what_it_came_to_know(run):
    row = cells(encoders_of("phantom", [run]), "UD |")
    losses = [5 - step / 10 for step in range(31 - LAST, 31)]

    assert row[2:4] == ["7,664 testis, thyroid", "contrastive + organ × 0.2"]
    assert float(row[4].split(", ")[0]) == pytest.approx(sum(losses) / LAST, abs=1e-3)
    assert row[5] == "65.0 ± 21.2 (2)"  # partitions: the mean of 0.7 and 0.9, and 0.5
    assert row[6] == "a" * 8


def test_an_encoder_of_one_fold_has_that_folds_score_and_no_losses_of_another(run):
    row = cells(encoders_of("phantom", [run]), "UD without")

    assert row[0].endswith("without fold 1") and row[5] == "70.0 (1)"
    assert row[4] == ""


def test_size_time_and_every_licence_are_told(run):
    text = encoders_of("phantom", [run])

    assert "64 px" in text and "2.0 minutes each on cpu" in text
    assert "LARS: learning rate 3" in text and "CC BY 4.0, MIT." in text


def test_what_has_not_run_says_how_to_run_it_and_other_files_are_not_missed(run):
    text = encoders_of("phantom", [run])

    assert "make reproduce-table4 PROFILE=demo" in text
    assert "make reproduce-table3" not in encoders_of("liver", [])  # no page of it is expected
    names = {f"include/encoders_{data}.md" for data in ("phantom", "liver")}
    assert set(encoder_card_pieces([])) == names


def test_the_card_says_how_to_load_one_as_the_files_own_card_does():
    page = (ROOT / "book" / "encoder_card.md").read_text()
    module, call = re.match(r"(testiculus\.\w+)\.(\w+)", LOADING).groups()
    assert f"from {module} import {call}" in page and f'{call}("pretrained", 0, file=' in page
    assert all(f"include/encoders_{data}.md" in page for data in ("phantom", "liver"))
