from pathlib import Path

from testiculus.base import places


def test_the_project_is_where_the_package_lies_whatever_the_working_directory(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    root = places.project_root()
    assert (root / "notebooks").is_dir()
    assert Path(places.__file__).is_relative_to(root)


def test_without_notebooks_beside_the_package_the_working_directory_serves(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(places, "__file__", str(tmp_path / "site" / "testiculus" / "base" / "p.py"))
    assert places.project_root() == tmp_path


def test_each_folder_can_be_moved(monkeypatch):
    for name, folder in [
        ("TESTICULUS_RUNS", places.runs_folder),
        ("TESTICULUS_CACHE", places.cache_folder),
        ("TESTICULUS_WEIGHTS", places.weights_folder),
    ]:
        monkeypatch.setenv(name, "/elsewhere")
        assert str(folder()) == "/elsewhere"
