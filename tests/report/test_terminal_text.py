import json
from dataclasses import asdict, replace

import pytest

from testiculus.base.errors import UserError
from testiculus.noise import Rule
from testiculus.report import as_text, pretraining_table, table1_table


def written(run, folder, names, settings):
    """Write a run's frames as its experiment does, and return the folder."""
    folder.mkdir(parents=True)
    for name in names:
        getattr(run, name).to_csv(folder / f"{name}.csv", index=False)
    conditions = run.conditions
    about = {"data": conditions.data, "settings": settings, "not_run": dict(conditions.not_run)}
    (folder / "provenance.json").write_text(json.dumps(about))
    return folder


RULE = Rule(loss_threshold=0.5, occasions=2, occasion="epoch", evaluations=6)


def test_a_results_folder_prints_like_the_run_it_came_from(run, tmp_path):
    started = ["scratch-A", "scratch-B"]
    settings = {"profile": "demo", "initialisations": started, "rule": asdict(RULE)}

    text = as_text(written(run, tmp_path / "table1", ("results", "verdicts", "flags"), settings))

    conditions = replace(run.conditions, rule=RULE)
    expected = table1_table(run.results, run.verdicts, conditions, run.flags).text()
    assert text.endswith(expected) and RULE.of_a_run() in text


@pytest.mark.parametrize("experiment", ["table2", "table4"])
@pytest.mark.parametrize("data", ["phantom", "liver"])
def test_a_table_of_pretraining_prints_its_verdicts_and_itself(fakes, tmp_path, experiment, data):
    run = fakes(experiment, data=data)
    names, settings = ("results", "verdicts", "encoders"), {"profile": "demo"}

    text = as_text(written(run, tmp_path / experiment, names, settings))

    if experiment == "table2" or data == "phantom":  # Table 4 has no row named after an organ
        expected = pretraining_table(experiment, run.results, run.verdicts, run.conditions).text()
        assert text.endswith(expected)
    assert text.startswith("Claims of Table") and "supported" in text
    assert max(map(len, text.splitlines())) <= 100


def test_an_experiment_without_tables_is_refused(tmp_path):
    with pytest.raises(UserError, match="fig9"):
        as_text(tmp_path / "fig9")
