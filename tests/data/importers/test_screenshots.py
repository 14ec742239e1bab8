import numpy as np
import pytest
from PIL import Image

from testiculus.base.errors import InputProblems, InputWarning, UserError
from testiculus.data.importers.output import Output
from testiculus.data.importers.screenshots import import_screenshots, parse_box, parse_boxes
from testiculus.data.manifest import read_manifest
from testiculus.data.views import RELEASED_BOXES, Box

BOXES = {"transverse": Box(2, 3, 12, 13), "sagittal": Box(12, 3, 22, 13)}


def test_two_views_are_cut_out_and_named_by_patient_side_and_box(picture, tmp_path, all_bytes):
    left = picture("in/Rossi_SX.png")
    picture("in/Rossi_dx.png", seed=1)
    output = Output(tmp_path / "out", crop=False, key=tmp_path / "key")
    path = import_screenshots(tmp_path / "in", output, boxes=BOXES)
    frame = read_manifest(path).frame
    assert frame["side"].tolist() == ["left", "left", "right", "right"]
    assert frame["view"].tolist() == ["transverse", "sagittal"] * 2
    assert frame["patient"].nunique() == 1
    saved = np.asarray(Image.open(tmp_path / "out" / frame["image"][1]))
    assert np.array_equal(saved, np.asarray(Image.open(left))[3:13, 12:22])
    assert b"Rossi" not in all_bytes(tmp_path / "out")


def test_the_released_geometry_is_the_default(picture, tmp_path):
    picture("in/7_left.png", size=(800, 600))
    path = import_screenshots(tmp_path / "in", Output(tmp_path / "out", crop=False))
    frame = read_manifest(path).frame
    assert frame["crop_left"].tolist() == ["185", "485"]
    assert frame["crop_top"].tolist() == ["130", "130"]
    assert Image.open(tmp_path / "out" / frame["image"][0]).size == (300, 300)


def test_a_box_outside_a_screenshot_names_the_file(picture, tmp_path):
    picture("in/7_left.png")
    with pytest.raises(InputProblems, match="7_left.png, view first.*40 x 30 px(?s:.*)--box"):
        import_screenshots(tmp_path / "in", Output(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_both_views_inherit_the_testis_label(picture, tmp_path):
    picture("in/7_left.png")
    picture("in/7_right.png", seed=1)
    (tmp_path / "labels.csv").write_text("patient,side,label,name\n7,L,inhomogeneous,Mario\n")
    output = Output(tmp_path / "out", crop=False)
    with pytest.warns(InputWarning, match="stay unlabelled: 1 file .7_right"):
        path = import_screenshots(
            tmp_path / "in", output, boxes=BOXES, labels=tmp_path / "labels.csv"
        )
    manifest = read_manifest(path)
    assert manifest.frame["label"].fillna(-1).tolist() == [1, 1, -1, -1]
    assert manifest.settings["positive_class"] == "inhomogeneous"
    assert "name" not in manifest.frame  # other columns of the table stay in it


def test_boxes_are_read_from_text():
    assert parse_box("sag=10,20,30,40") == ("sag", Box(10, 20, 40, 60))
    assert parse_boxes(None) == RELEASED_BOXES
    for text in ("sag=1,2,3", "sag=a,b,c,d", "sag=1,2,0,4", "sag=-1,2,3,4"):
        with pytest.raises(UserError, match="not a crop box"):
            parse_box(text)
    with pytest.raises(InputProblems, match="name of its own"):
        parse_boxes(["a=0,0,5,5", "a=5,0,5,5"])
