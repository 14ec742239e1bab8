"""Scrubbing: an executed notebook tells nothing about the machine that ran it."""

from pathlib import Path

import nbformat

from testiculus.base.places import project_root
from testiculus.execute.scrub import scrubbed


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
