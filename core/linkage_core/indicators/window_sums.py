"""Windows of persons, and sums over rows in many of them at once by person and level, in one pass over the rows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from linkage.indicator_kinds import CodeSet
from linkage_core.indicators.dispensings import Dispensings
from linkage_core.indicators.reasons import Reasons
from linkage_core.indicators.row_dimensions import dimension_name, row_levels
from linkage_core.indicators.set_rows import SetRows
from linkage_core.indicators.values import Bools, Int32s, Int64s, RowEntries, UInt8s
from linkage_core.kernels.count_weighed import count_weighed
from linkage_core.kernels.sum_in_window import entries_in_windows, sum_levels_in_windows

Weight = Int64s | tuple[Int32s, Int32s | None, bool]
"""What each row adds: int64 numbers; or an int32 amount, times a factor if there is one; or (True) the sign of that."""

WEIGHTS_AT_ONCE = 8
MEASURES_AT_ONCE = 8
LINE = 64
"""Bytes of a cache line."""


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


class LevelSums:
    """What rows weigh by window, person and level of one row variable: added up when somebody asks for it."""

    def __init__(
        self,
        rows: Dispensings,
        picked: SetRows,
        weights: Sequence[Weight],
        windows: Windows,
        spec: str,
        *,
        code_sets: Mapping[str, CodeSet] | None = None,
    ) -> None:
        levels = row_levels(rows, spec, code_sets)
        self.names, self.partitions_rows = levels.names, levels.partitions_rows
        self.dimension = dimension_name(spec)
        self.weights, self.windows = weights, windows
        self._picked, self._levels = picked, levels.of_rows(picked.places)

    def values(self, weight: int, window: int, reasons: Reasons, *, as_persons: bool) -> SummedByLevel:
        """Values of a window by person and level, of counted persons.

        Args:
            as_persons: pairs with a sum above 0 only, as 1: the persons of a yes-or-no value.
        """
        return SummedByLevel(self, weight, window, reasons, as_persons)

    def count(
        self, measures: Sequence[LevelMeasure], cell: Int32s, used: UInt8s, *, cells: int
    ) -> npt.NDArray[np.int64]:
        """Count and add up by cell, window and level, without listing entries.

        Args:
            measures: up to `MEASURES_AT_ONCE`, of up to `WEIGHTS_AT_ONCE` weights.
            cell: int32, one a person.
            used: uint8, one a level, in and out: 1 where a counted person has it.

        Returns:
            int64, cells x (windows + 1) x levels x columns: for each measure the persons and then its sums. The last
            window is all of them: each person once, and no sums.
        """
        weights = sorted({weight for measure in measures for weight in measure.weights})
        place = {-1: -1} | {weight: number for number, weight in enumerate(weights)}
        columns = sum(1 + len(measure.added) for measure in measures)
        tally = _zeros_by_line((cells, self.windows.count + 1, len(self.names), columns))
        count_weighed(
            self._picked.offsets,
            self._picked.day,
            [self.weights[weight] for weight in weights],
            self._levels,
            [
                (place[one.positive], tuple(map(place.__getitem__, one.added)), one.among, one.counted)
                for one in measures
            ],
            cell,
            used,
            tally,
            periods=self.windows.periods,
            valid=self.windows.valid,
            start=self.windows.start,
            end=self.windows.end,
        )
        return tally

    @cached_property
    def listed(self) -> list[_Entries]:
        """Entries of the weights, `WEIGHTS_AT_ONCE` at a time."""
        return [
            _entries(self._picked, self.weights[first : first + WEIGHTS_AT_ONCE], self.windows, self._levels)
            for first in range(0, len(self.weights), WEIGHTS_AT_ONCE)
        ]


@dataclass(frozen=True, slots=True)
class LevelMeasure:
    """Whom to count by level, and what to add up of them.

    Args:
        positive: the weight of which a person must have more than 0 in a window and level; -1 for any row.
        added: weights; none where one must be above 0.
        among: uint64, words of 64 persons x windows: who is to be counted; None for all who have rows.
        counted: the same: whose rows make a level one that is used.
    """

    positive: int
    added: tuple[int, ...]
    among: npt.NDArray[np.uint64] | None
    counted: npt.NDArray[np.uint64] | None

    @property
    def weights(self) -> set[int]:
        """All that it reads."""
        return {*self.added, self.positive} - {-1}


@dataclass(frozen=True, slots=True)
class SummedByLevel:
    """What rows weigh in one window by person and level, or (`as_persons`) 1 where that is above 0."""

    source: LevelSums
    weight: int
    window: int
    reasons: Reasons
    as_persons: bool

    @property
    def levels(self) -> tuple[str, ...]:
        """Codes in display order; some may be nobody's."""
        return self.source.names

    @property
    def partitions_rows(self) -> bool:
        """A row has exactly one level."""
        return self.source.partitions_rows

    def entries(self) -> RowEntries:
        """Of counted persons, by person and level."""
        listed = self.source.listed[self.weight // WEIGHTS_AT_ONCE]
        here = listed.entry[listed.starts[self.window] : listed.filled[self.window]]
        person, level = here.view(np.int32)[:, 0], here.view(np.int32)[:, 1]
        value = here[:, 1 + self.weight % WEIGHTS_AT_ONCE]
        keep = None if self.reasons.everybody else self.reasons.counted[person]
        if self.as_persons:
            keep = value > 0 if keep is None else keep & (value > 0)
            value = np.ones(len(value), np.int64)
        if keep is not None and not keep.all():
            person, level, value = person[keep], level[keep], value[keep]
        return RowEntries(self.levels, person, level, value, self.partitions_rows)


def _zeros_by_line(shape: tuple[int, ...]) -> npt.NDArray[np.int64]:
    """int64 zeros from the beginning of a cache line on: the numbers of a place lie in as few lines as can be."""
    numbers = math.prod(shape)
    room = np.zeros(numbers + LINE // 8, np.int64)
    first = -room.ctypes.data % LINE // 8
    return room[first : first + numbers].reshape(shape)


def bits_by_window(masks: Sequence[Bools]) -> npt.NDArray[np.uint64]:
    """uint64, words of 64 persons x windows: a bit a person."""
    words = -(-len(masks[0]) // 64)
    bits = np.zeros((len(masks), words * 8), np.uint8)
    for own, mask in zip(bits, masks, strict=True):
        own[: -(-len(mask) // 8)] = np.packbits(mask, bitorder="little")
    return np.ascontiguousarray(bits.view("<u8").T.astype(np.uint64, copy=False))


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
