import json
import os

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from testiculus.base.devices import generator
from testiculus.base.errors import InputWarning, UserError
from testiculus.base.files import write_arrays, write_json
from testiculus.data.images import ImageSet, load_images
from testiculus.data.manifest import read_manifest, write_manifest
from testiculus.experiments.generated_sets import (
    StoredSet,
    export_set,
    find_set,
    is_public,
    read_generated,
    sets_table,
    stored_sets,
)
from testiculus.experiments.sampling import shard_name, write_shard

PIXELS = torch.randint(0, 256, (5, 1, 8, 8), generator=generator("made")).to(torch.uint8)
SAMPLER = {"steps": 50, "chain": 1000, "seed": 0, "batch_size": 64, "precision": "fp32"}
ABOUT = {"data": "ward-3", "organ": "liver", "licence": "CC BY-NC-SA 4.0", "patients": "all"}


def store_set(runs, key, second=0, **about):
    """Lay a finished run of sampling into a store's folder, as `sampling` leaves it."""
    from testiculus.experiments.sampling import _digests

    folder = runs / key
    write_shard(folder / shard_name(0), range(3), PIXELS[:3])
    write_shard(folder / shard_name(1), range(3, 5), PIXELS[3:])
    write_arrays(folder / "arrays.npz", sha256=_digests(PIXELS))
    made_by = {"images": "880", "steps": "3000", "data_fingerprint": "f" * 64}
    card = {"images": 5, "pixels": 8, "sampler": SAMPLER, "generator": made_by}
    write_json(folder / "card.json", {**card, **ABOUT, **about})
    write_json(folder / "run.json", {"files": {"card.json": "-", shard_name(0): "-"}})
    os.utime(folder / "run.json", (1_700_000_000 + second,) * 2)
    return StoredSet(key, folder, {**card, **ABOUT, **about})


@pytest.fixture
def real():
    """The labelled images of an experiment on `name`."""
    pixels = torch.randint(0, 256, (4, 1, 8, 8), generator=generator("real")).to(torch.uint8)

    def images(name="ward-3", organ="liver"):
        frame = pd.DataFrame({"organ": organ, "patient": list("aabb"), "label": 0})
        return ImageSet.build(pixels, frame, name)

    return images


def write_set(folder, pixels=PIXELS, organ="liver", **settings):
    """Write PNGs with a manifest, as an importer would; return the manifest."""
    folder.mkdir()
    for number, image in enumerate(pixels):
        Image.fromarray(image[0].numpy()).save(folder / f"{number}.png")
    frame = pd.DataFrame({"image": [f"{n}.png" for n in range(len(pixels))], "organ": organ})
    return write_manifest(folder, frame.assign(patient=frame["image"]), settings)


def test_stored_sets_are_listed_with_what_they_are_made_from_the_oldest_first(tmp_path):
    store_set(tmp_path, "bbbb", second=9)
    store_set(tmp_path, "aaaa", second=4, data="phantom")

    heading, first, second = sets_table(tmp_path).splitlines()

    assert heading.split()[:2] == ["key", "data"] and heading.split()[-1] == "date"
    assert first.split()[:2] == ["aaaa", "phantom"] and second.split()[:2] == ["bbbb", "ward-3"]
    for word in ("880 images, all", "3000", "50 of 1000 steps", "2023-11-14"):
        assert word in second
    assert len({len(line) for line in (heading, first, second)}) == 1  # aligned


def test_unfinished_and_other_runs_are_not_listed(tmp_path):
    store_set(tmp_path, "whole")
    (store_set(tmp_path, "unfinished").folder / "run.json").unlink()
    (store_set(tmp_path, "lost").folder / "card.json").unlink()
    write_json(tmp_path / "other" / "run.json", {"files": {"encoder.safetensors": ""}})
    assert [stored.key for stored in stored_sets(tmp_path)] == ["whole"]
    assert "make reproduce-fig4" in sets_table(tmp_path / "none")


