import warnings

import pytest

from testiculus.base.errors import InputWarning, UserError
from testiculus.experiments.pretraining_checks import (
    usable_starts,
    warn_of_hardly_any_training,
    warn_of_odd_choices,
)
from testiculus.pretrain import PretrainSettings


def test_a_start_without_its_file_is_a_row_that_is_not_run(monkeypatch, tmp_path):
    monkeypatch.setenv("TESTICULUS_WEIGHTS", str(tmp_path))
    starts, not_run = usable_starts({"none": "scratch-A", "ImageNet": "imagenet"})
    assert starts == {"none": "scratch-A"}
    assert list(not_run) == ["ImageNet"] and "put a file at" in not_run["ImageNet"]


def test_a_start_whose_file_is_no_encoders_is_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("TESTICULUS_WEIGHTS", str(tmp_path))
    (tmp_path / "resnet18_imagenet.safetensors").write_bytes(b"no weights")
    with pytest.raises(UserError):
        usable_starts({"ImageNet": "imagenet"})


def test_a_rate_that_lars_cannot_use_is_warned_of_and_a_working_one_is_not():
    with pytest.warns(InputWarning, match="nearly random"):
        warn_of_hardly_any_training(PretrainSettings(steps=150, batch_size=8, lr=1e-3))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_hardly_any_training(PretrainSettings(steps=150, batch_size=8, lr=3.0))
        warn_of_odd_choices("phantom", {"patients": 3})
        warn_of_odd_choices("some.csv", {"patients": None, "steps": 3})
