import numpy as np
import pandas as pd
import pytest
import torch

from testiculus.base.errors import InputWarning, UserError
from testiculus.data.phantom import PhantomSettings, phantom
from testiculus.experiments import copy_audit
from testiculus.experiments.copy_study import RealImages, copy_study
from testiculus.manifold.copies import authenticity
from testiculus.manifold.copies_pixels import PLANTED
from testiculus.manifold.copies_rate import allowed_rate, copy_rate

TRAINING, DRAWN, COPIED = 80, 40, 10  # images; of the drawn ones, copies
SUBJECTS = ["generated", "filtered", "held-out real", *(f"planted: {kind}" for kind in PLANTED)]


def flat(pixels):
    """Stand-in for an encoder: coarse grey levels."""
    small = torch.nn.functional.adaptive_avg_pool2d(pixels.float(), 8)
    return small.flatten(1).numpy()


@pytest.fixture(scope="module")
def images():
    """Training images of 20 patients, held-out ones of 30, and 40 "generated", 10 of them copies.

    The others that were drawn are images of ten more patients.
    """
    made = phantom(PhantomSettings(patients=58, pixels=32))
    pixels, names = made.pixels, made.frame["patient"].to_numpy(dtype=str)
    training = RealImages(pixels[:TRAINING], names[:TRAINING])
    held_out = RealImages(pixels[TRAINING:200], names[TRAINING:200])
    copies = pixels[:TRAINING:8].flip(-1)
    return torch.cat([copies, pixels[200 : 200 + DRAWN - COPIED]]), training, held_out


@pytest.fixture(scope="module")
def kept():
    return np.arange(DRAWN) % 4 != 3


@pytest.fixture(scope="module", params=[True, False], ids=["held out", "left out"])
def study(request, images, kept):
    generated, training, held_out = images
    return copy_study(
        generated, kept, training, held_out if request.param else None, {"flat": flat}
    )


def line(study, subject, space="pixels"):
    found = study.copies[study.copies["space"] == space].set_index("subject")
    return found.loc[next(name for name in found.index if name.startswith(subject))]


def test_there_is_one_line_for_each_subject_and_space(study):
    assert tuple(study.copies) == copy_audit.COPY_COLUMNS
    for _, part in study.copies.groupby("space"):
        told = [name.partition(" (")[0] for name in part["subject"]]
        assert told == SUBJECTS
    assert list(study.copies["space"].unique()) == ["pixels", "flat"]


def test_copies_among_generated_images_are_counted_and_the_others_are_not(study, kept):
    found = line(study, "generated")
    assert COPIED <= found["copies"] <= COPIED + 2 and found["n"] == DRAWN
    filtered = line(study, "filtered")
    assert filtered["n"] == kept.sum() and filtered["copies"] >= kept[:COPIED].sum()
    own = study.distances.query("subject == 'generated' and space == 'pixels'")
    assert own["copy"].to_numpy()[:COPIED].all() and own["copy"].sum() == found["copies"]
    np.testing.assert_array_equal(own["kept"], kept)
    np.testing.assert_array_equal(own["training_image"][:COPIED], np.arange(0, TRAINING, 8))


def test_every_planted_kind_is_caught_in_pixels_and_its_source_found(study):
    for kind in PLANTED:
        found = line(study, f"planted: {kind}")
        assert found["n"] == TRAINING and found["rate"] >= 0.95 and found["source_found"] >= 0.95
        assert found["authenticity"] < 0.1


def test_held_out_patients_who_set_the_threshold_are_not_judged_by_it(study, images):
    own = study.distances[study.distances["space"] == "pixels"]
    first = own[own["subject"] == copy_audit.FOR_THRESHOLD]
    rest = own[own["subject"].str.startswith("held-out real")]
    found = line(study, "held-out real")
    _, training, held_out = images
    real = held_out if len(first) + len(rest) == len(held_out) else training
    theirs = [set(real.patients[part["image"]]) for part in (first, rest)]
    assert not theirs[0] & theirs[1] and len(theirs[1]) == found["patients"]
    assert len(first) + len(rest) == len(real) and len(rest) == found["n"]
    assert found["threshold"] == np.sort(first["distance"])[0]  # fewer than 199: the smallest
    assert (found["allowed"], found["allowed_high"]) == allowed_rate(len(first))
    assert found["rate"] <= 0.05


def test_rates_distances_and_intervals_are_those_of_the_lines(study):
    for _, told in study.copies.iterrows():
        if told["subject"] == "filtered":
            continue
        lines = study.distances.query("subject == @told.subject and space == @told.space")
        expected = copy_rate(lines["distance"], told["threshold"])
        assert (told["copies"], told["n"]) == (expected.copies, expected.n)
        assert (told["low"], told["high"]) == (expected.low, expected.high)
        assert told["median_distance"] == pytest.approx(np.median(lines["distance"]))
        assert told["median_plain_distance"] == pytest.approx(np.median(lines["plain_distance"]))