def test_a_key_is_found_by_its_start_if_only_one_has_it(tmp_path):
    for key in ("abc1", "abc2", "xyz"):
        store_set(tmp_path, key)
    assert find_set(tmp_path, "abc1").key == "abc1" and find_set(tmp_path, "x").key == "xyz"
    with pytest.raises(UserError, match="(?s)'abc' fits 2 generated sets.*abc1, abc2"):
        find_set(tmp_path, "abc")
    with pytest.raises(UserError, match="(?s)no generated set with key 'q'.*abc1, abc2, xyz"):
        find_set(tmp_path, "q")
    with pytest.raises(UserError, match="generate one first"):
        find_set(tmp_path / "none", "")


@pytest.mark.filterwarnings("ignore::testiculus.base.errors.InputWarning")
def test_an_exported_set_is_read_again_to_the_same_pixels(tmp_path):
    manifest = export_set(store_set(tmp_path / "runs", "abc"), tmp_path / "out")

    read = read_manifest(manifest)

    assert torch.equal(load_images(read, 8, cache=None).pixels, PIXELS)
    assert read.name == "ward-3-synthetic" and read.settings["trained_on"] == "ward-3"
    assert read.settings["licence"] == "CC BY-NC-SA 4.0" and read.settings["group"] == "image"
    assert set(read.frame["organ"]) == {"liver"} and read.frame["patient"].is_unique
    assert read.frame["number"].tolist() == list("01234") and read.frame["label"].isna().all()
    assert sorted(p.name for p in manifest.parent.iterdir()) == [
        "README.md", "images", "manifest.csv", "manifest.json",
    ]  # fmt: skip


@pytest.mark.filterwarnings("ignore::testiculus.base.errors.InputWarning")
def test_the_data_card_says_what_the_images_are_and_that_they_are_as_private(tmp_path):
    manifest = export_set(store_set(tmp_path / "runs", "abc"), tmp_path / "out")

    card = (manifest.parent / "README.md").read_text()

    for words in ("# ward-3-synthetic", "5 generated images, 8 x 8 px", "880 images of `ward-3`",
                  "3000 steps", "50 of 1000 steps", "CC BY-NC-SA 4.0", "`abc`", "private",
                  "no medical device"):  # fmt: skip
        assert words in card
    assert json.loads((manifest.parent / "manifest.json").read_text())["card"]["images"] == 5
    assert str(tmp_path) not in card + manifest.with_suffix(".json").read_text()


def test_images_made_from_private_ones_are_exported_with_a_warning_and_others_without(tmp_path):
    with pytest.warns(InputWarning, match="generated from those of 'ward-3': keep them as private"):
        export_set(store_set(tmp_path / "runs", "abc"), tmp_path / "a")
    stored = store_set(tmp_path / "runs", "def", data="phantom", licence="MIT")
    assert read_manifest(export_set(stored, tmp_path / "b")).name == "phantom-synthetic"


def test_a_folder_that_holds_something_and_damaged_images_are_left_alone(tmp_path):
    stored = store_set(tmp_path / "runs", "abc", data="phantom")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.docx").touch()
    with pytest.raises(UserError, match="left as it is"):
        export_set(stored, tmp_path / "full")
    (stored.folder / shard_name(1)).unlink()
    with pytest.raises(UserError, match="generated images cannot be read"):
        export_set(stored, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_set_of_somebody_else_comes_in_at_the_size_of_the_real_images(tmp_path, real):
    big = torch.nn.functional.interpolate(PIXELS.float(), size=(12, 16)).to(torch.uint8)
    path = write_set(tmp_path / "theirs", big, licence="CC BY-NC-SA 4.0")
    for given in (str(path), [str(path)], path):
        brought = read_generated(given, real())
        assert brought.pixels.shape == (5, 1, 8, 8) and brought.name == "imported: theirs"


def test_what_is_exported_comes_in_again_unchanged(tmp_path, real):
    with pytest.warns(InputWarning, match="private"):
        manifest = export_set(store_set(tmp_path / "runs", "abc"), tmp_path / "out")
    assert torch.equal(read_generated(manifest, real()).pixels, PIXELS)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("nowhere.csv", "SYNTHETIC names nowhere.csv, which is not there"),
        (["a.csv", "b.csv"], "SYNTHETIC names 2 manifests"),
        ([], "SYNTHETIC names 0 manifests"),
    ],
)
def test_anything_but_one_manifest_is_refused(given, said, real):
    with pytest.raises(UserError, match=said):
        read_generated(given, real())


