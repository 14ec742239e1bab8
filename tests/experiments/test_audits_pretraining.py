"""One draw per batch beside Table 2's own rows, whole, on made-up images and a tiny encoder."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from testiculus.base.files import load_state_dict
from testiculus.claims.audits_schema import ONE_DRAW_UD
from testiculus.claims.schema import RESULT_COLUMNS
from testiculus.experiments import audits_others, pretraining_plan, table2
from testiculus.experiments.audits_pretraining import (
    estimate,
    one_draw_rows,
    plan_one_draw,
)
from testiculus.experiments.own_rows import encoder_rows
from testiculus.models import build_classifier
from testiculus.pretrain import pretrain


def write_table2(folder, planned, **changed):
    """Write results of Table 2 as this plan would leave them, with a provenance that is bent."""
    there = folder / "results" / "made-up" / "smoke" / "table2"
    there.mkdir(parents=True)
    lines = [("table2", "UD", 0, 0, "probe_auc", 0.5)]
    pd.DataFrame(lines, columns=RESULT_COLUMNS).to_csv(there / "results.csv", index=False)
    about = {"settings": planned.settings(), "data_fingerprint": planned.images.fingerprint}
    about |= {"flags_fingerprint": planned.flags.fingerprint}
    about["settings"] |= changed.pop("settings", {})
    (there / "provenance.json").write_text(json.dumps(about | changed))


def use(patch, folder, fakes, **how):
    fakes.use(patch, folder / "runs", **how)
    patch.setenv("TESTICULUS_RESULTS", str(folder / "results"))
    patch.setattr(audits_others, "project_root", lambda: folder)


def planned(fakes, **more):
    tiny = {name: value for name, value in fakes.TINY.items() if name not in ("profile", "device")}
    images = fakes.made_up()[0]
    return plan_one_draw(images, "smoke", "made-up.csv", "cpu", "article", **tiny | more)


@pytest.fixture(scope="module")
def found(tmp_path_factory, fakes):
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("one draw")
        use(patch, folder, fakes)
        write_table2(folder, table2.plan(**fakes.TINY))
        plan = planned(fakes)
        before, rows = estimate(plan), one_draw_rows(plan)
        yield plan, before, rows, estimate(planned(fakes)), one_draw_rows(planned(fakes)), folder


def test_the_row_has_probes_over_all_partitions_and_a_fine_tuning_a_fold(found):
    results = found[2].results

    assert tuple(results) == RESULT_COLUMNS and set(results["row"]) == {ONE_DRAW_UD}
    by_metric = results.groupby("metric").size()
    assert by_metric["probe_auc"] == 2 * 3 and by_metric["f1"] == by_metric["f1_truth"] == 3
    assert len(found[2].runs) == 1 + 3 and found[2].not_run == {}


def test_only_the_draw_tells_the_pretraining_from_table_2s(found, fakes):
    plan = found[0]
    own = next(w for w in plan.table2.pretrainings if w.row == "UD" and w.settings.seed == 0)
    ours, theirs = vars(plan.wanted.settings).copy(), vars(own.settings)

    assert ours.pop("shared_draw") is True and theirs["shared_draw"] is False
    assert ours == {name: value for name, value in theirs.items() if name != "shared_draw"}
    for mine, other in zip(plan.wanted.pictures(), own.pictures(), strict=True):
        assert np.array_equal(mine, other)


@pytest.mark.parametrize("shared", [True, False])
def test_the_encoder_is_that_of_a_pretraining_with_a_shared_draw(found, monkeypatch, fakes, shared):
    plan, _, rows, *_, folder = found
    use(monkeypatch, folder, fakes)
    settings, cpu = replace(plan.wanted.settings, shared_draw=shared), torch.device("cpu")
    encoder = build_classifier("scratch-A", 0).encoder
    pretrain(*plan.wanted.pictures(), settings, device=cpu, encoder=encoder)

    kept, made = load_state_dict(rows.runs[0].file), encoder.state_dict()
    assert all(torch.equal(kept[name], value) for name, value in made.items()) == shared


def test_the_row_scores_as_its_encoder_does_under_another_name(found, monkeypatch, fakes):
    plan, _, rows, *_, folder = found
    use(monkeypatch, folder, fakes)
    again = encoder_rows(plan.table2, {"again": rows.runs[0].file}).query("row == 'again'")
    keys = ["seed", "fold", "metric"]
    assert again.set_index(keys)["value"].equals(rows.results.set_index(keys)["value"])


def test_a_second_call_trains_nothing_and_the_estimate_knows(found):
    _, before, rows, after, again, _ = found

    assert (before["pretrainings"], before["runs"]) == (1, 3)
    assert before["seconds"] > 0 and before["disk_mib"] > 0
    assert not any(after.values())
    assert not any(done.run.reused for done in rows.runs)
    assert all(done.run.reused for done in again.runs)
    pd.testing.assert_frame_equal(again.results, rows.results)


def reason(patch, folder, fakes, bend=None, how=None, **more):
    use(patch, folder, fakes, **(how or {}))
    if bend is not None:
        write_table2(folder, table2.plan(**fakes.TINY), **bend)
    plan = planned(fakes, **more)
    rows = one_draw_rows(plan)
    assert rows.results.empty and rows.runs == [] and not any(estimate(plan).values())
    assert rows.not_run == {ONE_DRAW_UD: plan.reason} and plan.wanted is None
    return plan.reason


def test_where_table_2_has_not_run_its_command_is_told(monkeypatch, tmp_path, fakes):
    told = reason(monkeypatch, tmp_path, fakes)
    assert told == "not run: make reproduce-table2 PROFILE=smoke"


@pytest.mark.parametrize(
    ("bend", "more", "says"),
    [
        ({}, {"steps": 3}, "other settings: pretraining"),
        ({"settings": {"epochs": 99}}, {}, "other settings: epochs"),
        ({"flags_fingerprint": "other"}, {}, "turned other labels"),
        ({}, {"shared_draw": True}, "one draw per batch already"),
    ],
)
def test_beside_another_table_2_nothing_is_trained(monkeypatch, tmp_path, fakes, bend, more, says):
    assert says in reason(monkeypatch, tmp_path, fakes, bend, **more)


def test_one_organ_is_refused_with_table_2s_own_words(monkeypatch, tmp_path, fakes):
    use(monkeypatch, tmp_path, fakes)
    write_table2(tmp_path, table2.plan(**fakes.TINY))
    one = fakes.made_up(organs=())
    monkeypatch.setattr(pretraining_plan, "load_images_and_unlabelled", lambda *a, **k: one)
    assert "all images of UD show one: testis" in planned(fakes).reason
    assert planned(fakes, organ_weight=0).reason == "UD holds one organ"
