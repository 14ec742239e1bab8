"""Scrubbing: an executed notebook tells nothing about the machine that ran it."""

import json
import re
from pathlib import Path

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st

from testiculus.base.places import cache_folder, project_root, runs_folder, weights_folder
from testiculus.execute.scrub import public_parameters, scrubbed, scrubbed_record


def executed(text, picture="iVBOR"):
    """Return a notebook as papermill leaves it, with one print and one picture."""
    outputs = [
        nbformat.v4.new_output("stream", name="stderr", text=text),
        nbformat.v4.new_output("display_data", data={"image/png": picture}),
    ]
    cell = nbformat.v4.new_code_cell("f()", outputs=outputs, execution_count=1)
    injected = nbformat.v4.new_code_cell(
        "# Parameters\nDATA = '/data/ward/manifest.csv'\nRESULTS = '/x/stage'",
        metadata={"tags": ["injected-parameters"]},
    )
    metadata = {"papermill": {"input_path": "/a", "output_path": "/b", "version": "2"}}
    return nbformat.v4.new_notebook(cells=[injected, cell], metadata=metadata)


def clean(notebook):
    return scrubbed(notebook, Path("/x/stage"), {"DATA": "/data/ward/manifest.csv", "EPOCHS": 2})


def test_folders_of_this_machine_are_replaced_in_every_text():
    text = f"/x/stage/a {project_root()}/b {Path.home()}/c /data/ward/i.png\n"

    found = clean(executed(text))

    assert found.cells[1].outputs[0].text == "results/a ./b ~/c ./i.png\n"


def test_the_injected_parameters_are_the_public_ones_and_write_nothing():
    found = clean(executed(""))

    expected = "# Parameters\nDATA = 'manifest.csv'\nEPOCHS = 2\nRESULTS = ''"
    assert found.cells[0].source == expected
    assert found.metadata.papermill == {
        "parameters": {"DATA": "manifest.csv", "EPOCHS": 2},
        "version": "2",
    }


def test_pictures_are_left_as_they_are():
    picture = f"iVB{Path.home()}/x+{Path.home()}="

    found = clean(executed("", picture))

    assert found.cells[1].outputs[1].data["image/png"] == picture


def test_a_longer_name_that_starts_like_a_folder_is_another_folder():
    found = clean(executed(f"{Path.home()}-old/a\n"))

    assert found.cells[1].outputs[0].text == f"{Path.home()}-old/a\n"


def test_the_original_notebook_is_not_changed():
    notebook = executed("/x/stage\n")

    clean(notebook)

    assert notebook.cells[1].outputs[0].text == "/x/stage\n"


def test_a_folder_at_the_end_of_a_sentence_is_replaced():
    found = clean(executed("nothing in /data/ward.\n"))

    assert found.cells[1].outputs[0].text == "nothing in ..\n"


def test_weights_given_by_path_are_shown_by_name_in_a_notebook():
    parameters = {"INITIALISATIONS": ["imagenet", "/wards/three a/ours.pth", "../four/b.pth"]}
    text = "initialisations  imagenet, /wards/three a/ours.pth, ../four/b.pth\n"

    found = scrubbed(executed(text), Path("/x/stage"), parameters)

    assert found.cells[1].outputs[0].text == "initialisations  imagenet, ours.pth, b.pth\n"
    assert "INITIALISATIONS = ['imagenet', 'ours.pth', 'b.pth']" in found.cells[0].source


@pytest.mark.parametrize("name", ["UNLABELLED", "SYNTHETIC"])
def test_further_manifests_are_shown_by_name(name):
    parameters = {"DATA": "phantom", name: ["/a/lung/m.csv", "/b c/nerve/m.csv"]}

    found = scrubbed(executed("read /a/lung/m.csv, /b c/nerve/m.csv\n"), Path("/x"), parameters)

    assert f"{name} = ['m.csv', 'm.csv']" in found.cells[0].source
    assert found.cells[1].outputs[0].text == "read ./m.csv, ./m.csv\n"


def test_flags_that_were_read_below_the_results_name_no_folder():
    stage = Path("/data/out/.staging/table2-17")
    record = {"flags": "from /data/out/phantom/demo/table1/flags.csv", "at": f"{stage}/phantom"}

    found = scrubbed_record(record, stage, {})

    assert found == {"flags": "from results/phantom/demo/table1/flags.csv", "at": "results/phantom"}


def record_of(parameters, **more):
    return {"parameters": public_parameters(parameters), **more}


def test_a_record_names_no_folder_wherever_it_stands():
    weights = "/mnt/my disk/ward 3/ours.safetensors"
    parameters = {"DATA": "/data/ward/manifest.csv", "INITIALISATIONS": ["scratch-A", weights]}
    record = record_of(
        parameters,
        settings={"initialisations": f"scratch-A, {weights}"},
        not_run={
            weights: f"put the checkpoint at {weights}",
            "imagenet": f"put a file at {weights_folder()}/a.pth or {weights_folder()}/b.pth",
        },
        data_settings={"source": "scans of /srv/pacs/ward-3/export, 2021", "n": 3, "x": None},
        places=[f"{project_root()}/a", f"{Path.home()}/b", "/x/stage/c", "/data/ward/d"],
        more=[f"{runs_folder()}/e", f"{cache_folder()}/f", r"C:\Users\ann\g.pth", "/data"],
    )

    found = scrubbed_record(record, Path("/x/stage"), parameters)

    assert found["parameters"]["INITIALISATIONS"] == ["scratch-A", "ours.safetensors"]
    assert found["settings"] == {"initialisations": "scratch-A, ours.safetensors"}
    assert found["not_run"] == {
        "ours.safetensors": "put the checkpoint at ours.safetensors",
        "imagenet": "put a file at weights/a.pth or weights/b.pth",
    }
    assert found["data_settings"] == {"source": "scans of export, 2021", "n": 3, "x": None}
    assert found["places"] == ["./a", "~/b", "results/c", "./d"]
    assert found["more"] == [".runs/e", ".cache/f", "g.pth", "data"]
    assert record["more"][3] == "/data"  # the original is not changed


@pytest.mark.parametrize(
    "text",
    [
        "https://creativecommons.org/licenses/by/4.0/",
        "tmkand/usgra-seg: nerves and vessels",
        "2026-11-21T07:00:00+00:00",
        "first / second, and/or third",
        "./a/b ~/c/d results/e",
    ],
)
def test_what_is_no_absolute_path_stays_in_a_record(text):
    assert scrubbed_record({"text": text}, Path("/x/stage"), {}) == {"text": text}


NAMES = st.text("abcXYZ019_-.é", min_size=1, max_size=8).filter(lambda name: name.strip("."))


@given(st.lists(NAMES, min_size=2, max_size=5), st.sampled_from(["{}", "at {}, or", "x={}"]))
def test_no_absolute_path_survives_in_a_record(names, sentence):
    path = "/" + "/".join(names)

    found = scrubbed_record({"a": {path: [sentence.format(path)]}}, Path("/x/stage"), {})

    assert not re.search(r"(^|[\s\"=])/", json.dumps(found, ensure_ascii=False))
    assert names[-1] in found["a"]
