import json

import pandas as pd
import pytest
import torch
from PIL import Image

from testiculus.audits.findings import CLEAR, Finding
from testiculus.base.errors import UserError
from testiculus.data.images import ImageSet
from testiculus.execute import audit_run
from testiculus.execute.audit_run import announce, estimate, run_audit
from testiculus.experiments import audit_cost, dataset_audit
from testiculus.experiments.audit_cost import AuditCost
from testiculus.experiments.dataset_audit import DataAudit


@pytest.fixture
def quick(monkeypatch):
    """Find the same two things at once, whatever is asked; return the questions."""
    asked = []
    frame = pd.DataFrame({"image": ["a"], "patient": ["p"], "organ": ["testis"]})
    images = ImageSet.build(torch.zeros(1, 1, 8, 8, dtype=torch.uint8), frame, "ward")

    def audit(data, columns=()):
        asked.append((data, columns))
        finding = Finding("duplicates", CLEAR, "Nothing.", "", "Nothing.")
        return DataAudit((finding,), {"findings": frame}, {"data": "ward"}, images)

    monkeypatch.setattr(dataset_audit, "audit", audit)
    return asked


def test_an_audit_has_its_place_without_a_profile_and_its_record(quick, tmp_path):
    done = run_audit("phantom", tmp_path / "out", ("grade",))

    assert done.folder == tmp_path / "out" / "ward" / "audit"
    assert quick == [("phantom", ("grade",))]
    about = json.loads((done.folder / "audit.json").read_text())
    assert about == done.provenance
    assert {"commit", "versions", "wall_seconds", "finished", "code_fingerprint"} <= set(about)
    assert str(tmp_path) not in (done.folder / "audit.json").read_text()
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["ward"]


def test_what_is_presented_is_part_of_the_folder_and_old_files_are_gone(quick, tmp_path):
    run_audit("phantom", tmp_path, present=lambda folder, _: (folder / "old.svg").touch())
    done = run_audit("phantom", tmp_path, present=lambda folder, _: (folder / "new.svg").touch())

    assert {path.name for path in done.folder.iterdir()} == {
        "audit.json", "findings.csv", "new.svg",
    }  # fmt: skip


def test_an_audit_that_fails_leaves_the_old_one(quick, tmp_path):
    kept = run_audit("phantom", tmp_path).folder

    def fail(folder, found):
        raise UserError("no")

    with pytest.raises(UserError):
        run_audit("phantom", tmp_path, present=fail)
    assert (kept / "audit.json").is_file() and len(list(tmp_path.iterdir())) == 1


@pytest.fixture
def ward(tmp_path):
    """The path of a manifest of two images that are there."""
    for name in ("a.png", "b.png"):
        Image.new("L", (8, 8)).save(tmp_path / name)
    path = tmp_path / "manifest.csv"
    path.write_text("image,patient,organ\na.png,p1,liver\nb.png,p2,liver\n")
    return str(path)


@pytest.fixture
def price(monkeypatch):
    """Let every audit cost what the test says; return what was asked."""
    asked = []
    monkeypatch.setattr(audit_run, "MANY", 1)

    def cost(seconds):
        def estimate(data, columns=()):
            asked.append((data, columns))
            return AuditCost(4000, {"pairs": seconds}, 2.0**31, 2.0**26)

        monkeypatch.setattr(audit_cost, "estimate", estimate)
        return asked

    return cost


def test_an_audit_of_more_than_five_minutes_says_what_it_will_cost(ward, price):
    asked, said = price(1200.0), []

    announce(ward, ("grade",), said.append)

    assert asked == [(ward, ("grade",))] and len(said) == 1
    assert said[0].startswith("4,000 images: about 20 minutes here") and "square" in said[0]


def test_a_shorter_audit_and_the_phantoms_start_without_a_word(ward, price):
    asked = price(299.0)

    for data in (ward, "phantom"):
        announce(data, say=pytest.fail)

    assert [data for data, _ in asked] == [ward]


def test_a_small_set_is_not_timed(ward, price, monkeypatch):
    asked = price(1200.0)
    monkeypatch.setattr(audit_run, "MANY", 2)

    announce(ward, say=pytest.fail)

    assert not asked


def test_bad_input_is_left_for_the_audit_to_tell_whole(tmp_path, monkeypatch):
    announce(str(tmp_path / "none.csv"), say=pytest.fail)
    announce(str(tmp_path), say=pytest.fail)


def test_the_cost_is_said_before_the_audit_begins(ward, price, quick, tmp_path, capsys):
    price(1200.0)

    run_audit(ward, tmp_path / "out")

    assert quick == [(ward, ())] and "about 20 minutes" in capsys.readouterr().out


def test_an_estimate_of_an_audit_is_its_cost_in_words(ward, price):
    price(60.0)
    assert estimate(ward).startswith("4,000 images: about 60 seconds here")
