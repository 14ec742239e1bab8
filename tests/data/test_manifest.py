import json
import os
import warnings

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from testiculus.base.errors import InputProblems, InputWarning, UserError
from testiculus.data.manifest import read_manifest, write_manifest
from testiculus.data.manifest_schema import COLUMNS, is_slug, path_fault, slugify


@pytest.fixture
def folder(tmp_path):
    """A folder with four pictures and a mask, for manifests to name."""
    for name in ("a", "b", "c", "d", "m"):
        Image.new("L", (8, 8), ord(name)).save(tmp_path / f"{name}.png")
    return tmp_path


def written(folder, text, settings=None, name="ward.csv"):
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    if settings is not None:
        text = settings if isinstance(settings, str) else json.dumps(settings)
        (folder / name).with_suffix(".json").write_text(text)
    return folder / name


def problems(folder, text, settings=None):
    with pytest.raises(InputProblems) as caught:
        read_manifest(written(folder, text, settings))
    assert str(folder / "ward.csv") in str(caught.value)
    return caught.value.problems


def refusal(path):
    with pytest.raises(UserError) as caught:
        read_manifest(path)
    assert str(path) in str(caught.value)
    return str(caught.value)


@pytest.fixture(autouse=True)
def warnings_are_errors():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


GOOD = (
    "image,patient,organ,label,mask,ward\n"
    "a.png,007,testis,0,m.png,3\nb.png,P2,testis,1.0,,03\nc.png,P2,thyroid,,,x y\n"
)


def test_a_good_manifest_gets_every_column_with_its_type(folder):
    manifest = read_manifest(written(folder, GOOD, {"licence": "CC BY 4.0"}))
    frame = manifest.frame
    assert list(frame.columns) == [*COLUMNS, "ward"]
    assert isinstance(frame.index, pd.RangeIndex)
    assert frame["patient"].tolist() == ["007", "P2", "P2"]
    assert str(frame["label"].dtype) == str(frame["true_label"].dtype) == "Int8"
    assert frame["label"].tolist()[:2] == [0, 1] and frame["label"].isna().tolist()[2]
    assert frame["true_label"].isna().all()
    assert frame["mask"].tolist() == ["m.png", "", ""]
    assert (frame["side"] == "").all()
    assert frame["ward"].tolist() == ["3", "03", "x y"]
    assert manifest.settings == {"licence": "CC BY 4.0", "name": "ward"}
    assert (manifest.name, manifest.folder, len(manifest)) == ("ward", folder, 3)


def test_rows_are_numbered_as_a_spreadsheet_shows_them(folder):
    text = (
        'image,patient,organ,note\r\na.png,p,liver,"two\r\nlines"\r\n\r\n,,,\r\nx.png,p,liver,\r\n'
    )
    assert problems(folder, text) == ['row 5, column "image": "x.png" is not there; check the path']
    manifest = read_manifest(written(folder, text.replace("x.png", "b.png")))
    assert manifest.rows == (2, 5)
    assert manifest.row(1) == 5


def test_a_byte_order_mark_and_spaces_around_cells_do_no_harm(folder):
    manifest = read_manifest(written(folder, "\ufeffimage , patient,organ\n a.png ,p , liver\n"))
    assert manifest.frame.loc[0, ["image", "patient", "organ"]].tolist() == ["a.png", "p", "liver"]


