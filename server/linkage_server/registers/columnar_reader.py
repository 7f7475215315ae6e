"""Parquet and Arrow IPC deliveries (file and stream), read in bounded slices; text is checked to be UTF-8."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from linkage_server.registers.delivery_file import ROWS_PER_BATCH, RawBatch, refusing_unreadable


class ParquetFile:
    """A Parquet file; columns come in their own types."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.damaged_rows: list[int] = []
        with pq.ParquetFile(path) as file:
            self.column_names = tuple(file.schema_arrow.names)
            self._rows = file.metadata.num_rows
            self._coded = _coded_texts(file)

    def batches(self, columns: Sequence[str]) -> Iterator[RawBatch]:
        """Read the named columns, a row group at a time at most."""
        coded = [column for column in columns if column in self._coded]
        with (
            refusing_unreadable(self.path),
            pq.ParquetFile(self.path, pre_buffer=False, read_dictionary=coded) as file,
        ):
            read = file.iter_batches(batch_size=ROWS_PER_BATCH, columns=list(columns))
            yield from _numbered(_checked(read, list(columns)), total_rows=self._rows)


class ArrowFile:
    """An Arrow IPC file or stream, memory-mapped."""

    def __init__(self, path: Path, *, streamed: bool) -> None:
        self.path = path
        self.damaged_rows: list[int] = []
        self._streamed = streamed
        with pa.memory_map(str(path)) as source:
            reader = pa.ipc.open_stream(source) if streamed else pa.ipc.open_file(source)
            self.column_names = tuple(reader.schema.names)

    def batches(self, columns: Sequence[str]) -> Iterator[RawBatch]:
        """Read the named columns; buffers are checked before use, for the file came from outside."""
        positions = [self.column_names.index(column) for column in columns]
        with refusing_unreadable(self.path), pa.memory_map(str(self.path)) as source:
            size = max(1, source.size())
            if self._streamed:
                for batch in _numbered(_checked(pa.ipc.open_stream(source), positions), total_rows=0):
                    yield RawBatch(batch.rows, batch.row_numbers, source.tell() / size)
            else:
                file = pa.ipc.open_file(source)
                stored = (file.get_batch(number) for number in range(file.num_record_batches))
                rows = sum(file.get_batch(number).num_rows for number in range(file.num_record_batches))
                yield from _numbered(_checked(stored, positions), total_rows=rows)


def _coded_texts(file: pq.ParquetFile) -> set[str]:
    """Text columns that the file itself holds as codes: they are read as they lie, without writing every text out."""
    texts = {field.name for field in file.schema_arrow if pa.types.is_string(field.type)}
    return {
        group.column(place).path_in_schema
        for group in map(file.metadata.row_group, range(file.metadata.num_row_groups))
        for place in range(group.num_columns)
        if group.column(place).has_dictionary_page and group.column(place).path_in_schema in texts
    }


def _checked(batches: Iterator[pa.RecordBatch], columns: list[int] | list[str]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        chosen = batch.select(columns)
        chosen.validate(full=True)
        yield chosen


def _numbered(batches: Iterator[pa.RecordBatch], *, total_rows: int) -> Iterator[RawBatch]:
    rows_seen = 0
    for batch in batches:
        for start in range(0, batch.num_rows, ROWS_PER_BATCH):
            piece = batch.slice(start, ROWS_PER_BATCH)
            numbers = np.arange(rows_seen + 1, rows_seen + piece.num_rows + 1, dtype=np.int64)
            rows_seen += piece.num_rows
            yield RawBatch(piece, numbers, rows_seen / total_rows if total_rows else 0.0)
