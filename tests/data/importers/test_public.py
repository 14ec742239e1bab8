import numpy as np
import pandas as pd
import pytest
from PIL import Image

from testiculus.base.errors import UserError
from testiculus.data.importers.output import Output
from testiculus.data.importers.public import import_public, liver_labels
from testiculus.data.manifest import read_manifest

pytestmark = pytest.mark.filterwarnings("ignore:nerve. 0077")


def table(path, rows):
    path.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_csv(path / "labels.csv", index=False)


@pytest.fixture
def sets(picture, tmp_path):
    """The three sets in small: 20 liver, 3 nerve and 4 lung images, laid out as published."""
    source = "sets/liver_aul"
    rows = []
    for i in range(20):
        kind = ("Benign", "Malignant")[i % 2] if i < 18 else "Normal"
        picture(f"{source}/{kind}/image/{i}.jpg", mode="RGB", seed=i)
        for mask in ("liver", "mass"):
            folder = tmp_path / source / kind / f"{mask}_mask_derived"
            folder.mkdir(exist_ok=True)
            area = Image.new("1", (40, 30))
            area.paste(1, (15, 10, 20, 15))
            area.save(folder / f"{i}.png")
        rows.append(
            {
                "image": f"{kind}/image/{i}.jpg",
                "patient": f"P{i}",
                "label": kind.lower(),
                "stratum": "40x30-grey",
                "matched": int(i < 10),
                "has_liver": int(i != 1),
                "has_mass": int(kind != "Normal"),
            }
        )
    table(tmp_path / source, rows)
    rows = []
    for i, stem in enumerate(("0042", "0043", "0077")):
        picture(f"sets/nerve_usgra/images/{stem}.png", seed=i)
        mask = Image.fromarray(np.repeat(np.arange(3, dtype=np.uint8), 400).reshape(30, 40))
        mask.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0])
        (tmp_path / "sets/nerve_usgra/masks").mkdir(exist_ok=True)
        mask.save(tmp_path / f"sets/nerve_usgra/masks/{stem}.png")
        rows.append({"image": f"images/{stem}.png", "mask": f"masks/{stem}.png", "split": "train"})
    table(tmp_path / "sets/nerve_usgra", rows)
    rows = []
    for i in range(4):
        picture(f"sets/lung_pocus_ccby/covid/c{i // 2}_{i}.png", seed=i)
        rows.append(
            {
                "image": f"covid/c{i // 2}_{i}.png",
                "label": "covid",
                "source_clip": f"c{i // 2}",
                "upstream_patient_no": 7,
                "licence": "CC BY 4.0",
                "url": f"doi:{i}",
            }
        )
    table(tmp_path / "sets/lung_pocus_ccby", rows)
    return tmp_path / "sets"


def imported(which, sets, **options):
    output = Output(sets.parent / f"out-{which}", crop=False)
    return read_manifest(import_public(which, sets, output, **options))


def test_liver_labels_only_matched_rows_and_plants_the_stated_errors(sets):
    manifest = imported("liver", sets, flip_rate=0.2, flip_seed=5)
    frame = manifest.frame
    kept = frame["matched"] == "1"
    assert frame["true_label"].notna().equals(kept) and frame["label"].notna().equals(kept)
    malignant = (frame["publisher_label"] == "malignant")[kept].astype(int)
    assert frame.loc[kept, "true_label"].tolist() == malignant.tolist()
    wrong = frame.loc[kept, "label"] != frame.loc[kept, "true_label"]
    assert wrong.sum() == 2 and (frame.loc[kept, "why"] == "planted").equals(wrong.astype(bool))
    planted = manifest.settings["planted_errors"]
    assert (planted["rate"], planted["seed"], len(planted["flipped"])) == (0.2, 5, 2)
    assert manifest.settings["positive_class"] == "malignant"
    assert frame["patient"].is_unique and manifest.name == "liver"
    assert (frame["mask"] == "").sum() == 1 and (frame["lesion_mask"] == "").sum() == 2
    assert frame["device"].unique().tolist() == ["40x30-grey"]


