"""Secret keys in files: written whole, readable by their owner only.

A key file is never half written and never readable by others, not even for the moment between creating it and
changing its mode: it is created with mode 0600 under a temporary name and then moved into place.
"""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from linkage.errors import Conflict, InputRefused

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def write_secret_file(path: Path, content: bytes) -> None:
    """Write `content` durably to a new file with mode 0600.

    Raises:
        Conflict: the file exists; a key is never overwritten.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        _move_without_overwriting(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def read_secret_file(path: Path) -> bytes:
    """Return the content of a key file that only its owner can read.

    Raises:
        InputRefused: the file is missing or others can read it.
    """
    try:
        mode = path.stat().st_mode
        content = path.read_bytes()
    except OSError:
        raise InputRefused(f"key file {path.name!r} cannot be read.", mend=f"Look for it at {path.parent}.") from None
    # Windows keeps access in lists of its own; the mode says nothing there.
    if os.name == "posix" and mode & _OTHERS:
        raise InputRefused(f"key file {path.name!r} is open to other users.", mend=f"Run: chmod 600 {path}")
    return content


def _move_without_overwriting(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except FileExistsError:
        raise Conflict(
            f"key file {target.name!r} exists already.", mend="Keep it, or move it away before making a new one."
        ) from None
    if os.name == "posix":
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
