"""Rows of a load that wait on disk, apart by the first bits of their id, when memory is bounded.

Each run is one Arrow file with a batch for every prefix that occurs in it, ascending. Runs keep the order of arrival,
so the sort that follows can be stable.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
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
        self._prefixes: list[npt.NDArray[np.int64]] = []
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
        prefixes = (batch.column(HIGH).to_numpy() >> np.uint64(64 - PREFIX_BITS)).astype(np.uint16)
        counts = np.bincount(prefixes, minlength=PREFIXES)
        ordered = batch.take(pa.array(np.argsort(prefixes, kind="stable")))
        starts = np.cumsum(counts) - counts
        present = np.flatnonzero(counts)
        path = self._folder / f"run-{len(self._runs):05}.arrow"
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, ordered.schema) as writer:
            for prefix in present.tolist():
                writer.write_batch(ordered.slice(int(starts[prefix]), int(counts[prefix])))
        self._runs.append(path)
        self._prefixes.append(present)
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
                batches = []
                for reader, present in zip(readers, self._prefixes, strict=True):
                    numbers = range(*np.searchsorted(present, (first, last)).tolist())
                    batches += [reader.get_batch(number) for number in numbers]
                yield one_batch(batches)
            first = last


def one_batch(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    """The batches of one schema as a single one, a column in one buffer."""
    if len(batches) == 1:
        return batches[0]
    columns = [pa.concat_arrays([batch.column(place) for batch in batches]) for place in range(batches[0].num_columns)]
    return pa.RecordBatch.from_arrays(columns, schema=batches[0].schema)
