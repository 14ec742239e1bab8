"""What an audit will cost: each part by its own power, from a few images of the set."""

import json
import time

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from testiculus.base.errors import UserError
from testiculus.experiments import audit_cost
from testiculus.experiments.audit_cost import DEALT, AuditCost, AuditTimes, estimate

NOTHING = dict.fromkeys(AuditTimes.__dataclass_fields__, 0.0)


def times(**some) -> AuditTimes:
    return AuditTimes(**NOTHING | some)


def seconds(found: AuditTimes, images: int) -> float:
    return sum(found.seconds(images, [images], families=4).values())


@pytest.mark.parametrize(
    ("part", "growth"),
    [("reading", 2), ("marks", 2), ("search", 2), ("row", 2), ("forest", 2), ("product", 4)],
)
def test_twice_the_images_cost_each_part_its_own_power(part, growth):
    one = times(**{part: 0.5})
    assert seconds(one, 6000) == pytest.approx(growth * seconds(one, 3000))


def test_the_pairs_grow_with_the_square_and_solving_with_the_cube():
    pairs, solving = times(pair=1e-6), times(solve=1e-6)

    assert seconds(pairs, 80_000) / seconds(pairs, 40_000) == pytest.approx(4, rel=0.02)
    assert seconds(solving, 6000) == pytest.approx(8 * seconds(solving, 3000))


def test_a_set_of_the_size_that_is_timed_costs_what_was_timed():
    found = times(reading=0.01, marks=0.02, row=3.0, product=0.5, solve=0.25, forest=1.0)

    parts = found.seconds(DEALT, [DEALT, DEALT], families=7)

    assert parts["reading"] == pytest.approx(0.01 * DEALT)
    assert parts["marks"] == pytest.approx(0.02 * DEALT)
    assert parts["labels"] == pytest.approx(2 * (7 * 3.75 + 1.0))
    assert found.seconds(DEALT, [], families=7)["labels"] == 0


@pytest.fixture
def quick(monkeypatch):
    """Time smaller pieces, so that a test is no benchmark."""
    small = {"SAMPLE": 6, "SAMPLED_PATIENTS": 2, "LAID": 12, "DEALT": 40}
    for name, value in small.items():
        monkeypatch.setattr(audit_cost, name, value)
    monkeypatch.setattr(audit_cost, "DRAWS", 19)
    for work in ("acquisition_row", "rings_and_crosses"):
        monkeypatch.setattr(audit_cost, work, lambda *_: time.sleep(0.01))
    monkeypatch.setattr(audit_cost, "_pair_times", lambda few: (0.01, 1e-6))


def ward(folder, n: int, labels: bool = True):
    """Write a manifest of `n` noise pictures, each of a patient, in two sizes."""
    rng = np.random.default_rng(n)
    for number in range(n):
        side = (48, 60)[number % 2]
        picture = rng.integers(0, 256, (side, side), dtype=np.uint8)
        Image.fromarray(picture).save(folder / f"{number}.png")
    frame = pd.DataFrame({"image": [f"{i}.png" for i in range(n)], "organ": "liver"})
    frame["patient"] = [f"p{number}" for number in range(n)]
    if labels:
        frame["label"] = [number % 2 if number < n - 4 else "" for number in range(n)]
    frame.to_csv(folder / "manifest.csv", index=False)
    (folder / "manifest.json").write_text(json.dumps({"name": "ward"}))
    return str(folder / "manifest.csv")


def test_a_few_images_stand_for_all_of_a_manifest(quick, tmp_path, monkeypatch):
    read, load = [], audit_cost.load_images
    monkeypatch.setattr(
        audit_cost,
        "load_images",
        lambda some, *more, **how: read.append(some) or load(some, *more, **how),
    )

    cost = estimate(ward(tmp_path, 30))

    assert len(read) == 1 and len(read[0]) == 6
    assert {read[0].frame["image"].iloc[place] for place in (0, -1)} == {"0.png", "29.png"}
    assert cost.images == 30 and list(cost.parts) == ["reading", "pairs", "labels", "marks"]
    assert all(value > 0 for value in cost.parts.values())
    assert cost.disk == 30 * 128**2
    assert torch.get_num_threads() >= 1


def test_a_search_costs_something_for_each_image_and_a_pair_hardly_anything(monkeypatch):
    monkeypatch.setattr(audit_cost, "LAID", 96)
    few = torch.randint(0, 256, (4, 1, 64, 64), generator=torch.manual_seed(0)).to(torch.uint8)

    search, pair = audit_cost._pair_times(few)

    assert search > 0 and 0 <= pair < search


def test_without_labels_no_regressions_are_counted(quick, tmp_path):
    assert estimate(ward(tmp_path, 12, labels=False)).parts["labels"] == 0


def test_only_labelled_images_are_counted_for_the_labels(quick, tmp_path, monkeypatch):
    asked = []
    counted = AuditTimes.seconds
    monkeypatch.setattr(
        AuditTimes,
        "seconds",
        lambda self, images, some, families: (
            asked.append((images, tuple(some))) or counted(self, images, some, families)
        ),
    )

    estimate(ward(tmp_path, 30))

    assert asked == [(30, (26,))]


def test_a_column_that_is_not_there_is_said_before_anything_is_read(quick, tmp_path):
    with pytest.raises(UserError, match="grade"):
        estimate(ward(tmp_path, 12), ("grade",))


def test_the_phantom_is_simulated_in_part_and_counted_as_a_whole(quick):
    cost = estimate("phantom")

    assert cost.images == 880 and cost.disk == 0


def test_an_estimate_leaves_the_threads_as_they_were(quick, tmp_path):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        estimate(ward(tmp_path, 12, labels=False))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_memory_grows_with_the_square_of_the_labelled_images():
    """Counted arrays: a kernel of 20,000 labelled images alone is 3 GB."""
    few, many = (audit_cost.arrays_of(n, [n]) for n in (20_000, 40_000))
    assert few > 20_000**2 * 8
    assert 3 < many / few < 4


def test_an_estimate_in_words_names_its_parts():
    cost = AuditCost(2500, {"reading": 61.0, "pairs": 600.0}, 2.0**31, 2.0**25)
    assert cost.seconds == 661
    assert "2,500 images: about 11 minutes here (reading 9%, pairs 91%)" in cost.in_words()
