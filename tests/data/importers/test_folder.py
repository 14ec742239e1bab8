import argparse
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from testiculus.base.errors import InputProblems, InputWarning, UserError
from testiculus.data.importers import add_arguments, folder
from testiculus.data.importers.folder import import_folder
from testiculus.data.importers.labels import LabelColumns
from testiculus.data.importers.names import DEFAULT_PATTERN
from testiculus.data.importers.output import Output
from testiculus.data.manifest import read_manifest

NAMES = ("Rossi_L_trans", "Rossi_R_trans", "Bianchi_L_sag")


@pytest.fixture
def source(picture, tmp_path):
    """Three images, and masks of the same names."""
    for seed, name in enumerate(NAMES):
        picture(f"in/{name}.png", seed=seed)
        mask = np.zeros((30, 40), np.uint8)
        mask[10:20, 15:25] = 1 + seed  # any value but 0 is inside
        (tmp_path / "masks").mkdir(exist_ok=True)
        Image.fromarray(mask).save(tmp_path / "masks" / f"{name}.png")
    return tmp_path / "in"


def labels(tmp_path, text):
    (tmp_path / "labels.csv").write_text(text)
    return tmp_path / "labels.csv"


def test_names_labels_and_masks_come_together(source, tmp_path, all_bytes):
    table = labels(
        tmp_path,
        "image,label\n"
        + "".join(f"{n}.png,{v}\n" for n, v in zip(NAMES, ("homogeneous", "1", ""), strict=True)),
    )
    output = Output(
        tmp_path / "out",
        key=tmp_path / "key",
        min_side=20,
        licence="CC BY-NC-SA 4.0",
        source="TesticulUS",
    )
    path = import_folder(source, output, organ="testis", labels=table, masks=tmp_path / "masks")
    manifest = read_manifest(path)
    frame = manifest.frame.set_index(["side", "view"])
    assert frame["label"].fillna(-1).to_dict() == {
        ("left", "trans"): 0,
        ("right", "trans"): 1,
        ("left", "sag"): -1,
    }
    assert manifest.frame["patient"].nunique() == 2
    mask = np.asarray(Image.open(tmp_path / "out" / manifest.frame["mask"][2]))
    expected = np.zeros((20, 20), np.uint8)
    expected[5:15, 5:15] = 255  # cut by the box of its image
    assert np.array_equal(mask, expected)
    assert manifest.settings["licence"] == "CC BY-NC-SA 4.0"
    assert manifest.settings["source"] == "TesticulUS"
    raw = all_bytes(tmp_path / "out")
    assert b"Rossi" not in raw and b"Bianchi" not in raw


def test_masks_and_patients_may_come_from_the_table(source, tmp_path):
    table = labels(
        tmp_path,
        "image,patient,label,mask\nRossi_L_trans,7,1,masks/Rossi_L_trans.png\n"
        "Rossi_R_trans,7,0,\nBianchi_L_sag,8,0,\n",
    )
    output = Output(tmp_path / "out", min_side=5)
    frame = read_manifest(
        import_folder(source, output, organ="testis", labels=table, pattern=r"_(?P<side>[LR])_")
    ).frame
    assert frame["patient"].nunique() == 2 and (frame["mask"] != "").sum() == 1


def test_files_whose_name_does_not_match_are_listed(source, picture, tmp_path):
    picture("in/logo.png")
    with pytest.warns(InputWarning, match="does not match: 1 file .logo.png"):
        path = import_folder(source, Output(tmp_path / "out", min_side=5), organ="testis")
    assert len(read_manifest(path)) == 3


def test_a_pattern_that_matches_nothing_or_is_wrong_is_refused(source, tmp_path):
    output = Output(tmp_path / "out")
    with pytest.raises(UserError, match="no file name matches(?s:.*)Bianchi_L_sag.png"):
        import_folder(source, output, organ="testis", pattern=r"(?P<patient>\d+)")
    with pytest.raises(UserError, match="no regular expression"):
        import_folder(source, output, organ="testis", pattern="(?P<patient>")
    with pytest.raises(UserError, match="unknown named groups.*name"):
        import_folder(source, output, organ="testis", pattern="(?P<name>.+)")
    with pytest.raises(InputProblems, match="no patient is known: 3 images"):
        import_folder(source, output, organ="testis", pattern="_(?P<side>[LR])_")
    assert not (tmp_path / "out").exists()


