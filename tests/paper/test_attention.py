from dataclasses import replace
from importlib.resources import files

import pytest
import yaml

from testiculus.base.errors import UserError
from testiculus.claims import attention
from testiculus.paper import contradictions
from testiculus.paper.attention import AttentionTerm, attention_claims, claim_of

CLAIMS = attention_claims()
ENTRY = dict(id="a", text="A.", source="here", measure="f1", plus=[dict(row="A", images="b")])
DOCUMENTS = ("article", "thesis", "slides")


def test_ids_are_unique_slugs():
    assert len({claim.id for claim in CLAIMS}) == len(CLAIMS) == 17
    assert all(claim.id == claim.id.lower() and " " not in claim.id for claim in CLAIMS)


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_a_claim_of_a_document_says_which_and_any_other_that_it_is_in_no_source(claim):
    document = claim.source.partition(",")[0].partition(" ")[0]

    assert document in DOCUMENTS or "in no source" in claim.source
    assert claim.text.endswith(".") and len(claim.text) < 100


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_a_claim_is_about_models_images_and_measures_that_there_are(claim):
    rows = {*attention.ROWS, *attention.CONTROLS}
    conditions = set(attention.CONDITION_SUFFIXES)

    assert {term.row for term in claim.terms} | set(claim.rivals) <= rows
    assert {term.images for term in claim.terms} <= conditions
    assert claim.measure in (*attention.IMAGE_MEASURES, *attention.SCORES)
    assert bool(claim.rivals) == (claim.kind == "best")
    balance = sum(term.sign for term in claim.terms)
    assert balance in (0, 1) and (balance == 0 or claim.measure not in attention.SCORES)


def test_what_goes_with_the_label_in_training_needs_a_dose():
    of_dose = {claim.id for claim in CLAIMS if claim.of_dose}

    assert of_dose == {"shortcut-is-learnt", "augmentation-restores", "biased-test-hides-it"}
    hides = next(claim for claim in CLAIMS if claim.id == "biased-test-hides-it")
    assert {term.strength for term in hides.terms} == {"largest"}
    assert [term.images for term in hides.terms] == ["as in training", "unmarked"]


def test_a_word_that_was_made_a_number_says_how():
    for claim in CLAIMS:
        assert claim.reads or (claim.least == 0 and not claim.rivals)
        assert not (claim.untestable and claim.reads)
    assert [claim.id for claim in CLAIMS if claim.untestable] == ["attention-moves-almost-entirely"]


def test_points_that_are_quoted_are_about_the_augmentation():
    text = (files("testiculus.paper") / "data" / "claims_fig5.yaml").read_text(encoding="utf-8")
    point = next(item for item in contradictions() if item["number"] == 34)

    assert "[34]" in text and "marker augmentation" in point["title"]
    improves = next(claim for claim in CLAIMS if claim.id == "augmentation-improves-scores")
    assert "point 34" in improves.source and len(yaml.safe_load(text)) == len(CLAIMS)


def test_terms_keep_their_signs_and_order():
    entry = ENTRY | {"minus": [dict(row="C", images="d", strength="largest")]}

    claim = claim_of(entry)

    assert claim.terms == (AttentionTerm(1, "A", "b"), AttentionTerm(-1, "C", "d", "largest"))
    assert claim.of_dose and claim_of(ENTRY) == replace(claim, terms=claim.terms[:1])
    assert "plus" in entry  # an entry is not used up


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "equal"},
        {"plus": []},
        {"plus": [], "minus": [dict(row="A", images="b")]},
        {"plus": [dict(row="A", images="b", strength="0.5")]},
    ],
)
def test_a_claim_that_cannot_be_read_is_refused(wrong):
    with pytest.raises(UserError, match="claim a cannot be read"):
        claim_of(ENTRY | wrong)
