import pytest

from testiculus.base.errors import UserError
from testiculus.claims.synthetic import TABLE3_EXCLUDED
from testiculus.experiments import table3_plan
from testiculus.experiments.profiles import PROFILES, profile_settings

GENERATOR = {"width": 32, "multipliers": [1], "blocks": 1, "attention": [16], "generated": 20}


@pytest.fixture
def tiny(monkeypatch, tmp_path, fakes):
    fakes.use(monkeypatch, tmp_path)
    return fakes.TINY | GENERATOR


@pytest.mark.parametrize("profile", PROFILES)
def test_generator_and_feature_encoder_are_fig_4s_in_every_profile(profile):
    """Else each would be trained once for each of them."""
    first, second = (profile_settings(profile, name) for name in ("fig4", "table3"))
    for name in ("steps", "pretrain_batch", "warmup_steps", "pretrain_lr", "pixels", "patients"):
        assert first.get(name) == second.get(name)
    assert [first.get(n) for n in table3_plan.GENERATION] == [
        second.get(n) for n in table3_plan.GENERATION
    ]


def test_with_one_organ_the_rows_beside_thyroids_are_not_run_and_say_why(
    monkeypatch, tmp_path, fakes
):
    fakes.use(monkeypatch, tmp_path, organs=())
    planned = table3_plan.plan(**fakes.TINY | GENERATOR)
    assert planned.rows == (
        "synthetic", "synthetic filtered", "real testes", "none", "synthetic, random filter",
        "procedural images",
    )  # fmt: skip
    missing = {row for row, reason in planned.not_run.items() if "one organ" in reason}
    assert missing == {
        "real thyroids", "real thyroids + synthetic", "real thyroids + synthetic filtered",
        "real testes + real thyroids", "real thyroids + synthetic, random filter", TABLE3_EXCLUDED,
    }  # fmt: skip
    assert all(wanted.settings.organ_weight == 0 for wanted in planned.pretrainings)
    assert "no ultrasound" in planned.settings()["filtered in"]
    assert len(planned.sources) == 1


def test_folds_that_are_not_grouped_leave_no_patients_out(tiny):
    planned = table3_plan.plan(**tiny, variant="released")
    assert TABLE3_EXCLUDED not in planned.rows and len(planned.sources) == 1
    assert "does not group" in planned.not_run[TABLE3_EXCLUDED]


def test_without_exclude_test_there_is_one_generator(tiny):
    planned = table3_plan.plan(**tiny, exclude_test=0)
    assert [source.generation.name for source in planned.sources] == ["all patients"]
    assert TABLE3_EXCLUDED not in planned.rows and TABLE3_EXCLUDED not in planned.not_run


def test_several_pretraining_seeds_repeat_every_row_but_the_one_without_test_patients(tiny):
    planned = table3_plan.plan(**tiny, pretraining_seeds=2)
    rows = [(wanted.row, wanted.settings.seed) for wanted in planned.pretrainings]
    assert len(rows) == 2 * 9 + 1 + 3 and len(set(rows)) == 2 * 9 + 2
    assert planned.start_seeds == {"none": 3}  # random encoders cost no training


def test_several_other_organs_are_told_apart_beside_synthetic_images_too(
    monkeypatch, tmp_path, fakes
):
    fakes.use(monkeypatch, tmp_path, organs=("thyroid", "liver"))
    planned = table3_plan.plan(**fakes.TINY | GENERATOR)
    of = {wanted.row: wanted for wanted in planned.pretrainings}
    assert of["real thyroids + synthetic"].organs == ("testis", "liver", "thyroid")
    assert of["real thyroids"].settings.organ_weight == 0.2


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"organ_weight": -0.1}, "ORGAN_WEIGHT is -0.1"),
        ({"pretrain_batch": 11, "generated": 10}, "the 10 images of the row 'synthetic'"),
        ({"pretrain_batch": 16}, "16 is larger than the 12 images of the row 'real thyroids'"),
        ({"generated": 1}, "GENERATED is 1"),
        ({"generator_steps": 0}, "GENERATOR_STEPS"),
        ({"sampler_steps": 2000}, "2000"),
        ({"filter_neighbours": 880}, "k is 24, and there are 24 real images"),
        ({"filter_neighbours": 0}, "FILTER_NEIGHBOURS"),
        ({"exclude_test": 2}, "EXCLUDE_TEST"),
        ({"attention": [7]}, "7"),
        ({"occasions": 3}, "unknown parameter 'occasions'"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_trained(tiny, tmp_path, wrong, says):
    with pytest.raises(UserError, match=says):
        table3_plan.plan(**tiny | wrong)
    assert not list(tmp_path.glob("*"))


def test_a_k_that_is_too_large_for_a_folds_real_images_is_refused_with_its_generator(tiny):
    """Of 24 real images 23 neighbours can be had, of the 16 outside a fold only 15."""
    with pytest.raises(UserError, match="k is 16, and there are 16(?s:.*)without fold 0"):
        table3_plan.plan(**tiny, filter_neighbours=860)
