"""Files of a load that are mapped: as good as memory to those who read them, and given back when they are told to."""

from __future__ import annotations

import mmap
import secrets
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa


class MappedFiles:
    """Maps files of one folder.

    Pages that were read count as memory of the process although the system may drop them at any time; `let_go` makes
    the process drop them itself, so that what it holds is what it needs.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._maps: list[mmap.mmap] = []

    def new_path(self) -> Path:
        """A path that nothing lies at."""
        return self._folder / f"mapped-{secrets.token_hex(6)}"

    def read(self, path: Path) -> pa.Buffer:
        """A file's bytes."""
        if path.stat().st_size == 0:
            return pa.py_buffer(b"")
        with path.open("rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
        self._maps.append(mapped)
        return pa.py_buffer(mapped)

    def numbers(self, count: int, kind: type[np.generic]) -> npt.NDArray[Any]:
        """`count` zeros in a new file, to be written to."""
        if count == 0:
            return np.zeros(0, kind)
        with self.new_path().open("x+b") as file:
            file.truncate(count * np.dtype(kind).itemsize)
            mapped = mmap.mmap(file.fileno(), 0)
        self._maps.append(mapped)
        return np.frombuffer(mapped, kind)

    def let_go(self) -> None:
        """Drop all pages from the process; they are read again where they are asked for again."""
        for mapped in self._maps:
            mapped.madvise(mmap.MADV_DONTNEED)
