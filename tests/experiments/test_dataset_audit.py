import json
import warnings

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from testiculus.audits.findings import CLEAR, FOUND, SKIPPED
from testiculus.base.errors import UserError
from testiculus.data.images import ImageSet
from testiculus.data.manifest import write_manifest
from testiculus.experiments.dataset_audit import audit, write_audit


def speckle(random, side=140):
    coarse = random.integers(30, 220, (side // 3, side // 3)).astype(np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC))


@pytest.fixture(scope="module")
def ward(tmp_path_factory):
    """Write a set of 24 patients with one confound, one copy across patients, two views each."""
    tmp_path, random = tmp_path_factory.mktemp("ward"), np.random.default_rng(0)
    rows = []
    for number in range(48):
        label = number // 2 % 2
        name = f"{number:02d}.png"
        picture = speckle(random, 140 if label else 150)  # the sick come from another machine
        Image.fromarray(picture).save(tmp_path / name)
        side = ("left", "right")[number % 2]
        rows.append([name, f"p{number // 2:02d}", "testis", side, label])
    copied = Image.open(tmp_path / "00.png").crop((8, 4, 150, 148)).resize((150, 150))
    copied.save(tmp_path / "05.png")
    frame = pd.DataFrame(rows, columns=["image", "patient", "organ", "side", "label"])
    return write_manifest(tmp_path, frame, {"name": "ward", "licence": "ours"})


def by_name(found):
    return {finding.audit: finding for finding in found.findings}


def test_a_users_own_manifest_is_audited_without_columns_of_the_acquisition(ward, tmp_path):
    found = audit(str(ward))
    findings = by_name(found)

    pairs = found.tables["duplicates"][["first", "second"]].to_numpy().tolist()
    assert pairs == [["00.png", "05.png"]] and findings["duplicates"].state == FOUND
    assert findings["acquisition"].state == FOUND  # the files' own size
    assert "size and tint" in findings["acquisition"].found
    assert findings["class balance"].state == CLEAR
    assert findings["burnt-in text and marks"].state == CLEAR
    assert findings["views of one testis"].state == SKIPPED  # one view of each testis

    assert isinstance(found.images, ImageSet) and len(found.images) == 48
    written = write_audit(found, tmp_path / "out", {"commit": "c"})
    about = json.loads(written.read_text())
    assert about["data"] == "ward" and about["licence"] == "ours" and about["commit"] == "c"
    assert about["images"] == 48 and about["patients"] == 24 and about["labelled"] == 48
    assert len(about["data_fingerprint"]) == 64 and about["seconds"]["duplicates"] >= 0
    assert [f["audit"] for f in about["findings"]] == list(findings)
    assert {path.stem for path in (tmp_path / "out").glob("*.csv")} == set(found.tables)


def test_one_image_without_a_label_is_no_error_and_every_audit_says_what_it_lacks(tmp_path):
    Image.fromarray(speckle(np.random.default_rng(0))).save(tmp_path / "a.png")
    frame = pd.DataFrame([["a.png", "p", "testis"]], columns=["image", "patient", "organ"])
    manifest = write_manifest(tmp_path, frame, {})

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = audit(str(manifest))

    findings = by_name(found)
    assert findings["duplicates"].state == SKIPPED
    assert "no image has a label" in findings["acquisition"].found
    assert "no image has a label" in findings["class balance"].found
    assert findings["burnt-in text and marks"].state == CLEAR


def test_a_manifest_that_is_not_there_or_is_none_is_one_message(tmp_path):
    with pytest.raises(UserError):
        audit(str(tmp_path / "none.csv"))
    (tmp_path / "broken.csv").write_text("image,patient\n1,2\n")
    with pytest.raises(UserError, match="organ"):
        audit(str(tmp_path / "broken.csv"))


def test_a_column_to_ask_about_that_is_not_there_is_named(ward):
    with pytest.raises(UserError, match="unknown column 'grade'"):
        audit(str(ward), ("grade",))


def test_the_phantom_is_audited_with_what_is_known_of_it(monkeypatch):
    """A small phantom whose positives carry marks: those are found, with the label they go with."""
    from testiculus.data.phantom import PhantomSettings, phantom
    from testiculus.experiments import dataset_audit

    marked = phantom(PhantomSettings(patients=24, pixels=128, markers=0.0, marker_bias=1.0))
    monkeypatch.setattr(dataset_audit, "load_all", lambda *_, **__: marked)
    monkeypatch.setattr(dataset_audit, "_duplicates", lambda images, tables: [])

    findings = by_name(dataset_audit.audit("phantom"))

    overlay = findings["burnt-in text and marks"]
    assert overlay.state == FOUND and "It goes with the label" in overlay.found
    assert "inhomogeneous" in overlay.found
    views = findings["views of one testis"]
    assert views.state == CLEAR and "In true_label, " in views.found
