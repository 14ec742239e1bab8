"""The headline claims: chosen once, with figures from the sources and from results alone."""

import math

import pytest

from testiculus.claims.ledger import Judged, ledger_frame
from testiculus.execute.found import EXPECTED
from testiculus.execute.headlines import CHOSEN, headlines
from testiculus.paper import reported
from testiculus.paper.ledger import ledger

SUPPORTED = {"verdict": "supported", "effect": 0.1, "ci_low": 0.05, "ci_high": 0.15}


@pytest.fixture(scope="module")
def nothing():
    """Return the headlines where nothing has run."""
    return {row.id: row for row in headlines(ledger_frame(ledger(), [], {}, EXPECTED), [])}


def printed(table, row, metric="f1"):
    frame = reported(table).set_index(["row", "metric"])["mean"]
    return frame[(row, metric)]


def test_every_table_has_one_or_two_claims_and_the_sources_make_each():
    entries = {entry.id: entry for entry in ledger()}
    tables = [entries[name].experiments[0] for name in CHOSEN]

    assert not any(entries[name].is_own for name in CHOSEN)
    assert set(tables) == {"table1", "table2", "table3", "table4", "fig4", "fig5"}
    assert all(tables.count(table) <= 2 for table in tables)


def test_where_nothing_has_run_each_says_so_and_leads_to_its_page(nothing):
    pages = {f"generated/{'_'.join(what)}.html" for what in EXPECTED}

    assert {row.verdict for row in nothing.values()} == {"not run"}
    assert not any(row.is_drawn for row in nothing.values())
    assert {row.link for row in nothing.values()} <= pages


def test_printed_differences_are_those_of_the_sources_tables(nothing):
    flipped = printed("table1", "Flipped") - printed("table1", "Complete")
    ud = printed("table2", "UD") - printed("table2", "ImageNet")
    losses = printed("table4", "lambda 0.2") - printed("table4", "lambda 0.0")

    assert nothing["flipping-raises-f1"].printed == pytest.approx(flipped)
    assert nothing["ud-beats-imagenet"].printed == pytest.approx(ud)
    assert nothing["organ-loss-helps"].printed == pytest.approx(losses)
    assert nothing["article-filter-precision"].printed == pytest.approx(0.901 - 0.7968)
    assert math.isnan(nothing["markers-draw-attention"].printed)  # no table prints one


def test_only_a_stand_in_may_lie_below_zero(nothing):
    below = {name: row.threshold for name, row in nothing.items() if row.threshold}

    assert below == {"synthetic-stands-in-beside-thyroids": -0.025}


def test_a_run_gives_its_effect_its_reading_and_its_section(make_result):
    text = "Both losses together beat the contrastive loss alone, by a probe's AUC."
    name = "combination-beats-contrastive-only"
    verdicts = [{"claim": name, **SUPPORTED, "text": text, "note": "on one encoder"}]
    run = make_result("table4", verdicts=verdicts)
    rows = {name: SUPPORTED | {"note": "on one encoder"}}
    judged = Judged("table4", "phantom", "demo", rows, page="p.html", anchor="verdicts")

    frame = ledger_frame(ledger(), [judged], {}, EXPECTED)
    row = {row.id: row for row in headlines(frame, [run])}["organ-loss-helps"]

    assert (row.verdict, row.effect, row.low, row.high) == ("supported", 0.1, 0.05, 0.15)
    assert row.read_on == "by a probe's AUC" and row.link == "generated/p.html#verdicts"
    assert row.told.endswith("alone. On one encoder")


def test_of_several_profiles_the_best_is_shown(make_result):
    runs = [make_result("table4", profile=profile) for profile in ("demo", "lite")]
    name = "combination-beats-contrastive-only"
    judged = [
        Judged("table4", "phantom", profile, {name: SUPPORTED | {"effect": effect}})
        for profile, effect in (("demo", 0.1), ("lite", 0.2))
    ]

    frame = ledger_frame(ledger(), judged, {}, EXPECTED)
    row = {row.id: row for row in headlines(frame, runs)}["organ-loss-helps"]

    assert (row.profile, row.effect) == ("lite", 0.2)
