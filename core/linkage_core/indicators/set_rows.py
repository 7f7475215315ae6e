"""Rows of some code sets, picked once for all indicators that ask for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from linkage.indicator_kinds import CodeSet
from linkage_core.indicators.dispensings import Dispensings
from linkage_core.indicators.reasons import Persons, somebody
from linkage_core.indicators.values import Bools, Int32s, Int64s, UInt8s
from linkage_core.kernels.set_rows import MOST_COLUMNS, MOST_GROUPS, count_rows, pick_rows

EVERY_ROW = slice(None)


@dataclass(frozen=True, slots=True)
class SetRows:
    """Rows of some code sets.

    Args:
        places: positions in the register's rows, ascending; a slice where every row counts.
        offsets: int64, persons + 1: rows of person i are [offsets[i], offsets[i+1]) of the picked ones.
        day: int32, one a picked row.
        without_rows: persons without any.
        with_rows: int32, ascending: positions of the others.
        columns: what was picked with the rows: by the identity of a column of the register, the column and its part.
    """

    places: Int64s | slice
    offsets: Int64s
    day: Int32s
    without_rows: Persons
    with_rows: Int32s
    columns: Mapping[int, tuple[Int32s, Int32s]] = field(default_factory=dict)

    def of(self, column: Int32s) -> Int32s:
        """int32, one a picked row: its part of a column of the register."""
        if isinstance(self.places, slice):
            return column
        known = self.columns.get(id(column))
        return column[self.places] if known is None else known[1]


def rows_of_sets(rows: Dispensings, code_sets: Sequence[CodeSet] | None) -> SetRows:
    """Rows of any of the code sets; None for all rows, also those without a code."""
    if code_sets is None:
        return _every_row(rows)
    return rows_of_each(rows, [code_sets], [])[0]


def rows_of_each(rows: Dispensings, sets: Sequence[Sequence[CodeSet]], columns: Sequence[Int32s]) -> list[SetRows]:
    """For each of some lists of code sets the rows of any of them, in one pass over the register's.

    Args:
        columns: int32, one a row: what is picked with the rows.
    """
    members = [rows.atc.members(code_sets) for code_sets in sets]
    chosen = [place for place, own in enumerate(members) if not rows.atc.all_of(own)]
    found = [_every_row(rows)] * len(sets) if len(chosen) < len(sets) else [_NOTHING] * len(sets)
    told = [rows.day, rows.atc.code, *columns][:MOST_COLUMNS]
    for first in range(0, len(chosen), MOST_GROUPS):
        some = chosen[first : first + MOST_GROUPS]
        for place, picked in zip(some, _picked(rows, [members[place] for place in some], told), strict=True):
            found[place] = picked
    return found


def _picked(rows: Dispensings, members: Sequence[UInt8s], columns: Sequence[Int32s]) -> list[SetRows]:
    groups, persons, code = len(members), rows.persons, rows.atc.code
    bits = np.bitwise_or.reduce([own.astype(np.uint32) << place for place, own in enumerate(members)])
    # A row without a code has the last of the members; the kernel has it first.
    groups_of_code = np.roll(np.asarray(bits, np.uint32), 1)
    offsets, with_rows = np.empty((groups, persons + 1), np.int64), np.empty((groups, persons), np.int32)
    without_rows = np.empty((groups, persons), np.bool_)
    having = count_rows(rows.offsets, code, groups_of_code, offsets, with_rows, without_rows.view(np.uint8))
    counted = [int(own[-1]) for own in offsets]
    places = [np.empty(size, np.int64) for size in counted]
    picked = [[np.empty(size, np.int32) for _ in columns] for size in counted]
    pick_rows(rows.offsets, code, groups_of_code, [*columns], places, picked)
    found = []
    for group in range(groups):
        none = somebody(without_rows[group])
        if counted[group] == rows.rows:
            found.append(SetRows(EVERY_ROW, rows.offsets, rows.day, none, with_rows[group, : having[group]]))
            continue
        own = {id(column): (column, part) for column, part in zip(columns, picked[group], strict=True)}
        having_rows = with_rows[group, : having[group]]
        found.append(SetRows(places[group], offsets[group], picked[group][0], none, having_rows, own))
    return found


def _every_row(rows: Dispensings) -> SetRows:
    without_rows = somebody(rows.events.without_rows)
    return SetRows(EVERY_ROW, rows.offsets, rows.day, without_rows, rows.events.with_rows)


_NOTHING = SetRows(EVERY_ROW, np.zeros(1, np.int64), np.zeros(0, np.int32), None, np.zeros(0, np.int32))


def some_rows(picked: SetRows, keep: Bools) -> SetRows:
    """Some of the picked rows; who is without rows is so whichever are kept.

    Args:
        keep: bool, one a picked row.
    """
    places = picked.places if isinstance(picked.places, np.ndarray) else np.arange(len(picked.day))
    before = np.concatenate(([0], np.cumsum(keep, dtype=np.int64)))
    offsets = before[picked.offsets]
    with_rows = np.flatnonzero(offsets[1:] > offsets[:-1]).astype(np.int32)
    return SetRows(places[keep], offsets, picked.day[keep], picked.without_rows, with_rows)
