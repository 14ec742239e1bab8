"""Patient identifiers become keyed hashes, so that the output names no patient.

The hash is HMAC-SHA256, cut to 12 hexadecimal digits: the same patient gets the same name in every
import made with the same key, and without the key nobody can test a guess. Main functions:
`keyed_hash` and `secret_key`.
"""

import hashlib
import hmac
import secrets
import warnings
from pathlib import Path

from testiculus.base.errors import InputWarning, UserError

DIGITS = 12  # 48 bits: among 25,000 patients two share a name with a probability of 1 in a million
KEY_BYTES = 32
MIN_KEY_CHARACTERS = 16

# For the named public sets only: their numbering is public already, and one key known to all gives
# everybody the same names, hence the same folds.
PUBLIC_KEY = b"public ultrasound sets, numbered by their publishers"


def keyed_hash(value: str, key: bytes) -> str:
    """Return 12 hexadecimal digits that stand for `value` under `key` (HMAC-SHA256, cut).

    >>> keyed_hash("Rossi 1970", b"one key") == keyed_hash("Rossi 1970", b"one key")
    True
    >>> keyed_hash("Rossi 1970", b"one key") == keyed_hash("Rossi 1970", b"another key")
    False
    """
    return hmac.new(key, str(value).encode(), hashlib.sha256).hexdigest()[:DIGITS]


def check_key_place(path: Path, output: Path) -> None:
    """Raise `UserError` if the key file would lie in the output folder, links resolved."""
    place, folder = Path(path).resolve(), Path(output).resolve()
    if place == folder or folder in place.parents:
        raise UserError(
            "the key file lies inside the output folder; whoever gets the images would get the key",
            where=str(path),
            remedy="keep the key elsewhere: --key FILE, outside --to",
        )


def secret_key(path: Path) -> bytes:
    """Return the key kept in a file, or a new random one if there is none yet (not yet written).

    Raises `UserError` for a file that cannot be read or is too short to protect anybody; warns
    when others on this machine may read it.
    """
    if not path.exists():
        return secrets.token_hex(KEY_BYTES).encode()
    try:
        key = path.read_bytes().strip()
    except OSError as error:
        raise UserError(f"cannot read the key file: {error.strerror}", where=str(path)) from error
    if len(key) < MIN_KEY_CHARACTERS:
        raise UserError(
            f"the key is too short: {len(key)} characters, it needs {MIN_KEY_CHARACTERS}",
            where=str(path),
            remedy="name a file that does not exist yet; a random key is put into it",
        )
    if path.stat().st_mode & 0o077:
        warnings.warn(f"others may read the key file {path}: chmod 600 it", InputWarning, 2)
    return key


def keep_key(path: Path, key: bytes) -> None:
    """Write a new key to `path` with mode 600; an existing file with the same key is left alone.

    Raises `UserError` if another key has appeared there since, or the file cannot be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "xb", opener=_private) as stream:
            stream.write(key + b"\n")
    except FileExistsError:
        if path.read_bytes().strip() != key:
            raise UserError("the key file changed during the import", where=str(path)) from None
    except OSError as error:
        raise UserError(f"cannot keep the key: {error.strerror}", where=str(path)) from error


def _private(path: str, flags: int) -> int:
    import os

    return os.open(path, flags, 0o600)
