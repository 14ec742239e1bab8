"""The book: generated pages that follow the results, and nothing fetched from elsewhere."""

import http.client
import json
import re
import subprocess
import threading
from pathlib import Path

import pytest
import yaml

from testiculus.base.code import code_fingerprint
from testiculus.base.errors import UserError
from testiculus.execute import book as module
from testiculus.execute.api_pages import api_pages
from testiculus.execute.docstrings import presentable
from testiculus.execute.found import EXPECTED, find_results, is_shared
from testiculus.execute.pages import (
    all_pages,
    calibration_fits,
    contradictions_page,
    phantom_facts,
    write_pages,
)
from testiculus.execute.provenance import sources_fingerprint

ROOT = Path(module.__file__).parents[2]
FINGERPRINT = "testiculus.base.errors"
FACTS = phantom_facts  # the fixture `quick` puts another in its place


def result(root, data="phantom", profile="demo", fingerprint=None):
    """Make a results folder as a run leaves it."""
    folder = root / "results" / data / profile / "table1"
    folder.mkdir(parents=True)
    cells = [
        {"cell_type": "markdown", "id": "a", "metadata": {}, "source": ["# Table 1\n", "\n", "Hi."]}
    ]
    (folder / "table1.ipynb").write_text(
        json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    )
    (folder / "verdicts.csv").write_text(
        "claim,verdict\na,supported\nb,not resolved\nc,supported\n"
    )
    record = {"data": data, "wall_seconds": 90, "cost": {"runs": 3}, "commit": "c" * 40}
    record |= {"code_module": FINGERPRINT, "experiment": "table1", "cpu": "Some CPU 1"}
    record |= {"sources_fingerprint": sources_fingerprint(ROOT, "table1")}
    record |= {"code_fingerprint": fingerprint or code_fingerprint(FINGERPRINT)}
    (folder / "provenance.json").write_text(json.dumps(record))
    return folder


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Leave out what needs the phantom's code: it is imported, which takes seconds."""
    monkeypatch.setattr("testiculus.execute.pages.phantom_facts", lambda: "facts\n")


def cells_of(page):
    return ["".join(cell["source"]) for cell in json.loads(page)["cells"]]


def test_a_table_without_results_says_not_run_and_how_to_run_it(tmp_path):
    page = all_pages(tmp_path)["table1_phantom_demo.md"]

    assert "Not run" in page and "make reproduce-table1 PROFILE=demo" in page


@pytest.mark.parametrize(
    ("page", "title", "command"),
    [
        ("table2_phantom_demo", "Table 2: pretraining sources", "make reproduce-table2 PROFILE="),
        ("table4_liver_demo", "Table 4: weight of the organ loss", "UNLABELLED=imported/lung/"),
        ("fig4_phantom_demo", "Fig. 4: generation and filtering", "make reproduce-fig4 PROFILE="),
        ("fig4_liver_demo", "Fig. 4: generation and filtering", "UNLABELLED=imported/lung/"),
        ("table3_phantom_demo", "Table 3: synthetic pretraining", "make reproduce-table3 PROFILE="),
        ("fig5_phantom_demo", "Fig. 5: markers and attention", "make reproduce-fig5 PROFILE="),
        ("fig5_liver_demo", "Fig. 5: markers and attention", "DATA=imported/liver/manifest.csv\n"),
    ],
)
def test_the_tables_of_pretraining_have_their_pages(tmp_path, page, title, command):
    text = all_pages(tmp_path)[f"{page}.md"]

    assert text.startswith(f"# {title}") and command in text


def test_the_profiles_of_every_table_are_shown(tmp_path):
    pages = all_pages(tmp_path)

    for trained in ("table1", "fig5"):
        assert "| epochs |" in pages[f"include/profiles_{trained}.md"]
    assert "| strengths |" in pages["include/profiles_fig5.md"]
    for table in ("table2", "fig4", "table3", "table4"):
        assert "| steps |" in pages[f"include/profiles_{table}.md"]


def test_a_result_becomes_a_page_with_its_title_and_where_it_comes_from(tmp_path):
    result(tmp_path)

    pages = all_pages(tmp_path)
    cells = cells_of(pages["table1_phantom_demo.ipynb"])

    assert "table1_phantom_demo.md" not in pages
    assert cells[0].startswith("# Table 1: noisy labels (phantom, demo)") and "Hi." in cells[0]
    assert "1 min 30 s, 3 trainings" in cells[-1] and "`cccccccccccc`" in cells[-1]
    assert "</results/phantom/demo/table1/table1.ipynb>" in cells[-1]
    assert "(Some CPU 1)" in cells[-1]
    assert not any("Stale" in cell for cell in cells)


