import numpy as np
import pandas as pd
import pytest
import torch

from testiculus.base.errors import InputWarning
from testiculus.base.files import write_csv, write_json
from testiculus.data.images import ImageSet
from testiculus.experiments import flags
from testiculus.experiments.curation import labels_fingerprint
from testiculus.experiments.flags import noise_plan, written_flags


@pytest.fixture
def images():
    frame = pd.DataFrame({"image": ["a", "b", "c"], "patient": ["1", "2", "3"], "organ": "liver"})
    frame["label"] = pd.Series([0, 1, 0], dtype="Int8")
    return ImageSet.build(torch.zeros(3, 1, 8, 8, dtype=torch.uint8), frame, "made-up")


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch):
    monkeypatch.setenv("TESTICULUS_RESULTS", str(tmp_path / "mine"))
    monkeypatch.setattr(flags, "project_root", lambda: tmp_path / "project")
    return tmp_path / "mine", tmp_path / "project" / "results"


def write(results, profile, images, suspicious, fingerprint=None):
    table = images.frame.assign(suspicious=suspicious, data_fingerprint=images.fingerprint)
    table["labels_fingerprint"] = fingerprint or labels_fingerprint(images.frame)
    return write_csv(results / "made-up" / profile / "table1" / "flags.csv", table)


def test_without_results_of_table_1_there_are_no_flags(images):
    assert written_flags(images, "demo") is None


def test_flags_of_the_same_images_and_labels_are_used_and_named(images, folders):
    write(folders[0], "demo", images, [False, True, False])
    found = written_flags(images, "demo")
    assert found.suspicious.tolist() == [False, True, False]
    assert "profile demo" in found.note and "1 of 3 labels are turned" in found.note
    assert "made-up/demo/table1/flags.csv" in found.note and "resolution" not in found.note


def test_the_rule_is_named_where_table_1_left_its_settings(images, folders):
    file = write(folders[0], "demo", images, [True] * 3)
    rule = {"loss_threshold": 2.0, "occasions": 1, "occasion": "draw", "evaluations": 3}
    write_json(file.with_name("provenance.json"), {"settings": {"rule": rule}})
    assert "loss > 2 at 1 or more draws" in written_flags(images, "demo").note


def test_flags_of_other_labels_are_not_used(images, folders):
    write(folders[0], "demo", images, [True] * 3, fingerprint="other")
    assert written_flags(images, "demo") is None


def test_ones_own_results_and_ones_own_profile_come_first(images, folders):
    mine, committed = folders
    write(committed, "lite", images, [True, False, False])
    assert written_flags(images, "demo").suspicious.tolist() == [True, False, False]
    write(mine, "paper", images, [False, True, False])
    assert written_flags(images, "demo").suspicious.tolist() == [False, True, False]
    write(mine, "demo", images, [False, False, True])
    assert written_flags(images, "demo").suspicious.tolist() == [False, False, True]


def test_a_smaller_profiles_flags_are_not_taken_for_a_larger_one(images, folders):
    write(folders[0], "demo", images, [True] * 3)
    assert written_flags(images, "lite") is None


def test_flags_of_a_smoke_run_serve_smoke_runs_only(images, folders):
    write(folders[0], "smoke", images, [True] * 3)
    assert written_flags(images, "demo") is None
    assert written_flags(images, "smoke").suspicious.all()


def test_flags_made_at_another_resolution_are_used_and_said_so(images, folders):
    write(folders[0], "demo", images, [False] * 3)
    larger = torch.ones(3, 1, 16, 16, dtype=torch.uint8)
    sharper = ImageSet.build(larger, images.frame, "made-up")
    assert "at another resolution" in written_flags(sharper, "demo").note


def test_a_file_that_is_no_flags_is_passed_over_aloud(images, folders):
    file = folders[0] / "made-up" / "demo" / "table1" / "flags.csv"
    write_csv(file, pd.DataFrame({"image": ["a"]}))
    with pytest.warns(InputWarning, match="made-up/demo/table1/flags.csv is passed over"):
        assert written_flags(images, "demo") is None


def test_the_noise_protocol_reads_the_same_labels_and_shares_table_1s_runs():
    from testiculus.experiments import table1
    from testiculus.experiments.sources import load_source

    device = torch.device("cpu")
    images = load_source("phantom", pixels=32, patients=9, device=device)
    planned = noise_plan(images, "phantom", "smoke", "article", "cpu", pixels=16)
    own = table1.plan(profile="smoke", patients=9, pixels=16, device="cpu")
    keys = [[job.job.key for job in jobs] for jobs in planned.noise_jobs]
    assert keys == [[job.job.key for job in jobs] for jobs in own.noise_jobs]
    assert np.array_equal(planned.images.labels(), images.labels())
