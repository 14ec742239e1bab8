import re

import pytest

from testiculus import paper
from testiculus.execute.pages import STATE_WORDS, contradictions_page
from testiculus.paper.attention import attention_claims
from testiculus.paper.contradictions import DOCUMENTS, contradictions


def companion(number):
    return next(item["companion"] for item in contradictions() if item["number"] == number)


def test_there_are_37_in_order():
    assert [item["number"] for item in contradictions()] == list(range(1, 38))


@pytest.mark.parametrize("item", contradictions(), ids=lambda item: str(item["number"]))
def test_each_says_what_where_how_to_read_it_and_what_is_done(item):
    assert set(item) == {"number", "title", "what", "sources", "reading", "companion", "state"}
    assert item["state"] in STATE_WORDS
    assert all(
        isinstance(item[key], str) and item[key].endswith(".") for key in ("what", "reading")
    )
    assert item["companion"].endswith(".")
    assert len(item["sources"]) >= 1
    for source in item["sources"]:
        assert set(source) == {"document", "place", "says"}
        assert source["document"] in DOCUMENTS and source["place"] and source["says"]


def test_what_is_planned_speaks_of_the_future_and_nothing_else_does():
    future = re.compile(r"\b(?i:will)\b")

    for item in contradictions():
        planned = item["state"] == "planned"
        assert bool(future.search(item["companion"])) == planned, item["number"]


def test_every_difference_is_followed_by_something_that_is_there():
    assert not [item["number"] for item in contradictions() if item["state"] == "planned"]


def test_the_claims_that_point_34_promises_are_there():
    claims = {claim.id: claim for claim in attention_claims()}

    assert claims["augmentation-improves-scores"].measure == "f1"
    assert {"no-loss-of-accuracy", "no-loss-of-f1"} <= claims.keys()
    assert "whether the augmentation improves them and whether it costs any" in companion(34)


def test_what_is_said_of_the_generator_is_what_its_constants_are():
    assert paper.ATTENTION == (16, 8) and "attention is at 16 and 8" in companion(19)
    assert f"decay {paper.EMA_DECAY}" in companion(26)
    assert f"{paper.REFERENCE_BATCHES} batches" in companion(15).replace("three", "3")
    assert f"batches of {paper.REFERENCE_BATCH}" in companion(15)


def test_the_filters_own_set_cannot_give_the_thesiss_precision():
    """Balls of the third neighbour lie within those of the fiftieth: what counts is kept [15]."""
    figures = paper.reported_generation().set_index(["document", "row", "metric"])["mean"]
    counted = figures["thesis", "before", "precision"] * paper.GENERATED

    assert paper.METRIC_NEIGHBOURS < paper.FILTER_NEIGHBOURS and counted > paper.KEPT
    said = next(item["reading"] for item in contradictions() if item["number"] == 15)
    assert f"{counted:,.0f}" in said and f"{paper.KEPT:,}" in said


def test_the_claims_that_points_16_and_33_promise_are_there():
    claims = paper.claim_texts("table3")
    rows = {(claim.better, rival, claim.metric) for claim in claims for rival in claim.against}

    for beside in ("", "real thyroids + "):
        pair = (f"{beside}synthetic filtered", f"{beside}synthetic")
        assert {(*pair, m) for m in ("accuracy", "f1", "precision", "recall")} <= rows
    for alone in ("synthetic", "synthetic filtered"):
        assert ("real thyroids", alone, "f1") in rows


def test_the_page_of_the_book_says_which_are_planned():
    page = contradictions_page()
    by_number = dict(enumerate(page.split("\n## ")[1:], start=1))

    for item in contradictions():
        said = by_number[item["number"]]
        assert ("**Planned here.**" in said) == (item["state"] == "planned")
        assert ("**Here.**" in said) == (item["state"] == "here")


def test_an_augmentation_that_is_not_drawn_is_not_claimed():
    from testiculus.augment import RECIPES, AugmentSettings

    assert RECIPES["article"].markers == "article" and RECIPES["released"].markers == "released"
    assert not any("jitter" in name for name in vars(AugmentSettings()))
    assert "draw markers" in companion(18)
    assert "Not drawn, in any variant, is the thesis's colour jitter" in companion(18)


def test_what_is_said_of_pretrainings_variants_is_what_they_set():
    settings = paper.PRETRAINING_VARIANTS

    for name, rate in {"article": "1e-3", "thesis": "0.3", "released": "5e-3"}.items():
        assert settings[name]["lr"] == float(rate)
        assert re.search(rf"VARIANT={name} (uses |the )?{rate}", companion(1))
    assert [name for name, told in settings.items() if told["schedule"] == "cosine"] == ["thesis"]
    assert "VARIANT=thesis a cosine" in companion(2)
    assert settings["released"]["weight_decay"] == 1e-4 and "1e-4" in companion(3)
    for number, key in {8: "doubled_organ_loss", 17: "shared_draw"}.items():
        assert [name for name, told in settings.items() if told[key]] == ["released"]
        assert "VARIANT=released" in companion(number)
    assert [name for name, told in settings.items() if told["views"] == "released"] == ["released"]


def test_every_variant_that_is_named_exists():
    named = {
        word.split("=")[1].strip(".,;")
        for item in contradictions()
        for word in item["companion"].split()
        if word.startswith("VARIANT=")
    }

    assert named == set(paper.VARIANTS)


def test_figures_that_can_be_recomputed_are_right():
    said = {item["number"]: str(item) for item in contradictions()}
    f1 = paper.reported("table2").query("metric == 'f1'").set_index("row")["mean"]

    assert f"{100 * (f1['UD'] - f1['ImageNet']):.2f}" in said[32]
    assert f"{100 * (f1['UD'] - f1['ImageNet']):.2f}" in companion(32)
    assert 7448 + 1248 == 8696 and "8,696" in said[23]
    assert 1666 + 24126 == 25792 and "25,792" in said[20]
    assert f"{(84.2 + 83.3 + 67.2 + 93.0 + 88.1) / 5:.2f}" in said[37]
    assert f"{(18.0 + 5.8 + 9.2 + 11.3 + 12.0) / 5:.2f}" in said[37]
