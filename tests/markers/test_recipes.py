"""Amounts and recipes: what an image may get, and what is refused."""

from pathlib import Path

import pytest

from testiculus.base.errors import UserError
from testiculus.markers import KINDS, RECIPES, Amount, MarkerRecipe, marker_recipe

PAGE = Path(__file__).resolve().parents[2] / "book" / "markers.md"


def test_an_unknown_recipe_is_refused_with_the_names_that_there_are():
    with pytest.raises(UserError, match=r"unknown marker recipe 'articel'(.|\n)*'article'"):
        marker_recipe("articel")


def test_a_recipe_of_ones_own_is_taken_as_it_is():
    own = MarkerRecipe((Amount("dot", 0.5),))
    assert marker_recipe(own) is own


@pytest.mark.parametrize("amount", [("circle", 0.5, 1), ("ring", 1.5, 1), ("ring", 0.5, 0)])
def test_an_impossible_amount_is_refused(amount):
    with pytest.raises(UserError):
        Amount(*amount)


def test_the_article_recipe_can_draw_every_kind():
    assert set(RECIPES["article"].slots) == set(KINDS)


def test_the_released_recipe_holds_the_released_numbers():
    slots = RECIPES["released"].slots
    assert {kind: slots.count(kind) for kind in set(slots)} == {
        "ring": 4,
        "cross": 4,
        "calipers": 3,
    }
    assert {amount.chance for amount in RECIPES["released"].amounts} == {0.3}


def test_no_recipe_draws_nothing():
    assert RECIPES["none"].slots == ()


def test_markers_of_a_kind_stand_together_whatever_the_order_of_the_amounts():
    mixed = MarkerRecipe((Amount("calipers", 1.0), Amount("ring", 1.0, 2), Amount("calipers", 1.0)))
    assert mixed.slots == ("ring", "ring", "calipers", "calipers")


def listed(amounts) -> tuple[str, str]:
    """Chance and number as the book's table writes them."""
    if not amounts:
        return "-", "-"
    first, times = amounts[0], {1: "", 3: ", three times"}[len(amounts)]
    number = f"1 to {first.most}" if first.most > 1 else "1 each" if times else "1"
    return f"{first.chance}{times}", number + (", few likelier" if first.bounded else "")


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_of_the_book_lists_the_amounts_of_the_recipes(kind):
    lines = PAGE.read_text().splitlines()
    (line,) = [line for line in lines if line.startswith(f"| {kind} | 0.3 ")]
    expected = [kind]
    for name in ("article", "released"):
        expected += listed([a for a in RECIPES[name].amounts if a.kind == kind])
    assert [cell.strip() for cell in line.strip("|").split("|")] == expected
