import os
import time
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from testiculus.base.errors import InputProblems, InputWarning, UserError
from testiculus.data import decoding
from testiculus.data.images import ImageSet, content_fingerprint, load_images, resize_square
from testiculus.data.manifest import read_manifest, write_manifest


@pytest.fixture(autouse=True)
def warnings_are_errors():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.fixture
def folder(tmp_path):
    """A data set of six pictures of three patients; the first two have masks."""
    place = tmp_path / "set"
    place.mkdir()
    rng = np.random.default_rng(0)
    rows = []
    for i in range(6):
        Image.fromarray(rng.integers(0, 256, (24, 32), np.uint8)).save(place / f"{i}.png")
        rows.append({"image": f"{i}.png", "patient": f"P{i // 2}", "label": i % 2})
    for i in range(2):
        mask = Image.new("L", (32, 24))
        mask.paste(1, (0, 0, 16, 24))
        mask.save(place / f"m{i}.png")
        rows[i]["mask"] = f"m{i}.png"
    write_manifest(place, pd.DataFrame(rows).assign(organ="liver"), {"name": "ward"})
    return place


@pytest.fixture
def manifest(folder):
    return read_manifest(folder / "manifest.csv")


def changed(folder, **columns):
    """The manifest of `folder` with {row: value} put into columns."""
    frame = pd.read_csv(folder / "manifest.csv", dtype=str, keep_default_na=False)
    for name, values in columns.items():
        frame[name] = frame[name] if name in frame else ""
        for row, value in values.items():
            frame.loc[row, name] = value
    frame.to_csv(folder / "manifest.csv", index=False)
    return read_manifest(folder / "manifest.csv")


@pytest.fixture
def decodings(monkeypatch):
    """A list that grows by one at every file that is decoded."""
    calls = []
    real = decoding.read_image
    monkeypatch.setattr(decoding, "read_image", lambda *a: (calls.append(a[0]), real(*a))[1])
    return calls


def test_images_come_in_the_order_of_the_rows_and_resized_as_any_other(folder, manifest):
    images = load_images(manifest, 16, None)
    assert images.pixels.shape == (6, 1, 16, 16) and images.pixels.dtype == torch.uint8
    for i in range(6):
        picture = torch.from_numpy(np.array(Image.open(folder / f"{i}.png")))[None, None]
        assert torch.equal(images.pixels[i : i + 1], resize_square(picture, 16))
    assert (images.name, len(images)) == ("ward", 6)
    assert images.settings["name"] == "ward"
    assert images.fingerprint == content_fingerprint(images.pixels, images.frame)


def test_masks_follow_their_rows_and_rows_without_one_are_zero(manifest):
    images = load_images(manifest, 16, None)
    assert list(images.masks) == ["parenchyma"]
    mask = images.masks["parenchyma"]
    assert mask.dtype == torch.uint8 and mask.shape == images.pixels.shape
    assert mask[:2, ..., :8].all() and not mask[:2, ..., 8:].any() and not mask[2:].any()
    assert images.frame["has_mask"].tolist() == [True, True, False, False, False, False]


def test_a_lesion_mask_column_gives_lesion_masks(folder):
    images = load_images(changed(folder, lesion_mask={3: "m0.png"}), 16, None)
    assert images.masks["lesion"][3].any() and not images.masks["lesion"][:3].any()
    assert images.frame["has_lesion"].tolist() == [False, False, False, True, False, False]


def test_a_set_without_masks_has_none(folder):
    images = load_images(changed(folder, mask={0: "", 1: ""}), 16, None)
    assert images.masks == {}
    assert not images.frame["has_mask"].any()


def test_every_bad_file_is_listed_with_row_column_and_remedy(folder):
    (folder / "0.png").write_text("this is text")
    (folder / "1.png").write_bytes((folder / "1.png").read_bytes()[:300])
    Image.new("L", (31, 24)).save(folder / "wrong.png")
    (folder / "torn.png").write_bytes((folder / "m0.png").read_bytes()[:40])
    manifest = changed(folder, mask={2: "wrong.png", 3: "torn.png"})
    with pytest.raises(InputProblems) as caught:
        load_images(manifest, 16, None)
    first, second, third, fourth = caught.value.problems
    assert first == (
        'row 2, column "image": "0.png" is a text file, not an image; name an image file'
    )
    assert second.startswith('row 3, column "image": "1.png" is truncated or damaged (')
    assert third == (
        'row 4, column "mask": "wrong.png" has 31 x 24 pixels, its image 32 x 24; '
        "export both at one size"
    )
    assert fourth.startswith('row 5, column "mask": "torn.png" is truncated or damaged (')
    assert str(folder / "manifest.csv") in str(caught.value)
    assert "remedy: " in str(caught.value)