def test_images_of_another_organ_and_a_single_one_are_refused(tmp_path, real):
    other = write_set(tmp_path / "a", organ="testis")
    with pytest.raises(UserError, match="(?s)show testis, the labelled images.*liver"):
        read_generated(other, real())
    with pytest.raises(UserError, match="1 image: one has no spread"):
        read_generated(write_set(tmp_path / "b", PIXELS[:1]), real())


@pytest.mark.filterwarnings("ignore:.*the same picture under")  # of the manifest's own check
def test_identical_images_and_copies_of_the_labelled_ones_are_warned_of(tmp_path, real):
    images = real()
    same = write_set(tmp_path / "same", PIXELS[:1].expand(4, 1, 8, 8))
    with pytest.warns(InputWarning, match="all the same picture"):
        read_generated(same, images)
    copies = write_set(tmp_path / "copies", torch.cat([PIXELS, images.pixels[:2]]))
    with pytest.warns(InputWarning, match="2 images of 'copies' are, pixel for pixel, labelled"):
        read_generated(copies, images)


# --- a generated set of private images is private ---

PUBLIC = ["phantom", "liver", "nerve", "lung"]


@pytest.mark.parametrize("results", PUBLIC)
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"synthetic": True},
        {"synthetic": True, "trained_on": "ward-3"},
        {"trained_on": "ward-3"},
        # a public name does not make it public
        {"name": "liver", "licence": "CC BY 4.0", "synthetic": True, "trained_on": "ward-3"},
        {"name": "liver", "licence": "CC BY 4.0", "synthetic": True},
        {"synthetic": True, "trained_on": ["phantom"]},
    ],
)
def test_private_generated_images_never_enter_results_that_are_published(
    tmp_path, real, results, settings
):
    path = write_set(tmp_path / "theirs", **settings)
    with pytest.raises(UserError, match="may be private, and results of .* are published"):
        read_generated(path, real(results))
    assert read_generated(path, real("ward-3")).n == 5  # results of a private set are not


@pytest.mark.parametrize("trained_on", PUBLIC)
def test_those_of_public_images_do(tmp_path, real, trained_on):
    path = write_set(tmp_path / "theirs", synthetic=True, trained_on=trained_on)
    assert read_generated(path, real("liver")).n == 5


def test_a_public_set_as_it_is_does(tmp_path, real):
    path = write_set(tmp_path / "x", name="liver", licence="CC BY 4.0")
    assert is_public({"name": "liver"}) and read_generated(path, real("liver")).n == 5


@pytest.mark.parametrize("data", ["ward-3", "", None, *PUBLIC])
def test_no_export_has_a_name_under_which_results_are_published(tmp_path, data, recwarn):
    stored = store_set(tmp_path / "runs", "abc", data=data)
    assert read_manifest(export_set(stored, tmp_path / "out")).name not in PUBLIC
    assert any("private" in str(w.message) for w in recwarn) == (data not in PUBLIC)


def test_size_and_day_are_those_of_the_files(tmp_path):
    stored = store_set(tmp_path, "abc")
    assert stored.size == sum(f.stat().st_size for f in stored.folder.glob("samples*"))
    assert stored.row()["MB"] == "0.0" and np.isclose(stored.changed, 1_700_000_000)
