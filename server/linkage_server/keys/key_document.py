"""A secret key of 32 bytes in one file, with what it is for and a value that tells whether it was read undamaged."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from collections.abc import Callable, Mapping
from pathlib import Path

from linkage.errors import InputRefused
from linkage.key_files import read_secret_file, write_secret_file

Facts = Mapping[str, int]


def save_key_document(path: Path, *, kind: str, facts: Facts, key: bytes, check: str) -> None:
    """Write a key to a new file with mode 0600; `Conflict` if the file exists.

    Args:
        path: where to.
        kind: what the file is, such as "linkage pepper 1".
        facts: versions that belong to the key.
        key: the secret.
        check: a keyed hash that tells nothing of the key.
    """
    document = {"format": kind, **facts, "key": base64.b64encode(key).decode("ascii"), "check": check}
    write_secret_file(path, json.dumps(document).encode() + b"\n")


def load_key_document(
    path: Path, *, kind: str, facts: tuple[str, ...], check: Callable[[Facts, bytes], str]
) -> tuple[Facts, bytes] | None:
    """Facts and key of a file; None where it is damaged or of another kind.

    Raises:
        InputRefused: the file is missing or open to others.
    """
    content = read_secret_file(path)
    try:
        document = json.loads(content)
        found = {name: int(document[name]) for name in facts}
        key = base64.b64decode(document["key"], validate=True)
        if document["format"] == kind and hmac.compare_digest(document["check"], check(found, key)):
            return found, key
    except (ValueError, KeyError, TypeError, binascii.Error):
        pass
    return None


def damaged(path: Path, what: str, *, mend: str) -> InputRefused:
    """The refusal of a file that is not the key it should be; repeats nothing of it."""
    return InputRefused(f"key file {path.name!r} is damaged, or not {what}.", mend=mend)
