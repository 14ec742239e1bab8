import json
import re

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from testiculus.execute.checklists import (
    STATES,
    answered,
    checklist_pieces,
    checklists,
    facts,
    names_in,
)
from testiculus.execute.found import Result

# The published numbers: CLAIM 2024 has 44 items, TRIPOD+AI 27, some of them in parts.
PARTS = {3: "abc", 5: "ab", 6: "abc", 8: "abc", 9: "abc", 12: "abcdefg", 18: "abcdef"}
PARTS |= {20: "abc", 23: "ab", 27: "abc"}
TRIPOD = [f"{n}{part}" for n in range(1, 28) for part in (PARTS.get(n) or [""])]
AUC = [0.8, 0.7, 0.9]


def run_of(folder, experiment="table1", data="phantom"):
    """A finished run of three folds, as its folder holds it."""
    place = folder / data / experiment
    place.mkdir(parents=True)
    settings = {
        **{"images": 880, "patients": 220, "positive images": 180, "pixels": 64},
        **{"folds": "3, grouped by patient", "seeds": "0", "epochs": 15, "batch size": 64},
        **{"learning rates": "encoder 1", "weight decay": 1e-5, "augmentation": "article"},
        **{"evaluations": 16, "initialisations": ["scratch-A", "scratch-B"]},
    }
    record = {"experiment": experiment, "settings": settings, "cost": {"runs": 48}}
    record |= {"licence": "MIT", "versions": {"torch": "2.11.0"}, "not_run": {"imagenet": "why"}}
    told = {"source": "here", "planted_errors": {"flipped": ["a", "b"]}}
    record |= {"commit": "c" * 40, "data_settings": told}
    lines = [
        ("table1", "Complete", 0, fold, metric, value)
        for metric in ("auc_truth", "f1_truth")
        for fold, value in enumerate(AUC)
    ]
    columns = ["experiment", "row", "seed", "fold", "metric", "value"]
    pd.DataFrame(lines, columns=columns).to_csv(place / "results.csv", index=False)
    pd.DataFrame({"suspicious": [True, False, True]}).to_csv(place / "flags.csv", index=False)
    (place / "verdicts.csv").write_text(
        "claim,verdict,resolvable\na-f1,supported,0.1\nb-f1,not resolved,0.189\nc-f1-truth,x,0.5\n"
    )
    (place / f"{experiment}.ipynb").write_text(json.dumps({}))
    return Result(place, experiment, data, "demo", record)


@pytest.fixture
def found(tmp_path):
    runs = [("table1", "phantom"), ("table1", "liver"), ("fig5", "phantom")]
    return [run_of(tmp_path, *what) for what in runs]


def test_every_published_item_is_there_once_and_in_order():
    numbers = {name: [item["n"] for item in c["items"]] for name, c in checklists().items()}

    assert numbers["claim"] == [str(n) for n in range(1, 45)]
    assert numbers["tripod"] == TRIPOD and len(TRIPOD) == 52


def test_every_item_has_a_state_and_a_sentence():
    for checklist in checklists().values():
        for item in checklist["items"]:
            assert item["state"] in STATES and item["answer"].endswith("."), item
            assert "|" not in item["answer"] + item["asks"]


def test_every_name_in_an_answer_is_a_fact_of_a_complete_run(found):
    known = facts(found)

    wanted = {n for c in checklists().values() for i in c["items"] for n in names_in(i["answer"])}
    assert wanted <= set(known) and len(wanted) > 25


def test_without_results_every_item_that_rests_on_them_is_open():
    for checklist in checklists().values():
        for item in checklist["items"]:
            state, answer = answered(item, {})
            if names_in(item["answer"]):
                assert state == "open" and answer.startswith("Not run here: `make reproduce-")
            else:
                assert (state, answer) == (item["state"], item["answer"])


def test_figures_are_those_of_the_run(found):
    known = facts(found)

    half = stats.t.ppf(0.975, 2) * np.std(AUC, ddof=1) * np.sqrt(1 / 3 + 1 / 2)
    low, high = 0.8 - half, 0.8 + half
    assert known["auc_truth"] == f"AUC 0.800 [{low:.3f}, {high:.3f}], 3 runs"
    assert known["resolvable"] == "18.9"  # the widest on F1 as the article scores
    assert known["verdicts"] == "1 supported, 1 not resolved, 1 x" and known["claims"] == "3"
    assert known["flagged"] == "2" and known["liver_planted"] == "2"
    assert (known["phantom_folds"], known["phantom_grouping"]) == ("3", "grouped by patient")
    assert known["fig5"] == "[phantom](/book/generated/fig5_phantom_demo)"


def test_the_page_counts_what_it_shows_and_leaves_no_name_unfilled(found):
    pieces = checklist_pieces(found)

    for name, text in pieces.items():
        assert "{" not in text, name
    table = pieces["include/checklist_claim.md"]
    shown = re.search(r"^(\d+) answered, .*?(\d+) \*\*open\*\*", table)
    rows = [line.split(" | ")[2] for line in table.splitlines() if re.match(r"\| \d", line)]
    assert len(rows) == 44
    assert rows.count("answered") == int(shown[1]) and rows.count("**open**") == int(shown[2])


def test_the_page_says_of_which_runs_it_speaks_and_that_a_run_is_stale(found):
    about = checklist_pieces(found[:1])["include/checklist_of.md"]

    assert "(/book/generated/table1_phantom_demo): **stale**" in about
    assert "(/book/generated/table1_liver_demo): not run" in about
