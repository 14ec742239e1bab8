from testiculus.base import places


def test_the_project_is_found_from_a_folder_inside_it(tmp_path, monkeypatch):
    marker = tmp_path / "testiculus" / "base" / "places.py"
    marker.parent.mkdir(parents=True)
    marker.touch()
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path / "notebooks")
    assert places.project_root() == tmp_path


def test_outside_the_project_the_working_directory_serves(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert places.project_root() == tmp_path


def test_each_folder_can_be_moved(monkeypatch):
    for name, folder in [
        ("TESTICULUS_RUNS", places.runs_folder),
        ("TESTICULUS_CACHE", places.cache_folder),
        ("TESTICULUS_WEIGHTS", places.weights_folder),
    ]:
        monkeypatch.setenv(name, "/elsewhere")
        assert str(folder()) == "/elsewhere"
