"""Asks the system for what a run is going to read, all at once, so that no thread waits for one page after another.

A page of a two-byte column holds rows of a hundred persons: whoever asks for a few per cent of a register touches
nearly every page of it, in an order that the disk is slow at.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

STEP_BYTES = 1 << 20
"""Linux cuts a longer request to the read-ahead of the disk, without a word."""
PROBES = 8
FILES_READ_WHOLE = ("directory.arrow", "persons.arrow", "offsets.arrow")


@dataclass(frozen=True, slots=True)
class _Place:
    """Bytes of a file."""

    path: Path
    first: int
    length: int


def read_ahead(folder: Path, rows: pa.RecordBatch) -> threading.Thread | None:
    """Begin to read a segment's ids and these of its columns, where they are not in memory; does not wait for them.

    Args:
        folder: the segment's.
        rows: its mapped rows, narrowed to the columns that will be read.

    Returns:
        The thread that asks, for the disk's queue may be full; None where all of it is in memory.
    """
    # Nothing depends on it: a file that was retired meanwhile, or a disk that takes no advice, is read as it comes.
    with contextlib.suppress(OSError):
        ids = [_Place(folder / name, 0, (folder / name).stat().st_size) for name in FILES_READ_WHOLE]
        missing = [place for place in (*ids, *_columns(folder / "rows.arrow", rows)) if not _is_in_memory(place)]
        if missing:
            asking = threading.Thread(target=_ask_for, args=(missing,), name="read-ahead", daemon=True)
            asking.start()
            return asking
    return None


def _columns(path: Path, rows: pa.RecordBatch) -> Iterator[_Place]:
    """Where the columns lie in their file."""
    for column in rows.columns:
        for buffer in column.buffers():
            if buffer is not None and buffer.size:
                file = buffer
                while file.parent is not None:
                    file = file.parent
                yield _Place(path, buffer.address - file.address, buffer.size)


def _is_in_memory(place: _Place) -> bool:
    """Whether some bytes spread over the place are there; asking for all of it again would take milliseconds."""
    byte = bytearray(1)
    with place.path.open("rb") as file:
        try:
            for probe in range(PROBES):
                os.preadv(file.fileno(), [byte], place.first + place.length * probe // PROBES, os.RWF_NOWAIT)
        except BlockingIOError:
            return False
    return True


def _ask_for(places: Sequence[_Place]) -> None:
    with contextlib.suppress(OSError):
        for place in places:
            end = place.first + place.length
            with place.path.open("rb") as file:
                for start in range(place.first, end, STEP_BYTES):
                    os.posix_fadvise(file.fileno(), start, min(STEP_BYTES, end - start), os.POSIX_FADV_WILLNEED)
