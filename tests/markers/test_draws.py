"""Random draws: chances as frequencies, every image by itself, the same bits again."""

import math

import pytest
import torch

from testiculus.base.devices import generator
from testiculus.base.errors import UserError
from testiculus.markers import KINDS, RECIPES, Amount, MarkerRecipe, draw_markers

MANY = 20_000


def counts(draws, kind):
    """How many markers of a kind each image has."""
    columns = [i for i, name in enumerate(draws.kinds) if name == kind]
    return draws.present[:, columns].sum(dim=1)


def test_every_kind_of_the_article_recipe_comes_at_its_chance_and_number():
    draws = draw_markers("article", MANY, generator("frequencies"))
    for amount in RECIPES["article"].amounts:
        found = counts(draws, amount.kind)
        assert float((found > 0).float().mean()) == pytest.approx(amount.chance, abs=0.015)
        for number in range(1, amount.most + 1):  # uniform from 1 to the most
            share = float((found == number).float().mean())
            assert share == pytest.approx(amount.chance / amount.most, abs=0.012)
    marked = float(draws.present.any(dim=1).float().mean())
    assert marked == pytest.approx(1 - 0.7 ** len(KINDS), abs=0.01)


def test_released_numbers_are_those_of_a_bound_drawn_first():
    draws = draw_markers("released", MANY, generator("frequencies"))
    for kind in ("ring", "cross"):
        found = counts(draws, kind)
        for number in range(1, 5):
            expected = 0.3 * sum(1 / 4 / bound for bound in range(number, 5))
            share = float((found == number).float().mean())
            assert share == pytest.approx(expected, abs=0.012)


def test_released_caliper_lines_come_each_by_itself():
    draws = draw_markers("released", MANY, generator("frequencies"))
    found = counts(draws, "calipers")
    for number in range(4):
        expected = math.comb(3, number) * 0.3**number * 0.7 ** (3 - number)
        assert float((found == number).float().mean()) == pytest.approx(expected, abs=0.012)


def test_images_have_their_own_places():
    draws = draw_markers("article", 50, generator("own"))
    assert len(draws.start.flatten(1).unique(dim=0)) == 50


def test_the_same_generator_gives_the_same_bits_and_another_does_not():
    first, again = (draw_markers("article", 20, generator("same")) for _ in range(2))
    other = draw_markers("article", 20, generator("other"))
    for name in ("present", "start", "end"):
        assert torch.equal(getattr(first, name), getattr(again, name))
        assert not torch.equal(getattr(first, name), getattr(other, name))


def test_slicing_and_moving_commute():
    draws = draw_markers("article", 20, generator("slices"))
    one, two = draws[5:9].to("cpu"), draws.to("cpu")[5:9]
    assert len(one) == 4 and one.kinds == two.kinds == draws.kinds
    for name in ("present", "start", "end"):
        assert torch.equal(getattr(one, name), getattr(two, name))
        assert torch.equal(getattr(one, name), getattr(draws, name)[5:9])


def test_all_places_lie_inside_and_calipers_are_as_far_apart_as_stated():
    draws = draw_markers("article", MANY, generator("places"))
    for places in (draws.start, draws.end):
        assert float(places.min()) >= -1e-6 and float(places.max()) <= 1 + 1e-6
    pair = draws.kinds.index("calipers")
    apart = (draws.end - draws.start)[:, pair].norm(dim=1)
    assert 0.2 - 1e-5 <= float(apart.min()) < 0.21 and 0.69 < float(apart.max()) <= 0.7 + 1e-5


def test_bar_and_ruler_stand_beside_opposite_edges_each_on_either_side():
    draws = draw_markers("article", 500, generator("edges"))
    bar, ruler = (draws.start[:, draws.kinds.index(k), 0] for k in ("grey_bar", "depth_ruler"))
    assert ((bar <= 0.05) | (bar >= 0.95)).all() and ((ruler <= 0.05) | (ruler >= 0.95)).all()
    assert ((bar < 0.5) != (ruler < 0.5)).all()
    assert 0.4 < float((bar < 0.5).float().mean()) < 0.6


def test_global_random_state_is_left_alone():
    before = torch.random.get_rng_state()
    draw_markers("article", 5, generator("state"))
    assert torch.equal(before, torch.random.get_rng_state())


def test_no_images_and_no_markers_are_fine():
    assert len(draw_markers("article", 0, generator("none"))) == 0
    assert draw_markers("none", 3, generator("none")).present.shape == (3, 0)


def test_a_chance_of_one_is_certain_and_of_nought_is_never():
    recipe = MarkerRecipe((Amount("dot", 1.0), Amount("ring", 0.0, 3)))
    draws = draw_markers(recipe, 100, generator("sure"))
    assert counts(draws, "dot").eq(1).all() and counts(draws, "ring").eq(0).all()


def test_an_unknown_recipe_is_refused():
    with pytest.raises(UserError, match="unknown marker recipe"):
        draw_markers("all", 3, generator("bad"))
