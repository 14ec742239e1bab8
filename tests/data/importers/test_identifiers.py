import hashlib
import hmac
import os
import stat

import pytest

from testiculus.base.errors import InputWarning, UserError
from testiculus.data.importers.identifiers import (
    check_key_place,
    keep_key,
    keyed_hash,
    secret_key,
)


def test_the_hash_is_a_cut_hmac_sha256():
    expected = hmac.new(b"k" * 32, b"Rossi", hashlib.sha256).hexdigest()[:12]
    assert keyed_hash("Rossi", b"k" * 32) == expected


def test_the_same_key_gives_the_same_name_and_another_key_another():
    assert keyed_hash("7", b"one") == keyed_hash("7", b"one") != keyed_hash("7", b"two")


def test_a_new_key_is_random_and_kept_for_its_owner_alone(tmp_path):
    place = tmp_path / "safe" / "key"
    key = secret_key(place)
    assert not place.exists() and key != secret_key(place)
    keep_key(place, key)
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert secret_key(place) == key
    keep_key(place, key)  # keeping it again changes nothing


def test_another_key_is_never_overwritten(tmp_path):
    keep_key(tmp_path / "key", b"a" * 32)
    with pytest.raises(UserError, match="changed"):
        keep_key(tmp_path / "key", b"b" * 32)
    assert secret_key(tmp_path / "key") == b"a" * 32


def test_a_short_key_is_refused_and_an_open_one_warned_about(tmp_path):
    (tmp_path / "short").write_text("abc\n")
    with pytest.raises(UserError, match="too short"):
        secret_key(tmp_path / "short")
    (tmp_path / "open").write_text("a" * 32)
    os.chmod(tmp_path / "open", 0o644)
    with pytest.warns(InputWarning, match="chmod 600"):
        secret_key(tmp_path / "open")


def test_a_key_inside_the_output_is_refused_links_included(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (tmp_path / "link").symlink_to(out)
    check_key_place(tmp_path / "key", out)
    for place in (out / "key", out / "deep" / "key", tmp_path / "link" / "key"):
        with pytest.raises(UserError, match="inside the output"):
            check_key_place(place, out)
