"""Removal: drawn rings and crosses go, an unmarked view stays nearly as it is."""

import pytest
import torch

from testiculus.base.devices import generator
from testiculus.data.phantom import PhantomSettings, phantom
from testiculus.markers import draw_kind, remove_markers


@pytest.fixture(scope="module", params=[64, 128])
def views(request):
    made = phantom(PhantomSettings(pixels=request.param), numbers=range(6))
    return made.pixels.float() / 255


@pytest.mark.parametrize(("kind", "left"), [("cross", 0.2), ("ring", 0.35)])
def test_most_of_a_drawn_marker_is_removed(views, kind, left):
    marked, mask = draw_kind(kind, views, generator("removed"))
    cleaned = remove_markers(marked)
    before, after = ((part - views).abs()[mask].sum() for part in (marked, cleaned))
    assert after < left * before
    assert float((cleaned != marked)[~mask].float().mean()) < 0.002


def test_an_unmarked_view_stays_nearly_as_it_is(views):
    cleaned = remove_markers(views)
    assert float((cleaned != views).float().mean()) < 0.001


def test_images_are_not_written_to_and_stay_images(views):
    marked, _ = draw_kind("cross", views, generator("written"))
    before = marked.clone()
    cleaned = remove_markers(marked)
    assert torch.equal(marked, before)
    assert cleaned.shape == marked.shape and float(cleaned.min()) >= 0 and float(cleaned.max()) <= 1


def test_a_batch_is_cleaned_image_by_image(views):
    marked, _ = draw_kind("cross", views[:4], generator("batch"))
    alone = torch.cat([remove_markers(image[None]) for image in marked])
    torch.testing.assert_close(remove_markers(marked), alone, atol=1e-6, rtol=0)


def test_a_marker_is_filled_with_the_grey_around_it():
    plain = torch.full((3, 1, 64, 64), 0.3)
    for kind in ("cross", "ring"):
        marked, _ = draw_kind(kind, plain, generator("flat"))
        torch.testing.assert_close(remove_markers(marked), plain, atol=1e-5, rtol=0)


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_a_flat_image_stays_flat(level):
    flat = torch.full((1, 1, 64, 64), level)
    assert torch.equal(remove_markers(flat), flat)
