import pytest
import torch

from testiculus.base.errors import UserError
from testiculus.experiments.pretraining_parameters import checked_values, fine_tuning, pretraining

CPU = torch.device("cpu")


def test_a_notebooks_value_comes_before_the_profiles_and_none_leaves_it():
    values = checked_values("table2", "demo", "article", {"steps": 7, "pretrain_lr": None})
    assert (values["steps"], values["pretrain_batch"]) == (7, 128)
    assert values["pretrain_lr"] == checked_values("table2", "demo", "article", {})["pretrain_lr"]


def test_texts_that_say_numbers_are_numbers():
    values = checked_values("table4", "smoke", "article", {"temperature": "0.1", "epochs": "2"})
    assert (values["temperature"], values["epochs"]) == (0.1, 2)


def test_what_no_profile_sets_is_the_sources_own():
    values = checked_values("table2", "paper", "thesis", {})
    settings = pretraining(values, "thesis", CPU)
    assert (settings.schedule, settings.lr, settings.organ_weight) == ("cosine", 0.3, 0.2)
    assert values["pixels"] == 224 and fine_tuning(values, "thesis", CPU).epochs == 30


def test_a_name_that_is_no_parameter_is_refused_with_the_nearest():
    with pytest.raises(UserError, match="did you mean 'steps'"):
        checked_values("table2", "smoke", "article", {"stepps": 3})
