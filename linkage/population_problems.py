"""Every fault of a population file, a million of them if need be, without an object each until one is looked at."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, overload

import numpy as np

from linkage.written_columns import Whole

_OTHER = "{other}"


class PopulationProblem(NamedTuple):
    """One fault: its row (0 for the whole column), column, the rule it breaks and the mend. Never the value."""

    row: int
    column: str
    rule: str
    mend: str


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of fault in many rows.

    Args:
        rows: row numbers in the file.
        column: the column it concerns.
        rule: what is wrong; "{other}" stands for the number of the row that each row contradicts.
        mend: what to do about it.
        others: those row numbers, one for each of `rows`.
    """

    rows: Whole
    column: str
    rule: str
    mend: str
    others: Whole | None = None


class PopulationProblems(Sequence[PopulationProblem]):
    """All faults, ascending by row; those of a row in the order of the file's columns."""

    __slots__ = ("_faults", "_others", "_rows", "_which")

    def __init__(self, faults: Iterable[Fault]) -> None:
        self._faults = [fault for fault in faults if len(fault.rows)]
        rows = np.concatenate([np.zeros(0, np.int64), *(fault.rows for fault in self._faults)])
        which = np.repeat(np.arange(len(self._faults)), [len(fault.rows) for fault in self._faults])
        others = [
            np.zeros(len(fault.rows), np.int64) if fault.others is None else fault.others for fault in self._faults
        ]
        order = np.argsort(rows, kind="stable")
        self._rows, self._which = rows[order], which[order]
        self._others = np.concatenate([np.zeros(0, np.int64), *others])[order]

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, place: int) -> PopulationProblem: ...
    @overload
    def __getitem__(self, place: slice) -> list[PopulationProblem]: ...
    def __getitem__(self, place: int | slice) -> PopulationProblem | list[PopulationProblem]:
        if isinstance(place, slice):
            return [self[one] for one in range(*place.indices(len(self)))]
        fault = self._faults[self._which[place]]
        rule = fault.rule.replace(_OTHER, str(self._others[place]))
        return PopulationProblem(int(self._rows[place]), fault.column, rule, fault.mend)
