"""What maps hold, against plain loops over their pixels; what is asked of a model, and what not."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from testiculus.experiments import explained_maps
from testiculus.experiments.explained_maps import (
    VALUES,
    View,
    differs,
    entries_of,
    measure_maps,
    measure_model,
)
from testiculus.experiments.explained_training import build_untrained
from testiculus.finetune.training import predict

CPU = torch.device("cpu")
N, SIDE = 7, 6


def made_up():
    """Seven images as they are; under "some" the first four have changed, under "all" all."""
    random = torch.Generator().manual_seed(0)
    plain = torch.randint(0, 200, (N, 1, SIDE, SIDE), generator=random).to(torch.uint8)
    marks = torch.rand(2, N, 1, SIDE, SIDE, generator=random) < 0.2
    marks[0, 4:] = False
    views = [View("unmarked", plain, None, ("fine", "coarse"))]
    for name, mask, layers in zip(
        ("some", "all"), marks, (("fine",), ("fine", "coarse")), strict=True
    ):
        views.append(View(name, torch.where(mask, plain + 40, plain), mask, layers))
    regions = {"parenchyma": torch.rand(N, 1, SIDE, SIDE, generator=random) < 0.5}
    regions["parenchyma"][2] = False
    return views, {"parenchyma": regions["parenchyma"].to(torch.uint8)}


class Looker:
    """Maps that follow the grey values, and a record of what was asked; image 5's are all zero."""

    def __init__(self):
        self.asked = []

    def __call__(self, pixels, layer, index):
        self.asked.append((layer, len(index)))
        grey = pixels[index, 0].numpy().astype(np.float32) / 255
        maps = grey if layer == "fine" else grey**2
        maps[index == 5] = 0
        return maps, grey.mean(axis=(1, 2))


@pytest.fixture(scope="module")
def measured():
    views, regions = made_up()
    look = Looker()
    values = measure_maps(look, views, regions)
    return SimpleNamespace(views=views, regions=regions, look=look, values=values)


def test_every_value_is_what_a_plain_loop_finds(measured):
    views, entries = {view.condition: view for view in measured.views}, entries_of(measured.views)
    inside = measured.regions["parenchyma"][:, 0].numpy()
    assert measured.values.shape == (len(entries), N, len(VALUES))
    for (condition, layer), values in zip(entries, measured.values, strict=True):
        view = views[condition]
        for i in range(N):
            expected = dict.fromkeys(VALUES, np.nan)
            (one, before), [p] = looked_at(views, view, layer, i)
            expected |= {"probability": p, "map": float(any(one.flat))}
            expected |= named("parenchyma", shares(one, inside[i]))
            if view.mask is not None:
                marks = view.mask[i, 0].numpy()
                expected |= named("markers", shares(one, marks))
                expected["there_markers"] = shares(before, marks)["energy"]
                if one.any() and before.any():
                    moved = np.abs(one / one.sum() - before / before.sum()).sum() / 2
                    expected["map_change"] = moved
                wide = [p for p in np.ndindex(SIDE, SIDE) if inside[i][p] and is_clear(marks, p)]
                if wide and one.any():
                    expected["energy_clear"] = sum(one[p] for p in wide) / one.sum()
            else:
                other = looked_at(views, view, layer, (i - N // 2) % N)[0][0]
                if one.any() and other.any():
                    apart = np.abs(one / one.sum() - other / other.sum()).sum() / 2
                    expected["change_between"] = apart
            np.testing.assert_allclose(values[i], [expected[v] for v in VALUES], atol=1e-6)


def is_clear(marks, place):
    """Whether no marker is within a seventh of the side, rounded up, of a pixel."""
    away = [np.abs(np.array(mark) - place).max() for mark in np.argwhere(marks)]
    return not away or min(away) > -(-SIDE // 7)


def looked_at(views, view, layer, i):
    """One image's map in a view and as it is, float64, and its probability in that view."""
    both = [Looker()(v.pixels, layer, np.array([i])) for v in (view, views["unmarked"])]
    return [maps[0].astype(float) for maps, _ in both], both[0][1]


def shares(one, mask):
    """Energy, area and pointing of one map and one mask, pixel by pixel; area of any map."""
    cells = [(r, c) for r in range(SIDE) for c in range(SIDE) if mask[r, c]]
    found = {"energy": np.nan, "area": len(cells) / SIDE**2 if cells else np.nan, "point": np.nan}
    if cells and one.sum():
        found["energy"] = sum(one[cell] for cell in cells) / one.sum()
        tied = np.argwhere(one == one.max())
        found["point"] = np.mean([tuple(place) in cells for place in tied])
    return found


def named(region, found):
    return {f"{name}_{region}": value for name, value in found.items()}


def test_images_that_a_view_leaves_as_they_are_are_not_looked_at_again(measured):
    assert [int(differs(view, measured.views[0]).sum()) for view in measured.views] == [0, 4, 7]
    assert measured.look.asked == [
        ("fine", 7),
        ("coarse", 7),
        ("fine", 4),
        ("fine", 7),
        ("coarse", 7),
    ]
    some = measured.values[2]
    assert np.isnan(some[4:, VALUES.index("energy_markers")]).all()
    np.testing.assert_array_equal(some[[4, 6], VALUES.index("map_change")], 0)


def test_chunks_change_nothing_and_every_map_is_counted(measured, monkeypatch):
    monkeypatch.setattr(explained_maps, "CHUNK", 3)
    counted = []
    values = measure_maps(Looker(), measured.views, measured.regions, counted.append)
    between = VALUES.index("change_between")  # of two images of one chunk
    kept = [column for column in range(len(VALUES)) if column != between]
    np.testing.assert_array_equal(values[..., kept], measured.values[..., kept])
    assert sum(counted) == 7 + 7 + 4 + 7 + 7


def test_a_model_is_asked_for_the_positive_class_and_gives_its_probabilities():
    noise = np.random.default_rng(0).integers(0, 256, (5, 1, 32, 32), np.uint8)
    views = [View("unmarked", torch.from_numpy(noise), None, ("layer1",))]
    model = build_untrained(0, 0, CPU)
    values = measure_model(lambda: model, views, {}, CPU)["values"]
    expected = predict(model, views[0].pixels, np.arange(5)).numpy()
    np.testing.assert_allclose(values[0, :, VALUES.index("probability")], expected, atol=1e-6)
    assert (values[0, :, VALUES.index("map")] == 1).all()