def test_the_most_suspicious_pairs_come_first(study):
    assert tuple(study.nearest) == copy_audit.NEAREST_COLUMNS
    pairs = study.nearest[study.nearest["space"] == "pixels"]
    assert pairs["rank"].tolist() == list(range(8)) and pairs["distance"].is_monotonic_increasing
    assert set(pairs["image"]) <= set(range(COPIED))
    np.testing.assert_array_equal(pairs["training_image"], 8 * pairs["image"])


def test_authenticity_is_that_of_the_features(images, kept):
    generated, training, held_out = images
    found = copy_study(generated, kept, training, held_out, {"flat": flat})
    told = line(found, "generated", "flat")["authenticity"]
    assert told == pytest.approx(authenticity(flat(generated), flat(training.pixels)))
    assert 0.2 < line(found, "held-out real", "flat")["authenticity"] < 0.9


def test_a_left_out_patient_has_no_part_in_what_it_is_compared_with(images, kept):
    """Its authenticity is that against the training images of all other patients."""
    generated, training, _ = images
    found = copy_study(generated, kept, training, None, {"flat": flat}, seed=3)
    lines = found.distances.query("space == 'flat' and image < 80")
    rest = lines[lines["subject"].str.startswith("held-out real")]["image"].to_numpy()
    points = flat(training.pixels)
    expected = [
        authenticity(points[[i]], points[training.patients != training.patients[i]]) for i in rest
    ]
    assert line(found, "held-out real", "flat")["authenticity"] == pytest.approx(np.mean(expected))


def test_the_same_seed_gives_the_same_study(images, kept):
    generated, training, held_out = images
    first, again = (copy_study(generated, kept, training, held_out, {}, seed=1) for _ in range(2))
    pd.testing.assert_frame_equal(first.copies, again.copies)
    pd.testing.assert_frame_equal(first.distances, again.distances)


def test_one_patient_under_two_names_is_noticed_and_does_not_blind_the_audit(images, kept):
    generated, training, held_out = images
    names = training.patients.copy()
    names[:4] = ["a", "b", "c", "d"]  # training image 0 becomes 80 too, mirrored, as another's
    numbered = RealImages(held_out.pixels, np.arange(len(held_out)) // 4)
    twice = RealImages(
        torch.cat([training.pixels, training.pixels[:1].flip(-1)]), np.append(names, "e")
    )
    with pytest.warns(InputWarning, match="2 training images look like copies"):
        found = copy_study(generated, kept, twice, numbered, {})
    assert found.training_doubles == 2 and found.held_out_doubles == 0
    assert found.distances["copy"][0]  # the copy of image 0


def test_a_held_out_patient_whose_image_is_in_training_is_held_out_no_more(images, kept):
    generated, training, held_out = images
    pixels = held_out.pixels.clone()
    pixels[5] = training.pixels[3]
    with pytest.warns(InputWarning, match="1 held-out images look like copies"):
        found = copy_study(generated, kept, training, RealImages(pixels, held_out.patients), {})
    real = found.distances["subject"].isin(["held-out real", copy_audit.FOR_THRESHOLD])
    assert found.held_out_doubles == 1 and real.sum() == len(held_out) - 4


@pytest.mark.parametrize("number", [0, 1])
def test_a_filter_that_keeps_hardly_anything_is_told(images, number):
    generated, training, held_out = images
    found = copy_study(generated, np.arange(DRAWN) < number, training, held_out, {})
    filtered = line(found, "filtered")
    assert filtered["n"] == number and np.isnan(filtered["rate"]) == (number == 0)
    low = 0.025 * number  # of one in one; of none in none nothing is known
    assert (filtered["low"], filtered["high"]) == (pytest.approx(low), 1.0)


def test_one_generated_image_and_identical_ones_are_audited(images):
    _, training, held_out = images
    for n in (1, 5):
        copies = training.pixels[:1].repeat(n, 1, 1, 1)
        found = copy_study(copies, np.ones(n, bool), training, held_out, {})
        assert line(found, "generated")["copies"] == n == min(8 * n, len(found.nearest))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"generated": lambda i: i[0][:0]}, "none"),
        ({"generated": lambda i: i[0].float()}, "uint8"),
        ({"generated": lambda i: i[0][..., :16, :16]}, "different sizes"),
        ({"kept": lambda i: np.ones(3, bool)}, "one bool for each"),
        ({"held_out": lambda i: i[1]}, "20 patients are among the training and the held-out"),
        ({"held_out": lambda i: RealImages(i[2].pixels[:4], i[2].patients[:4])}, "one patient"),
        ({"training": lambda i: RealImages(i[1].pixels[:8], i[1].patients[:8])}, "not 2"),
        ({"extractors": lambda i: {"flat": lambda x: flat(x) * np.nan}}, "finite"),
    ],
)
def test_bad_input_is_refused_in_words(images, kept, change, words):
    generated, training, held_out = images
    given = {"generated": generated, "kept": kept, "training": training, "held_out": held_out}
    given["extractors"] = {}
    given |= {name: made(images) for name, made in change.items()}
    if "generated" in change:
        given["kept"] = np.ones(len(given["generated"]), bool)
    with pytest.raises(UserError, match=words):
        copy_study(**given)


def test_names_that_do_not_fit_their_images_are_refused(images):
    with pytest.raises(UserError, match="do not fit"):
        RealImages(images[1].pixels, np.array(["a"]))