def test_the_name_comes_from_the_settings_then_the_file_then_its_folder(folder):
    ward = folder / "Ward 3"
    ward.mkdir()
    Image.new("L", (8, 8)).save(ward / "a.png")
    text = "image,patient,organ\na.png,p,liver\n"
    assert read_manifest(written(ward, text, name="manifest.csv")).name == "ward-3"
    assert read_manifest(written(ward, text, name="Clinic B.csv")).name == "clinic-b"
    assert read_manifest(written(ward, text, {"name": "c"}, name="manifest.csv")).name == "c"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "the manifest is empty"),
        (b" \n\n", "the manifest is empty"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "the manifest is a binary file"),
        (b"PK\x03\x04\x00", "the manifest is a spreadsheet file"),
        ("image,patient\n".encode("utf-16"), "the manifest is UTF-16 text"),
        (b"image,patient,organ\na.png,M\xfcller,liver\n", "not UTF-8 text (byte 0xfc in line 2)"),
        (b"image;patient;organ\na.png;p;liver\n", "separated by semicolons"),
        (b"image\tpatient\torgan\na.png\tp\tliver\n", "separated by tabs"),
        (b"\nimage,patient,organ\n", "the first row is blank"),
        (b"image,patient,organ\n", "a header and no rows"),
        (b'image,patient,organ\na.png,"p,liver\n', "malformed CSV"),
    ],
)
def test_what_is_no_table_is_refused_with_the_reason(folder, content, says):
    message = refusal(written(folder, content))
    assert says in message
    assert "remedy: " in message


def test_a_missing_manifest_names_the_tables_beside_it(folder):
    written(folder, GOOD)
    assert "no such manifest" in refusal(folder / "wrad.csv")
    assert "there is: ward.csv" in refusal(folder / "wrad.csv")
    assert "no such manifest" in refusal(folder / "nowhere" / "ward.csv")


def test_a_folder_as_manifest_names_the_tables_in_it(folder):
    written(folder, GOOD)
    message = refusal(folder)
    assert "is a folder" in message and "ward.csv" in message


def test_a_device_or_an_endless_file_is_not_read(folder):
    os.mkfifo(folder / "pipe.csv")
    assert "is no table" in refusal(folder / "pipe.csv")


def test_missing_columns_are_named_with_the_nearest_one(folder):
    found = problems(folder, "Image,patient_id,label\na.png,p,0\n")
    assert found[0] == (
        'row 1: the column "image" is missing; rename "Image" to "image" '
        "(every manifest has image, patient, organ)"
    )
    assert 'rename "patient_id" to "patient"' in found[1]
    assert 'add a column "organ"' in found[2]
    assert len(found) == 3


def test_every_bad_cell_is_listed_with_row_column_value_and_remedy(folder):
    text = (
        "image,patient,organ,label,true_label\n"
        "a.png,,testis,0,0\n,p,Testis,2,\nb.png,p,,benign,0.5\nc.png,p,liver,-1,1\n"
    )
    assert sorted(problems(folder, text)) == sorted(
        [
            'row 2, column "patient": "" is empty; name the patient, or what groups the images '
            "(file, clip)",
            'row 3, column "image": "" is empty; write the path of the image',
            'row 3, column "organ": "Testis" is no organ name (small letters and digits, parts '
            "joined by - or _); write testis",
            'row 3, column "label": "2" is no label; write 0 or 1, or leave the cell empty where '
            "it is not known",
            'row 4, column "organ": "" is empty; name the organ, for example testis or thyroid',
            'row 4, column "label": "benign" is no label; write 0 or 1, or leave the cell empty '
            "where it is not known",
            'row 4, column "true_label": "0.5" is no label; write 0 or 1, or leave the cell empty '
            "where it is not known",
            'row 5, column "label": "-1" is no label; write 0 or 1, or leave the cell empty where '
            "it is not known",
        ]
    )


