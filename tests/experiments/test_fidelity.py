from dataclasses import replace

import numpy as np
import pytest

from testiculus.experiments.fidelity import (
    COLUMNS,
    fidelity_frame,
    half_of,
    halves,
    references,
)
from testiculus.experiments.fidelity_measures import Space, class_chances, measured, score
from testiculus.experiments.fidelity_replicates import COLUMNS as REPLICATE_COLUMNS
from testiculus.experiments.fidelity_replicates import replicate_frame
from testiculus.experiments.filter_study import Filtered

PATIENTS = np.repeat([f"p{i:02d}" for i in range(20)], 4)
FURTHER = np.repeat([f"q{i:02d}" for i in range(5)], 4)


def cloud(n, seed, width=5, spread=1.0):
    return np.random.default_rng(seed).normal(0, spread, (n, width)).astype(np.float32)


@pytest.fixture(scope="module")
def space():
    chances = np.random.default_rng(3).dirichlet(np.ones(3), 60)
    further = np.random.default_rng(4).dirichlet(np.ones(3), 20)
    generated = cloud(60, 1, spread=1.6)
    return Space("x", "words", False, cloud(80, 0), generated, cloud(20, 2), chances, further)


@pytest.fixture(scope="module")
def against(space):
    return references(space, PATIENTS, at_880=50, splits=3, batch=16, batches=2)


@pytest.fixture(scope="module")
def frame(space, against):
    return fidelity_frame(space, against)


def value(frame, reference, row, metric, batch=0):
    found = frame.query("reference == @reference and row == @row and metric == @metric")
    return float(found.loc[found["batch"] == batch, "value"].iloc[0])


def test_a_wide_generated_cloud_has_low_precision_and_high_recall():
    """The convention: neither is the other."""
    wide, tight = cloud(80, 0, spread=1.0), cloud(80, 1, spread=0.2)
    told, swapped = measured(wide, tight), measured(tight, wide)
    assert told["precision"] > 0.9 > 0.3 > told["recall"]
    assert swapped["recall"] > 0.9 > 0.3 > swapped["precision"]


def test_the_distance_of_shifted_equal_clouds_is_the_square_of_the_shift():
    some = cloud(50, 0)
    assert measured(some, some + 2)["frechet"] == pytest.approx(4 * 5, rel=1e-5)


@pytest.mark.parametrize("m", [0, 1, 2, 3])
def test_too_few_generated_images_have_no_recall_and_fewer_no_distance(m):
    real = cloud(20, 0)
    told = measured(real, real[:m])
    assert np.isnan(told["recall"]) and np.isnan(told["precision"]) == (m == 0)
    assert np.isnan(told["frechet"]) == (m < 2)


def test_too_few_real_images_have_no_balls():
    told = measured(cloud(3, 0), cloud(9, 1))
    assert np.isnan(told["precision"]) and np.isnan(told["recall"]) and told["frechet"] > 0


def test_equal_generated_images_are_measured():
    told = measured(cloud(20, 0), np.zeros((10, 5), np.float32))
    assert told["precision"] in (0, 1) and told["recall"] == 0 and told["frechet"] > 0


def test_no_patient_is_on_both_halves_and_every_split_is_another():
    found = halves(PATIENTS, 4)
    for first in found:
        assert not set(PATIENTS[first]) & set(PATIENTS[~first])
        assert len(set(PATIENTS[first])) == 10 and first.sum() == 40
    assert len({first.tobytes() for first in found}) == 4
    assert half_of(np.array(["a", "b", "c"]), 0).sum() == 1  # the smaller half


def test_reference_batches_share_no_image_and_their_floor_no_patient(against):
    batches = [reference for reference in against if reference.name == "batch"]
    assert len(batches) == 2
    assert len(set(np.concatenate([b.images for b in batches]))) == 32
    for batch in batches:
        assert not set(PATIENTS[batch.images]) & set(PATIENTS[batch.floor])


def test_held_out_is_measured_on_patients_the_filter_has_not_seen(space, against):
    from testiculus.manifold.filtering import keep

    for held in (reference for reference in against if reference.name == "heldout"):
        own = next(r for r in against if r.name == "insample" and r.batch == held.batch)
        assert not set(PATIENTS[held.images]) & set(PATIENTS[own.images])
        assert np.array_equal(held.floor, own.images) and np.array_equal(own.floor, held.images)
        assert held.filtered is own.filtered and held.filtered.k == 2  # of 40, at 880: 50
        kept = keep(space.real[own.images], space.generated, held.filtered.k)
        assert np.array_equal(held.filtered.kept, kept)


