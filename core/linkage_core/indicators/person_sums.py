"""Sums over rows in many windows by person: who has rows in each window is told at once, sums only when asked for."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from linkage_core.indicators.set_rows import SetRows
from linkage_core.indicators.values import Bools, Int32s, Int64s
from linkage_core.indicators.window_sums import WEIGHTS_AT_ONCE, Weight, Windows
from linkage_core.kernels.sum_in_window import add_by_cell, mark_windows, sum_in_windows


@dataclass
class PersonSums:
    """What rows weigh by window and person.

    Args:
        has_rows: bool, one a person, by window; the same object whenever it is asked for.
        above: for the weights asked for, the persons whose rows weigh more than 0, by window.
    """

    has_rows: Sequence[Bools]
    above: Mapping[int, Sequence[Bools]]
    _picked: SetRows
    _weights: Sequence[Weight]
    _windows: Windows

    @property
    def windows(self) -> int:
        """Number of windows."""
        return self._windows.count

    @cached_property
    def of_persons(self) -> npt.NDArray[np.int64]:
        """int64, weights x windows x persons.

        Raises:
            EventsRejected: a weight is out of range; names the row.
        """
        persons, windows = len(self._picked.offsets) - 1, self._windows
        sums = np.zeros((len(self._weights), windows.count, _stride(persons)), np.int64)
        for first in range(0, len(self._weights), WEIGHTS_AT_ONCE):
            together = slice(first, first + WEIGHTS_AT_ONCE)
            sum_in_windows(
                self._picked.offsets,
                self._picked.day,
                list(self._weights[together]),
                sums[together],
                periods=windows.periods,
                valid=windows.valid,
                start=windows.start,
                end=windows.end,
            )
        return sums[:, :, :persons]

    def by_cell(self, among: npt.NDArray[np.uint64], cell: Int32s, *, cells: int) -> Int64s:
        """Add up by window and cell what the rows of some persons weigh.

        Args:
            among: uint64, windows x words of 64 persons, the first in the lowest bit.
            cell: int32, one a person.

        Returns:
            int64, weights x windows x cells.

        Raises:
            EventsRejected: a weight is out of range; names the row.
        """
        windows, sums = self._windows, []
        for first in range(0, len(self._weights), WEIGHTS_AT_ONCE):
            weights = list(self._weights[first : first + WEIGHTS_AT_ONCE])
            own = np.zeros((cells, self.windows, len(weights)), np.int64)
            add_by_cell(
                self._picked.offsets,
                self._picked.day,
                weights,
                among,
                cell,
                own,
                periods=windows.periods,
                valid=windows.valid,
                start=windows.start,
                end=windows.end,
            )
            sums.append(own.transpose(2, 1, 0))
        return sums[0] if len(sums) == 1 else np.concatenate(sums)


def sums_in_windows(
    picked: SetRows, weights: Sequence[Weight], windows: Windows, *, above: Collection[int] = ()
) -> PersonSums:
    """Tell who has picked rows in each window; what they weigh is added up when somebody asks for it.

    Args:
        above: weights of which it is asked who has more than 0.

    Raises:
        EventsRejected: one of these weights is out of range; names the row.
    """
    persons = len(picked.offsets) - 1
    has_rows = np.zeros((windows.count + 1, _stride(persons)), np.uint8)
    found: dict[int, Sequence[Bools]] = {}
    wanted = list(above)
    for first in range(0, max(len(wanted), 1), WEIGHTS_AT_ONCE):
        together = wanted[first : first + WEIGHTS_AT_ONCE]
        marks = np.zeros((len(together), *has_rows.shape), np.uint8)
        if first:
            has_rows[:] = 0
        mark_windows(
            picked.offsets,
            picked.day,
            [weights[place] for place in together],
            has_rows,
            marks,
            periods=windows.periods,
            valid=windows.valid,
            start=windows.start,
            end=windows.end,
        )
        found |= {place: _masks(own, persons) for place, own in zip(together, marks, strict=True)}
    return PersonSums(_masks(has_rows, persons), found, picked, weights, windows)


def _masks(marks: npt.NDArray[np.uint8], persons: int) -> list[Bools]:
    return list(marks[:-1, :persons].view(np.bool_))


def _stride(persons: int) -> int:
    """Room for the persons of a window: an odd number of cache lines, so that the windows do not evict each other."""
    return 64 * (-(-persons // 64) | 1)
