"""Rows of some code sets, picked once for all indicators that ask for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from linkage.indicator_kinds import CodeSet
from linkage_core.indicators.dispensings import Dispensings
from linkage_core.indicators.reasons import Persons, somebody
from linkage_core.indicators.values import Bools, Int32s, Int64s
from linkage_core.kernels.set_rows import pick_rows

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
    """

    places: Int64s | slice
    offsets: Int64s
    day: Int32s
    without_rows: Persons
    with_rows: Int32s


def rows_of_sets(rows: Dispensings, code_sets: Sequence[CodeSet] | None) -> SetRows:
    """Rows of any of the code sets; None for all rows, also those without a code."""
    members = None if code_sets is None else rows.atc.members(code_sets)
    # A run mostly fetched the rows of its code sets alone.
    if members is None or (rows.atc.every_row and members[:-1].all()):
        without_rows = somebody(rows.offsets[1:] == rows.offsets[:-1])
        return SetRows(EVERY_ROW, rows.offsets, rows.day, without_rows, rows.events.with_rows)
    places, day = np.empty(rows.rows, np.int64), np.empty(rows.rows, np.int32)
    offsets, with_rows = np.empty(rows.persons + 1, np.int64), np.empty(rows.persons, np.int32)
    without_rows = np.empty(rows.persons, np.bool_)
    # A row without a code has the last of the members; the kernel has it first.
    having = pick_rows(
        rows.offsets,
        rows.atc.code,
        rows.day,
        np.roll(members, 1),
        places,
        day,
        offsets,
        with_rows,
        without_rows.view(np.uint8),
    )
    picked, with_rows = int(offsets[-1]), with_rows[:having]
    if picked == rows.rows:
        return SetRows(EVERY_ROW, rows.offsets, rows.day, somebody(without_rows), with_rows)
    return SetRows(places[:picked], offsets, day[:picked], somebody(without_rows), with_rows)


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
