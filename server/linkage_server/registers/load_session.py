"""Takes rows in, in bounded memory, and turns them into segments that nobody sees until a manifest names them."""

from __future__ import annotations

import os
import secrets
import shutil
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from linkage.errors import EventsRejected, StateConflict
from linkage_core.events import HASHED_ID, split_ids
from linkage_server.operations.freed_memory import give_back_memory
from linkage_server.registers.load_columns import ColumnKind, bytes_of, kind_of
from linkage_server.registers.load_folder import LoadFolder
from linkage_server.registers.load_memory import MemoryPlan
from linkage_server.registers.load_runs import Run, make_run
from linkage_server.registers.load_texts import merge_texts
from linkage_server.registers.manifest import Segment
from linkage_server.registers.partition_window import StoredRuns
from linkage_server.registers.segment_plan import SegmentPlan, plan_segments
from linkage_server.registers.segment_writer import write_segment_of_runs
from linkage_server.storage.files import disk_refusals, fsync_folder

DEFAULT_MEMORY_BYTES = 1 << 30

ReportRows = Callable[[int, float], None]
"""Told how many rows are sorted and written, and which share of all that is."""


@dataclass(slots=True)
class LoadFigures:
    """What a load cost.

    Attributes:
        spilled_bytes: written to disk and read again, for want of memory.
    """

    spilled_bytes: int = 0


@dataclass(slots=True)
class _Waiting:
    """Batches that are not yet a run."""

    batches: list[tuple[pa.FixedSizeBinaryArray, pa.RecordBatch]] = field(default_factory=list)
    bytes: int = 0


