import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist

from testiculus.base.devices import generator
from testiculus.base.errors import UserError
from testiculus.data.phantom import PhantomSettings, phantom
from testiculus.data.resize import resize_square
from testiculus.manifold.copies import (
    authenticity,
    doubles,
    feature_distances,
    merged_patients,
    pixel_distances,
)
from testiculus.manifold.copies_pixels import PLANTED, planted
from testiculus.manifold.copies_rate import copy_rate, copy_threshold

TRAINING = 30  # phantom patients whose images are copied; as many set the threshold, as many rest


@pytest.fixture(scope="module")
def patients():
    """Phantom images of 90 patients at 64 px, uint8 (360, 1, 64, 64), and whose they are."""
    images = phantom(PhantomSettings(patients=3 * TRAINING, pixels=64))
    return images.pixels, images.frame["patient"].to_numpy(dtype=str)


@pytest.fixture(scope="module", params=[32, 64])
def audit(request, patients):
    """Training images, the rest, and the threshold, at 32 and at 64 px."""
    pixels, names = resize_square(patients[0], request.param), patients[1]
    known, for_threshold, rest = (
        slice(4 * i, 4 * (i + TRAINING)) for i in (0, TRAINING, 2 * TRAINING)
    )
    training, whose = pixels[known], names[known]
    threshold = copy_threshold(pixel_distances(pixels[for_threshold], training, whose).relative)
    return training, whose, pixels[rest], threshold


@pytest.mark.parametrize("kind", PLANTED)
def test_planted_copies_are_caught_and_lead_to_their_source(audit, kind):
    training, whose, _, threshold = audit
    found = pixel_distances(planted(training, kind, generator("test", kind)), training, whose)
    assert copy_rate(found.relative, threshold).rate >= 0.97
    assert (found.nearest == np.arange(len(training))).mean() > 0.97


def test_images_of_other_patients_are_not_called_copies(audit):
    """The threshold allows one in 121; three in a hundred is what its draw may make of it."""
    training, whose, others, threshold = audit
    assert copy_rate(pixel_distances(others, training, whose).relative, threshold).rate <= 0.03


def test_a_set_that_is_half_copies_is_found_to_be(audit):
    training, whose, others, threshold = audit
    mixed = torch.cat([planted(training, "turned", generator("test")), others])
    found = copy_rate(pixel_distances(mixed, training, whose).relative, threshold)
    assert found.low < 0.5 < found.high and 0.45 < found.rate < 0.55


def test_blurred_images_of_other_patients_are_no_copies(audit):
    training, whose, others, threshold = audit
    size = training.shape[-1]
    for coarse in (6, 12):
        blurred = resize_square(resize_square(others, coarse), size)
        found = pixel_distances(blurred, training, whose)
        assert copy_rate(found.relative, threshold).rate <= 0.03


def test_noisy_copies_are_missed_by_the_plain_distance(patients):
    """Why the audit reads relative distances."""
    pixels, (known, others) = resize_square(patients[0], 32), (slice(0, 120), slice(120, 240))
    noisy = planted(pixels[known], "noisy", generator("test"))
    copies, honest = (
        pixel_distances(images, pixels[known], patients[1][known])
        for images in (noisy, pixels[others])
    )
    plain = copy_rate(copies.distance, copy_threshold(honest.distance)).rate
    assert plain < 0.9 < copy_rate(copies.relative, copy_threshold(honest.relative)).rate


def test_nearest_features_are_those_of_a_plain_search():
    rng = np.random.default_rng(0)
    points, training = rng.normal(size=(30, 5)), rng.normal(size=(20, 5))
    whose = np.arange(20) // 4
    skip = rng.random((30, 20)) < 0.2
    found = feature_distances(points, training, whose, skip)
    distances = np.where(skip, np.inf, cdist(points, training))
    np.testing.assert_array_equal(found.nearest, distances.argmin(1))
    np.testing.assert_allclose(found.distance, distances.min(1), rtol=1e-5)
    for row, nearest, relative in zip(distances, found.nearest, found.relative, strict=True):
        other = row[whose != whose[nearest]].min()
        assert relative == pytest.approx(row[nearest] / other, rel=1e-5)


def test_copies_far_from_the_origin_have_distance_zero_exactly():
    training = np.random.default_rng(0).normal(1000, 1, (50, 64)).astype(np.float32)
    found = feature_distances(training, training)
    assert (found.distance == 0).all() and (found.relative == 0).all()


def test_identical_training_points_of_two_patients_single_out_neither():
    training = np.array([[0.0], [0.0], [5.0]])
    assert feature_distances(training[:1], training).relative.tolist() == [1.0]
    assert feature_distances(training[:1], training, ["a", "a", "b"]).relative.tolist() == [0.0]


def test_one_name_is_given_to_patients_whose_images_are_doubles(patients):
    pixels, names = patients[0][:40], patients[1][:40].copy()
    pixels = torch.cat([pixels, planted(pixels[8:9], "turned", generator("test"))])
    names = np.append(names, "the same under another name")
    found = pixel_distances(pixels, pixels, names, skip=names[:, None] == names)
    assert set(np.flatnonzero(doubles(found))) == {8, 40}
    merged = merged_patients(names, found)
    assert merged[40] == merged[8] == merged[9] and len(set(merged)) == 10
    assert len(set(zip(merged[:40], names[:40], strict=True))) == 10


def test_authenticity_is_that_of_the_definition():
    rng = np.random.default_rng(1)
    points, training = rng.normal(size=(40, 3)), rng.normal(size=(25, 3))
    expected = []
    for point in points:
        distances = np.linalg.norm(training - point, axis=1)
        nearest = distances.argmin()
        others = np.delete(training, nearest, axis=0)
        own = np.linalg.norm(others - training[nearest], axis=1).min()
        expected.append(distances[nearest] > own)
    assert authenticity(points, training) == np.mean(expected)
    assert authenticity(training, training) == 0.0
    assert authenticity(training + 100, training) == 1.0


@pytest.mark.parametrize(
    ("points", "training", "patients", "words"),
    [
        (np.ones((2, 3)), np.eye(4), None, "widths"),
        (np.full((2, 4), np.nan), np.eye(4), None, "finite"),
        (np.ones((0, 4)), np.eye(4), None, "none"),
        (np.ones((2, 4)), np.eye(4), ["a"] * 3, "do not fit"),
        (np.ones((2, 4)), np.eye(4), ["a"] * 4, "fewer than two patients"),
        (np.ones((2, 4)), np.eye(4)[:1], None, "fewer than two patients"),
    ],
)
def test_bad_input_is_refused_in_words(points, training, patients, words):
    with pytest.raises(UserError, match=words):
        feature_distances(points, training, patients)
