import numpy as np
import pandas as pd
import pytest
import torch

from testiculus.audits.findings import CLEAR, FOUND, holm
from testiculus.audits.overlay import (
    burnt_in,
    field_of,
    overlay_finding,
    overlay_table,
    rings_and_crosses,
)
from testiculus.audits.questions import Question
from testiculus.data.phantom import PhantomSettings, phantom


def sector():
    """Return a fan of speckle on black, uint8 240 x 300, as a convex probe shows it."""
    random = np.random.default_rng(0)
    down, across = np.mgrid[:240, :300]
    radius, angle = np.hypot(down + 40, across - 150), np.arctan2(across - 150, down + 40)
    inside = (radius > 60) & (radius < 260) & (np.abs(angle) < 0.6)
    return np.where(inside, random.integers(40, 200, (240, 300)), 0).astype(np.uint8)


def lettered(grey):
    marked = grey.copy()
    for column in range(5, 45, 8):
        marked[10:22, column : column + 2] = 255  # strokes of letters in the corner
        marked[15:17, column : column + 6] = 255
    return marked


@pytest.fixture(scope="module")
def views():
    plain = phantom(PhantomSettings(patients=8))
    return plain.pixels, phantom(PhantomSettings(patients=8, markers=1.0)).pixels


def test_the_phantoms_marks_are_seen_and_nothing_where_there_are_none(views):
    plain, marked = views

    assert not rings_and_crosses(plain).any()
    assert rings_and_crosses(marked).mean() > 0.6


def test_writing_in_the_corner_is_seen_and_the_field_is_no_writing():
    grey = sector()

    assert burnt_in(grey) == 0
    written = lettered(grey)
    assert burnt_in(written) == pytest.approx(np.sum(written != grey), rel=0.1)


def test_the_field_is_the_fan_with_its_shadows():
    grey = sector()
    shadow = grey.copy()
    shadow[120:, 150:175] = 0

    field = field_of(shadow)

    assert field[grey > 0].mean() > 0.97 and field.mean() < 0.8
    assert field_of(np.zeros((20, 30), np.uint8)).all()


def test_a_picture_that_is_all_field_holds_no_writing():
    assert burnt_in(np.random.default_rng(0).integers(0, 255, (90, 80)).astype(np.uint8)) == 0


def table(seen, labels):
    asked = Question("label", "sick", "well", np.arange(len(labels)), np.asarray(labels))
    found = overlay_table(pd.DataFrame({"marks": seen}), [asked], np.arange(len(labels)))
    return found.assign(p_adjusted=holm(found["p"]))


def test_marks_that_go_with_the_label_are_found():
    labels = np.tile([0, 1], 40)

    found = table(labels == 1, labels)
    finding = overlay_finding(found)

    assert finding.state == FOUND and "100% of sick and 0% of well" in finding.found
    assert found.loc[0, "share"] == 0.5 and np.isnan(found.loc[0, "p"])


def test_marks_that_go_with_nothing_are_said_to_be_there():
    finding = overlay_finding(table(np.tile([1, 1, 0, 0], 20) == 1, np.tile([0, 1], 40)))

    assert finding.state == FOUND and "no class has more" in finding.found


def test_a_few_mistakes_of_the_detector_are_nothing_found():
    seen = np.zeros(80, bool)
    seen[:2] = True

    assert overlay_finding(table(seen, np.tile([0, 1], 40))).state == CLEAR


def test_tensors_of_other_sizes_are_brought_to_one():
    assert rings_and_crosses(torch.zeros(3, 1, 50, 60, dtype=torch.uint8)).tolist() == [False] * 3
