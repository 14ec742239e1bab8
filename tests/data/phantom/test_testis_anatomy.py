"""Masks, tissue and picture agree: what should be dark is dark, what should be bright is bright."""

from functools import lru_cache

import pytest
import torch
from torch.nn.functional import max_pool2d

from testiculus.data.phantom import PhantomSettings, demonstration, phantom
from testiculus.data.phantom.draws import Draws
from testiculus.data.phantom.inhomogeneity import KINDS
from testiculus.data.phantom.scanners import SCANNERS
from testiculus.data.phantom.shapes import (
    capsule_distance,
    ellipse_distance,
    smooth_fields,
    squareness,
)


@lru_cache
def scrotum(**changes):
    return phantom(PhantomSettings(**changes), numbers=range(8))


def mean_where(pixels, mask):
    """Return each image's mean grey where the mask is, N."""
    return (pixels * mask).flatten(1).sum(1) / mask.flatten(1).sum(1).clamp(min=1)


def grown(mask, by):
    return max_pool2d(mask.float(), 2 * by + 1, 1, by)


def test_testis_fills_a_believable_part_of_the_view():
    share = scrotum().masks["parenchyma"].float().mean((1, 2, 3))

    assert 0.12 < share.min() and share.max() < 0.6


def test_hydrocele_is_darker_than_parenchyma_and_enhances_what_lies_behind():
    with_fluid, without = scrotum(fluid_rate=1.0), scrotum(fluid_rate=0.0)

    def ring_and_below(images):
        body = images.masks["parenchyma"].float()
        pixels = images.pixels.float()
        above = (grown(body, 6) - grown(body, 3)) * (torch.arange(128).view(1, 1, -1, 1) < 60)
        return mean_where(pixels, above), mean_where(pixels, body), pixels[:, :, 112:, 40:88]

    ring, inside, below = ring_and_below(with_fluid)
    plain_ring, plain_inside, plain_below = ring_and_below(without)

    assert (ring < 0.6 * inside).float().mean() > 0.9
    assert (plain_ring > 0.6 * plain_inside).all()
    assert below.mean() > plain_below.mean() + 10


def test_tunica_is_brighter_than_the_parenchyma_it_coats():
    images = scrotum(fluid_rate=0.0)
    body = images.masks["parenchyma"].float()
    core = 1 - grown(1 - body, 4)
    coat = grown(body, 1) - (1 - grown(1 - body, 1))

    brighter = mean_where(images.pixels.float(), coat) - mean_where(images.pixels.float(), core)

    assert (brighter > 5).float().mean() > 0.9


def test_strong_lesions_change_the_grey_where_their_mask_says():
    images = scrotum(prevalence=1.0, reader_error_rate=0.0, frame_miss_rate=0.0, contrast=14.0)
    lesion = images.masks["lesion"].float()
    rest = images.masks["parenchyma"].float() - lesion

    pixels = images.pixels.float()
    change = (mean_where(pixels, lesion) - mean_where(pixels, rest)).abs()

    assert (change > 8).float().mean() > 0.9


def test_contrast_zero_hides_every_lesion_but_keeps_its_mask():
    changes = {"prevalence": 1.0, "reader_error_rate": 0.0, "frame_miss_rate": 0.0}
    hidden = scrotum(contrast=0.0, **changes)
    well = scrotum(contrast=0.0, prevalence=0.0, reader_error_rate=0.0)

    assert torch.equal(hidden.pixels, well.pixels)
    assert hidden.masks["lesion"].any() and not well.masks["lesion"].any()


def test_a_missed_frame_shows_what_a_homogeneous_testis_shows():
    missed = scrotum(prevalence=1.0, reader_error_rate=0.0, frame_miss_rate=1.0)
    well = scrotum(prevalence=0.0, reader_error_rate=0.0)

    assert torch.equal(missed.pixels, well.pixels)
    assert set(missed.frame["why"]) == {"frame"} and set(well.frame["why"]) == {""}


