"""Provenance: where a result comes from, and whether the code is still the same."""

import json
import platform
from pathlib import Path
from types import SimpleNamespace

import pytest

from testiculus.base.code import code_fingerprint, imported_modules
from testiculus.execute import provenance as module
from testiculus.execute.provenance import (
    cpu_model,
    is_stale,
    origin,
    provenance,
    sources_fingerprint,
    versions,
)

ROOT = Path(module.__file__).parents[2]


def test_a_record_holds_what_the_contract_asks_for(monkeypatch):
    monkeypatch.setattr(module, "code_fingerprint", lambda name: "f")
    from_kernel = {
        "data": "liver",
        "data_fingerprint": "d",
        "data_settings": {"licence": "CC BY 4.0"},
        "settings": {"device": "cpu"},
    }

    made_with = origin(ROOT, "table1")
    record = provenance("table1", {"EPOCHS": 2}, made_with, 1.23, from_kernel)

    wanted = {"experiment": "table1", "licence": "CC BY 4.0", "device": "cpu", "wall_seconds": 1.2}
    assert wanted.items() <= record.items()
    names = "commit dirty parameters data data_fingerprint versions peak_memory_bytes finished cpu "
    names += "code_module code_fingerprint sources_fingerprint"
    assert set(names.split()) <= set(record)
    assert json.loads(json.dumps(record)) == record


def test_versions_name_python_and_what_computes():
    assert {"python", "torch", "numpy", "diffusers", "torch-fidelity", "grad-cam"} <= set(
        versions()
    )


def test_the_cpu_is_named_and_the_host_is_not(tmp_path, monkeypatch):
    info = tmp_path / "cpuinfo"
    info.write_text(
        "processor\t: 0\nmodel name\t: Some CPU: 2 GHz\nmodel name\t: Some CPU: 2 GHz\n"
    )
    monkeypatch.setattr(module, "_CPU_INFO", info)
    assert cpu_model() == "Some CPU: 2 GHz"

    monkeypatch.setattr(module, "_CPU_INFO", tmp_path / "none")
    assert cpu_model() == platform.processor()


@pytest.fixture
def fresh():
    """Return a record whose code is small and whose sources are Table 1's, as they are now."""
    name = "testiculus.base.errors"
    return {
        "experiment": "table1",
        "code_module": name,
        "code_fingerprint": code_fingerprint(name),
        "sources_fingerprint": sources_fingerprint(ROOT, "table1"),
    }


def test_a_result_is_stale_when_the_code_that_made_it_has_changed(fresh):
    assert not is_stale(fresh)
    assert is_stale(fresh | {"code_fingerprint": "0" * 64})
    assert is_stale(fresh | {"code_module": "testiculus.gone"})
    assert is_stale({})


def test_a_result_is_stale_when_its_notebook_profiles_or_figures_have_changed(fresh):
    assert is_stale(fresh | {"sources_fingerprint": "0" * 64})
    assert is_stale(fresh | {"experiment": "gone"})
    del fresh["sources_fingerprint"]
    assert is_stale(fresh)


