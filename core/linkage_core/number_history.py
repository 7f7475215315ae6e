"""Persons whose identity number changed, by hashes only: which ids mean one person.

The register's rows stay under the number they were delivered with. A history says `old became new`; following it to
its end gives a person's current id, and all ids with the same end are hers.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from linkage.errors import EventsRejected
from linkage_core.events import Int64s, NumberHistory, Population, UInt64s, join_ids, split_ids


def current_ids(hashed_ids: pa.FixedSizeBinaryArray, history: NumberHistory) -> pa.FixedSizeBinaryArray:
    """The id each person has today: `new` where hers changed, followed to the end.

    Raises:
        EventsRejected: an old number is listed twice, or changes lead round in a circle.
    """
    ends = _ends(history)
    place = pc.index_in(hashed_ids, value_set=history.old)
    return pc.if_else(place.is_valid(), ends.take(place.fill_null(0)), hashed_ids) if len(ends) else hashed_ids


def merge_changed_numbers(population: Population, history: NumberHistory) -> tuple[Population, Int64s]:
    """The population under current ids, a person with several numbers once; and each old row's new position.

    Where two rows turn out to be one person, the row under her current number stands, else the one that came first.
    """
    now = current_ids(population.hashed_ids, history)
    was_current = pc.equal(now, population.hashed_ids).to_numpy(zero_copy_only=False)
    high, low = split_ids(now)
    order = np.lexsort((~was_current, low, high))
    is_first = np.ones(len(order), np.bool_)
    is_first[1:] = (np.diff(high[order]) != 0) | (np.diff(low[order]) != 0)
    kept = order[is_first]
    positions = np.empty(len(order), np.int64)
    positions[order] = np.cumsum(is_first) - 1
    chosen = pa.array(kept)
    merged = Population(
        hashed_ids=join_ids(high[kept], low[kept]),
        index_date=_taken(population.index_date, chosen),
        birth_date=_taken(population.birth_date, chosen),
        sex=_taken(population.sex, chosen),
        strata={name: column.take(chosen) for name, column in population.strata.items()},
    )
    return merged, positions


def ids_ever(high: UInt64s, low: UInt64s, history: NumberHistory) -> tuple[UInt64s, UInt64s, Int64s]:
    """Every id that each person had or has, in no order: its two words and the person's position."""
    now = current_ids(join_ids(high, low), history)
    ends = _ends(history)
    # A population may name one person under two numbers; both rows then get all her ids.
    person = np.arange(len(high), dtype=np.int64)
    by_end: dict[bytes, list[bytes]] = {}
    for old, end in zip(history.old.to_pylist(), ends.to_pylist(), strict=True):
        by_end.setdefault(end, []).append(old)
    changed = np.flatnonzero(pc.is_in(now, value_set=ends).to_numpy(zero_copy_only=False))
    ids: list[bytes] = []
    owners: list[int] = []
    for position, end in zip(changed.tolist(), now.take(pa.array(changed)).to_pylist(), strict=True):
        ids += [*by_end[end], end]
        owners += [position] * (len(by_end[end]) + 1)
    more_high, more_low = split_ids(pa.array(ids, pa.binary(16)))
    unchanged = np.setdiff1d(person, changed, assume_unique=True)
    return (
        np.concatenate((high[unchanged], more_high)),
        np.concatenate((low[unchanged], more_low)),
        np.concatenate((unchanged, np.array(owners, np.int64))),
    )


def _ends(history: NumberHistory) -> pa.FixedSizeBinaryArray:
    if len(pc.unique(history.old)) != len(history.old):
        raise EventsRejected("the number history lists an old number twice.", mend="Keep its latest change only.")
    ends = history.new
    # Each round doubles the length of chain that is followed, so a chain of all rows ends in log2(rows) rounds.
    for _ in range(len(history.old).bit_length() + 1):
        place = pc.index_in(ends, value_set=history.old)
        if place.null_count == len(place):
            return ends
        ends = pc.if_else(place.is_valid(), ends.take(place.fill_null(0)), ends)
    raise EventsRejected("the number history leads round in a circle.", mend="Remove one of the changes.")


def _taken(column: pa.Array | None, rows: pa.Array) -> pa.Array | None:
    return None if column is None else column.take(rows)
