import json

import pandas as pd
import pytest
import torch

from testiculus.audits.findings import CLEAR, Finding
from testiculus.base.errors import UserError
from testiculus.data.images import ImageSet
from testiculus.execute.audit_run import run_audit
from testiculus.experiments import dataset_audit
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