def test_rows_of_another_length_and_doubtful_headers_are_listed(folder):
    found = problems(folder, "image,patient,organ,organ\na.png,p,liver\nb.png,p,liver,liver,x\n")
    assert found == [
        'row 1, column "organ": this column name is there twice; rename or remove one',
        "row 2: 3 cells where the header has 4 columns; put quotes around cells that hold a "
        "comma, and write a comma for every empty cell",
        "row 3: 5 cells where the header has 4 columns; put quotes around cells that hold a "
        "comma, and write a comma for every empty cell",
    ]
    assert (
        "row 1, column 2: this column has no name" in problems(folder, "image,,organ\na,b,c\n")[0]
    )


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("../a.png", "leaves the folder of the manifest"),
        ("sub/../../a.png", "leaves the folder of the manifest"),
        ("..", "leaves the folder of the manifest"),
        ("/etc/passwd", "is no path relative to the manifest"),
        ("C:/a.png", "is no path relative to the manifest"),
        ("https://x.org/a.png", "is no path relative to the manifest"),
        ("sub\\a.png", "is written with backslashes"),
        ("nowhere.png", "is not there; check the path"),
        ("a.jpg", "is not there; did you mean a.png?"),
        ("sub", "is no file"),
        ("zero.png", "is an empty file"),
        ("pipe.png", "is no file"),
        ("away.png", "is a link that leaves the folder"),
        ("afar/secret.png", "is a link that leaves the folder"),
        ("broken.png", "is not there"),
        ("loop.png", "cannot be reached"),
        ("x" * 300 + ".png", "cannot be reached"),
    ],
)
@pytest.mark.parametrize("column", ["image", "mask", "lesion_mask"])
def test_a_bad_path_is_listed_in_any_column_that_holds_paths(folder, column, path, says):
    outside = folder / "outside"
    data = folder / "data"
    for place in (outside, data, data / "sub"):
        place.mkdir()
    for place in (outside / "secret.png", data / "a.png"):
        Image.new("L", (8, 8)).save(place)
    (data / "zero.png").touch()
    os.mkfifo(data / "pipe.png")
    (data / "away.png").symlink_to(outside / "secret.png")
    (data / "afar").symlink_to(outside)
    (data / "broken.png").symlink_to("nothing")
    (data / "loop.png").symlink_to("loop.png")
    cells = {"image": "a.png", "patient": "p", "organ": "liver", column: path}
    (found,) = problems(data, ",".join(cells) + "\n" + ",".join(cells.values()) + "\n")
    assert found.startswith(f'row 2, column "{column}": "{path}" {says}')


def test_a_link_inside_the_folder_is_fine(folder):
    (folder / "e.png").symlink_to("a.png")
    assert len(read_manifest(written(folder, "image,patient,organ\ne.png,p,liver\n"))) == 1


def test_a_mask_that_is_the_image_itself_is_a_problem(folder):
    (found,) = problems(folder, "image,patient,organ,mask\na.png,p,liver,a.png\n")
    assert found == 'row 2, column "mask": "a.png" is the image itself; name its mask'


def test_an_unknown_organ_warns_with_the_nearest_known(folder):
    text = "image,patient,organ\na.png,p,testes\nb.png,p,testes\n"
    with pytest.warns(InputWarning, match="nearest known name is testis") as caught:
        read_manifest(written(folder, text))
    assert len(caught) == 1
    assert 'row 2, column "organ": "testes"' in str(caught[0].message)
    with pytest.warns(InputWarning, match="known: testis, thyroid, liver"):
        read_manifest(written(folder, text.replace("testes", "qqq")))


def test_one_image_under_two_patients_warns_and_names_both(folder):
    text = "image,patient,organ\na.png,P1,liver\nb.png,P1,liver\n./a.png,P2,liver\n"
    with pytest.warns(InputWarning, match="rows 2, 4: .*2 times, under the patients P1 and P2"):
        read_manifest(written(folder, text))


def test_one_image_twice_under_one_patient_warns(folder):
    text = "image,patient,organ\na.png,P1,liver\na.png,P1,liver\n"
    with pytest.warns(InputWarning, match="rows 2, 3: .*2 times, under P1"):
        read_manifest(written(folder, text))


