"""Empties the page cache, so that a question reads from the disk: wholly as root, otherwise the named files only."""

from __future__ import annotations

import gc
import os
from collections.abc import Sequence
from pathlib import Path

_DROP = Path("/proc/sys/vm/drop_caches")
WHOLE, NAMED_FILES = "drop_caches", "posix_fadvise"


def way_to_drop() -> str:
    """`drop_caches` where the kernel lets us, `posix_fadvise` elsewhere."""
    return WHOLE if os.access(_DROP, os.W_OK) else NAMED_FILES


def drop(files: Sequence[Path], *, way: str) -> None:
    """Empty the cache; pages that are mapped stay, so whoever maps the files must have let go of them.

    Args:
        files: read by the next question.
        way: from `way_to_drop`.
    """
    gc.collect()
    for path in files:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fdatasync(handle)  # a page that is not on disk yet cannot be dropped
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(handle)
    if way == WHOLE:
        _DROP.write_text("1")
