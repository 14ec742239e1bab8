"""Settings: bad ones are refused with the field's name, equal ones are one setting."""

import json
import math

import pytest

from testiculus.base.errors import UserError
from testiculus.data.phantom import PhantomSettings


@pytest.mark.parametrize(
    "field, value",
    [
        ("patients", 0),
        ("patients", 2.5),
        ("patients", True),
        ("pixels", 8),
        ("pixels", 4096),
        ("seed", -1),
        ("prevalence", 1.2),
        ("prevalence", "many"),
        ("frame_miss_rate", math.nan),
        ("reader_error_rate", -0.1),
        ("reader_error_rate", 0.5),
        ("contrast", -3),
        ("contrast", math.inf),
        ("severity_spread", None),
        ("markers", 2),
        ("marker_bias", -1),
        ("scanner_shares", (0.5, 0.6)),
        ("scanner_shares", 1.0),
        ("scanner_shares", (1.0,)),
        ("fluid_rate", [0.2]),
    ],
)
def test_bad_setting_is_refused_by_name(field, value):
    with pytest.raises(UserError, match=field):
        PhantomSettings(**{field: value})


def test_unknown_organ_is_refused_with_the_known_ones():
    with pytest.raises(UserError, match="testis, thyroid"):
        PhantomSettings(organ="testes")


def test_whole_and_fractional_spellings_are_one_setting():
    assert PhantomSettings(contrast=7) == PhantomSettings(contrast=7.0)
    assert repr(PhantomSettings(markers=1)) == repr(PhantomSettings(markers=1.0))
    assert PhantomSettings(scanner_shares=[1, 0]) == PhantomSettings(scanner_shares=(1.0, 0.0))


def test_settings_survive_json():
    settings = PhantomSettings(patients=3, scanner_shares=(0.2, 0.8))

    assert PhantomSettings(**json.loads(json.dumps(settings.as_dict()))) == settings
