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
    sums = np.zeros((len(weights), windows.count, _stride(persons)), np.int64)
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
    return WindowSums(sums[:, :, :persons], has_rows.view(np.bool_))


def _stride(persons: int) -> int:
    """Room for the persons of a window: an odd number of cache lines, so that the windows do not evict each other."""
    return 8 * (-(-persons // 8) | 1)


class LevelSums:
    """What rows weigh by window, person and level of one row variable."""

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

    def values(self, weight: int, window: int, reasons: Reasons, *, as_persons: bool) -> RowValues:
        """Values of a window by person and level, of counted persons.

        Args:
            as_persons: pairs with a sum above 0 only, as 1: the persons of a yes-or-no value.
        """
        entries = self._entries[weight // WEIGHTS_AT_ONCE]
        here = entries.entry[entries.starts[window] : entries.filled[window]]
        person, level = here.view(np.int32)[:, 0], here.view(np.int32)[:, 1]
        value = here[:, 1 + weight % WEIGHTS_AT_ONCE]
        keep = None if reasons.everybody else reasons.counted[person]
        if as_persons:
            keep = value > 0 if keep is None else keep & (value > 0)
            value = np.ones(len(value), np.int64)
        if keep is not None and not keep.all():
            person, level, value = person[keep], level[keep], value[keep]
        return RowValues(self._names, person, level, value, self._partitions_rows)


@dataclass(frozen=True, slots=True)
class _Entries:
    """Entries of window w are [starts[w], filled[w]) of `entry`, as the kernel writes them."""

    starts: Int64s
    filled: Int64s
    entry: npt.NDArray[np.int64]


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
    found = _Entries(starts, starts[:-1].copy(), np.empty((int(starts[-1]), 1 + len(weights)), np.int64))
    sum_levels_in_windows(
        picked.offsets,
        picked.day,
        list(weights),
        levels,
        starts,
        found.filled,
        found.entry,
        np.zeros(windows.count * levels[2], np.int64),
        periods=windows.periods,
        valid=windows.valid,
        start=windows.start,
        end=windows.end,
    )
    return found
