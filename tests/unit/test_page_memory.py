"""Memory that is given back from its beginning on keeps what lies behind."""

from __future__ import annotations

import numpy as np

from linkage_server.registers.page_memory import LARGE_PAGE_BYTES, PageMemory


def test_what_was_not_given_back_stays() -> None:
    size = 4 * LARGE_PAGE_BYTES + 5
    memory = PageMemory(size)
    memory.bytes[:] = np.arange(size, dtype=np.uint64).astype(np.uint8)
    for place in (0, 1, LARGE_PAGE_BYTES + 7, LARGE_PAGE_BYTES, 3 * LARGE_PAGE_BYTES + 9, size):
        memory.give_back_until(place)
        assert np.array_equal(memory.bytes[place:], np.arange(place, size, dtype=np.uint64).astype(np.uint8))
    assert not memory.bytes[:LARGE_PAGE_BYTES].any()


def test_no_bytes_are_memory_too() -> None:
    memory = PageMemory(0)
    memory.give_back_until(0)
    assert len(memory.bytes) == 0
