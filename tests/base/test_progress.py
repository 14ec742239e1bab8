from testiculus.base.progress import progress


def test_into_a_file_progress_is_whole_lines_without_control_characters(tmp_path, monkeypatch):
    log = tmp_path / "log"
    monkeypatch.setenv("TESTICULUS_PROGRESS", str(log))
    monkeypatch.setenv("TESTICULUS_PROGRESS_STYLE", "log")
    with progress(total=3, desc="runs", unit="run") as bar:
        bar.delay = 0
        bar.start_t -= 5
        for _ in range(3):
            bar.mininterval = 0
            bar.update()
    text = log.read_text()
    assert "\r" not in text and "\x1b" not in text
    assert "runs" in text and "3/3" in text


def test_short_work_stays_silent(tmp_path, monkeypatch):
    log = tmp_path / "log"
    monkeypatch.setenv("TESTICULUS_PROGRESS", str(log))
    assert list(progress(range(3), desc="short")) == [0, 1, 2]
    assert log.read_text() == ""
