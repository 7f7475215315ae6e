"""Writes one segment from the runs of a load, partition by partition: two cores sort while one hand writes in order.

The bytes are those `segments.write_segment` gives for the same rows, whatever the memory, the runs and the threads.
"""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from linkage_core.events import UInt64s
from linkage_core.kernels.hashed_id_index import build_directory
from linkage_server.registers.load_columns import Flags
from linkage_server.registers.load_runs import Counts, StreamKey
from linkage_server.registers.manifest import FileRecord, Segment
from linkage_server.registers.mapped_files import MappedFiles
from linkage_server.registers.partition_window import StoredRuns
from linkage_server.registers.segment_layout import lay_out, write_at
from linkage_server.registers.segment_plan import SegmentPlan
from linkage_server.registers.segments import EPOCH, TAIL_BYTES, segment_id_of, write_file
from linkage_server.registers.sorted_partition import SortedPartition, sort_partitions

ROWS_AT_ONCE = 1 << 16
FLUSH_BYTES = 64 << 20
HASH_BLOCK_BYTES = 4 << 20

Report = Callable[[int], None]


def write_segment_of_runs(
    folder: Path,
    plan: SegmentPlan,
    runs: StoredRuns,
    *,
    mapped: MappedFiles,
    pool: ThreadPoolExecutor,
    threads: int,
    report: Report,
) -> Segment:
    """Write the rows of a range of partitions as a segment into an empty folder; synced when it returns.

    Args:
        folder: exists, empty.
        plan: which partitions, and what their columns will be like.
        runs: where the rows are, in order of arrival.
        mapped: where texts and their numbers may lie.
        pool: sorts; `threads` of them at once.
        report: told how many rows are written.
    """
    path = folder / "rows.arrow"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        filling = _Filling(descriptor, lay_out(descriptor, plan.columns, mapped, rows=plan.rows), plan, mapped, pool)
        for piece in _sorted(plan, runs, pool, threads):
            filling.add(piece)
            report(piece.rows)
        synced = pool.submit(os.fsync, descriptor)
        rows_file = _record(descriptor, path.name)
        synced.result()
    finally:
        os.close(descriptor)
    keys_hi, keys_lo, offsets = filling.persons()
    files = (
        write_file(folder / "persons.arrow", pa.record_batch({"hi": keys_hi, "lo": keys_lo})),
        write_file(folder / "offsets.arrow", pa.record_batch({"offset": offsets})),
        write_file(folder / "directory.arrow", pa.record_batch({"person": build_directory(keys_hi, keys_lo)})),
        rows_file,
    )
    return Segment(
        segment_id=segment_id_of(files),
        rows=plan.rows,
        persons=len(keys_hi),
        first_day=None if filling.first_day is None else EPOCH + timedelta(days=filling.first_day),
        last_day=None if filling.last_day is None else EPOCH + timedelta(days=filling.last_day),
        files=files,
    )


def _sorted(plan: SegmentPlan, runs: StoredRuns, pool: ThreadPoolExecutor, threads: int) -> Iterator[SortedPartition]:
    """Sorted partitions, ascending; a few are being sorted while one is written."""
    waiting: deque[Future[SortedPartition]] = deque()
    for first, last in _neighbours(plan.counts, plan.first, plan.last):
        waiting.append(pool.submit(sort_partitions, plan, runs, first, last))
        if len(waiting) > threads + 1:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _neighbours(counts: Counts, first: int, last: int) -> Iterator[tuple[int, int]]:
    """Ranges of partitions with about ROWS_AT_ONCE rows: small enough for the caches, too large to hurry for."""
    while first < last:
        end, rows = first + 1, counts[first]
        while end < last and rows + counts[end] <= ROWS_AT_ONCE:
            rows += counts[end]
            end += 1
        if rows:
            yield first, end
        first = end


@dataclass(slots=True)
class _Bits:
    """A stream of bits that is written in whole bytes; the last few bits wait for the next piece."""

    rest: Flags = field(default_factory=lambda: np.empty(0, np.uint8))
    bytes: int = 0


