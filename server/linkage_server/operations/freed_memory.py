"""What the process does with memory it no longer needs: kept for the next block of work, or given back to the system.

Fresh memory is dear: the system clears each page when it is first touched, and a virtual machine gets it from its host.
"""

from __future__ import annotations

import ctypes
import sys
from functools import cache

import pyarrow as pa

KEPT_BYTES = 1 << 30
MAPPED_FROM_BYTES = 32 << 20
"""Larger pieces are mapped one by one and go back at once; the C library takes no higher bound."""

# Of malloc.h of the GNU C library.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


def keep_freed_memory() -> None:
    """Let allocators keep what is freed until `give_back_memory`; does nothing where the C library has no such say.

    By itself the library returns free memory at the end of a heap after every few arrays, so that each block of persons
    would touch its arrays for the first time again.
    """
    if set_option := getattr(_libc(), "mallopt", None):
        set_option(_M_MMAP_THRESHOLD, MAPPED_FROM_BYTES)
        set_option(_M_TRIM_THRESHOLD, KEPT_BYTES)


def give_back_memory() -> None:
    """Return what was freed to the system: allocators keep it, each thread its own, and a load would seem to grow."""
    pa.default_memory_pool().release_unused()
    if trim := getattr(_libc(), "malloc_trim", None):
        trim(0)


@cache
def _libc() -> ctypes.CDLL | None:
    return ctypes.CDLL(None) if sys.platform == "linux" else None
