"""The rows of a register that a criterion counts, and the days on which persons meet it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from linkage.indicator_kinds import CodeSet
from linkage.indicator_kinds.criteria import Criterion
from linkage.population_rules import DayWindow, Period
from linkage_core.events import PersonEvents
from linkage_core.indicators.codes import validity
from linkage_core.indicators.dispensings import Dispensings
from linkage_core.indicators.follow_up import FAR, day_number, days
from linkage_core.indicators.reversals import net
from linkage_core.indicators.row_limits import column_of, holds_code, meets_limits
from linkage_core.indicators.values import Bools, Int32s, Int64s

NO_ROW = -1
_LONG_AGO = np.int64(-(1 << 40))


@dataclass(frozen=True, slots=True)
class CountedRows:
    """Rows of the codes of a criterion that have a date, by person, day and order in the register.

    Args:
        persons: number of persons of the block.
        person, day: int32, one a row.
        place: int64, one a row: its position among the rows of the register.
        meets: bool, one a row: it meets the limits of age, sex and place too.
    """

    persons: int
    person: Int32s
    day: Int32s
    place: Int64s
    meets: Bools

    def within(self, period: Period, *, new_after_days: int | None) -> Bools:
        """bool, one a row: it meets the limits in the period, with no row of the codes on so many days before."""
        day = self.day
        chosen = self.meets & (day >= day_number(period.from_date)) & (day < day_number(period.until))
        if new_after_days is not None:
            chosen &= day - self._day_before() > new_after_days
        return np.asarray(chosen, np.bool_)

    def day_met(self, chosen: Bools, *, rule: str = "first") -> tuple[Int32s, Int64s]:
        """For each person the first or last day of the chosen rows, FAR without one, and the first such row of it."""
        rows = np.flatnonzero(chosen)
        person, day = self.person[rows], self.day[rows]
        begins = np.ones(len(rows), np.bool_)
        begins[1:] = person[1:] != person[:-1]
        if rule == "last":
            # The first row of the last day: a day begins where person or day changes.
            starts_day = begins.copy()
            starts_day[1:] |= day[1:] != day[:-1]
            days_begin = np.flatnonzero(starts_day)
            own = person[days_begin]
            begins = np.zeros(len(rows), np.bool_)
            begins[days_begin[np.append(own[1:] != own[:-1], True)[: len(own)]]] = True
        first_day = np.full(self.persons, FAR, np.int32)
        place = np.full(self.persons, NO_ROW, np.int64)
        first_day[person[begins]] = day[begins]
        place[person[begins]] = self.place[rows[begins]]
        return first_day, place

    def anywhere_in(self, window: DayWindow, index: Int32s) -> Bools:
        """bool, one a person: a row that meets the limits lies in the window after her index day."""
        since = self.day.astype(np.int64) - index[self.person]
        inside = self.meets & (index[self.person] < FAR)
        if window.from_day is not None:
            inside &= since >= window.from_day
        if window.to_day is not None:
            inside &= since <= window.to_day
        return self.anybody(inside)

    def anybody(self, chosen: Bools) -> Bools:
        """bool, one a person: a chosen row is hers."""
        found = np.zeros(self.persons, np.bool_)
        found[self.person[chosen]] = True
        return found

    def _day_before(self) -> Int64s:
        """int64, one a row: the last earlier day on which the person has a row of the codes, or one long ago."""
        new_day = np.ones(len(self.day), np.bool_)
        new_day[1:] = (self.person[1:] != self.person[:-1]) | (self.day[1:] != self.day[:-1])
        begins = np.flatnonzero(new_day)
        before = np.full(len(begins), _LONG_AGO)
        same_person = self.person[begins][1:] == self.person[begins][:-1]
        before[1:][same_person] = self.day[begins][:-1][same_person]
        return np.asarray(before[np.cumsum(new_day) - 1], np.int64)


def counted_rows(criterion: Criterion, codes: Mapping[str, CodeSet], events: PersonEvents) -> CountedRows:
    """The rows of a register that a criterion counts.

    Args:
        codes: code sets by name.
        events: rows of its register for a block of persons; rows of no code set may be missing.

    Raises:
        EventsRejected: the register lacks a column; names it.
    """
    code_set = None if criterion.codes is None else codes[criterion.codes]
    day = days(column_of(events, criterion, criterion.date_column))
    counts = day < FAR
    if code_set is not None:
        first, until = validity(code_set)
        counts &= _has_code(criterion, code_set, events) & (day >= first) & (day < until)
    if criterion.reversals != "none":
        counts &= net(Dispensings(events, criterion.register_name), criterion.reversals).left > 0
    place = np.flatnonzero(counts)
    person = (np.searchsorted(events.offsets, place, side="right") - 1).astype(np.int32)
    day = day[place]
    if _falls(person, day):
        order = np.lexsort((day, person))
        place, person, day = place[order], person[order], day[order]
    return CountedRows(events.persons, person, day, place, meets_limits(criterion, events, place))


def _has_code(criterion: Criterion, code_set: CodeSet, events: PersonEvents) -> Bools:
    found = np.zeros(events.rows.num_rows, np.bool_)
    for name in criterion.code_columns:
        found |= holds_code(column_of(events, criterion, name), code_set)
    return found


def _falls(person: Int32s, day: Int32s) -> bool:
    """Whether rows of a person do not lie by day: the register is sorted by another of its dates."""
    return bool(((person[1:] == person[:-1]) & (day[1:] < day[:-1])).any())
