import numpy as np
import pytest
import torch

from testiculus.base.errors import UserError
from testiculus.claims.peers_schema import BORDERLINE, FRAME_MISSES, PLANTED, RANDOM_NOISE
from testiculus.data.images import ImageSet
from testiculus.data.phantom import PhantomSettings, truth_table
from testiculus.experiments.planted_noise import (
    KIND_WORDS,
    border_distance,
    candidates,
    plant,
    shown_severity,
)


def phantom_of(patients=60, **options):
    """The facts of a phantom, without its pictures."""
    settings = PhantomSettings(patients=patients, pixels=16, **options)
    frame = truth_table(settings)
    pixels = torch.zeros(len(frame), 1, 16, 16, dtype=torch.uint8)
    return ImageSet.build(pixels, frame, "phantom", {"phantom": settings.as_dict()})


@pytest.fixture(scope="module")
def images():
    return phantom_of()


@pytest.mark.parametrize("kind", PLANTED)
@pytest.mark.parametrize("rate", [0.05, 0.1, 0.4])
def test_exactly_so_many_labels_are_wrong_and_the_same_each_time(images, kind, rate):
    labels, true = plant(images, kind, rate), images.labels("true_label")

    assert (labels != true).sum() == round(rate * len(images)) and kind in KIND_WORDS
    assert np.array_equal(labels, plant(images, kind, rate))
    assert not np.array_equal(labels, plant(images, kind, rate, seed=1))


@pytest.mark.parametrize("kind", [RANDOM_NOISE, FRAME_MISSES])
def test_a_higher_rate_adds_errors_to_those_of_a_lower_one(images, kind):
    true = images.labels("true_label")
    few, many = (plant(images, kind, rate) != true for rate in (0.05, 0.2))

    assert not (few & ~many).any()


def test_random_errors_fall_on_all_images_alike(images):
    true, wrong = images.labels("true_label"), np.zeros(len(images))
    for seed in range(200):
        wrong += plant(images, RANDOM_NOISE, 0.2, seed) != true

    assert wrong.mean() / 200 == pytest.approx(0.2)
    assert abs(wrong[true == 1].mean() - wrong[true == 0].mean()) < 3  # of 40


def test_missed_frames_are_on_one_side_and_the_phantoms_own_come_first(images):
    true, kinds = images.labels("true_label"), images.frame["kind"].to_numpy(dtype=str)
    missed = (true == 0) & (kinds != "")

    few = plant(images, FRAME_MISSES, 2 / len(images)) != true
    many = plant(images, FRAME_MISSES, 0.3)
    assert missed.sum() > 2 and not (few & ~missed).any()
    assert (many[missed] == 1).all() and (many[true == 1] == 1).all()


def test_half_of_the_images_nearest_to_the_border_are_wrong(images):
    true, wanted = images.labels("true_label"), round(0.1 * len(images))
    distance = border_distance(shown_severity(images), images.settings["phantom"])
    nearest = np.argsort(distance, kind="stable")[: 2 * wanted]

    wrong = np.flatnonzero(plant(images, BORDERLINE, 0.1) != true)
    assert len(wrong) == wanted and set(wrong) <= set(nearest)
    assert distance[wrong].max() < np.median(distance)


def test_the_border_is_as_many_deviations_from_both_medians():
    told = PhantomSettings().as_dict()
    severities = np.geomspace(0.18, 1.0, 2001)
    border = severities[border_distance(severities, told).argmin()]

    up = np.log(told["severity"] / border) / told["severity_spread"]
    down = np.log(border / told["normal_severity"]) / told["normal_spread"]
    assert up == pytest.approx(down, abs=0.01)
    assert border_distance(np.array([border * 2, border / 2]), told) == pytest.approx(
        [np.log(2)] * 2, abs=1e-3
    )


def test_a_missed_frame_shows_no_more_than_a_homogeneous_testis(images):
    shown, true = shown_severity(images), images.labels("true_label")
    missed = (true == 0) & (images.frame["kind"].to_numpy(dtype=str) != "")

    assert np.array_equal(shown[~missed], images.frame["severity"].to_numpy()[~missed])
    assert np.median(shown[missed]) < 0.4 < np.median(images.frame["severity"][missed])


@pytest.mark.parametrize(("kind", "rate"), [(RANDOM_NOISE, 0.0001), (BORDERLINE, 0.51)])
def test_noise_that_cannot_be_planted_is_refused(images, kind, rate):
    with pytest.raises(UserError, match="cannot be planted"):
        plant(images, kind, rate)


def test_noise_that_leaves_one_class_is_refused():
    ten = phantom_of(10)
    everything = len(candidates(ten, FRAME_MISSES, 1)) / len(ten)

    with pytest.raises(UserError, match="one class"):
        plant(ten, FRAME_MISSES, everything)
    with pytest.raises(UserError, match="kind of noise"):
        plant(ten, "typing errors", 0.1)


def test_images_of_another_phantom_are_noticed(images):
    other = phantom_of(60, seed=1)
    mixed = ImageSet.build(other.pixels, other.frame, "phantom", images.settings)

    with pytest.raises(ValueError, match="not the images"):
        shown_severity(mixed)
