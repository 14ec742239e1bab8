import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE, TESTS = ROOT / "testiculus", ROOT / "tests"
# Tests of what is no module: files at the top of the tree.
WHOLES = ("docs", "makefile", "structure", "notebooks", "book", "readme", "results", "own_method")


def test_rooms_import_only_from_the_floors_below_them():
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "KEPT" in done.stdout


def is_of_a_whole(file: Path) -> bool:
    return file.parent == TESTS and file.stem.removeprefix("test_").startswith(WHOLES)


TEST_FILES = [file for file in sorted(TESTS.rglob("test_*.py")) if not is_of_a_whole(file)]


@pytest.mark.parametrize("file", TEST_FILES, ids=lambda file: str(file.relative_to(TESTS)))
def test_a_file_of_tests_is_named_after_what_it_tests(file):
    """test_folds.py or, where one module has several files, test_folds_large.py, in its folder."""
    room = PACKAGE / file.parent.relative_to(TESTS)
    modules = {path.stem for path in room.iterdir() if not path.name.startswith("_")}
    name = file.stem.removeprefix("test_")
    assert any(name == m or name.startswith(f"{m}_") for m in modules), f"{room} has no {name}"


def test_every_room_of_the_package_has_tests():
    tested = {
        file.relative_to(TESTS).parts[0].removeprefix("test_").removesuffix(".py")
        for file in TEST_FILES
    }
    rooms = {path.stem for path in PACKAGE.iterdir() if not path.name.startswith("_")}
    assert rooms <= tested, f"no tests for {sorted(rooms - tested)}"


def top_level_imports(tree: ast.Module) -> set[str]:
    """Names that a module imports when it is itself imported; not those inside its functions."""
    found = set()
    for node in tree.body:
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


SLOW_TO_IMPORT = {"timm", "torchvision", "diffusers", "matplotlib", "seaborn", "papermill"}


@pytest.mark.parametrize(
    "file", sorted(PACKAGE.rglob("*.py")), ids=lambda file: str(file.relative_to(PACKAGE))
)
def test_importing_a_module_does_not_wait_for_a_slow_library(file):
    assert not top_level_imports(ast.parse(file.read_text())) & SLOW_TO_IMPORT
