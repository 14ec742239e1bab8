"""The command line: one clear message and an exit status, whatever goes wrong."""

import hashlib
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from testiculus import cli
from testiculus.base.errors import InputProblems, InputWarning, UserError
from testiculus.base.files import write_json
from testiculus.cli import commands
from testiculus.execute import runner

ROOT = Path(commands.__file__).parents[2]
COMMANDS = (
    "setup wheelhouse reproduce import encoders generated audit calibrate claims book serve lab "
    "test lint format lock bench"
).split()


@pytest.fixture
def in_project(monkeypatch):
    """Work in the project's folder, where the notebooks are."""
    monkeypatch.chdir(ROOT)


@pytest.fixture
def ran(monkeypatch, in_project):
    """Catch what would be run instead of running it."""
    calls = []
    monkeypatch.setattr(runner, "reproduce", lambda *words: calls.append(words))
    monkeypatch.setattr(commands, "_show", lambda done: None)
    monkeypatch.setattr(commands, "_gpu_profile", lambda device: {})
    return calls


def test_help_lists_every_command_and_needs_the_standard_library_alone():
    # -S leaves site-packages out, -E the environment: only what Python itself brings is there.
    done = subprocess.run(
        [sys.executable, "-S", "-E", "-m", "testiculus", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    assert all(name in done.stdout for name in COMMANDS)


def test_a_command_hands_its_options_on_as_texts_by_parameter_name(ran, tmp_path):
    words = "reproduce table1 --profile smoke --seeds 0,1 --variant thesis -p".split()

    assert cli.main([*words, "epochs=3 head_lr=1e-4", "--results", str(tmp_path)]) == 0

    experiment, values, results = ran[0]
    assert experiment == "table1" and results == tmp_path
    assert values == {
        "PROFILE": "smoke",
        "SEEDS": "0,1",
        "VARIANT": "thesis",
        "EPOCHS": "3",
        "HEAD_LR": "1e-4",
    }


def test_empty_options_mean_not_given(ran):
    assert cli.main(["reproduce", "table1", "--profile", "", "--data", "", "--results", ""]) == 0

    assert ran[0][1:] == ({}, ROOT / "results")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("reproduce table1 --profile dmeo", "did you mean 'demo'? allowed: smoke, demo"),
        ("reproduce table1 --variant theses", "did you mean 'thesis'? allowed: article"),
        ("reproduce table1 --device gpu", "unknown device 'gpu'"),
        ("reproduce table1 --device cpu -p epoch=3", "did you mean 'EPOCHS'? allowed: PROFILE"),
        ("reproduce table1 --device cpu -p epochs=few", "EPOCHS takes a whole number, not 'few'"),
        ("reproduce table1 --device cpu --data no.csv", "no manifest at 'no.csv'"),
        ("reproduce tabel1 --device cpu", "did you mean 'table1'"),
        ("reproduce table1 --seeds 4 -p seeds=3", "'seeds' is given twice"),
        ("reproduce", "EXPERIMENT"),
        ("reprduce", "did you mean 'reproduce'"),
        ("import fodler", "did you mean 'folder'"),
        ("serve --port none", "port none"),
    ],
)
def test_bad_input_is_one_message_with_status_2_and_nothing_is_written(
    words, said, in_project, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(runner, "run_notebook", lambda *_: pytest.fail("the notebook was run"))
    monkeypatch.setattr(commands, "_gpu_profile", lambda device: {})
    monkeypatch.setattr(commands, "project_root", lambda: _built_book(tmp_path))
    more = ["--results", str(tmp_path / "out")] if words.startswith("reproduce table1") else []

    assert cli.main([*words.split(), *more]) == cli.EXIT_BAD_INPUT

    shown = capsys.readouterr()
    assert shown.err.startswith("error: ") and said in shown.err
    assert "Traceback" not in shown.err + shown.out
    assert not (tmp_path / "out").exists()


def _built_book(root: Path) -> Path:
    (root / "_build" / "html").mkdir(parents=True)
    (root / "_build" / "html" / "index.html").touch()
    return root


@pytest.mark.parametrize(
    ("problem", "status", "said"),
    [
        (UserError("no image", "row 3", "add it"), 2, "error: no image\n  where:  row 3"),
        (InputProblems("2 problems", ["row 3", "row 4"]), 2, "error: 2 problems\n  - row 3"),
        (runner.NotebookFailed("a cell failed"), 1, "error: a cell failed"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_what_goes_wrong_becomes_a_message_and_a_status(
    problem, status, said, in_project, capsys, monkeypatch
):
    def fail(*_):
        raise problem

    monkeypatch.setattr(runner, "reproduce", fail)

    assert cli.main(["reproduce", "table1", "--device", "cpu", "--profile", "smoke"]) == status
    shown = capsys.readouterr().err
    assert shown.startswith(said) and "Traceback" not in shown


def test_a_mistake_of_the_program_keeps_its_traceback(in_project, monkeypatch):
    monkeypatch.setattr(runner, "reproduce", lambda *_: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        cli.main(["reproduce", "table1", "--profile", "smoke"])


def test_a_package_that_is_not_installed_is_named_with_what_to_do(in_project, capsys, monkeypatch):
    def bare(*_):
        raise ModuleNotFoundError("No module named 'pandas.core'", name="pandas.core")

    monkeypatch.setattr(runner, "reproduce", bare)

    assert cli.main(["reproduce", "table1", "--profile", "smoke"]) == cli.EXIT_BAD_INPUT
    shown = capsys.readouterr().err
    assert shown.startswith("error: pandas is not installed\n")
    assert "make setup" in shown and "python3 -m testiculus setup" in shown
    assert ".venv/bin/python -m testiculus" in shown and "Traceback" not in shown


def test_a_room_of_the_package_that_is_missing_keeps_its_traceback(in_project, monkeypatch):
    def broken(*_):
        raise ModuleNotFoundError("No module named 'testiculus.no'", name="testiculus.no")

    monkeypatch.setattr(runner, "reproduce", broken)

    with pytest.raises(ModuleNotFoundError):
        cli.main(["reproduce", "table1", "--profile", "smoke"])


def test_a_bare_python_is_told_to_set_up_first():
    # -S leaves site-packages out, as a Python does in which nothing was installed.
    done = subprocess.run(
        [sys.executable, "-S", "-E", "-m", "testiculus", "reproduce", "table1"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )

    assert done.returncode == cli.EXIT_BAD_INPUT
    assert " is not installed" in done.stderr and "make setup" in done.stderr
    assert "Traceback" not in done.stderr


def test_odd_input_is_warned_of_once_in_plain_words(in_project, capsys, monkeypatch):
    def odd(*_):
        for _ in range(2):
            warnings.warn("organ 'teste' is not known", InputWarning, stacklevel=2)

    monkeypatch.setattr(runner, "reproduce", odd)
    monkeypatch.setattr(commands, "_show", lambda done: None)

    cli.main(["reproduce", "table1", "--profile", "smoke"])

    assert capsys.readouterr().err == "warning: organ 'teste' is not known\n"


def test_an_estimate_runs_nothing(in_project, capsys, monkeypatch):
    monkeypatch.setattr(runner, "estimate", lambda experiment, values: f"{experiment}: 3 minutes")
    monkeypatch.setattr(runner, "reproduce", lambda *_: pytest.fail("it was run"))

    assert cli.main(["reproduce", "table1", "--estimate", "--profile", "smoke"]) == 0
    assert capsys.readouterr().out == "table1: 3 minutes\n"


@pytest.fixture
def every(monkeypatch, in_project):
    """Catch what would be run of all experiments: nothing is, and the second one fails."""
    from testiculus.execute import reproduce_all

    monkeypatch.setattr(commands, "_gpu_profile", lambda device: {})
    world = {"calls": [], "problem": ""}

    def run(values, results, show):
        world["calls"].append((values, results))
        return [
            reproduce_all.Ended("table1", 1.0, problem=world["problem"], done=world.get("done"))
        ]

    monkeypatch.setattr(reproduce_all, "reproduce_all", run)
    return world


def test_all_experiments_are_run_with_one_command_and_a_failure_counts(every, tmp_path):
    words = "reproduce all --profile smoke -p unlabelled=a.csv --results".split()

    every["problem"] = "no images"
    assert cli.main([*words, str(tmp_path)]) == cli.EXIT_FAILED
    every["done"] = runner.Finished(tmp_path, {})
    assert cli.main([*words, str(tmp_path)]) == 0

    assert every["calls"][0] == ({"PROFILE": "smoke", "UNLABELLED": "a.csv"}, tmp_path)


def test_a_parameter_of_one_notebook_is_refused_for_all(in_project, monkeypatch, capsys):
    monkeypatch.setattr(runner, "reproduce", lambda *_: pytest.fail("it was run"))

    words = "reproduce all --device cpu --profile smoke -p epochs=3".split()
    assert cli.main(words) == cli.EXIT_BAD_INPUT

    shown = capsys.readouterr()
    assert "EPOCHS cannot be given to all experiments at once" in shown.err and not shown.out


@pytest.mark.parametrize(("possible", "status"), [(True, 0), (False, 1)])
def test_an_estimate_of_all_runs_none(possible, status, in_project, monkeypatch, capsys):
    from testiculus.execute import reproduce_all

    monkeypatch.setattr(runner, "reproduce", lambda *_: pytest.fail("it was run"))
    told = ("all: about 100 minutes", possible)
    monkeypatch.setattr(reproduce_all, "estimate_all", lambda values: told)

    assert cli.main("reproduce all --estimate --profile smoke".split()) == status
    assert capsys.readouterr().out == "all: about 100 minutes\n"


def test_an_audit_can_be_estimated_without_one(in_project, monkeypatch, capsys):
    from testiculus.execute import audit_run

    monkeypatch.setattr(audit_run, "run_audit", lambda *_: pytest.fail("it was run"))
    monkeypatch.setattr(audit_run, "estimate", lambda data, columns: f"{data} by {columns}: much")

    assert cli.main("audit --estimate --label grade".split()) == 0
    assert capsys.readouterr().out == "phantom by ('grade',): much\n"


@pytest.mark.parametrize(("words", "own"), [(["book"], False), (["book", "--own"], True)])
def test_the_book_shows_a_persons_own_results_only_when_asked(words, own, monkeypatch):
    from testiculus.execute import book

    asked = []
    monkeypatch.setattr(book, "build", lambda root, own: asked.append(own) or root / "index.html")

    assert cli.main(words) == 0
    assert asked == [own]


@pytest.fixture
def encoder_store(tmp_path, monkeypatch):
    """A store of runs with one encoder in it, the person's working directory beside it."""
    from torch import nn

    from testiculus.pretrain import write_encoder

    folder = tmp_path / "runs" / "abc123"
    write_encoder(folder / "encoder.safetensors", nn.Linear(2, 2), {"organs": "testis 9"})
    (folder / "run.json").write_text('{"files": {"encoder.safetensors": ""}}')
    monkeypatch.setenv("TESTICULUS_RUNS", str(tmp_path / "runs"))
    monkeypatch.chdir(tmp_path)
    return folder / "encoder.safetensors"


def test_encoders_are_listed_and_copied_out_by_the_start_of_their_key(encoder_store, capsys):
    assert cli.main(["encoders"]) == 0
    assert cli.main("encoders --copy abc --to weights/ud_resnet18.safetensors".split()) == 0

    shown = capsys.readouterr().out
    assert "abc123" in shown and "testis 9" in shown
    assert shown.endswith("copied: weights/ud_resnet18.safetensors\n")
    assert Path("weights/ud_resnet18.safetensors").read_bytes() == encoder_store.read_bytes()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--copy xyz --to a.safetensors", "no encoder with key 'xyz'"),
        ("--copy abc", "--copy and --to go together"),
        ("--to a.safetensors", "--copy and --to go together"),
        ("--copy abc --to a.pth", "ends in .safetensors"),
    ],
)
def test_an_encoder_that_cannot_be_copied_is_said_so(words, said, encoder_store, capsys):
    assert cli.main(["encoders", *words.split()]) == cli.EXIT_BAD_INPUT
    shown = capsys.readouterr().err
    assert shown.startswith("error: ") and said in shown and "Traceback" not in shown


@pytest.fixture
def generated_store(tmp_path, monkeypatch):
    """A store of runs with one set of generated images, the working directory beside it."""
    import numpy as np
    import torch

    from testiculus.base.store import Job, Store
    from testiculus.diffusion import SamplerSettings
    from testiculus.experiments import sampling

    pixels = torch.arange(3 * 64).reshape(3, 1, 8, 8).to(torch.uint8)
    card = {"images": 3, "pixels": 8, "sampler": {"steps": 2, "chain": 4, "seed": 0}}

    def draw(checkpoint):
        sampling.write_shard(checkpoint.folder / sampling.shard_name(0), range(3), pixels)
        about = {"generator": {"images": "9"}, "data": "phantom", "organ": "testis"}
        write_json(checkpoint.folder / sampling.CARD, card | about)
        return {"sha256": np.stack([digest(image) for image in pixels])}

    def digest(image):
        return np.frombuffer(hashlib.sha256(image.numpy().tobytes()).digest(), np.uint8)

    settings = sampling.SampleSettings(3, 8, SamplerSettings(steps=2, chain=4))
    run = Store(tmp_path / "runs").finish(Job(settings, "f", sampling.MODULE, "cpu", draw))
    monkeypatch.setenv("TESTICULUS_RUNS", str(tmp_path / "runs"))
    monkeypatch.chdir(tmp_path)
    return run.key


def test_generated_sets_are_listed_and_written_out_by_the_start_of_their_key(
    generated_store, capsys
):
    assert cli.main(["generated"]) == 0
    assert cli.main(["generated", "--copy", generated_store[:6], "--to", "imported/made"]) == 0

    shown = capsys.readouterr()
    assert generated_store in shown.out and "phantom" in shown.out and not shown.err
    assert shown.out.endswith("manifest: imported/made/manifest.csv\n")
    assert len(list(Path("imported/made/images").glob("*.png"))) == 3
    assert "3 generated images" in Path("imported/made/README.md").read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--copy xyz --to made", "no generated set with key 'xyz'"),
        ("--copy abc", "--copy and --to go together"),
        ("--to made", "--copy and --to go together"),
        ("--copy {key} --to runs", "holds something that is no import"),
    ],
)
def test_a_generated_set_that_cannot_be_written_is_said_so(words, said, generated_store, capsys):
    words = words.format(key=generated_store)
    assert cli.main(["generated", *words.split()]) == cli.EXIT_BAD_INPUT
    shown = capsys.readouterr().err
    assert shown.startswith("error: ") and said in shown and "Traceback" not in shown


@pytest.fixture
def one_result(tmp_path, monkeypatch):
    """A results folder with one verdict of Table 4, and no other anywhere."""
    folder = tmp_path / "results" / "phantom" / "demo" / "table4"
    folder.mkdir(parents=True)
    verdict = "claim,effect,ci_low,ci_high,verdict\nlambda-0.2-is-best,0.1,0.05,0.15,supported\n"
    (folder / "verdicts.csv").write_text(verdict)
    (folder / "table4.ipynb").write_text('{"cells": []}')
    (folder / "provenance.json").write_text('{"wall_seconds": 90}')
    monkeypatch.chdir(tmp_path)


def test_claims_prints_the_ledger_as_far_as_it_is_asked_for(one_result, capsys):
    words = "claims weight of 0.2 --data phantom --results results"
    assert cli.main(words.split()) == 0

    shown = capsys.readouterr().out
    assert "A weight of 0.2 is the best" in shown and "+10.0 [+5.0, +15.0]" in shown
    assert "Table 4" in shown and "Inverting the suspicious labels" not in shown
    assert "claims of the sources" in shown.splitlines()[-1]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--verdict suported", "did you mean 'supported'"),
        ("--data wards", "unknown data 'wards'"),
        ("no such words at all", "no claim of the ledger fits"),
        ("--results nowhere", "no results there"),
    ],
)
def test_a_choice_of_claims_that_fits_nothing_is_said_so(words, said, one_result, capsys):
    words = words if "--results" in words else f"{words} --results results"
    assert cli.main(["claims", *words.split()]) == cli.EXIT_BAD_INPUT
    shown = capsys.readouterr().err
    assert shown.startswith("error: ") and said in shown and "Traceback" not in shown


def test_words_for_pytest_pass_through(monkeypatch):
    called = []
    monkeypatch.setattr(commands, "_python", lambda *words: called.append(words) or 0)

    assert cli.main(["test", "--", "-k", "folds"]) == 0
    assert called == [("pytest", "-k", "folds")]
