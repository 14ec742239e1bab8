import zipfile

import pytest

from testiculus import cli
from testiculus.base.errors import UserError
from testiculus.cli import commands
from testiculus.execute import site

PAGES = {
    "index.html": "the start",
    "book/welcome.html": "welcome",
    "_static/book.css": "p {}",
    "_downloads/ab/results.csv": "a,b\n",
}


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A project whose build writes a small book, and notes how it was asked for."""
    folder = tmp_path / "_build" / "html"
    asked = []

    def build(root, own):
        asked.append(own)
        for name, text in {**PAGES, ".buildinfo": "x", "objects.inv": "x"}.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)

    monkeypatch.setattr(site, "build", build)
    monkeypatch.setattr(site, "_asked", asked, raising=False)
    return tmp_path


def test_every_page_is_packed_below_one_folder_with_a_note(root):
    packed = site.pack(root)

    assert packed.parent == root / "_build" and packed.suffix == ".zip"
    with zipfile.ZipFile(packed) as archive:
        names = {name.partition("/")[2] for name in archive.namelist()}
        assert {name.partition("/")[0] for name in archive.namelist()} == {"testiculus-book"}
        assert names == {*PAGES, site.NOTE} and archive.testzip() is None
        assert archive.read("testiculus-book/book/welcome.html") == b"welcome"
        assert b"index.html" in archive.read(f"testiculus-book/{site.NOTE}")


def test_what_is_given_away_is_built_without_a_persons_own_results(root):
    site.pack(root)

    assert site._asked == [False]


def test_the_same_book_gives_the_same_bytes(root):
    first = site.pack(root, root / "a.zip").read_bytes()
    for path in (root / "_build" / "html").rglob("*.html"):
        path.touch()

    assert site.pack(root, root / "b.zip").read_bytes() == first


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("book.tar", "is a .zip, not 'book.tar'"),
        ("_build/html/book.zip", "inside the book"),
        ("taken.zip", "a folder of that name"),
    ],
)
def test_a_target_that_cannot_be_is_refused_before_anything_is_built(root, target, said):
    (root / "taken.zip").mkdir()

    with pytest.raises(UserError, match=said):
        site.pack(root, root / target)
    assert site._asked == []


def test_outside_the_project_there_is_no_book_to_pack(tmp_path):
    with pytest.raises(UserError, match="no book here"):
        site.pack(tmp_path)


def test_the_command_says_where_the_file_is_and_how_large(root, monkeypatch, capsys):
    monkeypatch.setattr(commands, "project_root", lambda: root)
    monkeypatch.chdir(root)

    assert cli.main(["site", "--to", "book.zip"]) == 0
    assert (root / "book.zip").is_file()
    assert capsys.readouterr().out.startswith("the book, packed: book.zip (0.0 MiB)")
    assert cli.main(["site", "--to", "book.tar"]) == cli.EXIT_BAD_INPUT
