"""Rows of a load that wait on disk, apart by the first bits of their id, when memory is bounded.

Each run is one Arrow file with a batch for every prefix, empty ones included: batch number = prefix. Runs keep the
order of arrival, so the sort that follows can be stable.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

PREFIX_BITS = 10
PREFIXES = 1 << PREFIX_BITS
HIGH, LOW = "\x00high", "\x00low"
"""Columns of a run beside the row's own; no delivered name contains a zero byte."""


class SpilledRuns:
    """Writes runs and hands them out again, range of prefixes by range of prefixes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._runs: list[Path] = []
        self._rows = np.zeros(PREFIXES, np.int64)
        self.bytes = 0

    def __bool__(self) -> bool:
        return bool(self._runs)

    @property
    def rows(self) -> int:
        """Rows in all runs."""
        return int(self._rows.sum())

    def write(self, batch: pa.RecordBatch) -> None:
        """Add one run; `batch` has the two id columns."""
        prefix = (batch.column(HIGH).to_numpy() >> np.uint64(64 - PREFIX_BITS)).astype(np.uint16)
        counts = np.bincount(prefix, minlength=PREFIXES)
        ordered = batch.take(pa.array(np.argsort(prefix, kind="stable")))
        starts = np.cumsum(counts) - counts
        path = self._folder / f"run-{len(self._runs):05}.arrow"
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, ordered.schema) as writer:
            for start, count in zip(starts.tolist(), counts.tolist(), strict=True):
                writer.write_batch(ordered.slice(start, count))
        self._runs.append(path)
        self._rows += counts
        self.bytes += ordered.nbytes

    def groups(self, *, most_rows: int) -> Iterator[pa.RecordBatch]:
        """All rows, neighbouring prefixes together up to `most_rows`; a single fuller prefix comes whole."""
        readers = [pa.ipc.open_file(pa.memory_map(str(path))) for path in self._runs]
        first = 0
        while first < PREFIXES:
            last, rows = first + 1, self._rows[first]
            while last < PREFIXES and rows + self._rows[last] <= most_rows:
                rows += self._rows[last]
                last += 1
            if rows:
                batches = [reader.get_batch(prefix) for reader in readers for prefix in range(first, last)]
                yield one_batch(batches)
            first = last


def one_batch(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    """The batches of one schema as a single one, a column in one buffer."""
    if len(batches) == 1:
        return batches[0]
    columns = [pa.concat_arrays([batch.column(place) for batch in batches]) for place in range(batches[0].num_columns)]
    return pa.RecordBatch.from_arrays(columns, schema=batches[0].schema)
