import pytest
import torch

from testiculus.base.errors import UserError
from testiculus.experiments import table1
from testiculus.experiments.table1_plan import choose_initialisations
from testiculus.models import build_classifier
from testiculus.pretrain.encoder_files import write_encoder

SMALL = {"profile": "smoke", "patients": 9, "pixels": 16, "device": "cpu"}


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"profile": "big"}, "allowed: smoke, demo, lite, paper"),
        ({"variant": "book"}, "allowed: article, thesis, released"),
        ({"device": "gpu"}, "allowed: auto, cpu, cuda"),
        ({"occasion": "week"}, "allowed: draw, epoch"),
        ({"augmentation": "heavy"}, "article"),
        ({"data": "phantomm"}, "neither 'phantom' nor a manifest"),
        ({"data": "nowhere/manifest.csv"}, "nowhere/manifest.csv"),
        ({"epochs": 0}, "EPOCHS"),
        ({"pixels": "many"}, "PIXELS"),
        ({"loss_threshold": -1}, "LOSS_THRESHOLD"),
        ({"occasions": 1.5}, "OCCASIONS"),
        ({"evaluations": 5}, "only 4 times"),
        ({"seeds": "x"}, "SEEDS"),
        ({"folds": 1}, "folds"),
        ({"patients": 2}, "folds"),
        ({"initialisations": "imagenet,scratch-A"}, "imagenet"),
        ({"initialisations": "random"}, "scratch-A"),
        ({"initialisations": "scratch-A,scratch-A"}, "different starts"),
        ({"initialisations": []}, "different starts"),
    ],
)
def test_a_parameter_that_cannot_be_is_refused_before_anything_is_trained(wrong, says):
    with pytest.raises(UserError, match=says):
        table1.plan(**SMALL | wrong)


def test_offline_the_two_initialisations_are_random_ones_under_their_own_names():
    chosen, not_run = choose_initialisations(None, "uscl")
    assert chosen == ("scratch-A", "scratch-B")
    assert set(not_run) == {"imagenet", "uscl"}
    assert "weights" in not_run["imagenet"] and "resnet18_imagenet" in not_run["imagenet"]


def scratch_encoder():
    return build_classifier("scratch-A", 0).encoder


def test_weights_that_are_there_are_used_and_the_rest_is_filled_up(tmp_path, monkeypatch):
    monkeypatch.setenv("TESTICULUS_WEIGHTS", str(tmp_path))
    write_encoder(tmp_path / "uscl_resnet18.safetensors", scratch_encoder(), {})
    chosen, not_run = choose_initialisations(None, "uscl")
    assert chosen == ("uscl", "scratch-A") and set(not_run) == {"imagenet"}


def test_an_ultrasound_encoder_that_is_there_takes_the_place_of_the_second_random_start(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("TESTICULUS_WEIGHTS", str(tmp_path))
    write_encoder(tmp_path / "ud_resnet18.safetensors", scratch_encoder(), {})
    chosen, not_run = choose_initialisations(None, "uscl")
    assert chosen == ("scratch-A", "ud") and set(not_run) == {"imagenet", "uscl"}


def test_the_released_variant_counts_epochs_and_does_not_group_patients():
    plan = table1.plan(**SMALL, variant="released")
    assert (plan.rule.occasion, plan.protocol.grouped) == ("epoch", False)
    assert plan.protocol.augmentation == "released"


def test_what_is_given_overrides_the_profile_and_the_rest_stays():
    plan = table1.plan(**SMALL, epochs=7, seeds="0,5")
    assert (plan.protocol.epochs, plan.protocol.seeds) == (7, (0, 5))
    assert plan.protocol.encoder_lr == table1.plan(**SMALL).protocol.encoder_lr
    assert plan.images.pixels.shape[-2:] == (16, 16)


def test_sixteen_evaluations_are_two_starts_times_four_seeds_times_two_folds():
    assert table1.plan(**SMALL, seeds=4).possible_evaluations == 16


def test_the_estimate_counts_what_is_still_to_train(tmp_path, monkeypatch):
    monkeypatch.setenv("TESTICULUS_RUNS", str(tmp_path))
    cost = table1.plan(**SMALL, epochs=1).estimate()
    assert cost["runs"] == 12  # 2 starts x 1 seed x 3 folds of noise, and Filtered and Flipped
    assert cost["seconds"] > 0 and cost["memory_gib"] > 0


def test_a_plan_says_in_words_what_it_will_do():
    text = table1.plan(**SMALL).summary()
    assert "scratch-A" in text and "12 runs to train" in text
    assert "not run from imagenet: put a file at" in text


def test_images_are_on_the_cpu_until_a_run_wants_them():
    assert table1.plan(**SMALL).images.pixels.device == torch.device("cpu")
