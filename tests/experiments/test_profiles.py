import pytest

from testiculus.base.errors import UserError
from testiculus.experiments.profiles import (
    PROFILES,
    overridden,
    positive_number,
    profile_settings,
    seed_list,
)


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_changes_sizes_and_never_the_rule(profile):
    allowed = {"patients", "pixels", "epochs", "seeds", "encoder_lr", "head_lr"}
    assert set(profile_settings(profile, "table1")) <= allowed


def test_the_paper_profile_has_the_articles_learning_rates_and_epochs():
    paper = profile_settings("paper", "table1")
    assert (paper["encoder_lr"], paper["head_lr"]) == (1e-5, 1e-4)  # article, section 5
    assert (paper["epochs"], paper["seeds"], paper["patients"]) == (30, 4, 220)


def test_an_unknown_profile_lists_the_allowed_ones():
    with pytest.raises(UserError, match="allowed: smoke, demo, lite, paper"):
        profile_settings("big", "table1")


def test_none_leaves_the_profile_as_it_is():
    assert overridden({"a": 1, "b": 2}, a=None, b=0) == {"a": 1, "b": 0}


@pytest.mark.parametrize("wrong", [0, -1, "a", "", [], "1,1", "1,,x", None, [-1]])
def test_seeds_that_name_nothing_are_refused(wrong):
    with pytest.raises(UserError, match="SEEDS"):
        seed_list(wrong)


@pytest.mark.parametrize("wrong", [0, -3, 1.5, "x", None, True, float("inf")])
def test_a_size_that_is_no_positive_whole_number_is_refused_by_name(wrong):
    with pytest.raises(UserError, match="EPOCHS"):
        positive_number("EPOCHS", wrong, int)
