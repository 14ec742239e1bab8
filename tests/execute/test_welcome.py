"""The welcome page: its parts come from results, and every link of before is still there."""

import re
from pathlib import Path

import pytest

from testiculus.claims.ledger import Judged, ledger_frame
from testiculus.claims.ledger_audits import audit_findings
from testiculus.execute.found import EXPECTED
from testiculus.execute.welcome import counts_words, welcome_pieces
from testiculus.paper.ledger import ledger

PAGE = Path(__file__).parents[2] / "book" / "welcome.md"
NUMBERS = {"effect": 0.2, "ci_low": 0.1, "ci_high": 0.3}
SUPPORTED = {"three-occasions-beat-one": {"verdict": "supported"} | NUMBERS}


def frame(runs=()):
    return ledger_frame(ledger(), runs, audit_findings(), EXPECTED)


def numbers(words, where):
    part = words.partition(f"*{where}:*")[2].partition(". *")[0]
    return {verdict.strip(" .\n"): int(n) for n, verdict in re.findall(r"(\d+) ([a-z ]+)", part)}


def test_the_counts_are_the_ledgers():
    found = frame([Judged("table1", "phantom", "demo", SUPPORTED)])
    told = numbers(counts_words(found), "Phantom, demo")
    rows = found[~found["own"] & (found["data"] == "phantom")]

    assert told == rows["verdict"].value_counts().to_dict() and told["supported"] == 1


def test_of_the_phantoms_profiles_the_best_alone_is_counted():
    runs = [Judged("table1", "phantom", p, SUPPORTED) for p in ("demo", "lite")]

    assert "Phantom, lite" in counts_words(frame(runs))
    assert "Phantom, demo" not in counts_words(frame(runs))


def test_the_audits_of_printed_figures_are_called_what_they_are():
    told = counts_words(frame())

    assert "*Their text against their tables:*" in told and "printed figures" not in told.lower()


def test_both_parts_are_there_without_any_results():
    pieces = welcome_pieces(frame(), [])

    assert set(pieces) == {"include/headlines.md", "include/welcome_counts.md"}
    assert pieces["include/headlines.md"].startswith("```{raw} html\n")
    assert "not run" in pieces["include/welcome_counts.md"]


def test_the_page_shows_what_was_asked_what_holds_and_where_to_go_before_all_else():
    first = PAGE.read_text().partition("\n## ")[0]
    parts = ("**What was asked.**", "welcome_counts.md", "headlines.md", "**Where next.**")
    places = [first.index(part) for part in parts]

    assert places == sorted(places)


def test_no_figure_and_no_verdict_is_typed_there():
    prose = re.sub(
        r"```.*?```|\(.*?\)|Tables? \d.*?\d?\b|Fig\. \d", "", PAGE.read_text(), flags=re.S
    )

    assert not re.search(r"\d", re.sub(r"morelli2025", "", prose))
    assert not re.search(r"supported|contradicted|not resolved", prose)


@pytest.mark.parametrize("what", EXPECTED, ids="_".join)
def test_every_page_of_results_is_one_click_away(what):
    page = "_".join(what)
    assert f"(generated/{page})" in PAGE.read_text()