def test_the_same_seed_flips_the_same_images_in_any_order_of_the_table():
    cells = pd.DataFrame(
        {
            "image": [f"{i:02}.jpg" for i in range(40)],
            "label": ["benign", "malignant"] * 20,
            "matched": "1",
        }
    )
    one = liver_labels(cells, 0.1, 3)[1]["planted_errors"]["flipped"]
    shuffled = cells.sample(frac=1, random_state=0).reset_index(drop=True)
    assert len(one) == 4 and liver_labels(shuffled, 0.1, 3)[1]["planted_errors"]["flipped"] == one
    assert liver_labels(cells, 0.1, 4)[1]["planted_errors"]["flipped"] != one


def test_no_errors_are_planted_at_rate_zero_and_all_labels_can_be_had(sets):
    frame = imported("liver", sets, flip_rate=0.0, matched_only=False).frame
    labelled = frame["label"].notna()
    assert labelled.sum() == 18 and (frame["label"] == frame["true_label"])[labelled].all()


def test_nerve_groups_by_file_except_for_the_picture_that_is_there_twice(sets):
    manifest = imported("nerve", sets)
    patients = manifest.frame["patient"].tolist()
    assert manifest.settings["group"] == "file"
    assert patients[1] == patients[2] != patients[0]
    assert manifest.frame["label"].isna().all() and (manifest.frame["split"] == "train").all()
    mask = Image.open(manifest.folder / manifest.frame["mask"][0])
    assert mask.mode == "P" and set(np.unique(np.asarray(mask))) == {0, 1, 2}


def test_lung_groups_by_clip_and_keeps_each_files_licence_and_address(sets):
    manifest = imported("lung", sets)
    frame = manifest.frame
    assert manifest.settings["group"] == "clip"
    assert frame["patient"].tolist()[0] == frame["patient"].tolist()[1]
    assert frame["patient"].nunique() == 2 and frame["publisher_patient"].nunique() == 1
    assert frame["address"].tolist() == [f"doi:{i}" for i in range(4)]
    assert (frame["licence"] == "CC BY 4.0").all() and frame["label"].isna().all()


def test_all_sets_merge_into_one_manifest_that_names_the_source_of_each_row(sets):
    manifest = imported("all", sets)
    assert manifest.name == "organs"
    assert manifest.frame["organ"].value_counts().to_dict() == {"liver": 20, "lung": 4, "nerve": 3}
    assert manifest.frame["source"].nunique() == 3
    assert manifest.settings["group"] == "liver: patient, nerve: file, lung: clip"
    assert manifest.frame["label"].notna().sum() == 10
    alone = imported("liver", sets).frame
    assert manifest.frame["patient"][:20].tolist() == alone["patient"].tolist()


def test_a_public_import_needs_no_key_and_two_people_get_the_same_bytes(sets, all_bytes):
    one = imported("nerve", sets).folder
    assert not list(sets.parent.glob("*.key"))
    output = Output(sets.parent / "again", crop=False)
    again = import_public("nerve", sets, output).parent
    assert all_bytes(one) == all_bytes(again)


def test_a_set_may_be_named_by_its_own_folder(sets):
    output = Output(sets.parent / "out", crop=False)
    assert len(read_manifest(import_public("lung", sets / "lung_pocus_ccby", output))) == 4


def test_unknown_sets_missing_folders_and_wrong_tables_are_refused(sets):
    output = Output(sets.parent / "out")
    with pytest.raises(UserError, match="unknown public set 'livers'(?s:.*)nerve, lung, all"):
        import_public("livers", sets, output)
    with pytest.raises(UserError, match="liver is not there(?s:.*)liver_aul"):
        import_public("liver", sets / "nerve_usgra", output)
    with pytest.raises(UserError, match="flip rate of 0.7"):
        import_public("liver", sets, output, flip_rate=0.7)
    table(sets / "lung_pocus_ccby", [{"image": "a.png", "label": "covid"}])
    with pytest.raises(UserError, match="column source_clip is missing"):
        import_public("lung", sets, output)


def test_an_image_that_the_table_names_and_is_not_there_is_listed(sets):
    (sets / "lung_pocus_ccby/covid/c0_0.png").unlink()
    with pytest.raises(UserError, match="c0_0.png is not there"):
        imported("lung", sets)
