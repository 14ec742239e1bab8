import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from testiculus.base.errors import InputWarning, UserError
from testiculus.data.manifest import write_manifest
from testiculus.experiments.sources import load_source
from testiculus.experiments.unlabelled import NOT_LABELLED, load_images_and_unlabelled

CPU = torch.device("cpu")
SIZES = {"pixels": 16, "patients": 9, "unlabelled_patients": 2, "thyroid_patients": 3}


def load(data="phantom", unlabelled=None, **sizes):
    return load_images_and_unlabelled(data, unlabelled, device=CPU, **SIZES | sizes)


def write_set(folder, rows, shade=0, **settings):
    """A manifest of (patient, organ, label) rows; every picture another grey, from `shade` on."""
    folder.mkdir()
    lines = []
    for number, (patient, organ, label) in enumerate(rows):
        name = f"{number}.png"
        picture = np.full((20, 20), shade + number, dtype=np.uint8)
        picture[0, 0] = 255
        Image.fromarray(picture).save(folder / name)
        lines.append({"image": name, "patient": patient, "organ": organ, "label": label})
    return str(write_manifest(folder, pd.DataFrame(lines), settings))


@pytest.fixture
def liver(tmp_path):
    rows = [("1", "liver", 0), ("2", "liver", 1), ("2", "liver", ""), ("3", "lung", "")]
    return write_set(tmp_path / "a", rows, name="ours")


def test_the_phantoms_ud_is_the_labelled_set_then_more_testes_then_thyroids():
    images, ud = load()
    assert (
        images.fingerprint == load_source("phantom", pixels=16, patients=9, device=CPU).fingerprint
    )
    assert len(ud) == 4 * (9 + 2 + 3) and ud.organs == ("testis", "thyroid")
    assert ud.is_own.sum() == 4 * 11
    assert torch.equal(ud.pixels[:36], images.pixels)
    assert ud.frame["labelled_as"].tolist() == [*range(36), *[NOT_LABELLED] * 20]
    assert ud.frame["patient"][36] == "phantom:testis-0009"


def test_leaving_test_patients_out_removes_all_of_their_images_and_nothing_else(liver):
    _, ud = load(liver)
    kept = ud.without_patients_of(np.array([1]))  # patient 2, who has an unlabelled image too
    assert kept.tolist() == [True, False, False, True]


def test_organs_are_numbered_from_zero_among_the_images_chosen():
    _, ud = load()
    pixels, organs = ud.take(~ud.is_own)
    assert pixels.shape[0] == 12 and set(organs) == {0} and ud.organs_of(~ud.is_own) == ("thyroid",)
    everything, organs = ud.take(np.ones(len(ud), dtype=bool))
    assert everything is ud.pixels and organs.tolist() == [0] * 44 + [1] * 12


def test_rows_without_a_label_and_further_manifests_are_in_ud_and_patients_do_not_mix(
    liver, tmp_path
):
    other = write_set(tmp_path / "b", [("1", "nerve", "")], shade=100, name="theirs")
    images, ud = load(liver, other)
    assert len(images) == 2 and len(ud) == 5 and ud.organs == ("liver", "lung", "nerve")
    assert ud.frame["patient"].tolist() == ["ours:1", "ours:2", "ours:2", "ours:3", "theirs:1"]
    assert ud.frame["labelled_as"].tolist() == [0, 1, *[NOT_LABELLED] * 3]


def test_a_picture_that_an_earlier_set_holds_is_left_out_aloud(liver, tmp_path):
    rows = [("9", "liver", ""), ("8", "nerve", "")]
    write_set(tmp_path / "b", rows, shade=100, name="theirs")
    (tmp_path / "b" / "0.png").write_bytes((tmp_path / "a" / "1.png").read_bytes())
    with pytest.warns(InputWarning, match="1 of 2 images of 'theirs' are in an earlier set"):
        _, ud = load(liver, [str(tmp_path / "b" / "manifest.csv")])
    assert len(ud) == 5 and "theirs:9" not in set(ud.frame["patient"])


def test_labels_on_several_organs_are_refused(tmp_path):
    both = write_set(tmp_path / "c", [("1", "liver", 0), ("2", "lung", 1)], name="ours")
    with pytest.raises(UserError, match="2 organs: liver, lung"):
        load(both)


@pytest.mark.parametrize("data", ["phantom", "public"])
def test_a_private_set_is_not_mixed_into_results_that_git_publishes(data, liver, tmp_path):
    if data == "public":
        rows = [("1", "liver", 0), ("2", "liver", 1)]
        data = write_set(tmp_path / "p", rows, 50, name="liver", licence="CC BY 4.0")
    with pytest.raises(UserError, match="ours may be private"):
        load(data, liver)


def test_a_public_set_may_join_another(tmp_path):
    lung = write_set(tmp_path / "b", [("1", "lung", "")], name="lung", licence="CC BY 4.0")
    assert load("phantom", [lung], unlabelled_patients=0)[1].organs == ("testis", "lung", "thyroid")


def test_unlabelled_that_is_not_there_or_named_twice_is_refused(liver):
    with pytest.raises(UserError, match="nowhere.csv, which is not there"):
        load(liver, "nowhere.csv")
    for twice in (liver, [liver]):
        with pytest.raises(UserError, match="twice, or DATA itself"):
            load(liver, twice)
