from types import SimpleNamespace

import pytest

from testiculus.execute.offline_pages import setup, start_in_automatic_mode, without_preloads

FONT = '<link rel="preload" as="font" type="font/woff2" crossorigin href="a.woff2" />'
PAGE = f'<head>\n  {FONT}\n{FONT}\n<link rel="preload" as="script" href="a.js">\n</head>'


def app(folder, format="html"):
    return SimpleNamespace(outdir=str(folder), builder=SimpleNamespace(format=format))


def test_fonts_are_no_longer_fetched_in_advance_and_all_else_stays(tmp_path):
    page = tmp_path / "book" / "page.html"
    page.parent.mkdir()
    page.write_text(PAGE)

    without_preloads(app(tmp_path), None)

    assert page.read_text() == '<head>\n<link rel="preload" as="script" href="a.js">\n</head>'
    changed = page.stat().st_mtime_ns
    without_preloads(app(tmp_path), None)
    assert page.stat().st_mtime_ns == changed


@pytest.mark.parametrize(("format", "problem"), [("latex", None), ("html", ValueError())])
def test_other_builders_and_failed_builds_are_left_alone(tmp_path, format, problem):
    (tmp_path / "page.html").write_text(PAGE)

    without_preloads(app(tmp_path, format), problem)

    assert (tmp_path / "page.html").read_text() == PAGE


@pytest.mark.parametrize(("before", "after"), [({}, "auto"), ({"default_mode": "dark"}, "dark")])
def test_a_page_starts_in_automatic_mode_unless_another_is_set(before, after):
    start_in_automatic_mode(None, "page", "page.html", before, None)

    assert before["default_mode"] == after


def test_both_are_connected_and_may_run_beside_others():
    connected = {}

    about = setup(SimpleNamespace(connect=lambda event, call: connected.setdefault(event, call)))

    assert set(connected) == {"html-page-context", "build-finished"} and all(about.values())
