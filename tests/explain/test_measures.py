import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from testiculus.base.errors import UserError
from testiculus.explain import area_share, energy_share, map_change, pointing_game

SHAPES = st.tuples(st.integers(1, 4), st.integers(1, 6), st.integers(1, 6))
# Few different values, so that maxima tie and maps of zeros occur.
VALUES = st.sampled_from([0.0, 0.25, 1.0]) | st.floats(0, 1, width=32)


@st.composite
def maps_and_masks(draw):
    shape = draw(SHAPES)
    return draw(arrays(np.float32, shape, elements=VALUES)), draw(arrays(bool, shape))


def plain(map_, mask) -> tuple[float, float, float]:
    """Energy share, area share and pointing game of one image, pixel by pixel."""
    energy = inside = covered = peaks = hits = 0.0
    largest = max(float(value) for value in map_.flat)
    for value, within in zip(map_.flat, mask.flat, strict=True):
        energy += float(value)
        inside += float(value) if within else 0.0
        covered += within
        peaks += value == largest
        hits += value == largest and within
    none = float("nan")
    if not covered:
        return none, none, none
    if not energy:
        return none, covered / mask.size, none
    return inside / energy, covered / mask.size, hits / peaks


@given(maps_and_masks())
def test_measures_equal_those_counted_pixel_by_pixel(drawn):
    maps, masks = drawn
    expected = np.array([plain(*pair) for pair in zip(maps, masks, strict=True)]).T
    found = energy_share(maps, masks), area_share(masks), pointing_game(maps, masks)
    assert all(values.dtype == np.float64 for values in found)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@given(maps_and_masks(), st.floats(0.125, 8, width=32))
def test_a_maps_scale_does_not_matter(drawn, factor):
    maps, masks = drawn
    scaled = (maps.astype(np.float64) * factor).astype(np.float64)
    np.testing.assert_allclose(energy_share(scaled, masks), energy_share(maps, masks), rtol=1e-9)
    np.testing.assert_array_equal(pointing_game(scaled, masks), pointing_game(maps, masks))


@given(maps_and_masks())
def test_a_mask_and_what_it_leaves_out_share_all_the_energy(drawn):
    maps, masks = drawn
    whole = energy_share(maps, masks) + energy_share(maps, ~masks)
    both = (maps.sum(axis=(1, 2)) > 0) & masks.any(axis=(1, 2)) & ~masks.all(axis=(1, 2))
    np.testing.assert_allclose(whole[both], 1)
    assert np.isnan(whole[~both]).all()


def test_a_map_without_preference_has_the_masks_share_of_the_area():
    masks = np.random.default_rng(0).random((5, 8, 9)) < 0.3
    flat = np.full(masks.shape, 0.5, np.float32)
    np.testing.assert_allclose(energy_share(flat, masks), area_share(masks))
    np.testing.assert_allclose(pointing_game(flat, masks), area_share(masks))


def test_a_full_mask_holds_everything_and_an_empty_one_is_no_number():
    maps = np.random.default_rng(0).random((2, 4, 4))
    masks = np.zeros(maps.shape, bool)
    masks[0] = True
    for values in (energy_share(maps, masks), area_share(masks), pointing_game(maps, masks)):
        np.testing.assert_array_equal(values, [1, np.nan])


def plain_change(a, b) -> float:
    """The largest difference that any set of pixels has: what total variation is defined by."""
    a, b = (m.astype(np.float64) / m.sum(dtype=np.float64) for m in (a, b))
    return float((a - b)[a > b].sum())


@given(maps_and_masks(), st.randoms(use_true_random=False))
def test_change_is_the_energy_that_has_to_move(drawn, random):
    a, b = drawn[0], drawn[0].copy()
    for map_ in b:
        values = list(map_.flat)
        random.shuffle(values)
        map_.flat = values
    change, some = map_change(a, b), a.sum(axis=(1, 2)) > 0
    expected = [plain_change(*pair) for pair in zip(a[some], b[some], strict=True)]
    np.testing.assert_allclose(change[some], expected, atol=1e-12)
    assert np.isnan(change[~some]).all()
    np.testing.assert_array_equal(map_change(b, a), change)


def test_change_runs_from_none_for_the_same_shape_to_one_for_separate_maps():
    left, right = np.zeros((2, 1, 3, 4), np.float32)
    left[:, :, :2], right[:, :, 2:] = 0.2, 0.9
    np.testing.assert_allclose(map_change(left, left * 4), 0, atol=1e-7)
    np.testing.assert_allclose(map_change(left, right), 1)
    np.testing.assert_allclose(map_change(left, left + right / 4.5), 0.5, rtol=1e-6)


@settings(max_examples=30)
@given(arrays(np.float64, (3, 1, 3, 3), elements=st.floats(0.01, 1)))
def test_change_by_way_of_a_third_map_is_no_shorter(three):
    a, b, c = three
    assert map_change(a, c) <= map_change(a, b) + map_change(b, c) + 1e-12


def test_large_maps_are_summed_in_double_precision():
    maps = np.ones((1, 4096, 4200), np.float32)  # more pixels than float32 can count
    mask = np.zeros(maps.shape, bool)
    mask[0, 0, 0] = True
    assert energy_share(maps, mask)[0] == 1 / maps.size
    assert energy_share(maps, ~mask)[0] == 1 - 1 / maps.size


def test_no_images_give_no_numbers():
    maps, masks = np.zeros((0, 4, 4), np.float32), np.zeros((0, 4, 4), bool)
    for values in (energy_share(maps, masks), area_share(masks), pointing_game(maps, masks)):
        assert values.shape == (0,) and values.dtype == np.float64
    assert map_change(maps, maps).shape == (0,)


MAPS, MASKS = np.ones((2, 3, 4)), np.ones((2, 3, 4), bool)


@pytest.mark.parametrize("measure", [energy_share, pointing_game])
def test_what_is_no_map_or_no_mask_is_refused(measure):
    for maps in (MAPS[0], MAPS.astype(int), MAPS - 2, MAPS * np.nan, MAPS * np.inf):
        with pytest.raises(UserError, match="maps must be"):
            measure(maps, MASKS)
    for masks in (MASKS[0], MASKS.astype(np.uint8)):
        with pytest.raises(UserError, match="masks must be bool"):
            measure(MAPS, masks)
    with pytest.raises(UserError, match=r"differ: \(2, 3, 4\) and \(1, 3, 4\)"):
        measure(MAPS, MASKS[:1])


def test_changes_of_maps_that_do_not_belong_together_are_refused():
    with pytest.raises(UserError, match="differ"):
        map_change(MAPS, MAPS[:, :2])
    with pytest.raises(UserError, match="not negative"):
        map_change(MAPS, -MAPS)