def test_unusual_sides_and_splits_warn(folder):
    with pytest.warns(InputWarning, match=r"\"side\": \['L'\] beside the usual left, right"):
        read_manifest(written(folder, "image,patient,organ,side\na.png,p,liver,L\n"))
    with pytest.warns(InputWarning, match="train, validation, test"):
        read_manifest(written(folder, "image,patient,organ,split\na.png,p,liver,tset\n"))


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ('{"name": "a",}', "ward.json, line 1, column 14: not valid JSON"),
        ("", "ward.json, line 1, column 1: not valid JSON"),
        ("[1]", "ward.json: holds a list"),
        ({"name": 3}, 'ward.json, "name": 3 is no text'),
        ({"licence": ["CC"]}, 'ward.json, "licence": ["CC"] is no text'),
        ({"positive_class": None}, 'ward.json, "positive_class": null is no text'),
        ({"name": "../up"}, 'ward.json, "name": "../up" is no name of a folder'),
        ({"name": ""}, 'ward.json, "name": "" is no name of a folder'),
        ({"name": "phantom"}, "the simulator's own name"),
        ({"name": "liver", "licence": "private"}, "the name of a public set"),
        ({"bits": 20}, 'ward.json, "bits": 20 is no number of bits; write 8 to 16'),
        ({"bits": True}, 'ward.json, "bits": true is no number of bits'),
    ],
)
def test_bad_settings_are_problems(folder, settings, says):
    (found,) = problems(folder, GOOD, settings)
    assert found.startswith(says) or says in found


def test_problems_of_settings_cells_and_files_come_together(folder):
    text = "image,patient,organ\nx.png,,liver\n"
    assert len(problems(folder, text, {"name": 3})) == 3


def test_what_is_written_is_read_back(folder):
    frame = read_manifest(written(folder, GOOD)).frame
    path = write_manifest(folder, frame, {"name": "ward", "licence": "own"})
    again = read_manifest(path)
    pd.testing.assert_frame_equal(again.frame, frame)
    assert again.settings == {"name": "ward", "licence": "own"}
    assert path == folder / "manifest.csv"


def test_labels_with_gaps_as_pandas_floats_are_written(folder):
    frame = pd.DataFrame({"ward": [1, 2], "image": ["a.png", "b.png"], "patient": [7, 8]})
    frame = frame.assign(organ="liver", label=[1.0, None])
    again = read_manifest(write_manifest(folder, frame, {"name": "w"})).frame
    assert again["label"].tolist()[0] == 1 and again["label"].isna().tolist() == [False, True]
    assert again["patient"].tolist() == ["7", "8"]


@pytest.mark.parametrize(
    ("change", "settings"),
    [
        ({"organ": "Liver"}, {}),
        ({"image": "../a.png"}, {}),
        ({"label": 2}, {}),
        ({}, {"name": "a b"}),
        ({}, {"source": 3}),
    ],
)
def test_nothing_is_written_that_would_not_be_read(tmp_path, change, settings):
    row = {"image": "a.png", "patient": "p", "organ": "liver", "label": 1} | change
    with pytest.raises(InputProblems):
        write_manifest(tmp_path / "out", pd.DataFrame([row]), {"name": "ok"} | settings)
    assert not (tmp_path / "out").exists()


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00\r\n"), max_size=12)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.tuples(TEXT.map(str.strip).filter(bool), TEXT.map(str.strip)), min_size=1))
def test_any_patient_name_and_any_further_text_survive(folder, cells):
    frame = pd.DataFrame(cells, columns=["patient", "note"], dtype=str)
    frame = frame.assign(image="a.png", organ="liver")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InputWarning)
        again = read_manifest(write_manifest(folder, frame, {"name": "w"})).frame
    assert again["patient"].tolist() == frame["patient"].tolist()
    assert again["note"].tolist() == frame["note"].tolist()


@given(st.text())
def test_a_slug_made_from_any_text_is_a_slug_or_empty(text):
    made = slugify(text)
    assert not made or is_slug(made)


@given(st.lists(st.sampled_from(["a", "..", ".", ""]), min_size=1, max_size=6))
def test_a_path_leaves_the_folder_exactly_where_its_depth_goes_below_zero_at_the_end(parts):
    depth = []
    for part in (p for p in parts if p not in (".", "")):
        if part == ".." and depth and depth[-1] != "..":
            depth.pop()
        else:
            depth.append(part)
    leaves = bool(depth) and depth[0] == ".."
    text = "/".join(parts)
    expected = leaves or text.startswith("/")
    assert (path_fault(text) is not None) == expected