def test_every_problem_of_the_table_is_listed_with_its_row(source, tmp_path):
    table = labels(
        tmp_path,
        "image,label,mask\nRossi_L_trans.png,2,\nabsent.png,1,\n"
        "Rossi_L_trans,1,\nBianchi_L_sag,0,no.png\n",
    )
    with pytest.raises(InputProblems) as caught:
        import_folder(source, Output(tmp_path / "out"), organ="testis", labels=table)
    said = "\n".join(caught.value.problems)
    for part in (
        'row 2, column "label": "2"',
        'row 3: column "image"',
        "absent.png",
        "row 4: Rossi_L_trans.png has row 2 already",
        'row 5, column "mask": "no.png"',
    ):
        assert part in said


def test_files_without_a_row_stay_unlabelled_with_a_warning(source, tmp_path):
    table = labels(tmp_path, "file,grade\nRossi_L_trans.png,ill\n")
    columns = LabelColumns(image="file", label="grade", positive="ill", negative="well")
    with pytest.warns(InputWarning, match="stay unlabelled: 2 files"):
        path = import_folder(
            source,
            Output(tmp_path / "out", min_side=5),
            organ="testis",
            labels=table,
            columns=columns,
        )
    manifest = read_manifest(path)
    assert manifest.frame["label"].notna().sum() == 1
    assert manifest.settings["positive_class"] == "ill"


def test_the_articles_words_are_labels_of_the_testis_only(source, tmp_path):
    rows = "".join(f"{n}.png,{v}\n" for n, v in zip(NAMES, ("positive", "0", ""), strict=True))
    table = labels(tmp_path, "image,label\n" + rows)
    path = import_folder(
        source, Output(tmp_path / "out", min_side=5), organ="thyroid", labels=table
    )
    settings = read_manifest(path).settings
    assert (settings["positive_class"], settings["negative_class"]) == ("positive", "negative")
    with pytest.raises(InputProblems, match='"positive" is no label.*homogeneous.*--positive'):
        import_folder(source, Output(tmp_path / "other"), organ="testis", labels=table)


def test_an_organ_that_no_manifest_may_hold_is_refused_before_anything_is_read(source, tmp_path):
    with pytest.raises(UserError, match='"Thyroid" is no organ name(?s:.*)write thyroid'):
        import_folder(source, Output(tmp_path / "out"), organ="Thyroid", columns=LabelColumns())


def test_the_command_of_the_released_set_is_one_that_runs():
    text = folder.__doc__.split("    python -m testiculus import ")[1].split("\n\n")[0]
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    args = parser.parse_args(shlex.split(text.replace("\\\n", "")))
    assert (args.to, args.organ, args.crop) == (Path("imported/testicul-us"), "testis", False)
    assert args.pattern == DEFAULT_PATTERN and args.licence == "CC BY-NC-SA 4.0"


def test_a_table_that_cannot_be_matched_says_what_it_has(source, tmp_path):
    table = labels(tmp_path, "file,label\na,1\n")
    with pytest.raises(UserError, match='neither a column "image" nor "patient"(?s:.*)file, label'):
        import_folder(source, Output(tmp_path / "out"), organ="testis", labels=table)


def test_a_mask_of_another_size_is_refused(source, tmp_path):
    Image.new("L", (5, 5), 1).save(tmp_path / "masks" / f"{NAMES[0]}.png")
    with pytest.raises(InputProblems, match="40 x 30 pixels, its mask 5 x 5"):
        import_folder(source, Output(tmp_path / "out"), organ="testis", masks=tmp_path / "masks")


def test_masks_without_an_image_and_images_without_a_mask_are_listed(source, tmp_path):
    (tmp_path / "masks" / f"{NAMES[0]}.png").rename(tmp_path / "masks" / "other.png")
    with pytest.warns(InputWarning) as caught:
        import_folder(
            source, Output(tmp_path / "out", min_side=5), organ="testis", masks=tmp_path / "masks"
        )
    said = "\n".join(str(w.message) for w in caught)
    assert f"without a mask in {tmp_path / 'masks'}: 1 image ({NAMES[0]}.png)" in said
    assert "left out, for no image has the name: 1 mask (other.png)" in said


@pytest.mark.parametrize(
    ("place", "to", "message"),
    [
        ("absent", "out", "no such source folder"),
        ("in", "in/out", "lie in each other"),
        ("in", ".", "lie in each other"),
        ("empty", "out", "no image files"),
    ],
)
def test_folders_that_cannot_be_used_are_refused(source, tmp_path, place, to, message):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=message):
        import_folder(tmp_path / place, Output(tmp_path / to), organ="testis")
