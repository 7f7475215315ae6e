"""Days on which a treatment was at hand as given: from each dispensing for its days of supply and a grace."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from linkage_core.indicators.days_of_supply import DAY
from linkage_core.indicators.dispensings import Dispensings
from linkage_core.indicators.reasons import Persons
from linkage_core.indicators.run_context import RunContext
from linkage_core.indicators.set_rows import SetRows
from linkage_core.indicators.set_supply import drugs_of_sets, supply_of_sets
from linkage_core.indicators.values import Int32s, Int64s
from linkage_core.kernels.covered_days import covered_days

_ALWAYS = (np.array([-(2**30)], np.int32), np.array([2**30], np.int32))
_NO_CAP = 1 << 60


@dataclass(frozen=True)
class Exposure:
    """Dispensings of a treatment.

    Args:
        names: its code sets; `supply`: its supply model.
        by_day: rows of a drug on one day are one dispensing that lasts for all they bring; else they run side by side.
    """

    context: RunContext
    register: str
    names: Sequence[str]
    supply: str
    by_day: bool
    _graced: dict[int, Int32s] = field(default_factory=dict)

    @cached_property
    def longest(self) -> int:
        """The most days for which a dispensing exposes."""
        return max(int(self._supply_64ths.max(initial=0)) // DAY, self.context.definition.supply[self.supply].cap_days)

    @cached_property
    def _picked(self) -> SetRows:
        return self.context.set_rows(self.register, *self.names)

    @cached_property
    def _supply_64ths(self) -> Int32s:
        """int32, one a row of the treatment; 0 where it is none, or its supply is told with that of another row."""
        context, picked = self.context, self._picked
        supply = supply_of_sets(context, self.register, self.names, self.supply)
        if not self.by_day or not len(supply):
            return supply
        drug = drugs_of_sets(context, self.register, self.names)
        person = np.repeat(np.arange(len(picked.offsets) - 1), np.diff(picked.offsets))
        order = np.lexsort((drug, picked.day, person))
        own = np.stack((person, picked.day, drug))[:, order]
        first = np.concatenate(([0], np.flatnonzero((own[:, 1:] != own[:, :-1]).any(axis=0)) + 1))
        together = np.zeros(len(supply), np.int32)
        together[order[first]] = np.add.reduceat(supply[order], first)
        return together

    def days(self, start: Int32s, ends: Sequence[Int32s], *, grace_days: int) -> npt.NDArray[np.int32]:
        """int32, ends x persons: days in [start, end) of the union of [date, date + days of supply + grace).

        A fraction of a day of supply is cut off; a row without supply exposes to nothing.
        """
        picked = self._picked
        end = np.ascontiguousarray(np.stack(ends), np.int32)
        exposed, observed = np.empty(end.shape, np.int32), np.maximum(end - start, np.int32(0))
        covered_days(
            picked.with_rows,
            picked.offsets,
            picked.day,
            None,
            np.ones(1, np.uint8),
            self._with_grace(grace_days),
            *_ALWAYS,
            None,
            start,
            end,
            observed,
            exposed,
            lookback_days=self.longest + grace_days,
            stock_cap_64ths=_NO_CAP,
            carry_over=False,
            pooled=False,
            all_groups=False,
        )
        return exposed

    def _with_grace(self, grace_days: int) -> Int32s:
        """int32, one a row of the treatment: its supply and the grace; 0 for no supply."""
        if grace_days not in self._graced:
            supply = self._supply_64ths
            self._graced[grace_days] = (supply + np.int32(grace_days * DAY)) * (supply > 0)
        return self._graced[grace_days]

    def with_faulty_row(self, faulty: Int64s, start: Int32s, end: Int32s) -> Persons:
        """Persons with a faulty row of the treatment in [start, end).

        Args:
            faulty: positions of rows, ascending.
        """
        if not len(faulty):
            return None
        rows: Dispensings = self.context.dispensings(self.register)
        person, day = rows.person_at(faulty), rows.day[faulty]
        inside = (day >= start[person]) & (day < end[person])
        return self.context.persons_with(self.register, self.names, faulty[inside])
