import math

import pytest
import torch
from torch import nn

from testiculus.base.devices import generator
from testiculus.base.errors import UserError
from testiculus.pretrain.interface import PretrainSettings
from testiculus.pretrain.watch import Watch, measured_steps

SETTINGS = PretrainSettings(steps=10, seed=3)
PIXELS = torch.randint(0, 256, (300, 1, 8, 8), generator=generator("pixels")).to(torch.uint8)


class Angle(nn.Module):
    """Features on the unit circle (times `length`) at angles that are looked up by view and row."""

    def __init__(self, *angles, length=1.0):
        super().__init__()
        self.angles, self.length, self.calls = angles, length, 0

    def forward(self, images):
        angle = torch.as_tensor(self.angles[self.calls % len(self.angles)])
        self.calls += 1
        return self.length * torch.stack([torch.cos(angle), torch.sin(angle)], dim=1)


@pytest.mark.parametrize(("steps", "looks"), [(1, 2), (3, 4), (10, 11), (23, 11), (1000, 11)])
def test_it_looks_at_the_start_at_the_end_and_about_ten_times(steps, looks):
    found = measured_steps(steps)
    assert found[0] == 0 and found[-1] == steps and len(found) == looks


def test_opposite_features_are_measured_as_the_geometry_says():
    # Two images at opposite points, and both of their views turned by a right angle.
    a, b = torch.tensor([0.0, math.pi]), torch.tensor([math.pi / 2, 3 * math.pi / 2])
    found = Watch(PIXELS[:2], SETTINGS).measure(Angle(a, b, length=5.0), 4)
    assert found.step == 4
    assert found.alignment == pytest.approx(2)  # |e1 - e2|^2
    assert found.uniformity == pytest.approx(-8)  # log exp(-2 * 2^2)
    assert found.spread == pytest.approx(1)  # centred at the origin


def test_it_looks_at_256_images_and_at_the_same_views_every_time():
    watch, again = Watch(PIXELS, SETTINGS), Watch(PIXELS, SETTINGS)
    assert watch.views[0].shape == (256, 1, 8, 8)
    assert not torch.equal(*watch.views)
    assert all(torch.equal(*pair) for pair in zip(watch.views, again.views, strict=True))


def test_a_look_changes_no_statistics_and_gives_the_encoder_back_training():
    encoder = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Flatten()).train()
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    Watch(PIXELS, SETTINGS).measure(encoder, 1)
    assert encoder.training and encoder[1].training
    assert all(torch.equal(value, before[name]) for name, value in encoder.state_dict().items())


def test_features_that_are_all_alike_are_a_collapse_once_training_has_begun():
    alike = torch.zeros(2)
    watch = Watch(PIXELS[:2], SETTINGS)
    start = watch.measure(Angle(alike, alike), 0)
    assert start.spread == 0 and start.uniformity == start.alignment == 0
    with pytest.raises(UserError, match="(?s)collapsed after step 5 of 10.*larger batch"):
        watch.measure(Angle(alike, alike), 5)


def test_an_image_without_any_feature_is_left_out_of_the_geometry():
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(64, 3, bias=False), nn.ReLU())
    pixels = PIXELS[:6].clone()
    watch = Watch(pixels, SETTINGS)
    whole = watch.measure(encoder, 0)
    watch.views = [torch.cat([view, torch.zeros(1, 1, 8, 8)]) for view in watch.views]
    found = watch.measure(encoder, 0)
    assert (found.alignment, found.uniformity) == pytest.approx(
        (whole.alignment, whole.uniformity), rel=1e-4
    )
    watch.views = [torch.zeros(4, 1, 8, 8)] * 2
    assert math.isnan(watch.measure(encoder, 0).uniformity)


def test_features_that_are_no_numbers_are_a_divergence():
    with pytest.raises(UserError, match="not a finite number in step 5 of 10"):
        Watch(PIXELS[:2], SETTINGS).measure(Angle(torch.full((2,), torch.nan)), 5)