class _Filling:
    """A rows file being filled, each column from its first row to its last."""

    def __init__(
        self,
        descriptor: int,
        places: dict[StreamKey, int],
        plan: SegmentPlan,
        mapped: MappedFiles,
        pool: ThreadPoolExecutor,
    ) -> None:
        self._descriptor = descriptor
        self._places = dict(places)
        self._plan = plan
        self._pool = pool
        self._mapped = mapped
        self._bits = {key: _Bits() for key in places if plan.is_bits(key)}
        self._elements = dict.fromkeys(range(len(plan.columns)), 0)
        self._rows = self._unflushed = 0
        self._flushing: Future[None] | None = None
        self._keys_hi: list[UInt64s] = []
        self._keys_lo: list[UInt64s] = []
        self._starts: list[npt.NDArray[np.uint32]] = []
        self.first_day: int | None = None
        self.last_day: int | None = None

    def add(self, piece: SortedPartition) -> None:
        """Write the next rows."""
        for key, values in piece.columns.items():
            if key in self._bits:
                self._add_bits(key, values)
            elif key[1] == "lengths":
                self._add_ends(key, values)
            else:
                self._write(key, values)
        self._keys_hi.append(piece.keys_hi)
        self._keys_lo.append(piece.keys_lo)
        self._starts.append(piece.starts + np.uint32(self._rows))
        self._rows += piece.rows
        if piece.first_day is not None and piece.last_day is not None:
            self.first_day = piece.first_day if self.first_day is None else min(piece.first_day, self.first_day)
            self.last_day = piece.last_day if self.last_day is None else max(piece.last_day, self.last_day)
        self._flush_now_and_then()
        if self._rows == self._plan.rows:
            self._finish()

    def persons(self) -> tuple[UInt64s, UInt64s, npt.NDArray[np.uint32]]:
        """Ids of the persons, ascending, and where the rows of each begin."""
        ends = np.array([self._rows], np.uint32)
        return np.concatenate(self._keys_hi), np.concatenate(self._keys_lo), np.concatenate([*self._starts, ends])

    def _write(self, key: StreamKey, values: npt.NDArray[Any]) -> None:
        content = values.view(np.uint8)
        if not content.nbytes:
            return
        # What is not written is zero: a column that holds nothing, as many do, takes no room.
        if content.any():
            write_at(self._descriptor, content, self._places[key])
            self._unflushed += content.nbytes
        self._places[key] += content.nbytes

    def _add_bits(self, key: StreamKey, values: Flags) -> None:
        bits = self._bits[key]
        flags = np.concatenate((bits.rest, values))
        whole = len(flags) // 8 * 8
        bits.rest = flags[whole:]
        self._write(key, np.packbits(flags[:whole], bitorder="little"))

    def _add_ends(self, key: StreamKey, lengths: npt.NDArray[np.uint32]) -> None:
        ends = np.cumsum(lengths, dtype=np.int64) + self._elements[key[0]]
        starts = np.concatenate(([self._elements[key[0]]], ends[:-1])).astype(np.int32)
        self._write(key, starts)
        self._elements[key[0]] = int(ends[-1])

    def _finish(self) -> None:
        for key, bits in self._bits.items():
            if len(bits.rest):
                self._write(key, np.packbits(bits.rest, bitorder="little"))
        for number, elements in self._elements.items():
            if (number, "lengths") in self._places:
                self._write((number, "lengths"), np.array([elements], np.int32))
        if self._flushing is not None:
            self._flushing.result()

    def _flush_now_and_then(self) -> None:
        """Let the disk begin early, so that little is left to wait for in the end."""
        if self._unflushed < FLUSH_BYTES or (self._flushing is not None and not self._flushing.done()):
            return
        if self._flushing is not None:
            self._flushing.result()
        self._mapped.let_go()
        self._flushing = self._pool.submit(os.fdatasync, self._descriptor)
        self._unflushed = 0


def _record(descriptor: int, name: str) -> FileRecord:
    """Size and hashes of a file that was filled out of order; it is still in the page cache."""
    digest, tail, place = hashlib.sha256(), b"", 0
    while block := os.pread(descriptor, HASH_BLOCK_BYTES, place):
        digest.update(block)
        tail = (tail + block[-TAIL_BYTES:])[-TAIL_BYTES:]
        place += len(block)
    return FileRecord(name=name, bytes=place, sha256=digest.hexdigest(), tail_sha256=hashlib.sha256(tail).hexdigest())
