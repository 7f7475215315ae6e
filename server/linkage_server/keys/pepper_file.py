"""One pepper in one file: written once, readable by its owner only, and known to be undamaged before it is used.

A pepper read wrongly would not fail: it would hash everybody to an id nobody has. So the file says which version it
is and carries a check value, a keyed hash that tells nothing of the key.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import secrets
from pathlib import Path

from linkage.errors import InputRefused
from linkage.key_files import read_secret_file, write_secret_file
from linkage_core.pseudonyms import Pepper, derive_key

_FORMAT = "linkage pepper 1"


def new_pepper(version: int) -> Pepper:
    """A pepper from the operating system's randomness."""
    return Pepper(version, secrets.token_bytes(32))


def fingerprint(pepper: Pepper) -> str:
    """16 hexadecimal characters that tell two peppers apart and nothing else about them."""
    return derive_key(pepper, f"fingerprint of pepper {pepper.version}").hex()[:16]


def save_pepper(pepper: Pepper, path: Path) -> None:
    """Write a pepper to a new file with mode 0600; `Conflict` if the file exists."""
    document = {
        "format": _FORMAT,
        "version": pepper.version,
        "key": base64.b64encode(pepper.key).decode("ascii"),
        "check": fingerprint(pepper),
    }
    write_secret_file(path, json.dumps(document).encode() + b"\n")


def load_pepper(path: Path, *, version: int) -> Pepper:
    """Read what `save_pepper` wrote.

    Raises:
        InputRefused: the file is missing, open to others, damaged, or another version's.
    """
    content = read_secret_file(path)
    try:
        document = json.loads(content)
        pepper = Pepper(document["version"], base64.b64decode(document["key"], validate=True))
        sound = document["format"] == _FORMAT and hmac.compare_digest(document["check"], fingerprint(pepper))
    except (ValueError, KeyError, TypeError, binascii.Error):
        sound = False
    if not sound or pepper.version != version:
        raise InputRefused(
            f"key file {path.name!r} is damaged, or not pepper version {version}.",
            mend="Restore it from a backup of the keys; without it no population can be linked to what was loaded.",
        ) from None
    return pepper