class LoadSession:
    """Rows of one delivery on their way into a register; `RegisterStore.begin_load` makes it and publishes it.

    Args:
        folder: the register's folder; its write lock is held.
        date_column: sorts the rows of a person; None for a register without dates.
        memory_bytes: how much the process may hold, about; more is spilled to disk.
        threads: cores used; the result is the same for any number.
    """

    def __init__(
        self,
        folder: Path,
        *,
        date_column: str | None,
        memory_bytes: int,
        threads: int | None = None,
    ) -> None:
        self._folder = folder
        self._date_column = date_column
        self._memory = MemoryPlan(memory_bytes)
        self._threads = threads or os.cpu_count() or 1
        self._working = LoadFolder(folder / "loading" / secrets.token_hex(8))
        with disk_refusals():
            self._working.path.mkdir(parents=True)
        self._pool = ThreadPoolExecutor(max_workers=self._threads)
        self._lock = threading.Lock()
        self._schema: pa.Schema | None = None
        self._kinds: list[ColumnKind] = []
        self._waiting = _Waiting()
        self._making: deque[Future[tuple[Run, int | None]]] = deque()
        self._runs: list[Run] = []
        self._descriptors: list[int | None] = []
        self._numbered = 0
        self._ended = False
        self.rows = 0
        self.figures = LoadFigures()

    def add(self, hashed_ids: pa.FixedSizeBinaryArray, rows: pa.RecordBatch) -> None:
        """Take rows in, in the order of delivery.

        Args:
            hashed_ids: whose each row is; no nulls.
            rows: the same columns in each call; texts plain or with a dictionary.

        Raises:
            EventsRejected: columns differ from the first call, an id is null, or the lengths differ.
            StorageFull: no room to spill.
        """
        self._check(hashed_ids, rows)
        if rows.num_rows == 0:
            return
        self._waiting.batches.append((hashed_ids, rows))
        self._waiting.bytes += hashed_ids.nbytes + sum(map(bytes_of, rows.columns))
        self.rows += rows.num_rows
        if self._waiting.bytes >= self._memory.run_bytes:
            self._begin_run()

    def write_segments(self, report: ReportRows | None = None) -> tuple[Segment, ...]:
        """Sort everything taken in and write it as segments, by ascending range of ids; still named by no manifest.

        Raises:
            StorageFull: no room; what was written goes with the session.
        """
        self._finish_runs()
        if not self._runs:
            return ()
        give_back_memory()
        segments: list[Segment] = []
        with disk_refusals():
            (self._folder / "segments").mkdir(exist_ok=True)
            texts, tables = {}, {}
            for number in (number for number, kind in enumerate(self._kinds) if kind.is_text):
                texts[number], tables[number] = merge_texts(
                    [run.texts[number] for run in self._runs], self._working.mapped
                )
            give_back_memory()
            runs = StoredRuns(self._runs, self._descriptors, tables)
            written = 0

            def tell(rows: int) -> None:
                nonlocal written
                written += rows
                runs.give_back(rows=written)
                if report is not None:
                    report(written, written / self.rows)

            for plan in plan_segments(self._kinds, self._runs, texts, date_column=self._date_column):
                segments.append(self._write(plan, runs, tell))
        return tuple(segments)

    def close(self) -> None:
        """Stop, and remove the working folder."""
        self._ended = True
        self._pool.shutdown(wait=True, cancel_futures=True)
        while self._making:
            made = self._making.popleft()
            if not made.cancelled() and made.exception() is None:
                self._descriptors.append(made.result()[1])
        for descriptor in self._descriptors:
            if descriptor is not None:
                os.close(descriptor)
        self._descriptors.clear()
        self._runs.clear()
        self._waiting = _Waiting()
        shutil.rmtree(self._working.path, ignore_errors=True)

    def _check(self, hashed_ids: pa.FixedSizeBinaryArray, rows: pa.RecordBatch) -> None:
        if self._ended or not self._working.path.exists():
            raise StateConflict("this load has ended; no more rows can be added.", mend="Begin a new load.")
        if len(hashed_ids) != rows.num_rows:
            raise EventsRejected("a load needs one hashed id a row.")
        if hashed_ids.type != HASHED_ID or hashed_ids.null_count:
            split_ids(hashed_ids)  # says what is wrong with them
        if self._schema is None:
            if self._date_column is not None and self._date_column not in rows.schema.names:
                raise EventsRejected(f"the rows have no column {self._date_column!r} to sort by.")
            self._kinds = [kind_of(one) for one in rows.schema]
            self._schema = rows.schema
        if not rows.schema.equals(self._schema):
            raise EventsRejected("the columns differ from those of the rows before.", mend="Load them separately.")

    def _begin_run(self) -> None:
        """Let another thread deal the waiting rows out; wait when all threads have enough to do."""
        if not self._waiting.batches:
            return
        self._making.append(self._pool.submit(self._make, self._numbered, self._waiting.batches))
        self._numbered += 1
        self._waiting = _Waiting()
        while len(self._making) > self._threads:
            self._take_run()

    def _finish_runs(self) -> None:
        self._begin_run()
        while self._making:
            self._take_run()

    def _take_run(self) -> None:
        run, descriptor = self._making.popleft().result()
        self._runs.append(run)
        self._descriptors.append(descriptor)

    def _make(
        self, number: int, batches: list[tuple[pa.FixedSizeBinaryArray, pa.RecordBatch]]
    ) -> tuple[Run, int | None]:
        run = make_run(self._kinds, batches)
        batches.clear()
        with self._lock:
            holds = self._memory.hold(run.bytes + sum(texts.nbytes for texts in run.texts.values()))
        if holds:
            return run, None
        with disk_refusals():
            return run, self._spill(number, run)

    def _spill(self, number: int, run: Run) -> int:
        with self._lock:
            self.figures.spilled_bytes += run.bytes
        descriptor = self._working.store(number, run)
        give_back_memory()
        return descriptor

    def _write(self, plan: SegmentPlan, runs: StoredRuns, report: Callable[[int], None]) -> Segment:
        prepared = self._working.path / f"segment-{secrets.token_hex(8)}"
        prepared.mkdir()
        segment = write_segment_of_runs(
            prepared, plan, runs, mapped=self._working.mapped, pool=self._pool, threads=self._threads, report=report
        )
        fsync_folder(prepared)
        final = self._folder / "segments" / segment.segment_id
        # The same rows may be there already, under another snapshot: segments are named by their content.
        if not final.exists():
            prepared.rename(final)
        fsync_folder(self._folder / "segments")
        return segment
