"""Segments that stay open between orders: an order after the first finds them mapped and checked, pages in place.

What is kept is used again only while the files it was opened from still stand there: the same ones, of the same size,
not written to since. A file that was replaced, cut or written to is opened anew, and so checked again; one that is gone
is refused. Bits that rot on the disk change no file's time: `verify_segment` finds them, as it does for a segment that
was never open. A retired segment is let go of at the next look, for the disk gets the room of a mapped file back, and
erased rows leave it, only when nobody has it open.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from linkage_core.events import RegisterPartition
from linkage_server.registers.manifest import Segment
from linkage_server.registers.segments import open_segment

SEGMENTS_MOST = 64
"""Four open files each: a quarter of the descriptors that a process usually has. Bytes need no bound of their own: the
pages of a mapped file belong to the system, which takes them back when it needs the memory."""

_Stamp = tuple[tuple[int, int, int, int], ...]
_Key = tuple[Path, str | None, bool]


@dataclass(frozen=True, slots=True)
class _Kept:
    segment: Segment
    stamp: _Stamp
    partition: RegisterPartition


class OpenedSegments:
    """Opened segments of one store, those used last; may be asked by several threads.

    Args:
        at_most: how many stay open.
    """

    def __init__(self, *, at_most: int = SEGMENTS_MOST) -> None:
        self._at_most = at_most
        self._kept: OrderedDict[_Key, _Kept] = OrderedDict()
        self._lock = threading.Lock()

    def open(self, folder: Path, segment: Segment, *, date_column: str | None, few: bool = False) -> RegisterPartition:
        """The segment, from what is open or opened now; see `open_segment`.

        What is read for `few` persons is mapped apart: advice to the system holds for a whole mapping, and that of a
        small order would slow down a large one.

        Raises:
            ServiceUnavailable: a file is missing, cut or not the one the manifest names.
        """
        key = (folder, date_column, few)
        # Before it is opened: what is replaced meanwhile differs from its stamp, and is opened anew the next time.
        stamp = _stamp(folder, segment)
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None and kept.stamp == stamp and kept.segment == segment:
                self._kept.move_to_end(key)
                return kept.partition
            self._kept.pop(key, None)
        partition = open_segment(folder, segment, date_column=date_column, few=few)
        if stamp is not None:
            with self._lock:
                self._kept[key] = _Kept(segment, stamp, partition)
                self._kept.move_to_end(key)
                while len(self._kept) > self._at_most:
                    self._kept.popitem(last=False)
        return partition

    def let_go(self) -> None:
        """Close what no longer stands on the disk; who reads from it reads on."""
        with self._lock:
            gone = [key for key, kept in self._kept.items() if _stamp(key[0], kept.segment) != kept.stamp]
            for key in gone:
                del self._kept[key]

    def __len__(self) -> int:
        return len(self._kept)


def _stamp(folder: Path, segment: Segment) -> _Stamp | None:
    """Which files stand there, and in which state; None where one is missing."""
    try:
        # Each order asks for every file: a path object for each would take longer than to ask.
        found = [os.stat(f"{folder}/{record.name}") for record in segment.files]  # noqa: PTH116
    except OSError:
        return None
    return tuple((one.st_dev, one.st_ino, one.st_size, one.st_mtime_ns) for one in found)
