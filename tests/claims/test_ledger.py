"""The ledger from results folders: a row per claim, data set and profile, each with its verdict."""

import json
from itertools import product
from pathlib import Path

import pandas as pd
import pytest

from testiculus.claims.ledger import (
    DISTANCE,
    LEDGER_COLUMNS,
    LEDGER_VERDICTS,
    NOT_RUN,
    PRINTED,
    Found,
    all_of,
    counts,
    effect_words,
    judged,
    ledger_frame,
)
from testiculus.claims.ledger_audits import audit_findings
from testiculus.claims.verdicts import CONTRADICTED, NOT_RESOLVED, SUPPORTED, UNTESTABLE
from testiculus.paper.ledger import claim_ids, claim_of, entry_of, ledger
from testiculus.paper.printed import stated_sums
from testiculus.paper.statements import statements

RESULTS = Path(__file__).parents[2] / "results"
COMMITTED = sorted(RESULTS.glob("*/*/*/verdicts.csv"))
EXPECTED = [("table1", "phantom", "demo"), ("table4", "phantom", "demo")]
HEAD = "claim,source,paper,effect,ci_low,ci_high,verdict,note"


def entry(name, **decided):
    places = [{"article": "section 3"}, {"slides": "results"}]
    return entry_of({"id": name, "topic": "data", "text": "It is so.", "places": places} | decided)


@pytest.fixture
def tree(tmp_path):
    """A results tree with one table on two data sets; return a function that reads it."""

    def write(data, lines, wall=90):
        folder = tmp_path / data / "demo" / "table4"
        folder.mkdir(parents=True)
        (folder / "verdicts.csv").write_text("\n".join([HEAD, *lines]) + "\n")
        (folder / "provenance.json").write_text(json.dumps({"wall_seconds": wall}))
        return judged(folder, page=f"table4_{data}.html", anchor="verdicts", stale=data == "liver")

    both = "combination-beats-contrastive-only"
    return [
        write(
            "phantom",
            [
                f"{both},here,,0.1,0.05,0.15,supported,",
                f"{both}-clean,here,,0.1,-0.1,0.3,not resolved,",
                f"{both}-finetuned,here,,-0.1,-0.2,-0.05,contradicted,",
                "lambda-0.2-is-best,here,,0.02,-0.1,0.2,not resolved,smallest",
            ],
        ),
        write("liver", [f"{both},here,,,,,cannot be tested here,row X was not run"], wall=30),
    ]


def rows_of(frame, name):
    return frame[frame["id"] == name].set_index("data")


def test_a_row_has_the_verdict_the_effect_the_price_and_the_place_of_its_results(tree):
    one = entry("a", tests={"table4": ["combination-beats-contrastive-only"]})

    frame = ledger_frame([one], tree, expected=EXPECTED)
    rows = rows_of(frame, "a")

    assert tuple(frame.columns) == LEDGER_COLUMNS and list(rows.index) == ["phantom", "liver"]
    phantom, liver = rows.loc["phantom"], rows.loc["liver"]
    assert phantom["verdict"] == SUPPORTED and liver["verdict"] == UNTESTABLE
    assert tuple(phantom[["effect", "ci_low", "ci_high"]]) == (0.1, 0.05, 0.15)
    assert pd.isna(liver["effect"]) and liver["note"] == "row X was not run"
    assert phantom["also"] == "in other readings: 1 contradicted, 1 not resolved"
    assert (phantom["wall_seconds"], liver["wall_seconds"]) == (90, 30)
    assert (phantom["page"], phantom["anchor"]) == ("table4_phantom.html", "verdicts")
    assert not phantom["stale"] and liver["stale"]
    assert phantom["documents"] == "article, slides"
    assert phantom["places"] == "article: section 3; slides: results"


def test_a_claim_whose_experiment_has_not_run_says_so(tree):
    waiting = entry("a", tests={"table1": ["flipped-beats-complete-f1"]})
    unplanned = entry("b", tests={"later": []})

    frame = ledger_frame([waiting, unplanned], tree, expected=EXPECTED)

    first, second = (rows_of(frame, name) for name in "ab")
    assert list(first.index) == ["phantom"] and first.loc["phantom", "verdict"] == NOT_RUN
    assert first.loc["phantom", "note"] == "table1 has not run"
    assert second.loc["", "verdict"] == NOT_RUN and "later" in second.loc["", "note"]


def test_a_reading_can_be_named_and_one_that_is_not_there_has_not_run(tree):
    name = "combination-beats-contrastive-only-finetuned"
    frame = ledger_frame([entry("a", tests={"table4": [name]})], tree)

    rows = rows_of(frame, "a")
    assert rows.loc["phantom", "verdict"] == CONTRADICTED
    assert rows.loc["liver", "verdict"] == NOT_RUN


def test_several_tests_all_have_to_hold(tree):
    both = ["lambda-0.2-is-best", "combination-beats-contrastive-only"]
    rows = rows_of(ledger_frame([entry("a", tests={"table4": both})], tree), "a")

    assert rows.loc["phantom", "verdict"] == NOT_RESOLVED
    assert rows.loc["phantom", "claim"] == "lambda-0.2-is-best"
    assert rows.loc["phantom", "note"] == "1 of 2 not resolved, 1 supported; smallest"
    assert rows.loc["liver", "verdict"] == NOT_RUN  # one of the two is not in that folder


