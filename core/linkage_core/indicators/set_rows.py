"""Rows of some code sets, picked once for all indicators that ask for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial

import numpy as np
import numpy.typing as npt

from linkage.indicator_kinds import CodeSet
from linkage_core.indicators.dispensings import Dispensings
from linkage_core.indicators.reasons import Persons, somebody
from linkage_core.indicators.values import Bools, Int32s, Int64s, UInt8s
from linkage_core.kernels.set_rows import MOST_COLUMNS, MOST_GROUPS, count_rows, pick_rows

UInt32s = npt.NDArray[np.uint32]

EVERY_ROW = slice(None)


@dataclass(frozen=True)
class SetRows:
    """Rows of some code sets.

    Args:
        found_at: positions in the register's rows, ascending, or what finds them; a slice where every row counts.
        offsets: int64, persons + 1: rows of person i are [offsets[i], offsets[i+1]) of the picked ones.
        day: int32, one a picked row.
        without_rows: persons without any.
        with_rows: int32, ascending: positions of the others.
        columns: what was picked with the rows: by the identity of a column of the register, the column and its part.
    """

    found_at: Int64s | slice | Callable[[], Int64s]
    offsets: Int64s
    day: Int32s
    without_rows: Persons
    with_rows: Int32s
    columns: Mapping[int, tuple[Int32s, Int32s]] = field(default_factory=dict)

    @cached_property
    def places(self) -> Int64s | slice:
        """Positions in the register's rows, ascending; a slice where every row counts."""
        return self.found_at if isinstance(self.found_at, np.ndarray | slice) else self.found_at()

    def at(self, picked: Int64s) -> Int64s:
        """Positions in the register's rows of some of the picked ones."""
        return picked if isinstance(self.places, slice) else np.asarray(self.places[picked], np.int64)

    def of(self, column: Int32s) -> Int32s:
        """int32, one a picked row: its part of a column of the register."""
        if isinstance(self.found_at, slice):
            return column
        known = self.columns.get(id(column))
        return column[self.places] if known is None else known[1]


@dataclass(frozen=True, slots=True)
class Picking:
    """Rows that are to be picked, and what with them.

    Args:
        code_sets: rows of any of these.
        columns: int32, one a row of the register: what is picked beside day and code.
        places: where the rows lie is read, so that it is told at once.
    """

    code_sets: Sequence[CodeSet]
    columns: Sequence[Int32s] = ()
    places: bool = True


def rows_of_sets(rows: Dispensings, code_sets: Sequence[CodeSet] | None) -> SetRows:
    """Rows of any of the code sets; None for all rows, also those without a code."""
    if code_sets is None:
        return _every_row(rows)
    return rows_of_each(rows, [Picking(code_sets)])[0]


def rows_of_each(rows: Dispensings, pickings: Sequence[Picking]) -> list[SetRows]:
    """The rows of each picking, in one pass over the register's."""
    members = [rows.atc.members(one.code_sets) for one in pickings]
    chosen = [place for place, own in enumerate(members) if not rows.atc.all_of(own)]
    found = [_every_row(rows)] * len(pickings) if len(chosen) < len(pickings) else [_NOTHING] * len(pickings)
    for first in range(0, len(chosen), MOST_GROUPS):
        some = chosen[first : first + MOST_GROUPS]
        together = _picked(rows, [members[place] for place in some], [pickings[place] for place in some])
        for place, picked in zip(some, together, strict=True):
            found[place] = picked
    return found


def _picked(rows: Dispensings, members: Sequence[UInt8s], pickings: Sequence[Picking]) -> list[SetRows]:
    groups, persons, code = len(members), rows.persons, rows.atc.code
    bits = np.bitwise_or.reduce([own.astype(np.uint32) << place for place, own in enumerate(members)])
    # A row without a code has the last of the members; the kernel has it first.
    groups_of_code = np.roll(np.asarray(bits, np.uint32), 1)
    offsets, with_rows = np.empty((groups, persons + 1), np.int64), np.empty((groups, persons), np.int32)
    without_rows = np.empty((groups, persons), np.bool_)
    having = count_rows(rows.offsets, code, groups_of_code, offsets, with_rows, without_rows.view(np.uint8))
    room = [int(own[-1]) for own in offsets]
    of_each = {id(column): column for column in (rows.day, code)}
    told = of_each | {id(column): column for one in pickings for column in one.columns}
    columns = list(told.values())[:MOST_COLUMNS]
    wanted = [{*of_each, *map(id, one.columns)} for one in pickings]
    places = [np.empty(size, np.int64) if one.places else None for one, size in zip(pickings, room, strict=True)]
    picked = [
        [np.empty(size, np.int32) if id(column) in own else None for column in columns]
        for own, size in zip(wanted, room, strict=True)
    ]
    pick_rows(rows.offsets, code, groups_of_code, columns, room, places, picked)
    found = []
    for group in range(groups):
        none, having_rows = somebody(without_rows[group]), with_rows[group, : having[group]]
        if room[group] == rows.rows:
            found.append(SetRows(EVERY_ROW, rows.offsets, rows.day, none, having_rows))
            continue
        parts = zip(columns, picked[group], strict=True)
        own = {id(column): (column, part) for column, part in parts if part is not None}
        found_at = partial(_places, rows, groups_of_code >> np.uint32(group) & np.uint32(1), room[group])
        listed = places[group]
        found.append(
            SetRows(
                found_at if listed is None else listed,
                offsets[group],
                own[id(rows.day)][1],
                none,
                having_rows,
                own,
            )
        )
    return found


def _places(rows: Dispensings, wanted: UInt32s, room: int) -> Int64s:
    places = np.empty(room, np.int64)
    pick_rows(rows.offsets, rows.atc.code, wanted, [], [room], [places], [[]])
    return places


def _every_row(rows: Dispensings) -> SetRows:
    without_rows = somebody(rows.events.without_rows)
    return SetRows(EVERY_ROW, rows.offsets, rows.day, without_rows, rows.events.with_rows)


_NOTHING = SetRows(EVERY_ROW, np.zeros(1, np.int64), np.zeros(0, np.int32), None, np.zeros(0, np.int32))


def some_rows(picked: SetRows, keep: Bools) -> SetRows:
    """Some of the picked rows; who is without rows is so whichever are kept.

    Args:
        keep: bool, one a picked row.
    """
    places = picked.at(np.arange(len(picked.day)))
    before = np.concatenate(([0], np.cumsum(keep, dtype=np.int64)))
    offsets = before[picked.offsets]
    with_rows = np.flatnonzero(offsets[1:] > offsets[:-1]).astype(np.int32)
    return SetRows(places[keep], offsets, picked.day[keep], picked.without_rows, with_rows)
