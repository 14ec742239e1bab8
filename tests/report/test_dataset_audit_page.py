import json

import pandas as pd
import torch

from testiculus.audits.duplicates import COLUMNS
from testiculus.base.files import write_csv
from testiculus.data.images import ImageSet
from testiculus.experiments.dataset_audit import DataAudit
from testiculus.report.dataset_audit_page import present


def found(folder, pairs):
    frame = pd.DataFrame({"image": ["a.png", "b.png"], "patient": ["p", "q"], "organ": "testis"})
    images = ImageSet.build(torch.full((2, 1, 8, 8), 7, dtype=torch.uint8), frame, "ward")
    about = {"data": "ward", "images": 2, "patients": 2, "labelled": 0, "licence": None}
    (folder / "audit.json").write_text(json.dumps(about | {"group": "patient", "findings": []}))
    write_csv(
        folder / "likeness.csv", pd.DataFrame({"likeness": [0.9] * 2, "upside_down": [0.1] * 2})
    )
    write_csv(folder / "duplicates.csv", pairs)
    return DataAudit((), {}, {"data": "ward"}, images)


def one_pair():
    row = dict.fromkeys(COLUMNS, 0) | {"first": "a.png", "second": "b.png", "likeness": 0.9}
    return pd.DataFrame([row | {"same_patient": False}])


def test_a_page_and_its_plots_lie_in_the_folder_and_no_image_of_the_set(tmp_path):
    present(tmp_path, found(tmp_path, one_pair()))

    files = {path.name for path in tmp_path.iterdir()}
    assert files == {"audit.json", "duplicates.csv", "likeness.csv", "likeness.svg", "page.md"}
    assert "<image" not in (tmp_path / "likeness.svg").read_text()


def test_the_same_audit_gives_the_same_bytes(tmp_path):
    audit = found(tmp_path, one_pair())
    present(tmp_path, audit)
    first = (tmp_path / "likeness.svg").read_bytes()
    present(tmp_path, audit)

    assert (tmp_path / "likeness.svg").read_bytes() == first


def test_pairs_are_drawn_where_a_person_wants_them(tmp_path):
    (tmp_path / "audit").mkdir()
    target = tmp_path / "pairs.png"

    present(tmp_path / "audit", found(tmp_path / "audit", one_pair()), target)
    assert target.read_bytes().startswith(b"\x89PNG")

    target.unlink()
    present(tmp_path / "audit", found(tmp_path / "audit", one_pair().iloc[:0]), target)
    assert not target.exists()
