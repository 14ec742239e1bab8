"""What the audits find, by the names that the ledger of claims uses."""

from testiculus.claims.printed_findings import (
    PrintedFinding,
    of_sum,
    printed_findings,
    together,
)
from testiculus.claims.verdicts import CONTRADICTED, NOT_RESOLVED, SUPPORTED, UNTESTABLE
from testiculus.paper.printed import StatedSum

FOUND = printed_findings()


def test_every_finding_has_a_verdict_and_says_why():
    for name, found in FOUND.items():
        assert found.verdict in (SUPPORTED, CONTRADICTED, NOT_RESOLVED, UNTESTABLE), name
        assert found.note, name


def test_several_under_one_name_all_have_to_hold():
    good, bad = PrintedFinding(SUPPORTED, "a"), PrintedFinding(CONTRADICTED, "b", "fair")

    assert together([good, bad]) == PrintedFinding(CONTRADICTED, "a; b", "fair")
    assert together([good, good]) == good


def test_a_sum_that_rounding_may_explain_is_not_resolved():
    stated = StatedSum("s", "x", "thesis", "p", "mean", (83.1, 83.2), 83.2, 0.1, 0.1)
    mean = StatedSum("s", "x", "thesis", "p", "mean", (83.1, 83.1), 83.2, 0.1, 0.1)
    wrong = StatedSum("s", "x", "thesis", "p", "mean", (83.1, 83.1), 83.3, 0.1, 0.1)

    assert [of_sum(s).verdict for s in (stated, mean, wrong)] == [
        SUPPORTED,
        NOT_RESOLVED,
        CONTRADICTED,
    ]


def test_what_is_known_of_the_paper_is_found():
    verdicts = {name: found.verdict for name, found in FOUND.items()}

    assert verdicts["gain-over-imagenet"] == CONTRADICTED  # point 32
    assert verdicts["imagenet-best"] == SUPPORTED and "in part" in FOUND["imagenet-best"].also
    assert verdicts["unlabelled-set-adds-up"] == CONTRADICTED  # point 20
    assert verdicts["runs-and-evaluations"] == SUPPORTED
    assert verdicts["prevalence-is-a-fifth"] == NOT_RESOLVED
    assert verdicts["two-kinds-of-spread"] == NOT_RESOLVED
    assert verdicts["marker-figures-are-reported"] == UNTESTABLE  # point 34


def test_a_statement_is_found_by_its_own_id_and_by_the_ledgers_name():
    assert FOUND["bold-is-highest"] == FOUND["uusic-bold-is-best"]
    found = FOUND["imagenet-is-best"]  # as it reads it is borne out in part; its reading holds
    assert found.verdict == NOT_RESOLVED and found.also == "fair reading: borne out"
    assert FOUND["ud-thesis"].verdict == SUPPORTED and FOUND["ud-article"].verdict == CONTRADICTED


def test_every_audit_that_the_ledger_names_is_there():
    from testiculus.paper.ledger import ledger

    assert {name for entry in ledger() for name in entry.audits} <= FOUND.keys()
