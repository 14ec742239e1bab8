import json

import pytest

from testiculus.base.code import code_fingerprint
from testiculus.execute.audit_pages import EXPECTED_AUDITS, audit_pages, is_stale

MODULE = "testiculus.base.errors"


def written(root, data, **more):
    folder = root / "results" / data / "audit"
    folder.mkdir(parents=True)
    about = {"data": data, "data_fingerprint": "f" * 64, "pixels": 128, "licence": "MIT"}
    about |= {"commit": "c" * 40, "dirty": False, "wall_seconds": 90.0, "code_module": MODULE}
    about |= {"code_fingerprint": code_fingerprint(MODULE), "versions": {"torch": "2"}}
    (folder / "audit.json").write_text(json.dumps(about | more))
    (folder / "page.md").write_text("Two images.\n\n![a](acquisition.svg)\n")
    (folder / "findings.csv").write_text("audit\n")
    return folder


def test_a_set_without_an_audit_has_a_page_with_the_command(tmp_path):
    pages = audit_pages(tmp_path)

    assert set(pages) == {f"audit_{data}.md" for data in EXPECTED_AUDITS}
    assert "make audit\n" in pages["audit_phantom.md"]
    assert "make audit DATA=imported/liver/manifest.csv\n" in pages["audit_liver.md"]


def test_a_page_is_what_was_written_with_its_pictures_and_where_it_comes_from(tmp_path):
    written(tmp_path, "phantom")

    page = audit_pages(tmp_path)["audit_phantom.md"]

    assert page.startswith("# Audit of the data (phantom)\n\nTwo images.")
    assert "![a](/results/phantom/audit/acquisition.svg)" in page
    assert "`cccccccccccc`" in page and "1 min 30 s" in page and "torch 2" in page
    assert "{download}`findings.csv </results/phantom/audit/findings.csv>`" in page
    assert "Stale" not in page


def test_an_audit_older_than_its_code_is_called_stale(tmp_path):
    written(tmp_path, "liver", code_fingerprint="0" * 64)

    assert "Stale" in audit_pages(tmp_path)["audit_liver.md"]
    assert is_stale({"code_module": "testiculus.no_such_module", "code_fingerprint": ""})


def test_a_persons_own_audit_is_shown_only_when_asked_for(tmp_path):
    written(tmp_path, "ward-3")
    written(tmp_path, "lung")

    shared, own = audit_pages(tmp_path), audit_pages(tmp_path, own=True)

    assert not any("ward-3" in name + text for name, text in shared.items())
    assert "runs/audit_lung.md" in shared and "runs/audit_ward-3.md" in own


@pytest.mark.parametrize("missing", ["page.md", "audit.json"])
def test_half_an_audit_is_none(tmp_path, missing):
    (written(tmp_path, "nerve") / missing).unlink()

    assert "Not run" in audit_pages(tmp_path)["audit_nerve.md"]
