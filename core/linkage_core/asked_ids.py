"""The ids a population is looked up under: one a person, or several where her number changed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from linkage_core.events import Int64s, NumberHistory, Population, RegisterPartition, UInt64s
from linkage_core.kernels.hashed_id_index import build_directory, probe_persons, walk_persons
from linkage_core.number_history import ids_ever
from linkage_core.probe_plan import plan_probe


@dataclass(frozen=True, slots=True)
class AskedIds:
    """Ids to look up, ascending, and whose they are."""

    high: UInt64s
    low: UInt64s
    person: Int64s

    def within(self, segment: RegisterPartition) -> AskedIds:
        """Those in the segment's range of ids; the others cannot be in it."""
        if segment.persons == 0:
            return AskedIds(self.high[:0], self.low[:0], self.person[:0])
        first = int(np.searchsorted(self.high, segment.keys_hi[0], side="left"))
        last = int(np.searchsorted(self.high, segment.keys_hi[-1], side="right"))
        return AskedIds(self.high[first:last], self.low[first:last], self.person[first:last])


def asked_ids(population: Population, history: NumberHistory | None) -> AskedIds:
    """Every id that the population's persons have or had."""
    assert population.words is not None  # The population split its ids when it was made.
    high, low = population.words
    person = np.arange(population.persons, dtype=np.int64)
    if history is None or len(history.old) == 0:
        return AskedIds(high, low, person)
    high, low, person = ids_ever(high, low, history)
    order = np.lexsort((person, low, high))
    return AskedIds(high[order], low[order], person[order])


def find_persons(segment: RegisterPartition, high: UInt64s, low: UInt64s) -> Int64s:
    """Position of each ascending id among the segment's persons, -1 where it has none or hides her."""
    places = _find(segment, high, low)
    if segment.hidden is not None and len(segment.hidden):
        at = np.minimum(np.searchsorted(segment.hidden, places), len(segment.hidden) - 1)
        places[segment.hidden[at] == places] = -1
    return places


def _find(segment: RegisterPartition, high: UInt64s, low: UInt64s) -> Int64s:
    if not len(high):
        return np.empty(0, np.int64)
    # A block of neighbours is few of a segment's persons, but many of those between its first and its last.
    first = int(np.searchsorted(segment.keys_hi, high[0], side="left"))
    last = int(np.searchsorted(segment.keys_hi, high[-1], side="right"))
    if plan_probe(len(high), last - first).method == "merge":
        places = walk_persons(segment.keys_hi[first:last], segment.keys_lo[first:last], high, low)
        return np.where(places < 0, places, places + first) if first else places
    directory = segment.directory
    if directory is None:
        directory = build_directory(segment.keys_hi, segment.keys_lo)
    return probe_persons(segment.keys_hi, segment.keys_lo, directory, high, low)
