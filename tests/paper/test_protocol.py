import pytest

from testiculus import paper
from testiculus.base.errors import UserError


def test_sixteen_evaluations_follow_from_seeds_folds_and_initialisations():
    runs = paper.INITIALISATIONS * paper.SEEDS * paper.FOLDS

    assert runs == 24
    assert runs * (paper.FOLDS - 1) / paper.FOLDS == paper.EVALUATIONS == 16


def test_all_variants_set_the_same_things():
    assert len({frozenset(settings) for settings in paper.VARIANTS.values()}) == 1
    assert set(paper.VARIANTS) == {"article", "thesis", "released"}


def test_a_variant_is_a_copy():
    paper.variant("article")["pixels"] = 1

    assert paper.variant("article")["pixels"] == 256


def test_an_unknown_variant_is_refused_with_the_ones_there_are():
    with pytest.raises(UserError, match="article, thesis, released"):
        paper.variant("artcle")
