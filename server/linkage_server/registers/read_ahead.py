"""Asks the system for what a run is going to read, all at once, so that no thread waits for one page after another.

A page of a two-byte column holds rows of a hundred persons: whoever asks for a few per cent of a register touches
nearly every page of it, in an order that the disk is slow at.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

STEP_BYTES = 1 << 20
"""Linux cuts a longer request to the read-ahead of the disk, without a word."""
PROBES = 8
FILES_READ_WHOLE = ("directory.arrow", "persons.arrow", "offsets.arrow")


def read_ahead(folder: Path, rows: pa.RecordBatch) -> None:
    """Begin to read a segment's ids and these of its columns, where they are not in memory; does not wait for them.

    Args:
        folder: the segment's.
        rows: its mapped rows, narrowed to the columns that will be read.
    """
    for name in FILES_READ_WHOLE:
        _ask_for(folder / name, None)
    _ask_for(folder / "rows.arrow", sorted(_places(rows)))


def _places(rows: pa.RecordBatch) -> Iterator[tuple[int, int]]:
    """Where the columns lie in the file: first byte, and how many."""
    for column in rows.columns:
        for buffer in column.buffers():
            if buffer is not None and buffer.size:
                file = buffer
                while file.parent is not None:
                    file = file.parent
                yield buffer.address - file.address, buffer.size


def _ask_for(path: Path, places: list[tuple[int, int]] | None) -> None:
    # Nothing depends on it: a file that was retired meanwhile, or a disk that takes no advice, is read as it comes.
    with contextlib.suppress(OSError):
        file = os.open(path, os.O_RDONLY)
        try:
            for first, length in [(0, os.fstat(file).st_size)] if places is None else places:
                if not _is_in_memory(file, first, length):
                    for start in range(first, first + length, STEP_BYTES):
                        os.posix_fadvise(file, start, min(STEP_BYTES, first + length - start), os.POSIX_FADV_WILLNEED)
        finally:
            os.close(file)


def _is_in_memory(file: int, first: int, length: int) -> bool:
    """Whether some bytes spread over the range are there; asking for all of it again would take milliseconds."""
    byte = bytearray(1)
    try:
        for probe in range(PROBES):
            os.preadv(file, [byte], first + length * probe // PROBES, os.RWF_NOWAIT)
    except BlockingIOError:
        return False
    return True