def test_trachea_throws_a_shadow_in_transverse_views_only():
    necks = phantom(PhantomSettings(organ="thyroid"), numbers=range(6))
    deepest = necks.pixels[:, 0, 112:].float().mean(1)  # N x W
    transverse = torch.tensor((necks.frame["view"] == "transverse").tolist())

    darkest = deepest.unfold(1, 12, 1).mean(2).min(1).values
    contrast = darkest / deepest.median(1).values

    assert (contrast[transverse] < 0.6).all()
    assert (contrast[~transverse] > 0.6).all()


def test_nodules_come_at_the_asked_rate():
    none = phantom(PhantomSettings(organ="thyroid", nodule_rate=0.0, pixels=64), numbers=range(3))
    always = phantom(PhantomSettings(organ="thyroid", nodule_rate=1.0, pixels=64), numbers=range(3))

    assert not none.masks["lesion"].any()
    assert always.masks["lesion"].flatten(1).any(1).all()


def test_demonstration_shows_every_kind_on_each_scanner():
    shown = demonstration(PhantomSettings(pixels=32), views=2)

    order = ["homogeneous", *KINDS, "thyroid"]
    assert shown.frame["caption"].tolist() == [c for c in order for _ in "12"] * len(SCANNERS)
    assert shown.frame["row"].drop_duplicates().tolist() == list(SCANNERS)
    testis = shown.frame[shown.frame["organ"] == "testis"]
    assert ((testis["true_label"] == 1) == (testis["caption"] != "homogeneous")).all()


def test_distance_to_an_ellipse_is_right_on_a_circle_and_to_first_order_elsewhere():
    angle = torch.linspace(0, 6.28, 50)
    a, b = torch.tensor(20.0), torch.tensor(10.0)
    near = torch.tensor(0.2)

    circle = ellipse_distance(13 * angle.cos(), 13 * angle.sin(), b, b)
    normal = torch.stack([angle.cos() / a, angle.sin() / b])
    normal = normal / normal.norm(dim=0)
    beside = ellipse_distance(
        a * angle.cos() + near * normal[0], b * angle.sin() + near * normal[1], a, b
    )

    torch.testing.assert_close(circle, torch.full_like(angle, 3.0), atol=1e-3, rtol=0)
    torch.testing.assert_close(beside, near.expand_as(angle), atol=0.01, rtol=0)


def test_smooth_fields_have_mean_0_and_variance_1_at_every_place_and_size():
    fields = torch.cat([smooth_fields(Draws("fields", k), 40, 5, 33) for k in range(10)])
    values = fields.flatten(0, 1)

    assert values.shape[0] == 1600
    assert values.mean(0).abs().max() < 5 / 1600**0.5
    assert (values.var(0) - 1).abs().max() < 0.2
    coarse = smooth_fields(Draws("fields"), 1, 5, 16)
    fine = smooth_fields(Draws("fields"), 1, 5, 48)
    torch.testing.assert_close(fine[..., 1::3, 1::3], coarse)  # the same field, sampled finer


def test_wedge_is_wide_at_its_start_and_narrow_at_its_end():
    u, v = torch.tensor([0.0, 5.0, 10.0, 12.0]), torch.zeros(4)
    wide, thin, length = torch.tensor(2.0), torch.tensor(1.0), torch.tensor(10.0)

    distance = capsule_distance(u, v, length, wide, thin)

    assert distance.tolist() == pytest.approx([-2.0, -1.5, -1.0, 1.0], abs=1e-2)


def test_only_walls_square_to_the_beam_are_mirrors():
    a, b = torch.tensor(20.0), torch.tensor(10.0)

    top = squareness(torch.tensor(0.0), torch.tensor(10.0), a, b)
    flank = squareness(torch.tensor(20.0), torch.tensor(0.0), a, b)

    assert float(top) == pytest.approx(1.0, abs=1e-3) and float(flank) == pytest.approx(0.0)
