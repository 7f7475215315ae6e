"""Rows of some code sets, picked once for all indicators that ask for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from linkage.indicator_kinds import CodeSet
from linkage_core.indicators.dispensings import Dispensings
from linkage_core.indicators.reasons import Persons, somebody
from linkage_core.indicators.values import Bools, Int32s, Int64s

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
    places: Int64s | slice = EVERY_ROW
    offsets, day, with_rows = rows.offsets, rows.day, rows.events.with_rows
    if code_sets is not None:
        belongs = rows.atc.belong(code_sets)
        if not belongs.all():
            places = np.flatnonzero(belongs)
            before = np.concatenate(([0], np.cumsum(belongs, dtype=np.int64)))
            offsets, day = before[offsets], day[places]
            with_rows = np.flatnonzero(offsets[1:] > offsets[:-1]).astype(np.int32)
    return SetRows(places, offsets, day, somebody(offsets[1:] == offsets[:-1]), with_rows)


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
