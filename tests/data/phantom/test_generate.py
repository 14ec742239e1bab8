"""The phantom as a whole: random streams, frames and masks, resolution, devices, bad numbers."""

from functools import lru_cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from testiculus.base.errors import UserError
from testiculus.data.phantom import PhantomSettings, phantom, truth_table
from testiculus.data.phantom.generate import NAME

SMALL = {"pixels": 32}
POOL = 6


@lru_cache
def patients(organ="testis", pixels=128, count=POOL, **changes):
    return phantom(PhantomSettings(organ=organ, pixels=pixels, **changes), numbers=range(count))


@settings(max_examples=6, deadline=None, derandomize=True)
@given(st.lists(st.integers(0, POOL - 1), min_size=1, max_size=4, unique=True))
def test_a_patient_has_the_same_bits_in_any_order_and_any_company(numbers):
    everybody = patients()
    index = [4 * number + view for number in numbers for view in range(4)]

    some = phantom(PhantomSettings(), numbers=numbers)

    assert torch.equal(some.pixels, everybody.pixels[index])
    assert all(torch.equal(some.masks[m], everybody.masks[m][index]) for m in everybody.masks)
    assert some.fingerprint == everybody.select(index).fingerprint


@pytest.mark.parametrize("organ", ["testis", "thyroid"])
def test_patient_17_alone_is_patient_17_of_a_crowd(organ):
    settings_ = PhantomSettings(organ=organ, patients=18, **SMALL)

    alone = phantom(settings_, numbers=[17])
    crowd = phantom(settings_, numbers=[3, 17, 16])

    assert torch.equal(alone.pixels, crowd.pixels[4:8])
    assert alone.frame.equals(crowd.frame.iloc[4:8].reset_index(drop=True))


def test_the_number_of_patients_does_not_change_any_of_them():
    few = phantom(PhantomSettings(patients=2, **SMALL))
    more = phantom(PhantomSettings(patients=3, **SMALL))

    assert len(few) == 8
    assert torch.equal(few.pixels, more.pixels[:8])


def test_number_of_threads_changes_no_bit_and_is_put_back():
    before = torch.get_num_threads()
    pictures = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        pictures.append(phantom(PhantomSettings(pixels=97), numbers=[0]).pixels)
        assert torch.get_num_threads() == threads
    torch.set_num_threads(before)

    assert torch.equal(*pictures)


def test_another_seed_is_another_set():
    one = phantom(PhantomSettings(**SMALL), numbers=[0])
    other = phantom(PhantomSettings(seed=1, **SMALL), numbers=[0])

    assert not torch.equal(one.pixels, other.pixels)
    assert one.fingerprint != other.fingerprint


def test_set_has_the_shape_and_the_columns_of_a_manifest():
    images = patients()

    assert images.name == NAME == "phantom"
    assert images.pixels.shape == (4 * POOL, 1, 128, 128) and images.pixels.dtype == torch.uint8
    assert images.frame["view"].tolist()[:4] == ["transverse", "sagittal"] * 2
    assert images.frame["side"].tolist()[:4] == ["left", "left", "right", "right"]
    assert images.frame["patient"].nunique() == POOL
    assert images.frame["image"].is_unique
    assert str(images.frame["label"].dtype) == "Int8"
    assert (images.frame["device"] == images.frame["scanner"]).all()
    assert images.settings["phantom"]["prevalence"] == 0.2
    assert set(images.masks) == {"parenchyma", "lesion"}


def test_lesion_masks_are_there_exactly_where_the_frame_shows_an_inhomogeneous_testis():
    images = patients(prevalence=0.5, frame_miss_rate=0.4, pixels=64)

    has_mask = images.masks["lesion"].flatten(1).any(1).numpy()

    assert 0 < has_mask.mean() < 1
    np.testing.assert_array_equal(has_mask, images.labels("true_label") == 1)
    assert not (images.masks["lesion"] & (1 - images.masks["parenchyma"])).any()


def test_more_pixels_show_the_same_anatomy():
    coarse, fine = patients(count=2).masks["parenchyma"], patients(count=2, pixels=256)
    pooled = torch.nn.functional.avg_pool2d(fine.masks["parenchyma"].float(), 2) > 0.5

    union = (pooled | coarse.bool()).flatten(1).sum(1)
    overlap = (pooled & coarse.bool()).flatten(1).sum(1)

    assert (overlap / union).min() > 0.97


def test_fewer_pixels_are_the_same_picture_averaged_down():
    small = patients(count=1, pixels=64).pixels.float()
    pooled = torch.nn.functional.avg_pool2d(patients(count=1).pixels.float(), 2)

    # The antialiasing filter is a triangle, so the two averages differ by less than the speckle.
    assert (small - pooled).abs().mean() < 0.25 * pooled.std()
    assert small.mean() == pytest.approx(float(pooled.mean()), abs=0.5)


def test_both_views_of_a_testis_share_what_was_found():
    frame = truth_table(PhantomSettings(), range(50))

    per_testis = frame.groupby(["patient", "side"])[["label", "severity", "kind", "scanner"]]

    assert (per_testis.nunique() == 1).all().all()
    assert frame.groupby("patient")["scanner"].nunique().eq(1).all()


@pytest.mark.parametrize("numbers", [[-1], [1.5], ["3"], [True], [2, 2], []])
def test_bad_patient_numbers_are_refused(numbers):
    with pytest.raises(UserError, match="phantom"):
        phantom(PhantomSettings(**SMALL), numbers=numbers)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@pytest.mark.parametrize("organ", ["testis", "thyroid"])
def test_gpu_and_cpu_agree_to_two_grey_levels(organ):
    asked = PhantomSettings(organ=organ)
    on_gpu = phantom(asked, numbers=range(3), device="cuda").pixels.int()
    on_cpu = phantom(asked, numbers=range(3)).pixels.int()

    assert (on_gpu - on_cpu).abs().max() <= 2
    assert (on_gpu != on_cpu).float().mean() < 0.01
