from dataclasses import replace

import numpy as np
import pytest
import torch

from testiculus.base.errors import UserError
from testiculus.experiments.generation_parameters import (
    GENERATION,
    checked_values,
    feature_encoders,
    generation,
    random_control,
    sizes,
)
from testiculus.experiments.pretraining_parameters import PARAMETERS, pretraining
from testiculus.experiments.profiles import PROFILES, profile_settings

CPU = torch.device("cpu")
KNOWN = PARAMETERS | GENERATION
TINY = {"multipliers": "1,2", "attention": "8", "generated": 8, "sampler_steps": 2}


def values_of(profile="smoke", variant="article", **parameters):
    return checked_values("table3", profile, variant, parameters, KNOWN)


@pytest.mark.parametrize("profile", PROFILES)
def test_fig4_and_table3_generate_alike_in_every_profile(profile):
    """Else a generator, its images or an encoder would be made once for each."""
    first, second = (profile_settings(profile, name) for name in ("fig4", "table3"))
    shared = set(first) & set(second)
    assert {name: first[name] for name in shared} == {name: second[name] for name in shared}
    own = {"reference_batch", "reference_batches", "splits", "replicates", "procedural_images"}
    assert set(first) - shared <= own
    assert {"pixels", "generator_steps", "sampler_steps", "steps", "patients"} <= shared


@pytest.mark.parametrize("profile", PROFILES)
def test_pretraining_and_fine_tuning_are_table_2s_of_the_same_profile(profile):
    first, second = (profile_settings(profile, name) for name in ("table2", "table3"))
    others = {"pixels", "pretraining_seeds", "exclude_test"}  # pixels: the generator's
    shared = (set(first) & set(second)) - others
    assert {name: first[name] for name in shared} == {name: second[name] for name in shared}
    assert {"steps", "pretrain_batch", "warmup_steps", "epochs", "partitions"} <= shared


def test_the_paper_profile_is_the_articles_generator():
    values = values_of("paper")
    assert (values["width"], values["multipliers"]) == (128, (1, 1, 2, 2, 4, 4))
    assert (values["attention"], values["heads"], values["blocks"]) == ((16, 8), 4, 2)
    assert (values["generator_batch"], values["generator_lr"]) == (16, 1e-4)
    assert (values["ema_decay"], values["pixels"]) == (0.9999, 256)
    assert (values["generated"], values["filter_neighbours"]) == (20_000, 50)
    assert values["sampler_steps"] == 1000


@pytest.mark.parametrize("profile", ["lite", "paper"])
def test_the_theses_decoder_has_attention_at_other_sides(profile):
    assert values_of(profile, variant="thesis")["attention"] == (16, 8)
    assert values_of(profile, variant="thesis")["decoder_attention"] == (32, 16)
    assert values_of(profile)["decoder_attention"] is None


@pytest.mark.parametrize("profile", ["smoke", "demo"])
def test_a_profile_with_attention_of_its_own_has_it_in_both_halves(profile, fakes):
    """Images of 16 px have no map of 32 px."""
    images, _ = fakes.made_up()
    values = values_of(profile, variant="thesis")
    assert (values["attention"], values["decoder_attention"]) == ((8,), None)
    assert values_of(profile, decoder_attention="16,8")["decoder_attention"] == (16, 8)
    assert generation(values_of(**TINY), images, CPU).settings.decoder_attention is None


def test_a_notebooks_value_comes_before_the_profiles_and_none_leaves_it():
    values = values_of("demo", generator_steps="7", width=None)
    assert values["generator_steps"] == 7
    assert values["width"] == profile_settings("demo", "table3")["width"]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"generated": 1}, "GENERATED is 1"),
        ({"generated": 0}, "GENERATED is 0"),
        ({"generator_steps": 1.5}, "GENERATOR_STEPS"),
        ({"generator_lr": 0}, "GENERATOR_LR"),
        ({"ema_decay": 1}, "EMA_DECAY"),
        ({"ema_decay": "x"}, "EMA_DECAY"),
        ({"multipliers": "1,x"}, "MULTIPLIERS"),
        ({"multipliers": []}, "MULTIPLIERS"),
        ({"attention": 0}, "ATTENTION"),
        ({"filter_neighbours": 0}, "FILTER_NEIGHBOURS"),
        ({"generator_stepps": 3}, "did you mean 'generator_steps'"),
    ],
)
def test_what_cannot_be_is_refused_by_name(wrong, says):
    with pytest.raises(UserError, match=says):
        values_of(**wrong)


