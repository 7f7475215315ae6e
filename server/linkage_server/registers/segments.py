"""Segments on disk: uncompressed Arrow files that are mapped, not read.

    persons.arrow     hi, lo: the id of each person, ascending
    offsets.arrow     offset: where each person's rows start, one more at the end
    directory.arrow   person: first person by leading bits of the id
    rows.arrow        the rows, one batch: a column is one buffer, of its narrowest type (linkage_core.narrow_columns)

Opening checks sizes, tails, footers and the texts of codes, which finds cut and swapped files and whatever could lead a
reader out of a file; `verify_segment` reads every byte.
"""

from __future__ import annotations

import hashlib
import mmap
import os
from datetime import date, timedelta
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from linkage.errors import EventsRejected, ServiceUnavailable
from linkage_core.events import NO_DATE, Int32s, RegisterPartition, UInt64s
from linkage_core.kernels.hashed_id_index import build_directory
from linkage_core.narrow_columns import narrow_rows
from linkage_core.register_columns import dictionary_of
from linkage_server.registers.manifest import FileRecord, Segment

TAIL_BYTES = 4096
EPOCH = date(1970, 1, 1)

Number = TypeVar("Number", bound=np.generic)


def write_segment(folder: Path, *, high: UInt64s, low: UInt64s, days: Int32s, rows: pa.RecordBatch) -> Segment:
    """Write sorted rows as a segment into an empty folder; synced when it returns.

    Args:
        folder: exists, empty.
        high, low: words of the id of each row, ascending.
        days: date of each row in days since 1970-01-01, `NO_DATE` for none.
        rows: the rows.
    """
    is_first = np.ones(len(high), np.bool_)
    is_first[1:] = (high[1:] != high[:-1]) | (low[1:] != low[:-1])
    starts = np.flatnonzero(is_first)
    keys_hi, keys_lo = high[starts], low[starts]
    offsets = np.append(starts, len(high)).astype(np.uint32)
    files = (
        write_file(folder / "persons.arrow", pa.record_batch({"hi": keys_hi, "lo": keys_lo})),
        write_file(folder / "offsets.arrow", pa.record_batch({"offset": offsets})),
        write_file(folder / "directory.arrow", pa.record_batch({"person": build_directory(keys_hi, keys_lo)})),
        write_file(folder / "rows.arrow", narrow_rows(rows)),
    )
    dated = days[days != NO_DATE]
    return Segment(
        segment_id=segment_id_of(files),
        rows=rows.num_rows,
        persons=len(keys_hi),
        first_day=EPOCH + timedelta(days=int(dated.min())) if len(dated) else None,
        last_day=EPOCH + timedelta(days=int(dated.max())) if len(dated) else None,
        files=files,
    )


def open_segment(folder: Path, segment: Segment, *, date_column: str | None, few: bool = False) -> RegisterPartition:
    """The segment as mapped columns; memory is touched only where a person is asked for.

    Args:
        folder: where it lies.
        segment: what the manifest says of it.
        date_column: the column that orders a person's rows.
        few: few persons, far apart, will be asked for, so that nothing is read ahead of them.

    Raises:
        ServiceUnavailable: a file is missing, cut or not the one the manifest names.
    """
    mapped = {record.name: _map_file(folder / record.name, record) for record in segment.files}
    columns = {name: _only_batch(folder, file) for name, file in mapped.items()}
    persons, offsets = columns["persons.arrow"], columns["offsets.arrow"]
    rows, directory = columns["rows.arrow"], columns["directory.arrow"]
    if (
        persons.num_rows != segment.persons
        or rows.num_rows != segment.rows
        or offsets.num_rows != segment.persons + 1
        or any(column.null_count for batch in (persons, offsets, directory) for column in batch.columns)
    ):
        raise _damaged(folder)
    if not few:
        for file in mapped.values():
            file.madvise(mmap.MADV_NORMAL)
    return RegisterPartition(
        keys_hi=_numbers(persons, "hi", np.uint64),
        keys_lo=_numbers(persons, "lo", np.uint64),
        offsets=_numbers(offsets, "offset", np.uint32),
        rows=rows,
        date_column=date_column,
        directory=_numbers(directory, "person", np.uint32),
    )


