import pytest

from testiculus.base.errors import UserError
from testiculus.paper import EQUAL_MARGIN, KINDS, claim_texts, reported
from testiculus.paper.claim_texts import CLAIMED_TABLES

EVERY_CLAIM = [
    pytest.param(table, claim, id=claim.id)
    for table in CLAIMED_TABLES
    for claim in claim_texts(table)
]
OURS = {"ud-beats-procedural", "ud-equals-ud-without-test-patients"}


@pytest.mark.parametrize(("table", "number"), [("table1", 9), ("table2", 11), ("table4", 3)])
def test_ids_are_unique_slugs_and_texts_are_sentences(table, number):
    claims = claim_texts(table)

    assert len({claim.id for claim in claims}) == len(claims) == number
    assert all(claim.id == claim.id.lower() and " " not in claim.id for claim in claims)
    assert all(claim.text.endswith(".") and claim.source for claim in claims)
    assert all(claim.kind in KINDS and claim.worse for claim in claims)


def test_paper_figures_are_the_printed_differences():
    paper = {claim.id: claim.paper for claim in claim_texts("table1")}

    assert paper["filtered-beats-complete-accuracy"] == pytest.approx(0.0664)
    assert paper["flipped-beats-complete-f1"] == pytest.approx(0.1745)
    assert paper["filtered-beats-flipped-accuracy"] == pytest.approx(0.0137)
    assert paper["three-occasions-beat-four"] is None


def test_paper_figures_of_pretraining_are_the_printed_differences():
    # Percent of F1 as Tables 2 and 4 print them.
    none, imagenet, uscl, testes, thyroids, ud = 56.05, 67.89, 57.43, 65.44, 63.92, 73.17
    expected = {
        "ud-beats-imagenet": ud - imagenet,
        "ud-beats-scratch": ud - none,
        "ud-beats-testes-only": ud - testes,
        "ud-beats-thyroids-only": ud - thyroids,
        "testes-only-equals-thyroids-only": testes - thyroids,
        "testes-only-beats-scratch": testes - none,
        "thyroids-only-beats-scratch": thyroids - none,
        "imagenet-beats-uscl": imagenet - uscl,
        "imagenet-best-single-source": imagenet - testes,
        "lambda-0.2-is-best": 73.17 - 71.40,
        "combination-beats-contrastive-only": 73.17 - 69.41,
        "combination-beats-supervised-only": 73.17 - 70.11,
    }

    claims = [*claim_texts("table2"), *claim_texts("table4")]
    paper = {claim.id: 100 * claim.paper for claim in claims if claim.paper is not None}

    assert paper == pytest.approx(expected)
    assert {claim.id for claim in claims} - set(expected) == OURS


@pytest.mark.parametrize(("table", "claim"), EVERY_CLAIM)
def test_the_reported_difference_favours_the_claim(table, claim):
    if claim.paper is None:
        assert claim.id in OURS or claim.metric == "average_precision"
    elif claim.kind == "equal":
        assert abs(claim.paper) < EQUAL_MARGIN
    else:
        assert claim.paper > 0


@pytest.mark.parametrize(("table", "claim"), EVERY_CLAIM)
def test_a_claim_of_the_sources_is_about_rows_of_their_table(table, claim):
    rows = set(reported(table)["row"])

    if claim.id in OURS:
        assert "in no source" in claim.source
    elif claim.metric != "average_precision":
        assert claim.better in rows and set(claim.against) <= rows
        assert claim.better not in claim.against


def test_a_best_row_is_compared_with_each_of_its_rivals():
    best = next(claim for claim in claim_texts("table4") if claim.kind == "best")
    lambdas = {row for row in reported("table4")["row"] if row.startswith("lambda")}

    assert {best.better, *best.against} == lambdas and len(best.against) == 4


def test_the_margin_is_about_the_printed_spread_of_both_single_organ_rows():
    std = reported("table2").query("metric == 'f1'").set_index("row")["std"]

    assert std["UD testes only"] == 0.0232 and std["UD thyroids only"] == 0.0246
    assert EQUAL_MARGIN == 0.025


def test_a_table_without_claims_is_refused():
    with pytest.raises(UserError, match="table1"):
        claim_texts("table7")
