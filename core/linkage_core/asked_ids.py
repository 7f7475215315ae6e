"""The ids a population is looked up under: one a person, or several where her number changed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from linkage_core.events import Int64s, NumberHistory, Population, RegisterPartition, UInt64s
from linkage_core.kernels.hashed_id_index import build_directory, probe_rows, walk_rows
from linkage_core.number_history import ids_ever
from linkage_core.probe_plan import plan_probe

UInt32s = npt.NDArray[np.uint32]
NOBODY = np.empty(0, np.int64)


@dataclass(frozen=True, slots=True)
class AskedIds:
    """Ids to look up, ascending.

    Args:
        high, low: their two words.
        person: whose they are, as positions in the population; a slice where each person has one id, in her order.
    """

    high: UInt64s
    low: UInt64s
    person: Int64s | slice

    def within(self, segment: RegisterPartition) -> AskedIds:
        """Those in the segment's range of ids; the others cannot be in it."""
        first = last = 0
        if segment.persons:
            first = int(np.searchsorted(self.high, segment.keys_hi[0], side="left"))
            last = int(np.searchsorted(self.high, segment.keys_hi[-1], side="right"))
        person = slice(first, last) if isinstance(self.person, slice) else self.person[first:last]
        return AskedIds(self.high[first:last], self.low[first:last], person)


def asked_ids(population: Population, history: NumberHistory | None) -> AskedIds:
    """Every id that the population's persons have or had."""
    assert population.words is not None  # The population split its ids when it was made.
    high, low = population.words
    if history is None or len(history.old) == 0:
        return AskedIds(high, low, slice(0, population.persons))
    high, low, person = ids_ever(high, low, history)
    order = np.lexsort((person, low, high))
    return AskedIds(high[order], low[order], person[order])


def find_rows(segment: RegisterPartition, high: UInt64s, low: UInt64s) -> tuple[UInt32s, UInt32s, int]:
    """First row and number of rows of each ascending id, and how many ids have any; who is hidden has none.

    Raises:
        EventsRejected: the segment is damaged.
    """
    if not len(high):
        return np.empty(0, np.uint32), np.empty(0, np.uint32), 0
    offsets = segment.offsets.astype(np.uint32, copy=False)
    rows, hidden = segment.rows.num_rows, NOBODY if segment.hidden is None else segment.hidden
    # A block of neighbours is few of a segment's persons, but many of those between its first and its last.
    first = int(np.searchsorted(segment.keys_hi, high[0], side="left"))
    last = int(np.searchsorted(segment.keys_hi, high[-1], side="right"))
    if plan_probe(len(high), last - first).method == "merge":
        return walk_rows(segment.keys_hi, segment.keys_lo, offsets, rows, hidden, high, low, first)
    directory = segment.directory
    if directory is None:
        directory = build_directory(segment.keys_hi, segment.keys_lo)
    return probe_rows(segment.keys_hi, segment.keys_lo, directory, offsets, rows, hidden, high, low)