def test_a_list_of_sizes_is_read_from_a_number_a_list_or_a_text():
    assert sizes("A", 16) == sizes("A", "16") == sizes("A", [16]) == (16,)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"sampler_steps": 1001}, "1001"),
        ({"attention": "5"}, "attention is wanted at 5"),
        ({"multipliers": "1,1,1,1,1,1"}, "cannot be halved"),
    ],
)
def test_a_net_or_a_sampler_that_cannot_be_is_refused_before_anything_trains(wrong, says, fakes):
    images, _ = fakes.made_up()
    with pytest.raises(UserError, match=says):
        generation(values_of(**TINY | wrong), images, CPU)


def test_the_same_parameters_plan_the_same_generator_in_both_experiments(fakes):
    from testiculus.experiments.fig4_plan import KNOWN as OF_FIG4

    images, _ = fakes.made_up()
    of_fig4 = generation(checked_values("fig4", "smoke", "article", TINY, OF_FIG4), images, CPU)
    of_table3 = generation(values_of(**TINY), images, CPU)
    assert of_fig4.wanted.key == of_table3.wanted.key
    assert of_fig4.sampler == of_table3.sampler and of_fig4.n == of_table3.n == 8


def of(ud, **parameters):
    values = values_of(steps=2, pretrain_batch=4, procedural_images=8, **parameters)
    return feature_encoders(values, ud, pretraining(values, "article", CPU), CPU)


def test_the_encoder_that_decides_has_seen_no_image_of_the_own_organ(fakes):
    _, ud = fakes.made_up()
    first, second = of(ud)
    assert (first.id, second.id) == ("other-organs", "ud")
    assert first.pretraining.organs == ("thyroid",) and first.pretraining.images == 12
    assert first.pretraining.settings.organ_weight == 0 and "thyroid" in first.words
    assert second.pretraining.images == len(ud) and "has seen" in second.words


def test_several_other_organs_are_told_apart_as_in_table_2(fakes):
    first, _ = of(fakes.made_up(("thyroid", "liver"))[1])
    assert first.pretraining.settings.organ_weight == 0.2 and "liver and thyroid" in first.words


def test_where_there_is_one_organ_features_come_from_pictures_of_none(fakes):
    first, second = of(fakes.made_up(())[1])
    assert first.id == "procedural" and first.pretraining.images == 8
    assert second.pretraining.settings.organ_weight == 0  # nothing to tell apart


def test_the_encoders_are_table_2s_runs_at_the_same_sizes(monkeypatch, tmp_path, fakes):
    from testiculus.experiments import table2

    fakes.use(monkeypatch, tmp_path)
    planned = table2.plan(**fakes.TINY | {"pretrain_batch": 4, "exclude_test": 0})
    first, second = of(fakes.made_up()[1])
    keys = {w.row: w.wanted.key for w in planned.pretrainings if w.settings.seed == 0}
    assert first.pretraining.wanted.key == keys["UD thyroids only"]
    assert second.pretraining.wanted.key == keys["UD"]


def test_the_random_control_keeps_as_many_others_and_the_same_each_time():
    kept = np.arange(100) < 40
    control = random_control(kept)
    assert control.sum() == 40 and not np.array_equal(control, kept)
    assert np.array_equal(control, random_control(kept))
    assert not np.array_equal(control, random_control(kept, seed=1))


def test_a_generator_of_fewer_images_is_another_run(fakes):
    images, _ = fakes.made_up()
    whole = generation(values_of(**TINY), images, CPU)
    part = generation(values_of(**TINY), images.select(range(12)), CPU)
    assert whole.wanted.key != part.wanted.key
    assert replace(whole, name="other").wanted.key == whole.wanted.key


@pytest.mark.parametrize("profile", [name for name in PROFILES if name != "smoke"])
def test_no_profile_that_claims_anything_changes_the_filters_k(profile):
    assert values_of(profile)["filter_neighbours"] == 50