def test_a_result_older_than_its_code_is_called_stale(tmp_path):
    result(tmp_path, fingerprint="0" * 64)

    pages = all_pages(tmp_path)

    assert any("Stale" in cell for cell in cells_of(pages["table1_phantom_demo.ipynb"]))
    assert "| stale | 2 supported, 1 not resolved |" in pages["include/status.md"]


def test_other_runs_of_public_sets_have_pages_of_their_own(tmp_path):
    result(tmp_path, data="nerve", profile="lite")

    pages = all_pages(tmp_path)

    assert "runs/table1_nerve_lite.ipynb" in pages
    assert "(table1_nerve_lite)" in pages["runs/index.md"]


def test_the_book_tells_nothing_of_a_persons_own_data_unless_asked_to(tmp_path):
    result(tmp_path, data="ward-3")

    shared, own = all_pages(tmp_path), all_pages(tmp_path, own=True)

    assert not any("ward-3" in name + text for name, text in shared.items())
    assert "runs/table1_ward-3_demo.ipynb" in own
    assert "(table1_ward-3_demo)" in own["runs/index.md"]
    assert "--own" in shared["runs/index.md"] and "your own images" in own["runs/index.md"]


@pytest.mark.parametrize("data", ["phantom", "liver", "nerve", "lung", "ward-3", "ours"])
@pytest.mark.parametrize("profile", ["smoke", "demo"])
def test_the_results_that_the_book_shows_are_those_that_git_would_track(data, profile):
    """Compared with what git makes of .gitignore."""
    file = f"results/{data}/{profile}/table1/results.csv"
    done = subprocess.run(
        ["git", "-c", "core.excludesFile=", "check-ignore", "-q", "--no-index", file],
        cwd=ROOT,
        check=False,
    )
    if done.returncode not in (0, 1):
        pytest.skip("no repository here")

    assert is_shared(data, profile) == (done.returncode == 1)


def test_building_without_own_data_forgets_a_book_that_showed_some(tmp_path, monkeypatch):
    (tmp_path / "_toc.yml").touch()
    monkeypatch.setattr(module, "_BUILD", "pass")
    folder = result(tmp_path, data="ward-3")
    page = tmp_path / "_build" / "html" / "book" / "generated" / "runs" / "table1_ward-3_demo.html"
    download = tmp_path / "_build" / "html" / "_downloads" / "results.csv"
    for file in (page, download):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()

    module.build(tmp_path, own=True)
    assert page.is_file() and download.is_file()

    module.build(tmp_path)
    assert not page.exists() and not download.exists()
    assert folder.is_dir()


@pytest.fixture
def measured():
    """Return a measured difficulty that fits today's phantom and demo profile."""
    from testiculus.data.phantom import PhantomSettings

    settings = {
        "patients": 220,
        "pixels": 64,
        "epochs": 15,
        "seeds": "0, 1, 2, 3",
        "learning rates": "encoder 0.0005, head 0.0005",
    }
    return {
        "settings": settings,
        "phantom": PhantomSettings(patients=220, pixels=64).as_dict(),
        "phantom_code": code_fingerprint("testiculus.data.phantom"),
    } | {"f1_mean": 0.7, "f1_std": 0.1, "runs": 12}


def test_a_difficulty_measured_on_todays_phantom_and_profile_fits(measured):
    assert calibration_fits(measured)


@pytest.mark.parametrize(
    "change",
    [
        {"settings": {}},
        {"phantom": {"contrast": 3.0}},
        {"phantom": None},
        {"phantom_code": "0" * 64},
    ],
)
def test_a_difficulty_of_another_phantom_or_profile_does_not_fit(measured, change):
    assert not calibration_fits(measured | change)


def test_a_difficulty_that_no_longer_fits_is_called_stale(measured, monkeypatch):
    kept = "testiculus.experiments.calibration.calibration"

    monkeypatch.setattr(kept, lambda profile: measured)
    assert "0.700 ± 0.100 over 12 runs |" in FACTS()

    monkeypatch.setattr(kept, lambda profile: measured | {"phantom_code": "other"})
    assert "over 12 runs; **stale**" in FACTS()


def test_a_folder_without_all_its_files_is_no_result(tmp_path):
    (result(tmp_path) / "table1.ipynb").unlink()

    assert find_results(tmp_path / "results") == []


def test_a_second_writing_touches_nothing_and_removes_what_is_gone(tmp_path):
    folder = result(tmp_path)
    first = {path: path.stat().st_mtime_ns for path in write_pages(tmp_path)}
    assert {path: path.stat().st_mtime_ns for path in write_pages(tmp_path)} == first

    (folder / "provenance.json").unlink()
    write_pages(tmp_path)

    generated = tmp_path / "book" / "generated"
    assert not (generated / "table1_phantom_demo.ipynb").exists()
    assert (generated / "table1_phantom_demo.md").exists()


