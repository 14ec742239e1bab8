"""The two scanner presets: they differ, and a patient's pictures show which one was used."""

from testiculus.data.phantom import SCANNERS, PhantomSettings, phantom
from testiculus.data.phantom.scanners import NEWER, OLDER


def test_newer_scanner_resolves_more_and_shows_more():
    assert NEWER.axial_sigma_mm < OLDER.axial_sigma_mm
    assert NEWER.focal_sigma_mm < OLDER.focal_sigma_mm
    assert NEWER.dynamic_range_db > OLDER.dynamic_range_db
    assert SCANNERS == {OLDER.name: OLDER, NEWER.name: NEWER}


def test_same_patients_look_grainier_on_the_older_scanner():
    def grain(shares):
        images = phantom(PhantomSettings(scanner_shares=shares), numbers=range(4))
        pixels, body = images.pixels.float(), images.masks["parenchyma"].bool()
        steps = (pixels[..., 1:, :] - pixels[..., :-1, :]).abs()
        return steps[body[..., 1:, :]].mean()

    assert grain((1.0, 0.0)) > 1.5 * grain((0.0, 1.0))
