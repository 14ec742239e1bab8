import argparse
import subprocess
import sys

import pytest

from testiculus.base.errors import UserError
from testiculus.data.importers import add_arguments, from_arguments
from testiculus.data.manifest import read_manifest


def run(*words):
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return from_arguments(parser.parse_args([str(word) for word in words]))


def test_screenshots_are_imported_from_the_command_line(picture, tmp_path):
    picture("in/7_left.png")
    path = run(
        "screenshots",
        "--from",
        tmp_path / "in",
        "--to",
        tmp_path / "out",
        "--name",
        "ward",
        "--box",
        "a=0,0,20,30",
        "--box",
        "b=20,0,20,30",
        "--key",
        tmp_path / "secret",
        "--licence",
        "private",
        "--source",
        "ward 3",
    )
    manifest = read_manifest(path)
    assert manifest.frame["view"].tolist() == ["a", "b"]
    assert manifest.settings["licence"] == "private" and manifest.name == "ward"
    assert (tmp_path / "secret").is_file()


def test_a_folder_is_imported_from_the_command_line(picture, tmp_path):
    picture("in/7_left.png")
    words = (
        "folder",
        "--from",
        tmp_path / "in",
        "--to",
        tmp_path / "out",
        "--organ",
        "thyroid",
        "--no-crop",
    )
    assert read_manifest(run(*words)).frame["organ"].tolist() == ["thyroid"]
    assert (tmp_path / "out.key").is_file()
    assert read_manifest(run(*words, "--force")).frame["side"].tolist() == ["left"]


@pytest.mark.parametrize(
    "words",
    [
        ["screenshots", "--from", "a"],
        ["public", "--from", "a", "--to", "b"],
        ["folder", "--from", "a", "--to", "b"],
        ["dicom", "--from", "a", "--to", "b"],
    ],
)
def test_missing_arguments_and_an_organ_not_named_end_with_status_two(words, capsys):
    with pytest.raises(SystemExit) as caught:
        run(*words)
    assert caught.value.code == 2


def test_screenshots_are_of_the_testis_unless_another_organ_is_named(picture, tmp_path):
    picture("in/7_left.png")
    (tmp_path / "labels.csv").write_text("patient,label\n7,inhomogeneous\n")
    words = ["screenshots", "--from", tmp_path / "in", "--box", "a=0,0,20,30"]
    words += ["--labels", tmp_path / "labels.csv"]
    settings = read_manifest(run(*words, "--to", tmp_path / "one")).settings
    assert settings["positive_class"] == "inhomogeneous"
    words += ["--organ", "ovary", "--to", tmp_path / "two"]
    with pytest.raises(UserError, match='"inhomogeneous" is no label'):
        run(*words)
    manifest = read_manifest(run(*words, "--positive", "inhomogeneous"))
    assert manifest.settings["negative_class"] == "negative"
    assert manifest.frame["label"].tolist() == [1]


def test_the_description_needs_only_the_standard_library():
    code = (
        "import argparse, sys\nfrom testiculus.data.importers import add_arguments\n"
        "add_arguments(argparse.ArgumentParser())\n"
        "print([m for m in ('numpy', 'pandas', 'PIL', 'torch', 'pydicom') if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout == "[]\n"