def test_every_point_on_which_the_sources_differ_is_on_its_page():
    from testiculus.paper import contradictions

    page = contradictions_page()

    for point in contradictions():
        assert f"## {point['number']}. " in page


def test_the_reference_covers_every_room():
    rooms = {p.stem for p in (ROOT / "testiculus").iterdir() if p.stem[0] != "_"}

    assert {Path(name).stem for name in api_pages()} == rooms


def test_every_file_of_the_contents_exists_or_is_generated(tmp_path):
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text())
    names = re.findall(r"'file': '([^']+)'", str(toc)) + [toc["root"]]
    generated = {f"book/generated/{Path(n).with_suffix('')}" for n in all_pages(tmp_path)}

    assert all(name in generated or (ROOT / f"{name}.md").is_file() for name in names)
    assert {f"book/generated/{'_'.join(what)}" for what in EXPECTED} <= set(names)


def test_the_pages_stand_in_the_papers_order_in_the_contents_and_in_the_status():
    toc = (ROOT / "_toc.yml").read_text()
    names = re.findall(r"book/generated/(\w+)_demo", toc)

    assert names == ["_".join(what[:2]) for what in EXPECTED]
    order = list(dict.fromkeys(experiment for experiment, *_ in EXPECTED))
    paper = ["table1", "table2", "fig4", "table3", "table4", "fig5"]
    assert order == [*paper, "peers", "audits", "controls"]
    assert {what[:2] for what in EXPECTED} >= {
        ("fig4", "liver"),
        ("fig5", "liver"),
        ("table3", "phantom"),
    }
    for experiment in order:
        assert f"runs/{re.match('[a-z]+', experiment)[0]}*" in toc  # other runs have a place too


def test_prose_includes_only_what_is_generated(tmp_path):
    pages = all_pages(tmp_path)
    for page in (ROOT / "book").glob("*.md"):
        for name in re.findall(r"```\{include\} generated/(\S+)", page.read_text()):
            assert name in pages


def test_no_page_script_or_setting_points_at_a_server():
    config = yaml.safe_load((ROOT / "_config.yml").read_text())["sphinx"]["config"]
    mathjax = ROOT / "third_party" / config["mathjax_path"]
    fonts = mathjax.parent / "output" / "chtml" / "fonts" / "woff-v2"

    assert mathjax.is_file() and (fonts / "MathJax_Main-Regular.woff").is_file()
    assert (ROOT / "third_party" / "mathjax" / "LICENSE").is_file()
    assert config["nb_ipywidgets_js"] == {} and "sphinx_thebe" not in config["extensions"]


def test_markup_that_docutils_rejects_is_shown_as_it_stands():
    lines = ["Fine `one`.", "", "a: one", "   hanging", "b: |two", "", ">>> 1 + 1", "2"]

    shown = presentable(lines)

    assert shown[:2] == ["Fine `one`.", ""]
    assert shown[2:7] == ["::", "", "   a: one", "      hanging", "   b: |two"]
    assert shown[-3:] == [">>> 1 + 1", "2", ""]


def test_the_server_shows_the_built_book_on_this_machine_only(tmp_path):
    (tmp_path / "_build" / "html").mkdir(parents=True)
    (tmp_path / "_build" / "html" / "index.html").write_text("the book")

    with module.server(tmp_path, 0) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        host, port = running.server_address
        connection = http.client.HTTPConnection(host, port, timeout=5)
        connection.request("GET", "/")
        assert connection.getresponse().read() == b"the book"
        assert host == "127.0.0.1"
        with pytest.raises(UserError, match=f"cannot use port {port}"):
            module.server(tmp_path, port)
        connection.close()
        running.shutdown()


def test_a_book_that_is_not_built_cannot_be_shown(tmp_path):
    with pytest.raises(UserError, match="not built yet"):
        module.server(tmp_path, 0)
    with pytest.raises(UserError, match="no book here"):
        module.build(tmp_path)


def test_a_build_with_a_problem_fails(tmp_path, monkeypatch):
    (tmp_path / "_toc.yml").touch()
    monkeypatch.setattr(module, "write_pages", lambda root, own: [])
    monkeypatch.setattr(module, "_BUILD", "import sys; sys.exit(1)")

    with pytest.raises(module.BookFailed):
        module.build(tmp_path)


def test_the_lab_asks_no_server_for_news():
    from testiculus.execute.lab import lab_command

    command = " ".join(lab_command())
    assert (
        "news_url=None" in command and "NeverCheckForUpdate" in command and "localhost" in command
    )


def test_lab_outside_the_project_is_a_user_error(tmp_path):
    from testiculus.execute.lab import lab

    with pytest.raises(UserError, match="no notebooks here"):
        lab(tmp_path)
