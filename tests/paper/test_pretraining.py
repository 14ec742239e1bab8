import pytest

from testiculus import paper
from testiculus.base.errors import UserError

VARIANTS = paper.PRETRAINING_VARIANTS


def test_the_variants_are_those_of_the_protocol_and_set_the_same_things():
    assert set(VARIANTS) == set(paper.VARIANTS)
    assert len({frozenset(settings) for settings in VARIANTS.values()}) == 1


def test_a_variant_is_a_copy():
    paper.pretraining_variant("article")["lr"] = 1

    assert paper.pretraining_variant("article")["lr"] == 1e-3


def test_an_unknown_variant_is_refused_with_the_ones_there_are():
    with pytest.raises(UserError, match="article, thesis, released"):
        paper.pretraining_variant("artcle")


def test_every_point_on_pretraining_that_can_be_chosen_differs_between_variants():
    """The sources differ on rate [1], schedule [2], decay [3], organ loss [8] and views [17]."""
    chosen = ("lr", "schedule", "weight_decay", "doubled_organ_loss", "views", "shared_draw")

    for key in chosen:
        assert len({settings[key] for settings in VARIANTS.values()}) > 1, key
    assert len({settings["lr"] for settings in VARIANTS.values()}) == 3


def test_the_images_of_ud_add_up_to_what_both_texts_print():
    assert paper.UD_TESTES + paper.UD_THYROIDS == 25_792


def test_the_images_of_each_row_are_as_printed():
    rows = list(dict.fromkeys(paper.reported("table2")["row"]))

    assert list(paper.PRETRAINING_IMAGES) == rows
    counts = [paper.UD_THYROIDS, paper.UD_TESTES + paper.UD_THYROIDS]
    printed = [paper.PRETRAINING_IMAGES[row] for row in ("UD thyroids only", "UD")]
    assert printed == [f"{count / 1000:.2f}K" for count in counts]


def test_the_lambdas_are_the_rows_of_table_4_and_hold_the_chosen_one():
    rows = [row for row in dict.fromkeys(paper.reported("table4")["row"]) if "lambda" in row]

    assert [f"lambda {weight}" for weight in paper.LAMBDAS] == rows
    assert paper.ORGAN_WEIGHT in paper.LAMBDAS
