import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = sorted(set(re.findall(r"^([a-z][a-z%-]*\d*):", MAKEFILE, re.MULTILINE)))
VARIABLES = re.search(r"^VARIABLES := (.*)$", MAKEFILE, re.MULTILINE)[1].split()

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="this machine has no make")


def make(*words, env=None) -> subprocess.CompletedProcess:
    plain = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
    plain = {k: v for k, v in plain.items() if k not in VARIABLES}
    command = ["make", "--no-print-directory", *words]
    run = subprocess.run(
        command, cwd=ROOT, env={**plain, **(env or {})}, capture_output=True, text=True
    )
    return run


@pytest.fixture
def called(tmp_path):
    """Run make with a program that notes its words in Python's place; return those words."""
    program = tmp_path / "python"
    note = f"import sys; open({str(tmp_path / 'words')!r}, 'a').write(repr(sys.argv[1:]) + chr(10))"
    (tmp_path / "note.py").write_text(note)
    program.write_text(f'#!/bin/sh\nexec {sys.executable} {tmp_path}/note.py "$@"\n')
    program.chmod(0o755)

    def words_of(*words, env=None) -> list[list[str]]:
        (tmp_path / "words").unlink(missing_ok=True)
        done = make(f"PYTHON={program}", f"RUN={program}", *words, env=env)
        assert done.returncode == 0, done.stderr
        lines = [ast.literal_eval(line) for line in (tmp_path / "words").read_text().splitlines()]
        return [line for line in lines if line[0] != "-c"]  # the question for Python's version

    return words_of


def test_make_alone_is_make_help():
    assert make().stdout == make("help").stdout
    assert "usage: make" in make().stdout


def test_help_lists_every_target_once():
    listed = re.findall(r"^  ([a-z][a-z0-9-]*) +\S", make().stdout, re.MULTILINE)
    assert sorted(listed) == sorted(target.replace("%", "table1") for target in TARGETS)


def test_help_lists_every_variable_once():
    listed = re.findall(r"^  ([A-Z_]+) +\S", make().stdout, re.MULTILINE)
    assert sorted(listed) == sorted(VARIABLES)


def test_help_needs_no_python():
    assert make("help", env={"PATH": "/usr/bin:/bin"}).returncode == 0


@pytest.mark.parametrize("target", TARGETS)
def test_every_target_can_be_planned(target):
    assert make("-n", target.replace("%", "table1")).returncode == 0


def test_every_target_calls_a_command_that_exists():
    commands = set(re.findall(r"\$\((?:RUN\)|call BARE,) ?([a-z]+)", MAKEFILE))
    assert len(commands) >= 12
    help_text = subprocess.run(
        [sys.executable, "-m", "testiculus", "--help"], cwd=ROOT, capture_output=True, text=True
    ).stdout
    known = set(re.findall(r"^    ([a-z]+)\b", help_text, re.MULTILINE))
    assert commands <= known, f"not known to the command line: {sorted(commands - known)}"


def test_only_variables_that_are_set_are_forwarded(called):
    assert called("reproduce-table1") == [["-m", "testiculus", "setup"], ["reproduce", "table1"]]
    assert called("reproduce-table1", "PROFILE=smoke", "DATA=")[1] == [
        "reproduce", "table1", "--profile", "smoke",
    ]  # fmt: skip


def test_every_variable_of_a_run_reaches_the_command(called):
    given = ["PROFILE=demo", "DATA=a.csv", "VARIANT=thesis", "DEVICE=cuda:1", "SEEDS=2"]
    given += ["RESULTS=out", "ESTIMATE=1", "P=epochs=2 pixels=64"]
    assert called("reproduce-table1", *given)[1] == [
        "reproduce", "table1", "--profile", "demo", "--data", "a.csv", "--variant", "thesis",
        "--device", "cuda:1", "--seeds", "2", "--results", "out", "--estimate",
        "-p", "epochs=2 pixels=64",
    ]  # fmt: skip


def test_all_experiments_get_the_variables_of_one(called):
    assert called("reproduce-all") == [["-m", "testiculus", "setup"], ["reproduce", "all"]]
    given = ["PROFILE=demo", "UNLABELLED=a b/m.csv", "EXCLUDE_TEST=1", "ESTIMATE=1", "P=epochs=2"]
    assert called("reproduce-all", *given)[1] == [
        "reproduce", "all", "--profile", "demo", "--estimate",
        "-p", 'unlabelled="a b/m.csv"', "-p", 'exclude_test="1"', "-p", "epochs=2",
    ]  # fmt: skip


@pytest.mark.parametrize("word", ["EPOCHS=3", "profile=smoke", "FOLDS=", "EPOCHS:=3"])
@pytest.mark.parametrize("target", ["reproduce-table1", "help"])
def test_a_variable_that_is_not_known_is_refused_by_name(tmp_path, target, word):
    done = make(target, word, "PYTHON=true", f"RUN=touch {tmp_path}/made")
    assert done.returncode == 2 and not done.stdout
    assert f"unknown variable: {re.split(':?=', word)[0]}\n" in done.stderr
    assert f"allowed: {' '.join(VARIABLES)}\n" in done.stderr
    assert 'P="name=value"' in done.stderr
    assert not (tmp_path / "made").exists()


