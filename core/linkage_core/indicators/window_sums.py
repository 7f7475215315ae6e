"""Sums over rows in many windows at once, by person and by person and level, each in one pass over the rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from linkage_core.indicators.dispensings import Dispensings
from linkage_core.indicators.reasons import Reasons
from linkage_core.indicators.row_dimensions import dimension_name, row_levels
from linkage_core.indicators.set_rows import SetRows
from linkage_core.indicators.values import Int32s, Int64s, RowValues
from linkage_core.kernels.sum_in_window import entries_in_windows, sum_in_windows, sum_levels_in_windows

Weight = Int64s | tuple[Int32s, Int32s | None, bool]
"""What each row adds: int64 numbers; or an int32 amount, times a factor if there is one; or (True) the sign of that."""

WEIGHTS_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Windows:
    """Windows of each person.

    Args:
        count: how many there are.
        valid: first day on which rows count, and first on which they no longer do.
        end: int32, windows x persons; with `periods` 1 x persons, the first day not observed.
        start: int32, one a person, of all windows; None with `periods`.
        periods: calendar periods, which are the windows of everybody: period of each day, first day, number of periods.
    """

    count: int
    valid: tuple[int, int]
    end: npt.NDArray[np.int32]
    start: Int32s | None = None
    periods: tuple[Int32s, int, int] | None = None


@dataclass(frozen=True, slots=True)
class WindowSums:
    """What rows weigh by window and person.

    Args:
        sums: int64, weights x windows x persons.
        has_rows: bool, windows x persons.
    """

    sums: npt.NDArray[np.int64]
    has_rows: npt.NDArray[np.bool_]


def sums_in_windows(picked: SetRows, weights: Sequence[Weight], windows: Windows) -> WindowSums:
    """Add up what the picked rows weigh.

    Raises:
        EventsRejected: a weight is out of range; names the row.
    """
    persons = len(picked.offsets) - 1
    sums = np.zeros((len(weights), windows.count, persons), np.int64)
    has_rows = np.zeros((windows.count, persons), np.uint8)
    for first in range(0, len(weights), WEIGHTS_AT_ONCE):
        together = slice(first, first + WEIGHTS_AT_ONCE)
        sum_in_windows(
            picked.offsets,
            picked.day,
            list(weights[together]),
            sums[together],
            has_rows,
            periods=windows.periods,
            valid=windows.valid,
            start=windows.start,
            end=windows.end,
        )
    return WindowSums(sums, has_rows.view(np.bool_))


class LevelSums:
    """What rows weigh by window, person and level of one row variable.

    Values of several weights, windows and denominators that have the same entries share their arrays.
    """

    def __init__(
        self, rows: Dispensings, picked: SetRows, weights: Sequence[Weight], windows: Windows, spec: str
    ) -> None:
        levels = row_levels(rows, spec)
        self._names, self._partitions_rows = levels.names, levels.partitions_rows
        self.dimension = dimension_name(spec)
        self._entries = [
            _entries(picked, weights[first : first + WEIGHTS_AT_ONCE], windows, levels.of_rows(picked.places))
            for first in range(0, len(weights), WEIGHTS_AT_ONCE)
        ]
        self._shared: dict[tuple[int, int], tuple[tuple[str, ...], Int32s, Int32s]] = {}

    def values(self, weight: int, window: int, reasons: Reasons, *, as_persons: bool) -> RowValues:
        """Values of a window by person and level, of counted persons.

        Args:
            as_persons: pairs with a sum above 0 only, as 1: the persons of a yes-or-no value.
        """
        entries = self._entries[weight // WEIGHTS_AT_ONCE]
        here = slice(int(entries.starts[window]), int(entries.filled[window]))
        person, level, value = entries.person[here], entries.level[here], entries.value[weight % WEIGHTS_AT_ONCE, here]
        keep = np.ones(len(person), np.bool_) if reasons.everybody else reasons.counted[person]
        if as_persons:
            keep &= value > 0
        if not keep.all():
            names, used = self._used(level := level[keep])
            person, value = person[keep], value[keep]
        else:
            key = (weight // WEIGHTS_AT_ONCE, window)
            if key not in self._shared:
                self._shared[key] = (*self._used(level), person)
            names, used, person = self._shared[key]
        return RowValues(
            levels=names,
            person=person,
            level=used,
            value=np.ones(len(value), np.int64) if as_persons else value,
            partitions_rows=self._partitions_rows,
        )

    def _used(self, level: Int32s) -> tuple[tuple[str, ...], Int32s]:
        """The levels that somebody has, and entries numbered by them."""
        used = np.zeros(len(self._names), np.bool_)
        used[level] = True
        if used.all():
            return self._names, level
        rank = np.cumsum(used, dtype=np.int32) - np.int32(1)
        return tuple(self._names[place] for place in np.flatnonzero(used)), rank[level]


@dataclass(frozen=True, slots=True)
class _Entries:
    """Entries of window w are [starts[w], filled[w])."""

    starts: Int64s
    filled: Int64s
    person: Int32s
    level: Int32s
    value: npt.NDArray[np.int64]


def _entries(
    picked: SetRows, weights: Sequence[Weight], windows: Windows, levels: tuple[Int32s | Int64s, Int32s, int]
) -> _Entries:
    counts = np.zeros(windows.count, np.int64)
    entries_in_windows(
        picked.offsets,
        picked.day,
        levels,
        counts,
        periods=windows.periods,
        valid=windows.valid,
        start=windows.start,
        end=windows.end,
    )
    starts = np.concatenate(([0], np.cumsum(counts)))
    filled, size = starts[:-1].copy(), int(starts[-1])
    found = _Entries(
        starts,
        filled,
        np.empty(size, np.int32),
        np.empty(size, np.int32),
        np.empty((len(weights), size), np.int64),
    )
    sum_levels_in_windows(
        picked.offsets,
        picked.day,
        list(weights),
        levels,
        starts,
        filled,
        found.person,
        found.level,
        found.value,
        np.zeros(windows.count * levels[2], np.int32),
        periods=windows.periods,
        valid=windows.valid,
        start=windows.start,
        end=windows.end,
    )
    return found
