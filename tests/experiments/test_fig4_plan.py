import numpy as np
import pandas as pd
import pytest

from testiculus.base.errors import InputWarning, UserError
from testiculus.data.images import ImageSet
from testiculus.experiments import fig4_plan
from testiculus.experiments.fig4_plan import KNOWN, plan
from testiculus.experiments.generation_parameters import checked_values
from testiculus.experiments.profiles import PROFILES

TINY = {
    **{"profile": "smoke", "device": "cpu", "steps": 2, "pretrain_batch": 8, "generated": 12},
    **{"attention": "8", "reference_batch": 8, "filter_neighbours": 50, "procedural_images": 8},
}


@pytest.fixture
def use(monkeypatch, tmp_path, fakes):
    """Plan on the made-up UD; `organs` are the other organs in it."""

    def made(organs=("thyroid",)):
        fakes.use(monkeypatch, tmp_path / "runs", organs)
        found = fakes.made_up(organs)
        monkeypatch.setattr(fig4_plan, "load_images_and_unlabelled", lambda *a, **k: found)
        return found

    return made


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("variant", ["article", "thesis", "released"])
def test_every_profile_and_variant_has_all_parameters(profile, variant):
    values = checked_values("fig4", profile, variant, {}, KNOWN)
    own = {"splits", "replicates", "reference_batch", "reference_batches"}  # defaults of the plan
    assert set(KNOWN) - set(values) <= own


def test_the_articles_and_our_own_ways_of_measuring_are_the_defaults(use):
    use()
    with pytest.warns(InputWarning):
        values = plan("paper", device="cpu", pixels=16, multipliers="1,2", attention="8",
                      width=32, pretrain_batch=4, procedural_images=8).values  # fmt: skip
    assert (values["reference_batch"], values["splits"]) == (64, 5)


def test_further_images_are_of_the_own_organ_and_of_other_patients(use):
    _, ud = use()
    planned = plan(**TINY)
    frame = ud.frame[planned.further]
    assert len(frame) == 8 and set(frame["organ"]) == {"testis"}
    labelled = set(ud.frame.loc[ud.frame["labelled_as"] >= 0, "patient"])
    assert not labelled & set(frame["patient"])


def test_the_plan_says_k_features_reference_and_what_is_missing(use):
    use()
    planned = plan(**TINY)
    assert planned.k == 1 and planned.conditions.organ == "testis"
    assert list(planned.spaces()) == ["other-organs", "ud"]
    told = planned.settings()
    assert told["filter"] == "k = 1 of 24 real images (50 at 880)"
    assert told["reference batches"] == "2 of 8 images" and told["generated images"] == 12
    assert "inception" in planned.not_run["Inception"].lower()


def test_a_summary_says_what_it_will_cost(use):
    use()
    text = plan(**TINY).summary()
    assert "12 images to draw, 1 generator and 2 encoders to train, about" in text
    assert "not run: Inception" in text and "MiB of disk" in text


def test_one_organ_filters_in_features_of_procedural_pictures(use):
    use(organs=())
    assert list(plan(**TINY).spaces()) == ["procedural", "ud"]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"filter_neighbours": 880}, r"k is 24, and there are 24 real images(?s:.*)880"),
        ({"filter_neighbours": 0}, "FILTER_NEIGHBOURS"),
        ({"generated": 1}, "GENERATED is 1"),
        ({"sampler_steps": 1001}, "1001"),
        ({"splits": 0}, "SPLITS"),
        ({"replicates": 0}, "REPLICATES"),
        ({"reference_batch": 3}, "REFERENCE_BATCH is 3"),
        ({"pretrain_batch": 20}, "20 is larger than the 12 images"),
        ({"synthetic": "nowhere.csv"}, "nowhere.csv"),
        ({"epochs": 3}, "unknown parameter 'epochs'"),
        ({"variant": "book"}, "article, thesis, released"),
    ],
)
def test_what_cannot_be_is_refused_by_name_before_anything_trains(use, tmp_path, wrong, says):
    use()
    with pytest.raises(UserError, match=says):
        plan(**TINY | wrong)
    assert not (tmp_path / "runs").exists()


def test_fewer_reference_batches_than_wanted_are_said_aloud(use):
    use()
    with pytest.warns(InputWarning, match="24 real images give 1 disjoint reference batches of 20"):
        assert plan(**TINY | {"reference_batch": 20}).values["reference_batches"] == 1
    with pytest.warns(InputWarning, match="over none"):
        assert plan(**TINY | {"reference_batch": 30}).values["reference_batches"] == 0


def test_one_patient_has_no_halves(use, monkeypatch):
    images, ud = use()
    alone = ImageSet.build(images.pixels, images.frame.assign(patient="one"), "made-up")
    monkeypatch.setattr(fig4_plan, "load_images_and_unlabelled", lambda *a, **k: (alone, ud))
    with pytest.raises(UserError, match="of 1 patients: splitting patients into halves"):
        plan(**TINY)


def test_halves_that_are_too_small_for_precision_are_refused(use, monkeypatch):
    images, ud = use()
    few = images.select(range(6))
    monkeypatch.setattr(fig4_plan, "load_images_and_unlabelled", lambda *a, **k: (few, ud))
    with pytest.raises(UserError, match="and there are 2 real images in one half of"):
        plan(**TINY | {"reference_batch": 4, "reference_batches": 1})


def brought(folder, pictures, organ="testis"):
    """Write pictures, uint8 (n, 16, 16), with their manifest."""
    from PIL import Image

    from testiculus.data.manifest import write_manifest

    names = [f"{number}.png" for number in range(len(pictures))]
    for name, picture in zip(names, pictures, strict=True):
        Image.fromarray(picture).save(folder / name)
    frame = pd.DataFrame({"image": names, "patient": names, "organ": organ})
    return str(write_manifest(folder, frame, {"name": "brought", "licence": "mine"}))


def test_brought_images_take_the_generators_place(use, tmp_path):
    use()
    pictures = np.random.default_rng(1).integers(0, 256, (9, 16, 16), np.uint8)
    planned = plan(**TINY, synthetic=brought(tmp_path, pictures))
    assert planned.generation is None and planned.generated == 9
    assert "brought" in planned.settings()["generator"]
    assert planned.estimate()["generators"] == 0


def test_a_single_brought_image_is_refused_and_equal_ones_are_said_aloud(use, tmp_path):
    use()
    (tmp_path / "one").mkdir()
    grey = np.full((5, 16, 16), 90, np.uint8)
    with pytest.raises(UserError, match="1 image"):
        plan(**TINY, synthetic=brought(tmp_path / "one", grey[:1]))
    with pytest.warns(InputWarning, match="same picture"):
        planned = plan(**TINY, synthetic=brought(tmp_path, grey))
    assert planned.generated == 5
