from functools import partial

import numpy as np
import pytest
from PIL import Image

from testiculus.base.errors import InputProblems, InputWarning, UserError
from testiculus.data.importers.names import open_picture
from testiculus.data.importers.output import Output, Picture, choose_box, tint, write_import
from testiculus.data.manifest import read_manifest
from testiculus.data.views import Box, whole


def pictures(*paths, region=None):
    return [
        Picture(
            identity=p.name,
            patient="Rossi",
            where=p.name,
            open=partial(open_picture, p),
            row={"organ": "testis"},
            region=region,
        )
        for p in paths
    ]


def test_views_are_cropped_grey_pngs_with_their_geometry_in_the_manifest(picture, tmp_path):
    path = picture("in/a.png", mode="RGB")
    output = Output(tmp_path / "out", min_side=20)
    manifest = read_manifest(write_import(pictures(path), output, output.settings()))
    row = manifest.frame.iloc[0]
    saved = Image.open(tmp_path / "out" / row["image"])
    source = np.asarray(Image.open(path).convert("L"))
    assert saved.mode == "L" and np.array_equal(np.asarray(saved), source[5:25, 10:30])
    assert [row[f"crop_{side}"] for side in ("left", "top", "right", "bottom")] == [
        "10",
        "5",
        "30",
        "25",
    ]
    assert (row["width"], row["height"], float(row["tint"])) == ("40", "30", 0.0)
    assert manifest.settings["name"] == "out"


def test_boxes_inside_a_region_are_told_in_the_source_pictures_pixels(picture, tmp_path):
    output = Output(tmp_path / "out", min_side=10)
    region = Box(4, 2, 40, 30)
    path = write_import(pictures(picture("in/a.png"), region=region), output, {"name": "x"})
    row = read_manifest(path).frame.iloc[0]
    assert (row["crop_left"], row["crop_top"], row["crop_right"]) == ("10", "5", "30")


def test_a_second_import_with_the_same_key_gives_the_same_bytes(picture, tmp_path, all_bytes):
    paths = [picture("in/a.png"), picture("in/b.png", seed=1)]
    for name in ("one", "two"):
        output = Output(tmp_path / name, key=tmp_path / "key", name="same", min_side=5)
        write_import(pictures(*paths), output, output.settings())
    assert all_bytes(tmp_path / "one") == all_bytes(tmp_path / "two")
    output = Output(tmp_path / "three", key=tmp_path / "other", name="same", min_side=5)
    write_import(pictures(*paths), output, output.settings())
    patients = [
        read_manifest(tmp_path / n / "manifest.csv").frame["patient"][0]
        for n in ("one", "two", "three")
    ]
    assert patients[0] == patients[1] != patients[2]


def test_a_view_that_cannot_be_cropped_is_kept_whole_and_listed(picture, tmp_path):
    output = Output(tmp_path / "out", min_side=500)
    with pytest.warns(InputWarning, match="1 of 1 views.*1 kept whole"):
        path = write_import(pictures(picture("in/a.png")), output, output.settings())
    row = read_manifest(path).frame.iloc[0]
    assert Image.open(tmp_path / "out" / row["image"]).size == (40, 30)
    review = (tmp_path / "out" / "review.csv").read_text()
    assert row["image"] in review and "is under 500 px" in review


def test_a_crop_that_would_cut_an_annotation_is_not_applied():
    grey = np.zeros((30, 40), np.uint8)
    grey[5:25, 10:30] = 90
    mask = np.zeros((30, 40), np.uint8)
    mask[5:25, 20:32] = 1
    output = Output("out", min_side=5)
    assert choose_box(grey, [], output) == (Box(10, 5, 30, 25), "")
    box, reason = choose_box(grey, [mask], output)
    assert box == whole(grey) and "17% of its mask" in reason


def test_content_left_outside_a_crop_is_reported():
    grey = np.zeros((30, 40), np.uint8)
    grey[5:25, 10:30] = 90
    grey[10:20, 34:38] = 90  # 40 of 440 pixels
    box, reason = choose_box(grey, [], Output("out", min_side=5))
    assert box == Box(10, 5, 30, 25) and reason.startswith("cropped: 9%")
    assert choose_box(grey, [], Output("out", crop=False)) == (whole(grey), "")


def test_every_bad_picture_is_listed_and_nothing_is_written(picture, tmp_path):
    good = picture("in/a.png")
    (tmp_path / "in/b.png").write_text("no picture")
    (tmp_path / "in/c.png").write_bytes(good.read_bytes()[:100])
    output = Output(tmp_path / "out", min_side=5)
    bad = [tmp_path / "in/b.png", tmp_path / "in/c.png"]
    with pytest.raises(InputProblems, match="2 of 3") as caught:
        write_import(pictures(good, *bad), output, output.settings())
    assert [
        "b.png is a text file" in p or "c.png is truncated" in p for p in caught.value.problems
    ] == [True, True]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in"]  # no output, no key, no leftovers


def test_a_key_inside_the_output_is_refused_before_anything_is_written(picture, tmp_path):
    output = Output(tmp_path / "out", key=tmp_path / "out" / "key")
    with pytest.raises(UserError, match="inside the output"):
        write_import(pictures(picture("in/a.png")), output, {"name": "x"})
    assert not (tmp_path / "out").exists()


def test_tint_is_the_mean_spread_of_the_colours_that_are_not_black():
    colours = np.zeros((2, 2, 3), np.uint8)
    colours[0] = [[100, 110, 130], [50, 50, 50]]
    assert tint(Image.fromarray(colours)) == pytest.approx(15.0)
    assert tint(Image.new("L", (3, 3), 9)) == tint(Image.new("RGB", (3, 3))) == 0.0