def test_nothing_is_cached_of_a_set_with_bad_files(folder, manifest, tmp_path):
    (folder / "5.png").write_text("text")
    with pytest.raises(InputProblems):
        load_images(manifest, 16, tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("copied", ["bytes", "pixels"])
def test_one_picture_under_two_patients_warns_and_names_both(folder, tmp_path, copied):
    if copied == "bytes":
        (folder / "4.png").write_bytes((folder / "1.png").read_bytes())
    else:
        Image.open(folder / "1.png").convert("RGB").save(folder / "4.png", compress_level=1)
    manifest = read_manifest(folder / "manifest.csv")
    for _ in ("decoded", "from the cache"):
        with pytest.warns(
            InputWarning, match="same picture under the patients P0 and P2"
        ) as caught:
            load_images(manifest, 16, tmp_path / "cache")
        assert len(caught) == 1
        assert 'row 3, column "image": "1.png"; row 6, column "image"' in str(caught[0].message)


def test_one_picture_twice_under_one_patient_is_not_worth_a_warning(folder):
    (folder / "1.png").write_bytes((folder / "0.png").read_bytes())
    assert len(load_images(read_manifest(folder / "manifest.csv"), 16, None)) == 6


def test_odd_files_warn_once_a_kind_with_their_rows(folder):
    for i in (1, 2):
        frames = [Image.open(folder / f"{i}.png"), Image.new("L", (32, 24))]
        frames[0].save(folder / f"{i}.png", save_all=True, append_images=frames[1:])
    with pytest.warns(InputWarning, match="holds 2 frames: the first is used") as caught:
        load_images(read_manifest(folder / "manifest.csv"), 16, None)
    assert len(caught) == 1
    assert 'row 3, column "image": "1.png"; row 4, column' in str(caught[0].message)


def deep(folder, name, top):
    values = np.linspace(0, top, 24 * 32).astype(np.uint16).reshape(24, 32)
    Image.fromarray(values).save(folder / name)


def test_16_bit_images_of_different_depths_warn_and_the_setting_bits_ends_it(folder):
    deep(folder, "0.png", 4000)
    deep(folder, "1.png", 1000)
    with pytest.warns(InputWarning, match='use 10, 12 bits; set "bits" in the settings'):
        loose = load_images(read_manifest(folder / "manifest.csv"), 16, None)
    (folder / "manifest.json").write_text('{"name": "ward", "bits": 12}')
    strict = load_images(read_manifest(folder / "manifest.csv"), 16, None)
    assert loose.pixels[1].max() > 240
    assert strict.pixels[1].max() < 63


@pytest.mark.parametrize("pixels", [0, 7, 4096])
def test_a_size_that_makes_no_sense_is_refused(manifest, pixels):
    with pytest.raises(UserError, match="from 8 to 2048"):
        load_images(manifest, pixels, None)


def test_a_second_load_decodes_nothing_and_gives_the_same(manifest, tmp_path, decodings):
    first = load_images(manifest, 16, tmp_path)
    again = load_images(manifest, 16, tmp_path)
    assert len(decodings) == 6
    assert torch.equal(first.pixels, again.pixels)
    assert torch.equal(first.masks["parenchyma"], again.masks["parenchyma"])
    pd.testing.assert_frame_equal(first.frame, again.frame)
    assert first.fingerprint == again.fingerprint


def test_the_projects_own_cache_is_the_default(manifest, tmp_path, monkeypatch, decodings):
    monkeypatch.setenv("TESTICULUS_CACHE", str(tmp_path / "own"))
    load_images(manifest, 16)
    load_images(manifest, 16)
    assert len(decodings) == 6
    assert len(list((tmp_path / "own").rglob("*.safetensors"))) == 1


def test_other_labels_need_no_decoding(folder, manifest, tmp_path, decodings):
    before = load_images(manifest, 16, tmp_path)
    after = load_images(changed(folder, label={0: "1"}), 16, tmp_path)
    assert len(decodings) == 6
    assert after.labels()[0] == 1
    assert after.fingerprint != before.fingerprint


def test_one_changed_file_among_many_is_noticed(folder, manifest, tmp_path):
    before = load_images(manifest, 16, tmp_path)
    picture = np.array(Image.open(folder / "3.png"))
    picture[0, 0] ^= 255
    Image.fromarray(picture).save(folder / "3.png")
    after = load_images(manifest, 16, tmp_path)
    same = (after.pixels == before.pixels).flatten(1).all(dim=1)
    assert same.tolist() == [True, True, True, False, True, True]


def test_a_changed_mask_is_noticed(folder, manifest, tmp_path):
    load_images(manifest, 16, tmp_path)
    mask = Image.new("L", (32, 24))
    mask.putpixel((0, 0), 1)
    mask.save(folder / "m0.png")
    assert not load_images(manifest, 16, tmp_path).masks["parenchyma"][0].any()


def test_a_file_of_the_same_size_and_time_is_noticed_all_the_same(folder, manifest, tmp_path):
    Image.new("L", (32, 24), 10).save(folder / "3.bmp")
    manifest = changed(folder, image={3: "3.bmp"})
    with pytest.warns(InputWarning, match="single grey level, 10"):
        load_images(manifest, 16, tmp_path)
    kept = os.stat(folder / "3.bmp")
    time.sleep(0.02)  # longer than a tick of the file system's clock
    Image.new("L", (32, 24), 20).save(folder / "3.bmp")
    os.utime(folder / "3.bmp", ns=(kept.st_atime_ns, kept.st_mtime_ns))
    with pytest.warns(InputWarning, match="single grey level, 20"):
        assert load_images(manifest, 16, tmp_path).pixels[3].max() == 20


def test_a_changed_set_replaces_its_old_entry(folder, manifest, tmp_path, decodings):
    cache = tmp_path / "cache"
    load_images(manifest, 16, cache)
    load_images(changed(folder, mask={1: ""}), 16, cache)
    load_images(manifest, 24, cache)
    assert len(decodings) == 18
    assert len(list(cache.iterdir())) == 2  # one for each size


@pytest.mark.parametrize("place", [0.0, 0.02, 0.1, 0.5, 0.9, 0.999])
def test_a_flipped_byte_in_the_cache_is_noticed_said_and_mended(manifest, tmp_path, place):
    first = load_images(manifest, 16, tmp_path / "cache")
    (entry,) = (tmp_path / "cache").iterdir()
    raw = bytearray(entry.read_bytes())
    raw[int(place * len(raw))] ^= 0x10
    entry.write_bytes(raw)
    with pytest.warns(InputWarning, match="a cache entry is corrupt .*decoded again") as caught:
        again = load_images(manifest, 16, tmp_path / "cache")
    assert str(entry) in str(caught[0].message)
    assert torch.equal(first.pixels, again.pixels)
    load_images(manifest, 16, tmp_path / "cache")  # whole again: no warning


@pytest.mark.parametrize("kept", [0, 5, 0.3, 0.99])
def test_a_truncated_cache_entry_is_noticed_said_and_mended(manifest, tmp_path, kept):
    load_images(manifest, 16, tmp_path / "cache")
    (entry,) = (tmp_path / "cache").iterdir()
    whole = entry.read_bytes()
    entry.write_bytes(whole[: kept if isinstance(kept, int) else int(kept * len(whole))])
    with pytest.warns(InputWarning, match="a cache entry is corrupt"):
        load_images(manifest, 16, tmp_path / "cache")
    assert entry.read_bytes() == whole


def test_a_full_disk_does_not_stop_the_run(manifest, tmp_path, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("safetensors.torch.save_file", full)
    with pytest.warns(InputWarning, match="could not be written .*the run goes on"):
        assert len(load_images(manifest, 16, tmp_path / "cache")) == 6
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_cache_that_cannot_be_a_folder_does_not_stop_the_run(manifest, tmp_path):
    (tmp_path / "file").touch()
    with pytest.warns(InputWarning, match="could not be written"):
        assert len(load_images(manifest, 16, tmp_path / "file")) == 6


def frame_of(n):
    return pd.DataFrame({"patient": [f"P{i}" for i in range(n)], "organ": "liver", "label": 0})


def pixels_of(n, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).integers(0, 256, (n, 1, 4, 4), np.uint8))


def test_the_fingerprint_is_of_content_alone():
    pixels, frame = pixels_of(3), frame_of(3)
    mark = content_fingerprint(pixels, frame)
    same = frame.assign(image=list("xyz"), view="sagittal", true_label=pd.NA)
    assert content_fingerprint(pixels.clone(), same.set_index(pd.Index([4, 5, 6]))) == mark
    assert content_fingerprint(pixels, frame.astype({"label": "Int8"})) == mark
    assert content_fingerprint(pixels, frame.astype({"label": float})) == mark
    flipped = torch.stack(list(pixels.flip(0))).flip(0)  # other strides, same values
    assert content_fingerprint(flipped, frame) == mark


@pytest.mark.parametrize("column", ["patient", "organ", "label", "true_label"])
def test_the_fingerprint_changes_with_every_column_that_training_reads(column):
    frame = frame_of(3)
    value = 1 if "label" in column else "other"
    changed = frame.assign(**{column: [value, *frame.get(column, pd.Series([None] * 3))[1:]]})
    assert content_fingerprint(pixels_of(3), changed) != content_fingerprint(pixels_of(3), frame)


def test_the_fingerprint_changes_with_one_pixel_with_the_shape_and_with_the_order():
    frame = frame_of(2).assign(patient="P")
    pixels = pixels_of(2)
    dotted = pixels.clone()
    dotted[1, 0, 3, 3] ^= 1
    variants = [pixels, dotted, pixels.flip(0), pixels.reshape(2, 1, 2, 8)]
    assert len({content_fingerprint(variant, frame) for variant in variants}) == 4


def test_a_label_moved_to_the_other_column_changes_the_fingerprint():
    base = frame_of(1).drop(columns="label")
    marks = {
        content_fingerprint(pixels_of(1), base.assign(**{name: 1}))
        for name in ("label", "true_label")
    }
    assert len(marks) == 2


def test_100_mb_are_fingerprinted_within_a_fraction_of_a_second():
    pixels, frame = torch.zeros(1600, 1, 256, 256, dtype=torch.uint8), frame_of(1600)
    start = time.thread_time()
    content_fingerprint(pixels, frame)
    assert time.thread_time() - start < 1.0  # 0.06 s where it was measured; machines differ


def test_a_selection_keeps_rows_pixels_and_masks_together():
    masks = {"lesion": (pixels_of(5, 1) > 127).to(torch.uint8)}
    images = ImageSet.build(pixels_of(5), frame_of(5), "x", {"licence": "own"}, masks)
    chosen = images.select([3, 0, 3])
    assert chosen.frame["patient"].tolist() == ["P3", "P0", "P3"]
    assert isinstance(chosen.frame.index, pd.RangeIndex)
    assert torch.equal(chosen.pixels, images.pixels[[3, 0, 3]])
    assert torch.equal(chosen.masks["lesion"], masks["lesion"][[3, 0, 3]])
    assert chosen.settings == {"licence": "own"} and chosen.name == "x"
    assert chosen.fingerprint == content_fingerprint(chosen.pixels, chosen.frame)
    assert chosen.fingerprint != images.fingerprint


def test_a_selection_takes_booleans_tensors_and_nothing():
    images = ImageSet.build(pixels_of(4), frame_of(4), "x")
    wanted = np.array([True, False, False, True])
    assert images.select(wanted).fingerprint == images.select([0, 3]).fingerprint
    assert images.select(torch.tensor([0, 3])).fingerprint == images.select([0, 3]).fingerprint
    assert images.select(range(4)).fingerprint == images.fingerprint
    assert len(images.select([])) == 0
    with pytest.raises(IndexError):
        images.select([4])
    with pytest.raises(IndexError):
        images.select([True])


def test_labels_are_whole_numbers_and_a_gap_is_an_error():
    frame = frame_of(3).assign(true_label=pd.array([1, None, 0], dtype="Int8"))
    images = ImageSet.build(pixels_of(3), frame, "ward")
    assert images.labels().tolist() == [0, 0, 0] and images.labels().dtype == np.int64
    assert images.select([0, 2]).labels("true_label").tolist() == [1, 0]
    with pytest.raises(UserError, match='1 of 3 images of "ward" have no true_label'):
        images.labels("true_label")
    with pytest.raises(UserError, match="3 of 3 images"):
        ImageSet.build(pixels_of(3), frame.drop(columns="label"), "ward").labels()


@pytest.mark.parametrize(
    ("pixels", "rows", "masks"),
    [
        (pixels_of(3).float(), 3, {}),
        (pixels_of(3)[:, 0], 3, {}),
        (pixels_of(3), 2, {}),
        (pixels_of(3), 3, {"lesion": pixels_of(2)}),
        (pixels_of(3), 3, {"lesion": pixels_of(3) > 0}),
    ],
)
def test_parts_that_do_not_fit_are_refused(pixels, rows, masks):
    with pytest.raises(ValueError):
        ImageSet.build(pixels, frame_of(rows), "x", {}, masks)
