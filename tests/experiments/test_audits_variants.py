"""What each variant changes: the wrong side's labels, folds of single views, and what cannot be."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from testiculus.base.errors import UserError
from testiculus.claims.audits_schema import AS_WRITTEN, ONE_DRAW, ROWS, UNGROUPED, WRONG_SIDE
from testiculus.data.images import ImageSet
from testiculus.data.phantom import PhantomSettings, truth_table
from testiculus.experiments.audits_variants import right_side_labels, variants
from testiculus.folds import patient_folds

SEEDS, FOLDS = (0, 3), 3


def imaged(frame):
    pixels = torch.zeros(len(frame), 1, 8, 8, dtype=torch.uint8)
    return ImageSet.build(pixels, frame, "ward", {})


@pytest.fixture(scope="module")
def phantom():
    return imaged(truth_table(PhantomSettings(patients=30)))


def test_every_left_view_of_the_phantom_has_the_right_testiss_label(phantom):
    frame = phantom.frame
    wrong = right_side_labels(phantom)

    testis = frame.groupby(["patient", "side"])["label"].first()  # both views have one label
    for i, patient in enumerate(frame["patient"]):
        assert wrong[i] == testis[patient, "right"]
    assert (wrong != phantom.labels()).any()
    assert phantom.labels().tolist() == frame["label"].tolist()  # the images keep theirs


def test_without_a_right_testis_or_a_side_a_label_is_kept():
    lines = [
        ("a", "left", "sagittal", 0),
        ("a", "Left ", "transverse", 0),
        ("a", "right", "transverse", 0),
        ("a", "right", "sagittal", 1),
        ("b", "left", "sagittal", 1),
        ("c", None, "sagittal", 0),
        ("c", "right", "sagittal", 1),
        ("d", "left", "oblique", 1),
        ("d", "right", "sagittal", 0),
        ("d", "right", "transverse", 1),
    ]
    frame = pd.DataFrame(lines, columns=["patient", "side", "view", "label"])
    assert right_side_labels(imaged(frame)).tolist() == [1, 0, 0, 1, 1, 0, 1, 0, 0, 1]
    no_views = imaged(frame.drop(columns="view"))
    assert right_side_labels(no_views).tolist() == [0, 0, 0, 1, 1, 0, 1, 0, 0, 1]


sided = st.sampled_from(["left", "right", "", None])
testes = st.lists(st.tuples(st.integers(0, 3), sided, st.integers(0, 1)), min_size=1, max_size=20)


@settings(deadline=None)
@given(testes)
def test_right_testes_keep_their_labels_and_reading_twice_changes_nothing_more(lines):
    frame = pd.DataFrame(lines, columns=["patient", "side", "label"])
    once = right_side_labels(imaged(frame))
    kept = (frame["side"] != "left").to_numpy()

    assert np.array_equal(once[kept], frame["label"].to_numpy()[kept])
    assert np.array_equal(right_side_labels(imaged(frame.assign(label=once))), once)


def test_the_articles_folds_are_those_of_the_labels_as_they_came(phantom):
    found, untestable = variants(phantom, SEEDS, FOLDS)

    assert tuple(found) == ROWS and untestable == {}
    told = phantom.labels(), phantom.frame["patient"].to_numpy(), FOLDS
    for seed in SEEDS:
        for row in (AS_WRITTEN, ONE_DRAW):
            assert np.array_equal(found[row].folds[seed], patient_folds(*told, seed))
    assert [each.row for each in found.values() if each.every_epoch] == [AS_WRITTEN]
    assert [each.row for each in found.values() if each.draw == "batch"] == [ONE_DRAW]


def split_patients(variant, images, seed):
    frame = pd.DataFrame({"patient": images.frame["patient"], "fold": variant.folds[seed]})
    return int((frame.groupby("patient")["fold"].nunique() > 1).sum())


def test_only_folds_of_single_views_part_the_images_of_a_patient(phantom):
    found = variants(phantom, SEEDS, FOLDS)[0]
    for seed in SEEDS:
        assert split_patients(found[UNGROUPED], phantom, seed) > 20
        for row in (AS_WRITTEN, WRONG_SIDE, ONE_DRAW):
            assert split_patients(found[row], phantom, seed) == 0


def test_the_wrong_sides_labels_are_read_in_the_articles_own_folds(phantom):
    found = variants(phantom, SEEDS, FOLDS)[0]

    assert np.array_equal(found[WRONG_SIDE].labels, right_side_labels(phantom))
    assert found[WRONG_SIDE].folds is found[AS_WRITTEN].folds


def test_one_image_a_patient_and_no_sides_leave_two_audits_untestable():
    frame = pd.DataFrame({"patient": [f"p{i}" for i in range(12)], "label": [0, 1] * 6})
    found, untestable = variants(imaged(frame), SEEDS, FOLDS)

    assert tuple(found) == (AS_WRITTEN, ONE_DRAW)
    assert untestable[UNGROUPED].startswith("every patient has one image")
    assert "left and right" in untestable[WRONG_SIDE]


def test_sides_that_agree_leave_the_wrong_side_untestable(phantom):
    frame = phantom.frame.assign(label=right_side_labels(phantom))
    untestable = variants(imaged(frame), SEEDS, FOLDS)[1]
    assert set(untestable) == {WRONG_SIDE}
    assert "has the label of the right one" in untestable[WRONG_SIDE]


def test_labels_of_the_wrong_side_that_no_fold_can_hold_are_told():
    rows = [(p, side, int(side == "left" and p < 4)) for p in range(9) for side in SIDES]
    frame = pd.DataFrame(rows, columns=["patient", "side", "label"])
    untestable = variants(imaged(frame), SEEDS, FOLDS)[1]
    assert "all labels of a training part are the same" in untestable[WRONG_SIDE]


SIDES = ("left", "right")


def test_images_that_the_article_itself_cannot_split_are_refused():
    frame = pd.DataFrame({"patient": ["a", "a", "b", "b"], "label": [0, 1, 0, 1]})
    with pytest.raises(UserError, match="3 folds need at least 3 patients"):
        variants(imaged(frame), SEEDS, FOLDS)
