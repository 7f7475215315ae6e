"""One pepper in one file: written once, readable by its owner only, and known to be undamaged before it is used.

A pepper read wrongly would not fail: it would hash everybody to an id nobody has. So the file says which version it
is and carries a check value, a keyed hash that tells nothing of the key.
"""

from __future__ import annotations

import secrets
from pathlib import Path

from linkage_core.pseudonyms import Pepper, derive_key
from linkage_server.keys.key_document import damaged, load_key_document, save_key_document

_FORMAT = "linkage pepper 1"


def new_pepper(version: int) -> Pepper:
    """A pepper from the operating system's randomness."""
    return Pepper(version, secrets.token_bytes(32))


def fingerprint(pepper: Pepper) -> str:
    """16 hexadecimal characters that tell two peppers apart and nothing else about them."""
    return derive_key(pepper, f"fingerprint of pepper {pepper.version}").hex()[:16]


def save_pepper(pepper: Pepper, path: Path) -> None:
    """Write a pepper to a new file with mode 0600; `Conflict` if the file exists."""
    save_key_document(path, kind=_FORMAT, facts={"version": pepper.version}, key=pepper.key, check=fingerprint(pepper))


def load_pepper(path: Path, *, version: int) -> Pepper:
    """Read what `save_pepper` wrote.

    Raises:
        InputRefused: the file is missing, open to others, damaged, or another version's.
    """
    read = load_key_document(
        path, kind=_FORMAT, facts=("version",), check=lambda facts, key: fingerprint(Pepper(facts["version"], key))
    )
    if read is None or read[0]["version"] != version:
        raise damaged(
            path,
            f"pepper version {version}",
            mend="Restore it from a backup of the keys; without it no population can be linked to what was loaded.",
        )
    return Pepper(version, read[1])