def test_every_reference_has_every_row_with_the_numbers_it_rests_on(frame, against):
    assert tuple(frame) == COLUMNS
    counts = frame[frame["metric"] != "score"].groupby(["reference", "batch"]).size()
    assert (counts == 12).all()  # four rows, three metrics
    assert counts.groupby("reference").size().to_dict() == {
        "whole": 1, "batch": 2, "heldout": 3, "insample": 3,
    }  # fmt: skip
    numbers = frame.query("metric == 'frechet'").set_index(["reference", "row", "batch"])
    assert numbers.loc[("whole", "real", 0), ["n_real", "n_generated"]].tolist() == [80, 20]
    assert numbers.loc[("heldout", "real", 1), ["n_real", "n_generated"]].tolist() == [40, 40]
    assert numbers.loc[("batch", "before", 1), ["n_real", "n_generated"]].tolist() == [16, 60]
    kept = [int(r.filtered.kept.sum()) for r in against if r.name == "heldout"]
    for row in ("filtered", "random"):
        assert [numbers.loc[("heldout", row, n), "n_generated"] for n in range(3)] == kept


def test_figures_are_those_of_the_two_sets_alone(frame, space, against):
    held = next(r for r in against if (r.name, r.batch) == ("heldout", 2))
    told = measured(space.real[held.images], space.generated[held.filtered.random])
    assert value(frame, "heldout", "random", "precision", 2) == told["precision"]
    assert value(frame, "whole", "filtered", "score") == score(
        space.chances[against[0].filtered.kept]
    )


def test_in_sample_precision_cannot_fall_by_the_filter(frame):
    """What lies within the third neighbour's ball lies within that of the filter's larger k."""
    assert value(frame, "whole", "filtered", "precision") >= value(
        frame, "whole", "before", "precision"
    )


def test_without_further_real_images_there_is_no_floor_for_the_whole_set(space, against):
    frame = fidelity_frame(replace(space, further=space.further[:0], further_chances=None), against)
    rows = frame.groupby("reference")["row"].unique().map(set)
    assert "real" not in rows["whole"] and "real" in rows["heldout"]


def test_scores_need_no_reference_and_lie_between_one_and_the_number_of_classes(frame):
    scores = frame[frame["metric"] == "score"]
    assert set(scores["reference"]) == {"whole"} and scores["value"].between(1, 3).all()
    assert set(scores["row"]) == {"before", "filtered", "random", "real"}
    assert np.isnan(score(None))


def test_class_chances_know_classes_that_features_tell_and_none_from_one_class():
    features = np.concatenate([cloud(20, 0) - 3, cloud(20, 1) + 3, cloud(1, 2)])
    classes = np.array(["a"] * 20 + ["b"] * 20 + ["rare"])
    (found,) = class_chances(features, classes, np.array([[-3.0] * 5, [3.0] * 5]))
    assert found.argmax(axis=1).tolist() == [0, 1] and found.sum(axis=1) == pytest.approx(1)
    assert class_chances(features[:20], classes[:20], features) is None


@pytest.fixture(scope="module")
def replicates(space, against):
    return replicate_frame(space, against, PATIENTS, FURTHER, 30)


def test_replicates_are_paired_repeatable_and_of_whole_and_heldout(replicates, space, against):
    assert tuple(replicates) == REPLICATE_COLUMNS
    assert set(replicates["reference"]) == {"whole", "heldout"}
    counts = replicates.groupby(["reference", "row", "metric"]).size()
    assert (counts == 30).all() and len(counts) == 2 * 4 * 3
    again = replicate_frame(space, against, PATIENTS, FURTHER, 2)
    first = replicates[replicates["replicate"] < 2].reset_index(drop=True)
    assert again.equals(first)


def test_replicates_spread_as_means_over_new_samples_do(against):
    """Half-samples of a mean: their standard deviation is that of the mean itself."""
    real = np.zeros((80, 1), np.float32)
    generated = cloud(400, 5, width=1)
    plain = Space("x", "w", False, real, generated, real[:0])
    everyone = np.ones(400, dtype=bool)
    one = replace(against[0], filtered=Filtered(everyone, everyone, 1))
    found = replicate_frame(plain, [one], PATIENTS, FURTHER[:0], 200)
    told = found.query("row == 'before' and metric == 'frechet'")["value"]
    # against zeros the distance is the mean of squares: variance 2 / n for a standard normal
    assert told.std() == pytest.approx(np.sqrt(2 / 400), rel=0.2)
