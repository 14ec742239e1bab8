import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from testiculus.base.errors import InputWarning, UserError
from testiculus.data.images import ImageSet
from testiculus.experiments.fig5_parameters import (
    about_masks,
    chosen_start,
    strength_list,
    unmeasured,
)
from testiculus.experiments.fig5_plan import plan


@given(st.lists(st.integers(0, 100).map(lambda n: n / 100), unique=True))
def test_any_different_shares_with_zero_come_back_in_order_from_a_list_or_as_text(shares):
    wanted = sorted({0.0, *shares})
    shuffled = wanted[::-1]
    assert strength_list(shuffled) == tuple(wanted)
    assert strength_list(", ".join(map(str, shuffled))) == tuple(wanted)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ("0,1.5", "'1.5', which is no share"),
        ([0, -0.1], "-0.1, which is no share"),
        ("0,nan", "'nan'"),
        ("0,strong", "'strong'"),
        ("0,,1", "''"),
        ("", "''"),
        ([], "names no strength"),
        (None, "None"),
        (True, "True"),
        ([0, [1]], "no share"),
        ("0,0.5,0.50", "0.5 twice"),
        ([0, 0.0], "0 twice"),
        ([0, 0.5, 0.50000001], "0.5 twice"),  # they would share a row's name
    ],
)
def test_strengths_that_are_no_shares_are_refused_by_name_with_an_example(wrong, says):
    with pytest.raises(UserError, match="STRENGTHS") as caught:
        strength_list(wrong)
    assert says in caught.value.what and "0,0.25,0.5,1" in caught.value.remedy


def test_the_images_as_they_are_are_always_run_and_their_being_added_is_said():
    with pytest.warns(InputWarning, match="lacks 0"):
        assert strength_list("1,0.5") == (0.0, 0.5, 1.0)


def test_models_start_from_imagenet_or_under_its_own_name_from_a_random_encoder(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("TESTICULUS_WEIGHTS", str(tmp_path))
    name, not_run = chosen_start(None)
    assert name == "scratch-A" and "resnet18_imagenet" in not_run["imagenet"]
    (tmp_path / "resnet18_imagenet.pth").touch()
    assert chosen_start(None) == ("imagenet", {})


@pytest.mark.parametrize("wrong", ["imagenet", "uscl", "nowhere/encoder.safetensors", "", "best"])
def test_a_start_that_is_missing_or_unknown_is_refused(wrong, tmp_path, monkeypatch):
    monkeypatch.setenv("TESTICULUS_WEIGHTS", str(tmp_path))
    with pytest.raises(UserError, match="initialisation"):
        chosen_start(wrong)


def image_set(**masks):
    frame = pd.DataFrame({"image": list("abcd"), "patient": list("ppqq"), "organ": "liver"})
    masks = {name: torch.from_numpy(mask) for name, mask in masks.items()}
    return ImageSet.build(torch.zeros(4, 1, 8, 8, dtype=torch.uint8), frame, "x", {}, masks)


def test_masks_are_counted_where_anything_is_inside_them():
    mask = np.zeros((4, 1, 8, 8), np.uint8)
    mask[:3, 0, 2, 2] = 1
    images = image_set(parenchyma=mask, lesion=np.zeros_like(mask))
    assert about_masks(images) == {
        "parenchyma masks": "3 of 4 images",
        "lesion masks": "0 of 4 images",
    }
    assert set(unmeasured(images)) == {"lesion"}


def test_without_masks_the_column_to_fill_is_named():
    found = unmeasured(image_set())
    assert "column mask)" in found["parenchyma"] and "column lesion_mask)" in found["lesion"]


def test_folds_that_are_not_grouped_by_patient_are_warned_of(livers, monkeypatch, tmp_path):
    livers.use(monkeypatch, tmp_path)
    data = livers.write(tmp_path)

    with pytest.warns(InputWarning, match="tested on patients whose other images"):
        planned = plan(**livers.SMALL, data=data, variant="released")

    patients = planned.images.frame["patient"].to_numpy()
    (folds,) = planned.folds.values()
    assert any(len(set(folds[patients == one])) > 1 for one in set(patients))