@pytest.mark.parametrize("verdicts", list(product(LEDGER_VERDICTS, repeat=3)))
def test_together_they_hold_only_where_each_holds(verdicts):
    """Against the rule in words: any contradiction decides, then whatever is missing."""
    found = all_of([Found(verdict, effect=0.1 * i) for i, verdict in enumerate(verdicts)])

    if CONTRADICTED in verdicts:
        expected = CONTRADICTED
    elif NOT_RUN in verdicts:
        expected = NOT_RUN
    elif UNTESTABLE in verdicts:
        expected = UNTESTABLE
    else:
        expected = NOT_RESOLVED if NOT_RESOLVED in verdicts else SUPPORTED
    assert found.verdict == expected
    assert found.effect == pytest.approx(0.1 * verdicts.index(expected))


def test_audits_and_reasons_have_rows_of_their_own(tree):
    audits = {"fits": Found(SUPPORTED, "fits", "sums", note="adds up")}
    entries = [
        entry("a", audits=["fits"]),
        entry("b", audits=["unknown"]),
        entry("c", untestable="no such images"),
    ]

    frame = ledger_frame(entries, tree, audits)

    assert rows_of(frame, "a").loc[PRINTED, "verdict"] == SUPPORTED
    assert rows_of(frame, "b").loc[PRINTED, "verdict"] == NOT_RUN
    assert rows_of(frame, "c").loc["", ["verdict", "note"]].tolist() == [
        UNTESTABLE, "no such images",
    ]  # fmt: skip


def test_counts_add_up_to_the_rows_with_the_data_sets_first():
    frame = ledger_frame(ledger(), [], audit_findings(), EXPECTED)
    table = counts(frame)

    assert table.to_numpy().sum() == len(frame)
    assert list(table.columns) == list(LEDGER_VERDICTS)
    assert [where for where, _ in table.index] == ["phantom", PRINTED, ""]
    assert table.loc[("phantom", "demo"), NOT_RUN] == (frame["data"] == "phantom").sum()


def test_every_claim_of_the_peers_that_is_named_is_judged():
    from testiculus.claims.peers import CURATIONS, ERRORS, slug
    from testiculus.noise.peers import PEERS

    kinds = (*map(slug, ERRORS), "within-label")
    judged_there = {f"article-ranks-above-{slug(p)}-{kind}" for p in PEERS for kind in kinds}
    judged_there |= {f"article-{c}-beats-{slug(p)}" for c in CURATIONS for p in (*PEERS, "nothing")}
    named = {t.claim for e in ledger() for t in e.tests if t.experiment == "peers"}

    assert named and named <= judged_there


def test_every_audit_that_is_named_exists_and_every_statement_and_sum_is_named():
    named = {name for entry in ledger() for name in entry.audits}

    assert named <= set(audit_findings())
    for one in statements():
        assert {one.id, one.ledger, one.ledger_fair} & named, one.id
    for one in stated_sums():
        assert {one.id, one.ledger} & named, one.id


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: "-".join(path.parts[-4:-1]))
def test_every_committed_verdict_belongs_to_a_claim_of_the_ledger(path):
    run = judged(path.parent)
    ids = claim_ids().get(run.experiment)
    if ids is None:
        pytest.skip("its claims are made in code, not in a file")
    named = {t.claim for e in ledger() for t in e.tests if t.experiment == run.experiment}

    for verdict, row in run.verdicts.items():
        claim = claim_of(verdict, ids)
        assert claim and row["verdict"] in LEDGER_VERDICTS
        assert any(claim_of(name, ids) == claim for name in named)
    readings = {name for name in named if name not in ids}
    assert readings <= set(run.verdicts)


def test_every_claim_of_the_ledger_finds_its_verdict_in_the_committed_results():
    runs = [judged(path.parent) for path in COMMITTED]
    have = {(run.experiment, run.data, run.profile) for run in runs}

    frame = ledger_frame(ledger(), runs, audit_findings())

    for row in frame[frame["verdict"] == NOT_RUN].itertuples():
        assert (row.experiment, row.data, row.profile) not in have, row.id


def test_an_effect_is_in_points_unless_it_is_a_distance():
    nan = float("nan")

    assert effect_words(0.05, -0.01, 0.11) == "+5.0 [-1.0, +11.0]"
    assert effect_words(0.05, nan, nan) == "+5.0"
    assert effect_words(nan, nan, nan) == ""
    assert effect_words(-3.0, -4.5, -1.5, DISTANCE) == "-3.00 [-4.50, -1.50]"


def test_a_filters_distance_is_told_as_one(tmp_path):
    folder = tmp_path / "phantom" / "demo" / "fig4"
    folder.mkdir(parents=True)
    lines = [HEAD, "article-filter-lowers-distance,x,,3,1,5,supported,"]
    (folder / "verdicts.csv").write_text("\n".join(lines))
    (folder / "provenance.json").write_text("{}")
    one = entry("a", tests={"fig4": ["article-filter-lowers-distance"]})

    row = ledger_frame([one], [judged(folder)]).iloc[0]

    assert row["unit"] == DISTANCE and pd.isna(row["wall_seconds"])