def test_every_variable_that_is_not_known_is_named():
    done = make("EPOCHS=3", "PROFILE=smoke", "PIXELS=32")
    named = re.search(r"unknown variable: (.*)", done.stderr)[1]
    assert sorted(named.split()) == ["EPOCHS", "PIXELS"]


def test_variables_of_the_environment_and_options_of_make_are_nobodys_business(called):
    env = {"EPOCHS": "3", "MAKEFLAGS": "k", "GIVEN": "x"}
    assert called("reproduce-table1", env=env)[1] == ["reproduce", "table1"]
    assert called("-k", "-e", "-j2", "reproduce-table1", env=env)[1] == ["reproduce", "table1"]
    assert make("help", "SHELL=/bin/sh").returncode == 0


def test_what_was_typed_for_a_make_above_is_not_held_against_this_one(tmp_path):
    rule = f"all:\n\t$(MAKE) --no-print-directory -C '{ROOT}' help\n"
    (tmp_path / "Makefile").write_text(rule)
    done = make("-C", str(tmp_path), "CC=clang")
    assert done.returncode == 0 and "usage: make" in done.stdout


NASTY = [
    "/my data/manifest.csv",
    "it's",
    'a "quoted" word',
    "$HOME $(HOME) ${HOME} $$",
    "$(shell touch {made})",
    "`touch {made}`",
    "x; touch {made}",
    "x' ; touch {made} ; '",
    "a,b)(c",
    "# not a comment",
    "back\\slash\\",
    "-starts-with-a-dash",
    "ünïcödé",
]


@pytest.mark.parametrize("by_environment", [False, True])
@pytest.mark.parametrize("text", NASTY)
def test_a_value_arrives_as_it_was_typed_and_is_never_run(called, tmp_path, text, by_environment):
    value = text.format(made=tmp_path / "made") if "{made}" in text else text
    if by_environment:
        words = called("reproduce-table1", env={"DATA": value})
    else:
        words = called("reproduce-table1", f"DATA={value}")
    assert words[1] == ["reproduce", "table1", "--data", value]
    assert not (tmp_path / "made").exists()


def test_a_value_of_two_lines_is_refused(tmp_path):
    done = make("reproduce-table1", f"DATA=a\ntouch {tmp_path}/made", "PYTHON=true", "RUN=true")
    assert done.returncode == 2
    assert "one line" in done.stderr
    assert not (tmp_path / "made").exists()


def test_several_words_are_split_at_blanks_outside_quotes_and_never_run(called, tmp_path):
    arguments = f"folder 'my images' --pattern \"a b\" '$(touch {tmp_path}/made)'"
    words = called("import", f"ARGS={arguments}")[1]
    assert words == [
        "import", "folder", "my images", "--pattern", "a b", f"$(touch {tmp_path}/made)",
    ]  # fmt: skip
    assert not (tmp_path / "made").exists()


def test_further_words_reach_the_test_runner(called):
    assert called("test", "ARGS=-k folds")[1] == ["test", "--", "-n", "2", "-k", "folds"]
    assert called("test")[1] == ["test", "--", "-n", "2"]


def test_manifests_beside_data_reach_the_notebook_as_parameters(called):
    given = ["UNLABELLED=a b/m.csv,c.csv", "SYNTHETIC=it's/m.csv"]
    assert called("reproduce-fig4", *given)[1] == [
        "reproduce", "fig4", "-p", 'unlabelled="a b/m.csv,c.csv"', "-p", 'synthetic="it\'s/m.csv"',
    ]  # fmt: skip


def test_claims_can_be_chosen_by_words_and_verdict(called):
    assert called("claims")[1] == ["claims"]
    given = ["ARGS=filter --verdict 'not resolved'", "RESULTS=my out"]
    assert called("claims", *given)[1] == [
        "claims", "--results", "my out", "filter", "--verdict", "not resolved",
    ]  # fmt: skip


@pytest.mark.parametrize("target", ["encoders", "generated"])
def test_what_the_store_holds_is_listed_and_copied_with_further_words(called, target):
    assert called(target)[1] == [target]
    given = "ARGS=--copy abc --to 'my folder'"
    assert called(target, given)[1] == [target, "--copy", "abc", "--to", "my folder"]


def test_an_audit_gets_the_manifest_the_results_folder_and_further_words(called):
    assert called("audit")[1] == ["audit"]
    given = ["DATA=it's/m.csv", "RESULTS=out", "ARGS=--label 'my grade'"]
    assert called("audit", *given)[1] == [
        "audit", "--data", "it's/m.csv", "--results", "out", "--label", "my grade",
    ]  # fmt: skip
    assert called("audit", "ESTIMATE=1")[1] == ["audit", "--estimate"]


