"""The notebook for real: the command, the kernel, the results; tiny sizes, every line."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
TINY = "patients=9 epochs=1 batch_size=16"
FILES = {"results.csv", "verdicts.csv", "predictions.csv", "flags.csv", "flag_counts.csv"}


def reproduce(results, *words):
    command = [sys.executable, "-m", "testiculus", "reproduce", "table1", "--profile", "smoke"]
    environment = {**os.environ, "TESTICULUS_RUNS": str(results.parent / "runs")}
    return subprocess.run(
        [*command, "--results", str(results), *words],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )


@pytest.fixture(scope="module")
def phantom_run(tmp_path_factory):
    results = tmp_path_factory.mktemp("phantom") / "results"
    return results, reproduce(results, "-p", TINY)


def test_the_phantoms_table_is_printed_with_its_cost_and_place(phantom_run):
    results, done = phantom_run
    assert done.returncode == 0, done.stderr
    for word in ("Complete", "Filtered", "Flipped", "not run", "paper", "cost:", str(results)):
        assert word in done.stdout
    folder = results / "phantom" / "smoke" / "table1"
    assert {path.name for path in folder.iterdir()} >= FILES | {"provenance.json", "table1.ipynb"}


def test_nothing_that_is_written_names_a_folder_of_this_machine(phantom_run):
    results, _ = phantom_run
    for path in (results / "phantom" / "smoke" / "table1").iterdir():
        text = path.read_text(encoding="utf-8")
        for folder in (ROOT, Path.home(), results.parent):
            assert len(str(folder)) < 3 or f"{folder}/" not in text, path.name


def test_smoke_claims_nothing(phantom_run):
    results, _ = phantom_run
    with (results / "phantom" / "smoke" / "table1" / "verdicts.csv").open() as stream:
        assert {row["verdict"] for row in csv.DictReader(stream)} == {"cannot be tested here"}


def manifest(folder, positives):
    """Write nine patients of two images; the first `positives` patients are positive."""
    random, lines = np.random.default_rng(0), ["image,patient,organ,label"]
    for number in range(18):
        picture = random.integers(0, 255, (40, 50), dtype=np.uint8)
        Image.fromarray(picture).save(folder / f"{number}.png")
        lines.append(f"{number}.png,p{number // 2},liver,{int(number // 2 < positives)}")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
    (folder / "manifest.json").write_text(json.dumps({"name": "ward"}))
    return str(folder / "manifest.csv")


def test_a_persons_own_images_without_known_truth_give_the_same_table(tmp_path):
    done = reproduce(tmp_path / "out", "--data", manifest(tmp_path, 4), "-p", TINY)
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "out" / "ward" / "smoke" / "table1"
    assert {path.name for path in folder.iterdir()} >= FILES
    record = json.loads((folder / "provenance.json").read_text())
    assert record["data"] == "ward" and str(tmp_path) not in json.dumps(record)


def test_bad_data_that_only_the_kernel_can_see_exits_2_and_writes_nothing(tmp_path):
    done = reproduce(tmp_path / "out", "--data", manifest(tmp_path, 0))
    assert done.returncode == 2
    assert "both classes" in done.stderr and "Traceback" not in done.stderr
    assert not list((tmp_path / "out").rglob("*.csv"))
