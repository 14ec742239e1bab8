"""Sentences held against figures: each relation where the answer is known."""

import numpy as np
import pandas as pd
import pytest

from testiculus.audits.printed_statements import judge
from testiculus.base.errors import UserError
from testiculus.paper.printed import printed_figures
from testiculus.paper.statements import RELATIONS, Comparison, Statement, statement_of, statements

FIGURES = pd.DataFrame(
    [
        ("t", "low", "f1", 0.60, 0.02),
        ("t", "high", "f1", 0.63, 0.01),
        ("t", "top", "f1", 0.70, 0.03),
        ("t", "twin", "f1", 0.60, 0.02),
        ("t", "low", "recall", 0.70, 0.01),
        ("t", "high", "recall", 0.71, 0.01),
        ("t", "bare", "f1", 0.60, np.nan),
        ("t", "bare too", "f1", 0.61, np.nan),
    ],
    columns=["table", "row", "metric", "mean", "std"],
)


def said(**item):
    entry = {"id": "s", "says": "S.", "document": "article", "place": "here"}
    return statement_of(entry | {"comparisons": [{"metrics": ["f1"], **item}]}, FIGURES)


def holds(**item):
    return list(judge(said(**item), FIGURES).comparisons["holds"])


@pytest.mark.parametrize(
    ("left", "relation", "right", "held"),
    [
        ("high", "above", "low", True),
        ("low", "above", "high", False),
        ("twin", "above", "low", False),
        ("low", "below", "high", True),
        ("twin", "at least", "low", True),
        ("twin", "same", "low", True),
        ("high", "same", "low", False),
        ("high", "clearly above", "low", True),  # by 0.03, more than 0.02
        ("top", "clearly above", "bare", True),  # 0.10 > 0.03, the only one printed
        ("high", "about", "low", False),
        ("twin", "about", "low", True),
    ],
)
def test_a_relation_is_decided_by_the_printed_figures(left, relation, right, held):
    assert holds(left=f"t/{left}", right=f"t/{right}", **{"is": relation}) == [held]


@pytest.mark.parametrize(("amount", "held"), [(0.10, True), (0.104, True), (0.12, False)])
def test_a_difference_is_compared_to_the_nearest_step(amount, held):
    item = {"left": "t/top", "is": "by", "right": "t/low", "amount": amount, "step": 0.01}

    assert holds(**item) == [held]


def test_others_are_all_other_rows_of_the_table_with_the_metric():
    item = {"left": "t/top", "is": "above", "right": "others"}

    assert len(holds(**item)) == 5 and all(holds(**item))


def test_gains_gaps_and_spreads_are_compared_where_asked():
    gain = {"left": "t/high", "over": "t/low", "is": "above", "others": ["recall"]}
    gap = {"left": "t/low", "is": "above", "right": "t/high", "metrics": ["recall"], "less": "f1"}
    spread = {"left": "t/high", "is": "below", "right": "t/low", "of": "std"}

    compared = judge(said(**gain), FIGURES).comparisons
    assert compared["left"][0] == pytest.approx(0.03) and compared["right"][0] == pytest.approx(
        0.01
    )
    assert compared["holds"].all() and compared["spread"].isna().all()
    assert holds(**gap) == [True] and holds(**spread) == [True]


def test_the_outcome_says_whether_all_some_or_no_comparisons_hold():
    words = {
        judge(said(left=left, right="t/high", **{"is": "above"}), FIGURES).outcome
        for left in ("t/top", "t/low", ["t/top", "t/low"])
    }

    assert words == {"borne out", "not borne out", "in part"}


def test_a_spread_that_is_not_printed_cannot_be_compared_with():
    with pytest.raises(UserError, match="needs a printed standard deviation"):
        holds(left="t/bare", right="t/bare too", **{"is": "about"})


@pytest.mark.parametrize("item", [{"right": "t/none"}, {"right": "t/low", "metrics": ["auc"]}])
def test_a_figure_that_no_table_prints_is_refused(item):
    with pytest.raises(UserError, match="no figure t"):
        said(left="t/high", **{"is": "above"} | item)
    left = ("t", "high")
    made = Statement("s", "S.", "article", "p", (Comparison(left, "above", left, "auc", "auc"),))
    with pytest.raises(UserError, match="that no table prints"):
        judge(made, FIGURES)


def test_an_unknown_relation_is_refused():
    with pytest.raises(UserError, match="no relation 'better'"):
        said(left="t/high", right="t/low", **{"is": "better"})
    assert "better" not in RELATIONS


# What a reader of the printed tables finds by hand, one sentence of each kind.
BY_HAND = {
    "flipped-row-starts-from-imagenet": ("not borne out", "borne out"),
    "pretraining-beats-scratch-consistently": ("borne out", ""),
    "imagenet-is-best": ("in part", "borne out"),
    "imagenet-gains-accuracy-and-recall": ("in part", "borne out"),
    "gain-of-three-points-accuracy": ("borne out", ""),
    "gain-of-six-points-f1": ("not borne out", ""),
    "filtered-is-always-better": ("in part", "borne out"),
    "thyroids-above-synthetic-alone": ("not borne out", "borne out"),
    "bold-is-highest": ("in part", "borne out"),
}


def test_the_papers_sentences_fare_as_reading_the_tables_tells():
    figures = printed_figures()
    found = {s.id: judge(s, figures) for s in statements()}

    assert {i: (found[i].outcome, found[i].fair_outcome) for i in BY_HAND} == BY_HAND
