"""The notebooks for real: the command, the kernel, the results; tiny sizes, every line."""

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
# Of pretraining: the labelled patients are TINY's, so that Table 1's flags fit.
TINIER = f"{TINY} pixels=32 unlabelled_patients=2 thyroid_patients=4 steps=2 pretrain_batch=8"
TINIER += " pretraining_seeds=1 partitions=1"
FRAMES = ("results", "verdicts", "predictions", "probes", "history", "map", "encoders")
FIG4 = ("results", "verdicts", "fidelity", "sweep", "replicates", "copies", "nearest", "filtered")
FIG5 = ("results", "verdicts", "measures", "summary", "differences", "controls")
PEERS = ("results", "verdicts", "summary", "choice", "scores", "predictions")
AUDITS = ("results", "verdicts", "effects", "epochs", "flags", "predictions")
CONTROLS = ("results", "verdicts", "controls", "figures", "predictions")
FILES = {"results.csv", "verdicts.csv", "predictions.csv", "flags.csv", "flag_counts.csv"}


def reproduce(results, *words, experiment="table1"):
    command = [sys.executable, "-m", "testiculus", "reproduce", experiment, "--profile", "smoke"]
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


def manifest(folder, positives, organ="liver", name="ward", seed=0):
    """Write nine patients of two images; the first `positives` patients are positive.

    Without any, where `positives` is None, nobody has a label.
    """
    random, lines = np.random.default_rng(seed), ["image,patient,organ,label"]
    folder.mkdir(exist_ok=True)
    for number in range(18):
        picture = random.integers(0, 255, (40, 50), dtype=np.uint8)
        Image.fromarray(picture).save(folder / f"{number}.png")
        label = "" if positives is None else int(number // 2 < positives)
        lines.append(f"{number}.png,p{number // 2},{organ},{label}")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
    (folder / "manifest.json").write_text(json.dumps({"name": name}))
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


def says_no_folder(folder, *folders):
    """Fail where a file of results names a folder of this machine."""
    for path in folder.iterdir():
        text = path.read_text(encoding="utf-8")
        for place in (ROOT, Path.home(), *folders):
            assert len(str(place)) < 3 or f"{place}/" not in text, path.name


@pytest.mark.parametrize("experiment", ["table2", "table4"])
def test_a_table_of_pretraining_takes_table_1s_flags_and_prints_itself(phantom_run, experiment):
    results, _ = phantom_run
    done = reproduce(results, "-p", TINIER, experiment=experiment)
    assert done.returncode == 0, done.stderr

    folder = results / "phantom" / "smoke" / experiment
    assert {path.stem for path in folder.glob("*.csv")} == set(FRAMES)
    row = {"table2": "UD without test patients", "table4": "supervised only"}[experiment]
    for word in (row, "probe AUC", "paper", "not claimed (smoke)", "cost:", str(results)):
        assert word in done.stdout
    record = json.loads((folder / "provenance.json").read_text())
    assert "table1" in record["flags"] and "was run first" not in record["flags"]
    says_no_folder(folder, results.parent)


def test_table_3_makes_its_own_images_and_takes_table_1s_flags(phantom_run):
    results, _ = phantom_run
    values = f"{TINIER.replace('pixels=32', 'pixels=16')} exclude_test=0"
    done = reproduce(results, "-p", values, experiment="table3")
    assert done.returncode == 0, done.stderr

    folder = results / "phantom" / "smoke" / "table3"
    assert {path.stem for path in folder.glob("*.csv")} == {*FRAMES, "generated"}
    for word in ("synthetic filtered", "random filter", "probe AUC", "not claimed (smoke)"):
        assert word in done.stdout
    record = json.loads((folder / "provenance.json").read_text())
    assert "table1" in record["flags"] and "was run first" not in record["flags"]
    says_no_folder(folder, results.parent)


def test_fig_4_trains_filters_looks_for_copies_and_prints_itself(tmp_path):
    values = "generator_steps=4 sampler_steps=2 steps=2 pretrain_batch=8 replicates=2"
    done = reproduce(tmp_path / "out", "-p", values, experiment="fig4")
    assert done.returncode == 0, done.stderr

    folder = tmp_path / "out" / "phantom" / "smoke" / "fig4"
    assert {path.stem for path in folder.glob("*.csv")} == {*FIG4, "history"}
    for word in ("planted: exact", "Fréchet distance in features", "not claimed (smoke)", "cost:"):
        assert word in done.stdout
    says_no_folder(folder, tmp_path)


def test_fig_5_plants_marks_maps_them_and_prints_itself(tmp_path):
    values = f"{TINY} strengths=0,1"
    done = reproduce(tmp_path / "out", "-p", values, experiment="fig5")
    assert done.returncode == 0, done.stderr

    folder = tmp_path / "out" / "phantom" / "smoke" / "fig5"
    assert {path.stem for path in folder.glob("*.csv")} == set(FIG5)
    for word in ("random weights", "centred map", "pair of calipers", "claims nothing", "cost:"):
        assert word in done.stdout
    with (folder / "results.csv").open() as stream:
        rows = {line["row"] for line in csv.DictReader(stream)}
    assert {"with markers", "without markers, bias 1", "random labels"} <= rows
    says_no_folder(folder, tmp_path)


def test_fig_5_on_a_persons_own_images_measures_what_needs_no_outline(tmp_path):
    own = manifest(tmp_path / "a", 4)
    words = ("--data", own, "-p", "epochs=1 batch_size=16 strengths=0")
    done = reproduce(tmp_path / "out", *words, experiment="fig5")
    assert done.returncode == 0, done.stderr

    assert "no image has a parenchyma mask" in done.stderr
    assert "energy drawn to the" in done.stdout
    folder = tmp_path / "out" / "ward" / "smoke" / "fig5"
    with (folder / "summary.csv").open() as stream:
        measures = {line["measure"] for line in csv.DictReader(stream)}
    assert "shift_markers" in measures and "energy_parenchyma" not in measures
    says_no_folder(folder, tmp_path)


def test_the_peers_rank_planted_errors_and_the_answer_is_printed(tmp_path):
    done = reproduce(tmp_path / "out", "-p", f"{TINY} rates=0.2", experiment="peers")
    assert done.returncode == 0, done.stderr

    folder = tmp_path / "out" / "phantom" / "smoke" / "peers"
    assert {path.stem for path in folder.glob("*.csv")} == set(PEERS)
    for word in ("frame misses", "data-map confidence", "ranks wrong labels best is", "cost:"):
        assert word in " ".join(done.stdout.split())
    says_no_folder(folder, tmp_path)


def test_peers_cannot_be_judged_where_no_label_is_known_to_be_wrong(tmp_path):
    done = reproduce(tmp_path / "out", "--data", manifest(tmp_path, 4), experiment="peers")

    assert done.returncode == 2
    assert "no label is known to be wrong" in done.stderr and "Traceback" not in done.stderr


def test_a_persons_own_organs_are_pretrained_on_and_named(tmp_path):
    own = manifest(tmp_path / "a", 4)
    other = manifest(tmp_path / "b", None, organ="lung", name="elsewhere", seed=1)
    values = "epochs=1 batch_size=16 steps=2 pretrain_batch=8 exclude_test=0 partitions=1"
    values += " pretraining_seeds=1"
    words = ("--data", own, "-p", f"{values} unlabelled={other}")
    done = reproduce(tmp_path / "out", *words, experiment="table2")
    assert done.returncode == 0, done.stderr

    table = done.stdout.partition("Claims of Table 2")[2]
    assert "UD lung only" in table and "testes only" not in table
    folder = tmp_path / "out" / "ward" / "smoke" / "table2"
    assert "UD liver only" in (folder / "table2.ipynb").read_text()
    says_no_folder(folder, tmp_path)


def test_one_organ_alone_is_refused_with_the_explanation(tmp_path):
    own = manifest(tmp_path / "a", 4)
    done = reproduce(tmp_path / "out", "--data", own, experiment="table4")

    assert done.returncode == 2
    assert "organ loss" in done.stderr and "Traceback" not in done.stderr


def test_the_protocols_errors_are_planted_and_each_has_its_line(tmp_path):
    done = reproduce(tmp_path / "out", "-p", f"{TINY} seeds=2", experiment="audits")
    assert done.returncode == 0, done.stderr

    folder = tmp_path / "out" / "phantom" / "smoke" / "audits"
    assert {path.stem for path in folder.glob("*.csv")} == set(AUDITS)
    with (folder / "effects.csv").open() as stream:
        found = {line["audit"]: line["n"] for line in csv.DictReader(stream)}
    assert len(found) > 8 and found["single views"] != "0"
    for word in ("single views", "left testes have", "cost:"):
        assert word in " ".join(done.stdout.casefold().split())
    says_no_folder(folder, tmp_path)


def test_the_negative_controls_stand_beside_chance(tmp_path):
    tiny = TINIER.replace("batch_size=16 ", "").replace(" pretraining_seeds=1", "")
    tiny = tiny.replace("pixels=32 ", "") + " generated=12 sampler_steps=2"
    done = reproduce(tmp_path / "out", "-p", tiny, experiment="controls")
    assert done.returncode == 0, done.stderr

    folder = tmp_path / "out" / "phantom" / "smoke" / "controls"
    assert {path.stem for path in folder.glob("*.csv")} == set(CONTROLS)
    with (folder / "controls.csv").open() as stream:
        tables = {line["table"] for line in csv.DictReader(stream)}
    assert tables >= {"table1", "table2", "table3"}
    assert "permuted labels" in done.stdout and "cost:" in done.stdout
    says_no_folder(folder, tmp_path)
