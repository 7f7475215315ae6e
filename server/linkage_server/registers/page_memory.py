"""Memory of whole pages that is given back from its beginning on, as soon as what lies there was used."""

from __future__ import annotations

import mmap

import numpy as np
import numpy.typing as npt

LARGE_PAGE_BYTES = 1 << 21


class PageMemory:
    """Memory that belongs to nobody else.

    Fresh memory is dear: the system clears it, and on a virtual machine fetches it from the host first. What is given
    back here is taken for the pages of the file that is written meanwhile.

    Args:
        size: in bytes.

    Attributes:
        bytes: all of it, zero at first.
    """

    def __init__(self, size: int) -> None:
        self._mapped = mmap.mmap(-1, max(size, 1), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self._given_back = 0
        if (large_pages := getattr(mmap, "MADV_HUGEPAGE", None)) is not None:
            self._mapped.madvise(large_pages)
        self.bytes: npt.NDArray[np.uint8] = np.frombuffer(self._mapped, np.uint8, size)

    @property
    def address(self) -> int:
        """Where it begins."""
        return int(self.bytes.ctypes.data)

    def give_back_until(self, place: int) -> None:
        """Give back what lies before byte `place`, in large pages; it must not be read again."""
        # Pages are large where the address is a multiple of their size.
        last = (self.address + place) // LARGE_PAGE_BYTES * LARGE_PAGE_BYTES - self.address
        if last > self._given_back:
            self._mapped.madvise(mmap.MADV_DONTNEED, self._given_back, last - self._given_back)
            self._given_back = last