@pytest.fixture
def sources(tmp_path, monkeypatch):
    """Return a function that writes files of a small project and gives their fingerprint."""
    monkeypatch.setattr(module, "files", lambda package: tmp_path / package)

    def write(cells=("x = 1",), profiles="", **figures):
        for folder in ("notebooks", "testiculus.experiments", "testiculus.paper/data"):
            (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        written = [{"cell_type": "code", "source": [cell]} for cell in cells]
        written += [{"cell_type": "markdown", "source": ["words"]}]
        (tmp_path / "notebooks" / "toy.ipynb").write_text(json.dumps({"cells": written}))
        text = profiles or "[demo.toy]\nepochs = 3\n[demo.other]\nepochs = 5\n"
        (tmp_path / "testiculus.experiments" / "profiles.toml").write_text(text)
        data = {"toy.csv": "row,mean\na,0.5\n", "claims_toy.yaml": "- id: a\n"}
        data |= {"other.csv": "row\n1\n"}
        data |= {name.replace("__", "."): text for name, text in figures.items()}
        for name, text in data.items():
            (tmp_path / "testiculus.paper" / "data" / name).write_text(text)
        return sources_fingerprint(tmp_path, "toy")

    return write


@pytest.mark.parametrize(
    "change",
    [
        {"cells": ["x = 2"]},
        {"cells": ["x = 1", "y = 1"]},
        {"cells": ["%matplotlib inline"]},
        {"profiles": "[demo.toy]\nepochs = 4\n"},
        {"toy__csv": "row,mean\na,0.6\n"},
        {"claims_toy__yaml": "- id: b\n"},
    ],
)
def test_what_decides_a_page_changes_its_fingerprint(sources, change):
    assert sources(**change) != sources()


@pytest.mark.parametrize(
    "change",
    [
        {"cells": ["x  =  1  # one", ""]},
        {"profiles": "# three\n[demo.toy]\nepochs=3\n[demo.other]\nepochs = 6\n"},
        {"toy__csv": "row, mean\na, 0.5"},
        {"claims_toy__yaml": "# one\n-   id:   a\n"},
        {"other__csv": "row\n2\n"},
    ],
)
def test_comments_layout_and_what_belongs_to_other_tables_do_not(sources, change):
    assert sources(**change) == sources()


def test_the_figures_that_table_1_shows_count():
    assert set(module._paper("table1")) == {"table1.csv", "claims_table1.yaml", "flag_counts.csv"}


@pytest.mark.parametrize("table", ["table2", "table4"])
def test_the_figures_and_claims_of_the_tables_of_pretraining_count(table):
    assert set(module._paper(table)) == {f"{table}.csv", f"claims_{table}.yaml"}


def test_the_figures_and_claims_of_generated_images_count():
    assert set(module._paper("fig4")) == {"generation_fig4.csv", "claims_fig4.yaml"}
    # Its rows of real thyroids and of ImageNet have their figures in Table 2.
    table3 = {"table3.csv", "claims_table3.yaml", "table2.csv"}
    assert set(module._paper("table3")) == table3


def test_the_claims_of_maps_count_and_no_figure_of_a_table():
    assert set(module._paper("fig5")) == {"claims_fig5.yaml"}


def test_where_a_table_may_run_the_noise_protocol_its_profiles_count_too():
    assert set(module._profiles("table2")["demo"]) == {"table1", "table2"}
    assert set(module._profiles("table3")["demo"]) == {"table1", "table3", "fig4"}
    assert "generated" in module._profiles("fig4")["demo"]  # it flips no label
    assert "epochs" in module._profiles("table1")["demo"]  # unchanged: its results stay current
    assert "strengths" in module._profiles("fig5")["demo"]  # trained on the labels as written


def test_the_constants_of_the_sources_are_part_of_the_code():
    behind, waiting = set(), {"testiculus.experiments.table2"}
    while waiting:
        behind |= waiting
        waiting = {name for one in waiting for name in imported_modules(one)} - behind

    assert {"testiculus.paper.protocol", "testiculus.paper.reported"} <= behind


def test_a_record_keeps_the_known_settings_of_the_images_and_no_others():
    from testiculus.experiments.table1 import Outcome

    known = {"licence": "CC BY 4.0", "group": "clip", "bits": 12, "import": {"cropped": True}}
    known |= {"name": "ward-3", "planted_errors": {"rate": 0.1}, "labelled_rows": "matched"}
    noted = {"contact": "Dr. Ann, room 3", "export": "/srv/pacs", "patients": {"7": "B. C."}}
    images = SimpleNamespace(name="ward-3", fingerprint="d", settings=known | noted)
    plan = SimpleNamespace(settings=dict, not_run={})

    about = Outcome.about(SimpleNamespace(plan=plan, images=images, cost={}))

    assert about["data_settings"] == known
