"""Everybody whom some registers know, block by block: the persons among whom a defined population is looked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from linkage_core.events import Int64s, NumberHistory, Population, RegisterPartition, UInt64s, join_ids, split_ids
from linkage_core.kernels.hashed_id_sort import sort_order
from linkage_core.number_history import current_ids

_LAST = np.uint64(0xFFFF_FFFF_FFFF_FFFF)


@dataclass(frozen=True, slots=True)
class IdRange:
    """Hashed ids whose first eight bytes lie between two numbers, both included."""

    first: np.uint64
    last: np.uint64


class KnownPersons:
    """The persons of some segments, by their current ids.

    Args:
        segments: of one register or of several.
        history: changed numbers; a person is known by her last one, whichever her rows are stored under.
    """

    def __init__(self, segments: Sequence[RegisterPartition], history: NumberHistory | None) -> None:
        self._segments = [segment for segment in segments if segment.persons]
        self._old: pa.FixedSizeBinaryArray | None = None
        self._current: tuple[UInt64s, UInt64s] | None = None
        if history is not None and len(history.old):
            self._old = history.old
            self._current = split_ids(pc.unique(current_ids(history.old, history)))

    @property
    def at_most(self) -> int:
        """Persons of all segments; who is in several is counted in each."""
        return sum(segment.persons for segment in self._segments)

    def ranges(self, *, persons: int) -> list[IdRange]:
        """Ranges of ids, ascending and together all, with about so many persons of the segments each."""
        parts = max(1, -(-self.at_most // max(persons, 1)))
        largest = max((segment.keys_hi for segment in self._segments), key=len, default=np.empty(0, np.uint64))
        places = np.arange(1, parts, dtype=np.int64) * len(largest) // parts
        begins = np.unique(np.append(np.uint64(0), largest[places] if len(largest) else largest))
        ends = np.append(begins[1:] - np.uint64(1), _LAST)
        return [IdRange(first, last) for first, last in zip(begins, ends, strict=True)]

    def between(self, ids: IdRange) -> Population:
        """The persons of a range, ascending, each once."""
        slices = [_slice(segment.keys_hi, segment.keys_lo, ids) for segment in self._segments]
        high, low = _once([one for one, _ in slices], [one for _, one in slices])
        if self._old is not None and self._current is not None:
            stays = ~np.asarray(pc.is_in(join_ids(high, low), value_set=self._old).to_numpy(zero_copy_only=False))
            order = np.lexsort((self._current[1], self._current[0]))
            now = _slice(self._current[0][order], self._current[1][order], ids)
            high, low = _once([high[stays], now[0]], [low[stays], now[1]])
        return Population(join_ids(high, low), words=(high, low))


def _slice(high: UInt64s, low: UInt64s, ids: IdRange) -> tuple[UInt64s, UInt64s]:
    first = np.searchsorted(high, ids.first, side="left")
    until = np.searchsorted(high, ids.last, side="right")
    return high[first:until], low[first:until]


def _once(high: Sequence[UInt64s], low: Sequence[UInt64s]) -> tuple[UInt64s, UInt64s]:
    """Ids of several ascending lists as one."""
    if not high:
        return np.empty(0, np.uint64), np.empty(0, np.uint64)
    if len(high) == 1:
        return np.ascontiguousarray(high[0]), np.ascontiguousarray(low[0])
    every_high, every_low = np.concatenate(high), np.concatenate(low)
    order = np.asarray(sort_order(every_high, every_low, np.zeros(len(every_high), np.int32)), np.int64)
    return _without_repeats(every_high[order], every_low[order])


def _without_repeats(high: UInt64s, low: UInt64s) -> tuple[UInt64s, UInt64s]:
    first = np.ones(len(high), np.bool_)
    first[1:] = (high[1:] != high[:-1]) | (low[1:] != low[:-1])
    kept: Int64s = np.flatnonzero(first)
    return high[kept], low[kept]
