"""One noise key in one file: made by the operating system's randomness, related to no pepper, never shown.

A noise key read wrongly would not fail: it would be fresh noise for everybody. So the file says which version it is,
and carries a check value over the key and both versions.
"""

from __future__ import annotations

import hmac
import secrets
from pathlib import Path

from linkage_core.perturbation.cell_keys import NoiseKey
from linkage_server.keys.key_document import Facts, damaged, load_key_document, save_key_document

_FORMAT = "linkage noise key 1"
_FACTS = ("version", "pepper_version")


def new_noise_key(version: int, *, pepper_version: int) -> NoiseKey:
    """A noise key from the operating system's randomness."""
    return NoiseKey(version, pepper_version, secrets.token_bytes(32))


def save_noise_key(key: NoiseKey, path: Path) -> None:
    """Write a noise key to a new file with mode 0600; `Conflict` if the file exists."""
    facts = {"version": key.version, "pepper_version": key.pepper_version}
    save_key_document(path, kind=_FORMAT, facts=facts, key=key.key, check=_check(facts, key.key))


def load_noise_key(path: Path, *, version: int) -> NoiseKey:
    """Read what `save_noise_key` wrote.

    Raises:
        InputRefused: the file is missing, open to others, damaged, or another version's.
    """
    read = load_key_document(path, kind=_FORMAT, facts=_FACTS, check=_check)
    if read is None or read[0]["version"] != version:
        raise damaged(
            path,
            f"noise key version {version}",
            mend="Restore it from a backup of the keys; another key would be fresh noise, which averages away.",
        )
    return NoiseKey(version, read[0]["pepper_version"], read[1])


def _check(facts: Facts, key: bytes) -> str:
    # Longer than a hashed id, so it is nobody's record key.
    text = f"fingerprint of noise key {facts['version']} for pepper {facts['pepper_version']}"
    return hmac.digest(key, b"linkage derived key\x00" + text.encode(), "sha256").hex()[:16]
