"""The ledger's entries: complete, each with a place and a test, and none with a verdict."""

import re
from importlib.resources import files

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from testiculus.base.errors import UserError
from testiculus.paper import contradictions
from testiculus.paper.ledger import (
    DOCUMENTS,
    OWN,
    TOPICS,
    claim_ids,
    claim_of,
    entry_of,
    ledger,
)
from testiculus.paper.printed import printed_figures

DATA = files("testiculus.paper") / "data"
TEXT = (DATA / "ledger.yaml").read_text(encoding="utf-8")
ENTRIES = ledger()
SOURCES = [entry for entry in ENTRIES if not entry.is_own]
VERDICTS = ("supported", "contradicted", "not resolved", "cannot be tested here", "not run")
ENTRY = {
    "id": "a",
    "topic": "data",
    "text": "A sentence.",
    "places": [{"article": "section 3"}],
    "untestable": "a reason",
}


def test_there_are_many_claims_and_each_of_the_four_documents_has_its_own():
    assert len(SOURCES) >= 100
    for document in DOCUMENTS:
        assert any(document in entry.documents for entry in ENTRIES)
    assert {entry.topic for entry in ENTRIES} == set(TOPICS)


def test_the_abstract_the_captions_and_the_thesiss_chapters_are_there():
    places = [str(place) for entry in SOURCES for place in entry.places]

    for word in ("abstract", "caption", "Fig. 4.4", "Fig. 6.1", "Table 8.2", "Appendix B"):
        assert any(word in place for place in places), word
    for chapter in range(3, 9):
        chapters = [place for place in places if place.startswith("thesis")]
        assert any(re.search(rf"sections? {chapter}\.\d", place) for place in chapters), chapter


def test_every_claim_of_the_files_is_named_and_every_one_named_is_there():
    named = {(test.experiment, test.claim) for entry in ENTRIES for test in entry.tests}
    ids = claim_ids()

    for experiment, claims in ids.items():
        of_it = {claim for name, claim in named if name == experiment}
        assert "" not in of_it, f"{experiment} has claims now: name them in ledger.yaml"
        assert {claim_of(claim, claims) for claim in of_it} == set(claims), experiment


def test_no_verdict_is_typed():
    for raw in yaml.safe_load(TEXT):
        assert set(raw) <= {"id", "topic", "text", "places", "numbers", "reads", "point"} | {
            "tests", "audits", "untestable",
        }  # fmt: skip
        values = [value for value in raw.values() if isinstance(value, str)]
        assert not any(value.strip().casefold() in VERDICTS for value in values)


def test_every_place_says_where_and_every_point_exists():
    points = {point["number"] for point in contradictions()}

    for entry in ENTRIES:
        assert entry.point == 0 or entry.point in points
        assert entry.text.endswith(".") and not entry.text.endswith("..")
        for place in entry.places:
            assert place.where and place.document in DOCUMENTS
            if place.document in ("article", "thesis"):
                assert re.search(r"abstract|section|Table|Fig\.|Appendix", place.where), place


def test_figures_with_two_decimals_are_printed_in_a_table():
    figures = printed_figures()
    scale = figures["metric"].isin(["fid"]).map({True: 1, False: 100})
    known = {f"{value:.2f}" for column in ("mean", "std") for value in figures[column] * scale}
    of_tables = ("noisy labels", "pretraining", "organ loss", "generation", "synthetic pretraining")
    checked = 0
    for entry in SOURCES:
        if entry.topic in of_tables:
            for figure in re.findall(r"(?<![\d.])\d+\.\d\d(?![\dKk])", entry.numbers):
                assert figure in known, (entry.id, figure)
                checked += 1
    assert checked > 100


def test_ids_are_slugs_and_differ():
    ids = [entry.id for entry in ENTRIES]

    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name) for name in ids)


def test_own_comparisons_stand_last_and_are_told_from_the_sources():
    kinds = [entry.is_own for entry in ENTRIES]

    assert kinds == sorted(kinds)
    assert all(entry.is_own == entry.id.startswith("own-") for entry in ENTRIES)
    assert all(OWN not in entry.documents for entry in SOURCES)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"verdict": "supported"}, "unknown key of the ledger's entry a 'verdict'"),
        ({"topic": "nothing"}, "unknown topic"),
        ({"places": [{"letter": "page 1"}]}, "unknown document"),
        ({"places": []}, "places are missing"),
        ({"untestable": ""}, "what decides it is not clear"),
        ({"audits": ["x"]}, "what decides it is not clear"),
    ],
)
def test_an_entry_that_is_wrong_is_refused_by_name(change, said):
    with pytest.raises(UserError, match=re.escape(said)):
        entry_of(ENTRY | change)


def test_an_entry_without_claims_of_its_experiment_keeps_the_experiment():
    entry = entry_of(ENTRY | {"untestable": "", "tests": {"later": []}})

    assert entry.experiments == ("later",) and entry.tests[0].claim == ""


@given(st.data())
def test_a_verdict_belongs_to_the_longest_claim_that_begins_it(data):
    ids = claim_ids()[data.draw(st.sampled_from(sorted(claim_ids())))]
    claim = data.draw(st.sampled_from(ids))
    suffix = data.draw(st.sampled_from(["", "-truth", "-clean", "-finetuned", "-ud"]))

    naive = [name for name in ids if (claim + suffix + "-").startswith(name + "-")]
    assert claim_of(claim + suffix, ids) == max(naive, key=len)
    assert claim_of("x" + claim, ids) == ""
