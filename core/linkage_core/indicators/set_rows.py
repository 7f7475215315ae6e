"""Rows of some code sets, picked once for all indicators that ask for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from linkage.indicator_kinds import CodeSet
from linkage_core.indicators.dispensings import Dispensings
from linkage_core.indicators.reasons import Persons, somebody
from linkage_core.indicators.values import Int32s, Int64s

EVERY_ROW = slice(None)


@dataclass(frozen=True, slots=True)
class SetRows:
    """Rows of some code sets.

    Args:
        places: positions in the register's rows, ascending; a slice where every row counts.
        offsets: int64, persons + 1: rows of person i are [offsets[i], offsets[i+1]) of the picked ones.
        day: int32, one a picked row.
        without_rows: persons without any.
    """

    places: Int64s | slice
    offsets: Int64s
    day: Int32s
    without_rows: Persons


def rows_of_sets(rows: Dispensings, code_sets: Sequence[CodeSet] | None) -> SetRows:
    """Rows of any of the code sets; None for all rows, also those without a code."""
    places: Int64s | slice = EVERY_ROW
    offsets, day = rows.offsets, rows.day
    if code_sets is not None:
        members = [rows.atc.facts.membership(code_set) for code_set in code_sets]
        # A row without a code has -1: it finds the 0 that is put last.
        belongs = np.append(np.bitwise_or.reduce(members), np.uint8(0))[rows.atc.code]
        if not belongs.all():
            places = np.flatnonzero(belongs)
            before = np.concatenate(([0], np.cumsum(belongs, dtype=np.int64)))
            offsets, day = before[offsets], day[places]
    return SetRows(places, offsets, day, somebody(offsets[1:] == offsets[:-1]))
