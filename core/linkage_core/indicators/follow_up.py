"""When a person is observed: index day, death, emigration, and the last complete day of each register.

Days are int32 days since 1970-01-01; every interval is half-open.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa

from linkage.errors import EventsRejected
from linkage.indicator_definition import Exit, IndicatorSet
from linkage_core.events import PersonEvents, Population
from linkage_core.indicators.values import Bools, Int32s

FAR = np.int32(1 << 30)
"""A day after every day; room is left to add days to it."""
EPOCH = date(1970, 1, 1)


def day_number(day: date) -> int:
    """Days since 1970-01-01."""
    return (day - EPOCH).days


def days(column: pa.Array) -> Int32s:
    """Day numbers of a date column, FAR where it is null.

    Raises:
        EventsRejected: the column holds no dates.
    """
    if not pa.types.is_date(column.type):
        raise EventsRejected("a date column holds no dates.", mend="Map the column to a date.")
    numbers = filled(as_int32(column.cast(pa.date32())), int(FAR))
    return np.ascontiguousarray(numbers.to_numpy(zero_copy_only=False), np.int32)


def as_int32(column: pa.Array) -> pa.Array:
    """An integer or date32 column as int32; without a copy where it is of 32 bits."""
    if column.type == pa.int32():
        return column
    return column.view(pa.int32()) if column.type == pa.date32() else column.cast(pa.int32())


def filled(column: pa.Array, value: int) -> pa.Array:
    """The column without nulls; a copy only where there are some."""
    return column.fill_null(value) if column.null_count else column


@dataclass(frozen=True, slots=True)
class FollowUp:
    """Observation of each person.

    Args:
        index: index day, FAR where there is none.
        death: day of death, FAR if alive; None where no register tells.
        emigration: day of emigration, FAR if none; None where no register tells.
        complete_until: by register, the first day that it does not hold in full.
    """

    index: Int32s
    death: Int32s | None
    emigration: Int32s | None
    complete_until: Mapping[str, int]

    @property
    def persons(self) -> int:
        """Number of persons."""
        return len(self.index)

    @property
    def has_index(self) -> Bools:
        """Persons with an index day."""
        return np.asarray(self.index < FAR, np.bool_)

    def register_end(self, register: str) -> int:
        """First day that the register does not hold in full; FAR where nothing is known."""
        return self.complete_until.get(register, int(FAR))

    def competing_death(self) -> Int32s:
        """Day of death where it competes with another end, FAR if alive.

        Raises:
            EventsRejected: no register tells it.
        """
        if self.death is None:
            raise EventsRejected(
                "competing = 'death' needs dates of death, and no register of the run tells them.",
                mend="Add the cause-of-death register to the order, or write competing = 'none'.",
                facts={"missing_column": "death_date"},
            )
        return self.death

    def exit(self, register: str, *, ends: bool = True, death_ends: bool = True) -> Int32s | np.int32:
        """The day on which observation in a register ends: one a person, or the same for all.

        Args:
            ends: death and emigration end it; else only the end of the register does.
            death_ends: death does, if anything but the register does.
        """
        exit_day: Int32s | np.int32 = np.int32(self.register_end(register))
        for own in (self.emigration, self.death if death_ends else None):
            if ends and own is not None:
                exit_day = np.minimum(exit_day, own)
        return exit_day

    def from_index(self, offset: int) -> Int32s:
        """Index day + offset, FAR where there is no index day."""
        return np.where(self.has_index, self.index + np.int32(offset), FAR).astype(np.int32)


def follow(
    definition: IndicatorSet,
    *,
    population: Population,
    events: Mapping[str, PersonEvents],
    data_until: Mapping[str, date],
) -> FollowUp:
    """Collect what ends each person's observation.

    Args:
        data_until: by register, the last day that it holds in full; the day itself is still observed.
    """
    persons = len(population.hashed_ids)
    death = definition.exits.death
    emigration = definition.exits.emigration
    return FollowUp(
        index=np.full(persons, FAR, np.int32) if population.index_date is None else days(population.index_date),
        death=first_days(events[death.register_name], death) if death and death.register_name in events else None,
        emigration=first_days(events[emigration.register_name], emigration)
        if emigration and emigration.register_name in events
        else None,
        complete_until={register: day_number(last) + 1 for register, last in data_until.items()},
    )


def first_days(events: PersonEvents, source: Exit) -> Int32s:
    """First date of each person in a column (a register may hold several rows for one death)."""
    if source.date_column not in events.rows.schema.names:
        raise EventsRejected(f"register {source.register_name!r} has no column {source.date_column!r}.")
    row_days = days(events.rows.column(source.date_column))
    first = np.full(len(events.offsets) - 1, FAR, np.int32)
    np.minimum.at(first, events.person_of_row, row_days)
    return first