def verify_segment(folder: Path, segment: Segment, *, date_column: str | None) -> None:
    """Read every byte: hashes, the order of ids, the offsets, and Arrow's own full validation.

    Raises:
        ServiceUnavailable: something is not as it was written.
    """
    for record in segment.files:
        path = folder / record.name
        if not path.exists():
            raise _damaged(folder)
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != record.sha256:
                raise _damaged(folder)
    partition = open_segment(folder, segment, date_column=date_column)
    try:
        directory = build_directory(partition.keys_hi, partition.keys_lo)
        partition.rows.validate(full=True)
    except (EventsRejected, pa.ArrowInvalid):
        raise _damaged(folder) from None
    ends = np.asarray(partition.offsets, np.int64)
    as_written = segment_id_of(segment.files) == segment.segment_id and np.array_equal(
        directory, np.asarray(partition.directory)
    )
    if not as_written or ends[0] != 0 or ends[-1] != segment.rows or (np.diff(ends) <= 0).any():
        raise _damaged(folder)


class _HashingFile:
    """A file that hashes what is written to it, so that nothing is read back."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("xb")
        self._hash = hashlib.sha256()
        self._tail = b""
        self.bytes = 0
        self.closed = False

    def write(self, content: bytes) -> int:
        view = memoryview(content).cast("B")
        self._file.write(view)
        self._hash.update(view)
        self._tail = (self._tail + bytes(view[-TAIL_BYTES:]))[-TAIL_BYTES:]
        self.bytes += len(view)
        return len(view)

    def tell(self) -> int:
        return self.bytes

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        self._file.close()
        self.closed = True

    def finish(self, name: str) -> FileRecord:
        self._file.flush()
        os.fsync(self._file.fileno())
        self.close()
        return FileRecord(
            name=name,
            bytes=self.bytes,
            sha256=self._hash.hexdigest(),
            tail_sha256=hashlib.sha256(self._tail).hexdigest(),
        )


def write_file(path: Path, batch: pa.RecordBatch) -> FileRecord:
    """Write a file of one batch, synced; what the manifest says of it."""
    file = _HashingFile(path)
    try:
        with pa.ipc.new_file(pa.PythonFile(file, mode="w"), batch.schema) as writer:
            writer.write_batch(batch)
        return file.finish(path.name)
    finally:
        file.close()


def _map_file(path: Path, record: FileRecord) -> mmap.mmap:
    try:
        with path.open("rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
    except (OSError, ValueError):
        raise _damaged(path.parent) from None
    # Some pages here and there are looked at before it is open: megabytes would be read around each.
    mapped.madvise(mmap.MADV_RANDOM)
    tail = mapped[-TAIL_BYTES:]
    if len(mapped) != record.bytes or hashlib.sha256(tail).hexdigest() != record.tail_sha256:
        raise _damaged(path.parent)
    return mapped


def _only_batch(folder: Path, mapped: mmap.mmap) -> pa.RecordBatch:
    try:
        reader = pa.ipc.open_file(pa.py_buffer(mapped))
        if reader.num_record_batches != 1:
            raise _damaged(folder)
        batch = reader.get_batch(0)
        batch.validate()
        for column in batch.columns:
            # Whoever shares the texts of several segments follows their offsets; Arrow does not look where they lead.
            if (texts := dictionary_of(column)) is not None:
                texts.validate(full=True)
    except (pa.ArrowException, OSError):
        raise _damaged(folder) from None
    return batch


def _numbers(batch: pa.RecordBatch, name: str, kind: type[Number]) -> npt.NDArray[Number]:
    return np.asarray(batch.column(name), kind)


def segment_id_of(files: tuple[FileRecord, ...]) -> str:
    """The name of a segment: a hash over those of its files."""
    return hashlib.sha256("".join(f"{file.name}:{file.sha256}\n" for file in files).encode()).hexdigest()


def _damaged(folder: Path) -> ServiceUnavailable:
    return ServiceUnavailable(
        f"segment {folder.name[:12]} of the register store is damaged or missing.",
        mend="Restore the store from the latest backup, then run `linkage-server doctor`.",
        facts={"segment": folder.name[:12]},
    )
