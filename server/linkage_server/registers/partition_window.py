"""The runs of a load as one: what all of them hold of some neighbouring partitions, read if it lies on disk."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from linkage_server.registers.load_runs import Bytes, Counts, Run, StreamKey
from linkage_server.registers.load_texts import Codes

UInt64s = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class _StreamOfRuns:
    """One part of a column over all runs, a run an entry."""

    widths: UInt64s
    bases: UInt64s
    offsets: Counts | None
    places: npt.NDArray[np.int64] | None


class StoredRuns:
    """All runs of a load.

    Args:
        runs: in order of arrival.
        descriptors: open file of each run that lies on disk; None for one in memory.
        tables: for each column of texts and run, the final number of each of the run's texts.
    """

    def __init__(
        self, runs: Sequence[Run], descriptors: Sequence[int | None], tables: Mapping[int, Sequence[Codes]]
    ) -> None:
        self.runs = runs
        self.descriptors = descriptors
        self._tables = tables
        self._streams: dict[StreamKey, _StreamOfRuns] = {}
        for key in {key for run in runs for key in run.streams}:
            self._streams[key] = self._stream(key)

    @cached_property
    def counts(self) -> npt.NDArray[np.int64]:
        """Rows by run and partition."""
        return np.stack([run.counts for run in self.runs])

    @cached_property
    def _rows_until(self) -> npt.NDArray[np.int64]:
        """Rows of each partition and all before it."""
        return np.cumsum(self.counts.sum(axis=0))

    @cached_property
    def blocks(self) -> npt.NDArray[np.int64]:
        """Byte where each partition begins in each run."""
        return np.stack([run.blocks for run in self.runs])

    @cached_property
    def addresses(self) -> UInt64s:
        """Where each run begins in memory; 0 for one on disk."""
        return np.array([0 if run.memory is None else run.memory.address for run in self.runs], np.uint64)

    @cached_property
    def _tables_of(self) -> dict[int, UInt64s]:
        return {
            number: np.array([table.ctypes.data for table in tables], np.uint64)
            for number, tables in self._tables.items()
        }

    def stream(self, key: StreamKey) -> _StreamOfRuns | None:
        """One part of a column; None where no run has it."""
        return self._streams.get(key)

    def tables(self, number: int) -> UInt64s | None:
        """Address of each run's table of a column of texts."""
        return self._tables_of.get(number)

    def elements(self, number: int) -> npt.NDArray[np.int64]:
        """Values in the lists of a column, by run and partition."""
        counts = [run.facts[number].elements for run in self.runs]
        return np.stack([np.zeros_like(self.counts[0]) if count is None else count for count in counts])

    def give_back(self, *, rows: int) -> None:
        """Give back the memory of the first partitions, which together have at most `rows`; they are not read again."""
        partitions = int(np.searchsorted(self._rows_until, rows, side="right"))
        for run in self.runs:
            if run.memory is not None:
                run.memory.give_back_until(int(run.blocks[partitions]))

    def _stream(self, key: StreamKey) -> _StreamOfRuns:
        streams = [run.streams.get(key) for run in self.runs]
        places = None
        if any(stream is not None and stream.places is not None for stream in streams):
            nowhere = np.zeros(len(self.runs[0].counts), np.int64)
            places = np.stack([nowhere if one is None or one.places is None else one.places for one in streams])
        return _StreamOfRuns(
            widths=np.array([0 if one is None else one.width for one in streams], np.uint64),
            bases=np.array([0 if one is None else one.base for one in streams], np.uint64),
            offsets=None if places is not None else np.array([0 if one is None else one.offset for one in streams]),
            places=places,
        )


class PartitionWindow:
    """Partitions [first, last) of all runs, in memory while this object lives."""

    def __init__(self, runs: StoredRuns, first: int, last: int) -> None:
        self._runs = runs
        self._chosen = slice(first, last)
        self._counts = runs.counts[:, first:last]
        begins = runs.blocks[:, first]
        starts, self._content = _read(runs, first, last)
        # Address of byte 0 of each run, as if all of it were in memory.
        self._origins = np.where(runs.addresses != 0, runs.addresses, starts - begins.astype(np.uint64))
        self._blocks = self._origins[:, None] + runs.blocks[:, first:last].astype(np.uint64)

    def holds(self, key: StreamKey) -> bool:
        """Whether any run has this part of the column."""
        return self._runs.stream(key) is not None

    def pieces(self, key: StreamKey, *, base: int) -> UInt64s:
        """What `linkage_core.kernels.collect_rows.collect` takes: a row for each run and partition.

        Args:
            key: which part of which column.
            base: to be taken off every value.
        """
        number, part = key
        stream = self._runs.stream(key)
        assert stream is not None
        counts = self._counts_of(stream, number)
        pieces = np.zeros((*counts.shape, 6), np.uint64)
        pieces[:, :, 0] = self._addresses(stream)
        pieces[:, :, 3] = (stream.bases - np.uint64(base % (1 << 64)))[:, None]
        pieces[:, :, 4] = counts
        pieces[:, :, 5] = stream.widths[:, None]
        if part == "values":
            self._add_tables(pieces, number)
            self._add_absent(pieces, (number, "value_absent" if stream.places is not None else "absent"))
        return pieces.reshape(-1, 6)

    def _counts_of(self, stream: _StreamOfRuns, number: int) -> npt.NDArray[np.int64]:
        return self._counts if stream.places is None else self._runs.elements(number)[:, self._chosen]

    def _addresses(self, stream: _StreamOfRuns) -> UInt64s:
        if stream.places is not None:
            return self._origins[:, None] + stream.places[:, self._chosen].astype(np.uint64)
        assert stream.offsets is not None
        return self._blocks + (self._counts * stream.offsets[:, None]).astype(np.uint64)

    def _add_tables(self, pieces: UInt64s, number: int) -> None:
        tables = self._runs.tables(number)
        if tables is not None:
            pieces[:, :, 2] = tables[:, None]

    def _add_absent(self, pieces: UInt64s, key: StreamKey) -> None:
        """Address of the flags; a run in which all values are absent holds nothing and stands for zeros."""
        stream = self._runs.stream(key)
        if stream is None:
            return
        pieces[:, :, 1] = np.where(stream.widths[:, None] > 0, self._addresses(stream), 0)
        nothing = (stream.widths == 0) & (stream.bases == 1)
        pieces[nothing, :, 0:4] = 0
        pieces[nothing, :, 5] = 0


def _read(runs: StoredRuns, first: int, last: int) -> tuple[UInt64s, Bytes]:
    """The window's bytes of the runs on disk in one buffer, and where in memory each run's begin."""
    on_disk = np.array([descriptor is not None for descriptor in runs.descriptors])
    sizes = np.where(on_disk, runs.blocks[:, last] - runs.blocks[:, first], 0)
    ends = np.cumsum(sizes)
    content = np.empty(int(ends[-1]), np.uint8)
    for number in np.flatnonzero(sizes).tolist():
        descriptor = runs.descriptors[number]
        assert descriptor is not None
        part = content[ends[number] - sizes[number] : ends[number]].data
        _read_all(descriptor, part, int(runs.blocks[number, first]))
    return np.uint64(content.ctypes.data) + (ends - sizes).astype(np.uint64), content


def _read_all(descriptor: int, part: memoryview, place: int) -> None:
    while part:
        count = os.preadv(descriptor, [part], place)
        if count == 0:
            raise OSError("a run of the load was cut")
        part, place = part[count:], place + count
