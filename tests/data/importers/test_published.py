import json
from collections import Counter, defaultdict

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from testiculus.base.errors import UserError
from testiculus.data.decode import DecodeError
from testiculus.data.importers import published
from testiculus.data.importers.output import Output
from testiculus.data.importers.public import import_public
from testiculus.data.manifest import read_manifest

CORNERS = [[12.9, 8.2], [28.4, 8.7], [28.1, 20.6], [12.3, 20.1]]
STRATA = ("40x30-grey", "40x30-tint")


def table(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_csv(path, index=False)


def files_of(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture
def facts(tmp_path, monkeypatch):
    """An empty folder in place of the tables that are shipped."""
    monkeypatch.setattr(published, "TABLES", tmp_path / "facts")
    return tmp_path / "facts"


@pytest.fixture
def liver(picture, tmp_path, facts):
    """Nine images laid out as the archive is; one malignant image has no liver outline."""
    rows = []
    for i, kind in enumerate(("Normal", "Benign", "Malignant") * 3):
        picture(f"7272660/{kind}/image/{i}.jpg", mode="RGB", seed=i)
        for what in ("liver", "mass"):
            if (kind, what) == ("Normal", "mass") or (i, what) == (2, "liver"):
                continue
            path = tmp_path / f"7272660/{kind}/segmentation/{what}/{i}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(CORNERS if what == "liver" else CORNERS[:3]))
        rows.append(
            {
                "image": f"{kind}/image/{i}.jpg",
                "stratum": STRATA[i // 6],
                "matched": int(kind != "Normal"),
                "has_liver": int(i != 2),
            }
        )
    table(facts / "liver.csv", rows)
    return tmp_path / "7272660"


def prepare(liver, facts):
    """Put beside the archive what a prepared folder has: its table and its masks as pictures."""
    cells = pd.read_csv(facts / "liver.csv", dtype=str)
    parts = cells["image"].str.split("/", expand=True)
    cells["patient"] = parts[0].str[0] + parts[2].str.removesuffix(".jpg")
    cells["label"] = parts[0].str.lower()
    cells["has_mass"] = (parts[0] != "Normal").astype(int)
    cells.to_csv(liver / "labels.csv", index=False)
    for path in sorted(liver.glob("*/segmentation/*/*.json")):
        folder = path.parents[2] / f"{path.parent.name}_mask_derived"
        folder.mkdir(exist_ok=True)
        image = path.parents[2] / "image" / f"{path.stem}.jpg"
        mask, _ = published.open_outline(path, image)
        Image.fromarray(mask.astype(bool)).save(folder / f"{path.stem}.png")
        path.unlink()


@pytest.mark.filterwarnings("ignore:2 of 9 views are listed")
def test_the_liver_archive_and_a_prepared_folder_give_the_same_bytes(liver, facts):
    def imported(name):
        output = Output(liver.parent / name, min_side=5, name="liver")
        return import_public("liver", liver, output).parent

    archive = imported("one")
    prepare(liver, facts)
    assert files_of(archive) == files_of(imported("two"))
    frame = read_manifest(archive / "manifest.csv").frame
    assert frame["true_label"].fillna(-1).tolist() == [-1, 0, 1] * 3
    assert (frame["mask"] == "").sum() == 1 and (frame["lesion_mask"] == "").sum() == 3
    assert frame["patient"].is_unique and frame["stratum"].unique().tolist() == list(STRATA)


def test_an_outline_becomes_the_mask_of_its_inside(picture, tmp_path):
    image = picture("a.png")
    (tmp_path / "a.json").write_text(json.dumps(CORNERS))
    mask, palette = published.open_outline(tmp_path / "a.json", image)
    expected = np.zeros((30, 40), np.uint8)
    expected[8:21, 12:29] = 1  # corners at whole pixels, the edge inside
    assert palette is None and mask.dtype == np.uint8 and np.array_equal(mask, expected)


@pytest.mark.parametrize("text", ["[[1, 2], [3", "[]", "[[1, 2], [3, 4]]", "[[1], [2], [3]]", "{}"])
def test_an_outline_that_is_damaged_is_named(picture, tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(DecodeError, match=r"has an outline, a\.json, that is (damaged|no polygon)"):
        published.open_outline(tmp_path / "a.json", picture("a.png"))


def test_an_outline_that_the_table_promises_and_is_not_there_is_listed(liver):
    (liver / "Benign/segmentation/mass/4.json").unlink()
    with pytest.raises(UserError, match="4.jpg has an outline, 4.json, that is not there"):
        import_public("liver", liver, Output(liver.parent / "out"))
    assert not (liver.parent / "out").exists()


def test_the_nerve_table_follows_from_the_folders(picture, tmp_path):
    for name in ("images/2", "images/1", "masks/1", "masks/2", "test/images/3", "test/masks/3"):
        picture(f"usgra-seg/{name}.png")
    picture("usgra-seg/test/images/4.png")
    place = published.find_set(tmp_path / "usgra-seg", "nerve")
    assert published.set_table(place, "nerve").to_numpy().tolist() == [
        ["images/1.png", "masks/1.png", "train"],
        ["images/2.png", "masks/2.png", "train"],
        ["test/images/3.png", "test/masks/3.png", "test"],
        ["test/images/4.png", "", "test"],
    ]
    frame = read_manifest(import_public("nerve", place, Output(tmp_path / "out", crop=False))).frame
    assert (frame["mask"] == "").tolist() == [False, False, False, True]


def test_the_lung_table_names_the_images_whose_licence_allows_it(picture, tmp_path, facts):
    for name in ("covid/a.gif_frame0", "covid/a.gif_frame9", "pneumonia/b", "regular/c"):
        picture(f"image_dataset/{name}.png")
    row = {"label": "covid", "source_clip": "a", "upstream_patient_no": 3, "probe": "convex"}
    row |= {"licence": "CC BY 4.0", "url": "doi"}
    rows = [{"image": f"covid/a.gif_frame{i}.png"} | row for i in (0, 9)]
    table(facts / "lung.csv", rows)
    output = Output(tmp_path / "out", crop=False)
    frame = read_manifest(import_public("lung", tmp_path / "image_dataset", output)).frame
    assert frame["source_file"].str.endswith(("frame0.png", "frame9.png")).all()
    assert frame["patient"].nunique() == 1 and frame["device"].unique().tolist() == ["convex"]


@pytest.mark.parametrize("name", ["liver", "lung"])
def test_the_tables_shipped_have_every_column_that_is_needed(tmp_path, name):
    cells = published.set_table(tmp_path, name)
    assert set(published.NEEDED[name]) <= set(cells) and cells["image"].is_unique
    assert len(cells) == {"liver": 500, "lung": 309}[name]


def test_the_liver_table_matches_the_first_of_each_class_in_every_stratum(tmp_path):
    cells = published.set_table(tmp_path, "liver")
    assert cells["label"].value_counts().to_dict() == {
        "benign": 200,
        "malignant": 200,
        "normal": 100,
    }
    numbers = defaultdict(lambda: {"benign": [], "malignant": [], "normal": []})
    for row in cells.to_dict("records"):
        number = int(row["patient"][1:])
        numbers[row["stratum"]][row["label"]].append((number, row["matched"]))
    for classes in numbers.values():
        count = min(len(classes["benign"]), len(classes["malignant"]))
        for kind, rows in classes.items():
            kept = count if kind != "normal" else 0
            assert [m for _, m in sorted(rows)] == ["1"] * kept + ["0"] * (len(rows) - kept)
    assert Counter(cells.loc[cells["matched"] == "1", "label"]) == {"benign": 132, "malignant": 132}


def test_the_lung_table_holds_nothing_but_cc_by(tmp_path):
    cells = published.set_table(tmp_path, "lung")
    assert (cells["licence"] == "CC BY 4.0").all() and cells["source_clip"].nunique() == 43
