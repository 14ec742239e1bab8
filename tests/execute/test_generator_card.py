"""The generator's card: what Fig. 4's results say, and how to make it where there are none."""

from pathlib import Path

import pytest

from testiculus.execute.generator_card import LAST, generator_card_pieces

PAGE = Path(__file__).parents[2] / "book" / "generator_card.md"
SPACE = {"space": "other-organs", "features": "features of a thyroid encoder", "is_fid": False}
COPIES = {"space": "other-organs", "n": 1000, "low": 0.001, "high": 0.02}


def fidelity(reference, row, metric, value, space=None):
    return (space or SPACE) | {"reference": reference, "row": row, "metric": metric, "value": value}


@pytest.fixture
def run(make_result):
    second = {"space": "ud", "features": "features of UD", "is_fid": False}
    figures = [fidelity("batch", "before", "precision", v) for v in (0.8, 0.9)]
    figures += [fidelity("batch", "before", "frechet", 4.4)]
    figures += [fidelity("batch", "before", "precision", 0.1, second)]
    copies = [
        COPIES | {"subject": s, "copies": 7, "rate": 0.007} for s in ("generated", "planted: x")
    ]
    history = [{"step": s, "simple": 1.0 if s <= 100 else 0.05, "vlb": 2.0} for s in range(1, 201)]
    settings = {"images": 880, "patients": 220, "pixels": 32, "generator": "3000 steps"}
    record = {
        "settings": settings,
        "generated": {"from": "all patients", "images": 1000, "kept": 990},
    }
    frames = {"fidelity": figures, "copies": copies, "history": history}
    return make_result("fig4", record=record, **frames)


def test_the_card_tells_of_training_of_figures_and_of_copies(run):
    text = generator_card_pieces([run])["include/generator_phantom.md"]

    assert "880 labelled images of `phantom` (220 patients, 32 px)" in text
    assert "990 of 1,000 images" in text and "| training | 3000 steps |" in text
    assert f"| {0.05:.4f} |" in text and LAST == 100  # the mean of the last steps alone
    assert "| batches of labelled images | before | 85.0 |  | 4.40 |" in text  # first features
    assert "| features of a thyroid encoder | generated | 7 of 1,000 | 0.7 [0.1, 2.0] |" in text
    assert "planted" not in text


def test_a_distance_is_called_fid_only_in_inceptions_features(make_result, run):
    text = generator_card_pieces([run])["include/generator_phantom.md"]
    figures = [fidelity("batch", "before", "precision", 0.5, SPACE | {"is_fid": True})]
    other = make_result("fig4", data="liver", fidelity=figures)

    assert "Fréchet distance" in text and "FID" not in text
    assert "FID" in generator_card_pieces([other])["include/generator_liver.md"]


def test_a_set_without_a_run_says_how_to_make_one(run):
    text = generator_card_pieces([run])["include/generator_liver.md"]

    assert "make reproduce-fig4 PROFILE=demo DATA=imported/liver/manifest.csv" in text


def test_the_page_includes_both_and_names_the_command_that_loads():
    page = PAGE.read_text()

    assert all(f"include/generator_{data}.md" in page for data in ("phantom", "liver"))
    assert "make generated ARGS=" in page
