"""Which software this is: the released version and a hash of the very sources that run.

A version number alone would let two deliveries of differing code call themselves alike.
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import metadata
from pathlib import Path

import linkage
import linkage_core
import linkage_server

_KINDS = {".py", ".pyx", ".pxd", ".h", ".toml", ".csv", ".html", ".css"}


@cache
def software_version() -> str:
    """The version as deliveries name it, e.g. "0.1.0+sources.3f2a9c0d1e4b"."""
    digest = hashlib.sha256()
    for package in (linkage, linkage_core, linkage_server):
        root = Path(str(package.__file__)).parent
        for path in sorted(root.rglob("*")):
            if path.suffix in _KINDS:
                digest.update(f"{package.__name__}/{path.relative_to(root).as_posix()}\0".encode())
                digest.update(hashlib.sha256(path.read_bytes()).digest())
    return f"{metadata.version('register-linkage')}+sources.{digest.hexdigest()[:12]}"
