"""README and book: every command they show can be typed, and every name in it exists."""

import re
import shlex
import shutil
from pathlib import Path

import pytest
import yaml

import testiculus
from testiculus.base.environment import GIGABYTES
from testiculus.base.errors import UserError
from testiculus.cli import commands
from testiculus.cli.parser import make_parser
from testiculus.data.importers import folder
from testiculus.data.importers.names import DEFAULT_PATTERN, SUFFIXES
from testiculus.execute.parameters import notebook_path, parse_pairs, read_parameters, typed

ROOT = Path(commands.__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "book").glob("*.md"))]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = set(re.findall(r"^([a-z][a-z%-]*):", MAKEFILE, re.MULTILINE))
VARIABLES = re.search(r"^VARIABLES := (.*)$", MAKEFILE, re.MULTILINE)[1].split()
PROGRAMS = ("python", "python3", ".venv/bin/python")


def shown(page: Path) -> list[str]:
    """Return the commands of a page: lines of its bash blocks, and code within its sentences."""
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"^```bash\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    rest = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.replace("\\\n", "").splitlines()]
    return [*lines, *(" ".join(code.split()) for code in re.findall(r"`([^`]+)`", rest))]


COMMANDS = sorted(
    (command, page.name)
    for page in PAGES
    for command in shown(page)
    if command.startswith("make ") or " -m testiculus" in command
)


def parsed(words: list[str]):
    """Return the options of a command of ours; asking for its help is a command too."""
    try:
        return make_parser().parse_args(words)
    except SystemExit as end:
        assert end.code == 0
        return None


def experiment_of(words: list[str]) -> str:
    """Return the experiment that a make command reproduces; Table 1 where it names none."""
    named = [word.removeprefix("reproduce-") for word in words if word.startswith("reproduce-")]
    return (named or ["table1"])[0]


def check_make(words: list[str]) -> None:
    """Fail unless each word is a target or a variable that exists, with a value that parses."""
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            assert name in TARGETS or re.sub(r"-\w+$", "-%", name) in TARGETS, name
            continue
        assert name in VARIABLES, name
        if name == "P":
            check_parameters(experiment_of(words), [value])
        if name == "ARGS" and "import" in words:
            parsed(["import", *shlex.split(value)])
    named = (word.partition("-")[2] for word in words if word.startswith("reproduce-"))
    for experiment in (name for name in named if name != "all"):
        notebook_path(ROOT, experiment)


def check_parameters(experiment: str, pairs: list[str]) -> None:
    typed(parse_pairs(pairs), read_parameters(notebook_path(ROOT, experiment)))


def check(command: str) -> None:
    """Raise, or fail, unless a command line of the documentation can be typed."""
    words = shlex.split(command, comments=True)
    if words[0] == "make":
        return check_make(words[1:])
    assert words[0] in PROGRAMS and words[1:3] == ["-m", "testiculus"], command
    options = parsed([word for word in words[3:] if word != "..."])
    if options is not None and options.command == "reproduce":
        check_parameters(options.experiment, options.parameters)
    return None


def test_the_pages_show_commands_of_both_kinds():
    programs = {command.split()[0] for command, _ in COMMANDS}

    assert {"make", ".venv/bin/python", "python3"} <= programs and len(COMMANDS) > 20


@pytest.mark.parametrize(("command", "page"), COMMANDS)
def test_every_command_names_what_exists(command, page):
    check(command)


@pytest.mark.parametrize(
    "wrong",
    [
        "make reproduce",
        "make reproduce-table9",
        "make reproduce-table1 EPOCHS=3",
        'make reproduce-table1 P="epoch=3"',
        'make reproduce-table2 P="occasions=3"',
        'make import ARGS="folder --form images --to imported/my-set"',
        "python -m testiculus reprduce table1",
        "python3 -m testiculus import folder --from images",
    ],
)
def test_a_command_that_would_fail_is_noticed(wrong):
    with pytest.raises((AssertionError, UserError)):
        check(wrong)


def test_no_command_puts_images_where_git_sees_them():
    targets = [re.search(r"--to (\S+)", command) for command, _ in COMMANDS]
    data = [re.search(r"DATA=(\S+)", command) for command, _ in COMMANDS]
    more = [re.search(r"(?:UNLABELLED|SYNTHETIC)=(\S+)", command) for command, _ in COMMANDS]
    places = [found[1] for found in targets + data + more if found]

    assert len(places) > 5 and all(place.startswith("imported/") for place in places)
    assert "/imported" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()


def test_the_patterns_that_are_shown_read_names_as_the_default_does():
    page = (ROOT / "book" / "your_data.md").read_text(encoding="utf-8")
    every = re.findall(r"--pattern '([^']+)'", page)
    patterns = [pattern for pattern in every if "?P<side>" in pattern]

    assert len(patterns) == 2
    for path in ("p01_left_transverse", "ward_3/p01_left_transverse"):
        default = re.search(DEFAULT_PATTERN, path).groupdict()
        assert all(re.search(shown, path).groupdict() == default for shown in patterns)
    assert ".png" in SUFFIXES  # the ending that the page shows


def test_the_pattern_for_generated_images_takes_each_for_a_patient_of_its_own():
    page = (ROOT / "book" / "your_data.md").read_text(encoding="utf-8")
    every = re.findall(r"--pattern '([^']+)'", page)
    (pattern,) = [pattern for pattern in every if "?P<side>" not in pattern]

    names = ("00001", "kept/sample_00002", "a b")
    found = [re.search(pattern, name).groupdict() for name in names]
    assert found == [{"patient": "00001"}, {"patient": "sample_00002"}, {"patient": "a b"}]


def test_the_command_for_the_released_set_is_the_one_of_the_importer():
    shown = next(command for command, _ in COMMANDS if "TesticulUS/images" in command)
    lines = folder.__doc__.replace("\\\n", "").splitlines()
    told = next(line for line in lines if "testiculus import folder" in line)

    _, _, arguments = shlex.split(shown)
    mine, theirs = shlex.split(arguments.partition("=")[2]), shlex.split(told)[4:]
    assert parsed(["import", *mine]) == parsed(["import", *theirs])


def test_the_disk_space_that_is_stated_is_what_setup_asks_for():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")

    assert f"up to {GIGABYTES[True]:g} GB of disk, up to {GIGABYTES[False]:g} GB with" in readme


def test_every_variable_of_the_environment_that_is_named_is_read_somewhere():
    named = {name for page in PAGES for name in re.findall(r"TESTICULUS_[A-Z]+", page.read_text())}
    code = "\n".join(path.read_text() for path in (ROOT / "testiculus").rglob("*.py"))

    kept = ("WEIGHTS", "HUB", "RUNS", "CACHE", "RESULTS")
    assert named == {f"TESTICULUS_{name}" for name in kept}
    assert all(f'"{name}"' in code for name in named)


def test_the_citation_names_the_version_that_this_is_and_invents_nothing():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))

    assert citation["version"] == testiculus.__version__
    assert "doi" not in str(citation).lower()  # none is known


def test_every_reference_of_the_pages_is_in_the_bibliography():
    entries = set(re.findall(r"^@\w+\{(\w+),", (ROOT / "book/references.bib").read_text(), re.M))
    cited = {key for page in PAGES for key in re.findall(r"\{cite:\w\}`(\w+)`", page.read_text())}

    assert cited <= entries


@pytest.mark.skipif(shutil.which("make") is None, reason="this machine has no make")
def test_the_targets_are_read_from_the_makefile_as_make_reads_them():
    assert {"help", "setup", "reproduce-%", "import", "lab", "book", "clean"} <= TARGETS
