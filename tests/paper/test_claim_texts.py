import pytest

from testiculus.base.errors import UserError
from testiculus.paper import claim_texts


def test_ids_are_unique_slugs_and_texts_are_sentences():
    claims = claim_texts("table1")

    assert len({claim.id for claim in claims}) == len(claims) == 9
    assert all(claim.id == claim.id.lower() and " " not in claim.id for claim in claims)
    assert all(claim.text.endswith(".") and claim.source for claim in claims)


def test_paper_figures_are_the_printed_differences():
    paper = {claim.id: claim.paper for claim in claim_texts("table1")}

    assert paper["filtered-beats-complete-accuracy"] == pytest.approx(0.0664)
    assert paper["flipped-beats-complete-f1"] == pytest.approx(0.1745)
    assert paper["filtered-beats-flipped-accuracy"] == pytest.approx(0.0137)
    assert paper["three-occasions-beat-four"] is None


def test_every_reported_difference_favours_the_claim():
    assert all(claim.paper > 0 for claim in claim_texts("table1") if claim.paper is not None)


def test_a_table_without_claims_is_refused():
    with pytest.raises(UserError, match="table1"):
        claim_texts("table7")
