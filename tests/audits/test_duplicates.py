import numpy as np
import pandas as pd
import pytest
import torch

from testiculus.audits.alignment import fine_bands, refined
from testiculus.audits.duplicates import (
    NEAR,
    PLANTED,
    duplicates_finding,
    find_duplicates,
    planted_copies,
)
from testiculus.audits.findings import CLEAR, FOUND, SKIPPED
from testiculus.data.phantom import PhantomSettings, phantom
from testiculus.data.resize import resize_square


def speckle(number, seed=0):
    """Return unrelated pictures with a grain of a few pixels, uint8 number x 1 x 128 x 128."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(number, 1, 44, 44, generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, size=(128, 128), mode="bicubic")
    return (40 + 150 * smooth.clamp(0, 1)).to(torch.uint8)


def frame(number, patients=None, **columns):
    images = [f"{i}.png" for i in range(number)]
    return pd.DataFrame({"image": images, "patient": patients or images, **columns})


@pytest.fixture(scope="module")
def planted():
    """Twelve pictures, and behind them a copy of each kind of one of the first five."""
    plain, rng = speckle(12), torch.Generator().manual_seed(1)
    copies = [planted_copies(plain[k : k + 1], kind, rng) for k, kind in enumerate(PLANTED)]
    pixels = torch.cat([plain, *copies])
    splits = ["train"] * 12 + ["test"] + ["train"] * 4
    return find_duplicates(pixels, frame(17, split=splits, label=[0] * 12 + [1] + [0] * 4))


def test_every_planted_copy_is_found_and_nothing_else(planted):
    pairs = {frozenset(pair) for pair in planted.pairs[["first", "second"]].to_numpy().tolist()}

    assert pairs == {frozenset((f"{k}.png", f"{12 + k}.png")) for k in range(5)}
    assert planted.pairs["group"].nunique() == 5
    assert planted.pairs.set_index("first").loc["0.png", "mirrored"]
    assert (planted.likeness.loc[5:11, "likeness"] < NEAR).all()


def test_the_finding_names_splits_and_labels_that_copies_cross(planted):
    finding = duplicates_finding(planted)

    assert finding.state == FOUND and "5 pairs of different patients" in finding.found
    assert "1 pair lies in different splits" in finding.found
    assert "1 pair carries opposite labels" in finding.found
    assert "of 17 upside-down pictures" in finding.sure


def test_pictures_that_differ_are_not_found_and_copies_planted_in_them_are():
    found = find_duplicates(speckle(20), frame(20))

    assert found.pairs.empty and duplicates_finding(found).state == CLEAR
    checks = found.checks.set_index("kind")
    assert (checks.loc[list(PLANTED), "found"] >= 19).all()
    assert checks.loc["upside down", "found"] == 0


def test_views_of_one_organ_from_one_simulator_are_alike_and_no_copies():
    views = phantom(PhantomSettings(patients=12))

    found = find_duplicates(views.pixels, views.frame)

    assert found.likeness["likeness"].max() > 0.3  # anatomy and field are alike
    assert found.pairs.empty


def test_an_identical_pair_of_one_patient_is_told_from_pairs_across_patients():
    plain = speckle(6)
    found = find_duplicates(torch.cat([plain, plain[:1]]), frame(7, [*"abcdef", "a"]))

    (pair,) = found.pairs.to_dict("records")
    assert pair["identical"] and pair["same_patient"] and pair["likeness"] > 0.999
    finding = duplicates_finding(found)
    assert "1 pair of one patient" in finding.found and "counts twice" in finding.act


def test_the_search_gives_back_the_stretch_of_a_cut_out():
    picture = speckle(1)
    part = resize_square(picture[..., 8:116, 4:124].contiguous(), 128)  # 108 x 120 of 128 x 128
    one, near = torch.zeros(1, dtype=torch.long), torch.tensor([[0.9, 0.9, 0.0, 0.0]])

    bands = fine_bands(part), fine_bands(picture)
    likeness, maps = refined(*bands, torch.tensor([False]), near, (one, one))

    assert likeness.item() > 0.95
    np.testing.assert_allclose(maps[0, :2], [120 / 128, 108 / 128], atol=0.01)
    np.testing.assert_allclose(maps[0, 2:], [0, (8 + 54 - 64) / 64], atol=0.02)


def test_two_images_are_enough_and_one_is_said_to_be_too_few():
    pair = speckle(1).repeat(2, 1, 1, 1)

    assert len(find_duplicates(pair, frame(2)).pairs) == 1
    assert duplicates_finding(None).state == SKIPPED


def test_black_pictures_have_no_pattern_to_share():
    black = torch.zeros(3, 1, 64, 64, dtype=torch.uint8)

    found = find_duplicates(black, frame(3))

    assert (found.likeness["likeness"] == 0).all()