def test_setup_and_wheelhouse_get_the_folder_and_the_index_of_torch(called):
    given = ["WHEELS=/my wheels", "TORCH_INDEX=an-index?a&b"]
    module = ["-m", "testiculus"]
    assert called("setup", *given) == [
        [*module, "setup", "--wheels", "/my wheels", "--torch-index", "an-index?a&b"]
    ]
    assert called("wheelhouse", *given) == [
        [*module, "wheelhouse", "/my wheels", "--torch-index", "an-index?a&b"]
    ]


def test_every_command_but_those_for_a_bare_machine_sets_up_first(called):
    for target in set(TARGETS) - {"help", "setup", "wheelhouse", "lock", "clean"}:
        first = called(target.replace("%", "table1"))[0]
        assert first == ["-m", "testiculus", "setup"], target


def test_a_python_that_is_there_but_does_not_run_is_passed_over(tmp_path):
    (tmp_path / "python3").write_text("#!/bin/sh\nexit 127\n")
    (tmp_path / "python3.12").write_text('#!/bin/sh\n[ "$1" = -c ] || echo "this one: $*"\n')
    for name in ("python3", "python3.12"):
        (tmp_path / name).chmod(0o755)
    shutil.copy(ROOT / "Makefile", tmp_path)
    env = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    done = make("-C", str(tmp_path), "setup", env=env)
    assert done.stdout.strip() == "this one: -m testiculus setup"


def test_without_a_python_of_the_right_version_make_says_what_to_do(tmp_path):
    done = make("setup", f"PYTHON={tmp_path}/none")
    assert done.returncode == 2
    assert "no Python 3.11 or 3.12" in done.stderr and "remedy" in done.stderr


def test_clean_leaves_runs_results_and_the_environment(tmp_path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    kept = [".venv/x", ".runs/x", "results/phantom/x", "weights/x", "testiculus/x", "tests/x"]
    gone = [".cache/x", "_build/x", "book/generated/x", "testiculus/__pycache__/x"]
    for name in kept + gone:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert make("-C", str(tmp_path), "clean").returncode == 0
    left = [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("x")]
    assert sorted(left) == sorted(kept)


# --- what belongs to git, and what the machine that checks runs ---


@pytest.fixture
def ignored(tmp_path):
    """Ask git, in a repository that holds nothing but this project's .gitignore."""
    if shutil.which("git") is None:
        pytest.skip("this machine has no git")
    shutil.copy(ROOT / ".gitignore", tmp_path)
    git = ["git", "-C", str(tmp_path), "-c", "core.excludesFile=/dev/null"]
    subprocess.run([*git, "init", "--quiet"], check=True)

    def answer(path: str) -> bool:
        return subprocess.run([*git, "check-ignore", "--quiet", path]).returncode == 0

    return answer


@pytest.mark.parametrize("name", ["phantom", "liver", "nerve", "lung"])
def test_results_of_public_sets_can_be_committed(ignored, name):
    assert not ignored(f"results/{name}/demo/table1/results.csv")
    assert not ignored(f"results/{name}/demo/table1/table1.ipynb")


@pytest.mark.parametrize("name", ["hospital", "liver2", "my-phantom", "testiculus-ld"])
def test_results_of_any_other_set_stay_private(ignored, name):
    assert ignored(f"results/{name}/demo/table1/predictions.csv")


@pytest.mark.parametrize(
    "path",
    [
        "results/phantom/smoke/table1/results.csv",
        "results/hospital.csv",
        ".venv/bin/python",
        ".venv.unfinished",
        ".runs/a/b.npz",
        ".cache/images.npy",
        "weights/uscl.pth",
        "imported/liver/manifest.csv",
        "identifiers.key",
        "_build/html/index.html",
        "book/generated/page.md",
        "wheels/numpy.whl",
        "testiculus/__pycache__/a.pyc",
    ],
)
def test_what_a_machine_makes_or_a_person_brings_is_ignored(ignored, path):
    assert ignored(path)


@pytest.mark.parametrize(
    "path",
    ["testiculus/data/manifest.py", "tests/data/test_manifest.py", "book/welcome.md", "Makefile"],
)
def test_the_project_itself_is_not_ignored(ignored, path):
    assert not ignored(path)


@pytest.mark.parametrize(("result", "status"), [("3 passed in 1.2s", 0), ("1 failed in 1s", 2)])
def test_the_check_for_machines_calls_make_test_and_closes_with_pytests_line(
    tmp_path, result, status
):
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci")
    rule = f"test:\n\t@echo '=== {result} ==='; echo more; exit {status}\n"
    (tmp_path / "Makefile").write_text(rule)
    done = subprocess.run([tmp_path / ".ci" / "run"], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == f"=== {result} ==="
    assert (done.returncode == 0) == (status == 0)
