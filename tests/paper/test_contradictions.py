import pytest

from testiculus import paper
from testiculus.paper.contradictions import DOCUMENTS, contradictions


def test_there_are_37_in_order():
    assert [item["number"] for item in contradictions()] == list(range(1, 38))


@pytest.mark.parametrize("item", contradictions(), ids=lambda item: str(item["number"]))
def test_each_says_what_where_how_to_read_it_and_what_is_done(item):
    assert set(item) == {"number", "title", "what", "sources", "reading", "companion"}
    assert all(
        isinstance(item[key], str) and item[key].endswith(".") for key in ("what", "reading")
    )
    assert item["companion"].endswith(".")
    assert len(item["sources"]) >= 1
    for source in item["sources"]:
        assert set(source) == {"document", "place", "says"}
        assert source["document"] in DOCUMENTS and source["place"] and source["says"]


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
    assert 7448 + 1248 == 8696 and "8,696" in said[23]
    assert 1666 + 24126 == 25792 and "25,792" in said[20]
    assert f"{(84.2 + 83.3 + 67.2 + 93.0 + 88.1) / 5:.2f}" in said[37]
    assert f"{(18.0 + 5.8 + 9.2 + 11.3 + 12.0) / 5:.2f}" in said[37]
