import hashlib
import json
from dataclasses import replace

import pytest

from testiculus.base.errors import UserError
from testiculus.experiments import table2, table4
from testiculus.experiments.crossval import Start
from testiculus.experiments.pretraining_plan import resolve
from testiculus.experiments.profiles import PROFILES, profile_settings


@pytest.mark.parametrize("profile", PROFILES)
def test_both_tables_pretrain_and_fine_tune_alike_in_every_profile(profile):
    """Else UD at lambda 0.2 would be trained once for each."""
    first, second = (profile_settings(profile, table) for table in ("table2", "table4"))
    own = {"exclude_test", "procedural_images", "pretraining_seeds"}
    same = {name: value for name, value in first.items() if name not in own}
    assert same == {name: value for name, value in second.items() if name not in own}


@pytest.mark.parametrize("profile", [name for name in PROFILES if name != "smoke"])
def test_fine_tuning_is_table_1s_of_the_same_profile(profile):
    first, second = (profile_settings(profile, table) for table in ("table1", "table2"))
    names = ("patients", "pixels", "epochs", "encoder_lr", "head_lr")
    assert [first.get(name) for name in names] == [second.get(name) for name in names]


def test_what_a_profile_leaves_open_is_the_variants_own(monkeypatch, tmp_path, fakes):
    fakes.use(monkeypatch, tmp_path)
    rates = {
        variant: resolve("table2", "paper", variant=variant, device="cpu").pretraining.lr
        for variant in ("article", "thesis", "released")
    }
    assert rates == {"article": 1e-3, "thesis": 0.3, "released": 5e-3}


def test_fewer_steps_than_the_profiles_warm_up_shorten_it(monkeypatch, tmp_path, fakes):
    fakes.use(monkeypatch, tmp_path)
    assert resolve("table2", "demo", steps=4, device="cpu").pretraining.warmup_steps == 4


def test_without_table_1s_flags_its_noise_protocol_is_planned(monkeypatch, tmp_path, fakes):
    from testiculus.experiments import pretraining_plan

    fakes.use(monkeypatch, tmp_path)
    asked = []
    monkeypatch.setattr(pretraining_plan, "written_flags", lambda *a: None)
    monkeypatch.setattr(pretraining_plan, "noise_plan", lambda *a, **k: asked.append(a))
    planned = resolve("table4", "smoke", device="cpu")
    assert planned.flags is None and len(asked) == 1
    assert "runs first" in planned.flags_note


def digest(jobs):
    """What decides runs, but for code, torch's version and the precision that this machine has."""
    identities = [
        replace(job, settings=replace(job.settings, precision="")).identity() for job in jobs
    ]
    kept = [{k: v for k, v in one.items() if k not in ("code", "torch")} for one in identities]
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:16]


@pytest.mark.parametrize(
    ("table", "pretrainings", "rows"),
    [
        (table2, "04a4c482710771bc", "8029d718536e7643"),
        (table4, "187e5c261d1a0fa6", "8029d718536e7643"),
    ],
)
def test_the_same_inputs_are_the_same_runs_as_in_earlier_versions(
    monkeypatch, tmp_path, fakes, table, pretrainings, rows
):
    """Else everything in a person's store would be trained again, for nothing."""
    fakes.use(monkeypatch, tmp_path)
    planned = table.plan(**fakes.TINY)

    jobs = [
        job.job
        for labels in planned.learnt_labels(planned.flags).values()
        for row, wanted in planned.fine_tuned()
        for job in planned.row_jobs(row, Start("scratch-A"), labels, wanted.fold if wanted else -1)
    ]

    assert digest([wanted.wanted for wanted in planned.pretrainings]) == pretrainings
    assert digest(jobs) == rows


def test_a_parameter_of_another_table_is_refused(monkeypatch, tmp_path, fakes):
    fakes.use(monkeypatch, tmp_path)
    with pytest.raises(UserError, match="unknown parameter 'occasions'"):
        resolve("table2", "smoke", occasions=3)
