"""What the indicators of one run share: prepared rows, netted rows, supplies and follow-up, each computed once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from linkage.errors import EventsRejected
from linkage.indicator_definition import IndicatorSet
from linkage.indicator_kinds import CodeSet, Reversals
from linkage_core.events import PersonEvents
from linkage_core.indicators.codes import membership, validity
from linkage_core.indicators.days_of_supply import DaysOfSupply, days_of_supply
from linkage_core.indicators.dispensings import Dispensings
from linkage_core.indicators.follow_up import FAR, FollowUp
from linkage_core.indicators.reversals import NettedRows, net
from linkage_core.indicators.values import Bools, Int32s, Int64s, ReasonBook, UInt8s
from linkage_core.kernels.first_dispensing import first_dispensing


@dataclass(frozen=True, slots=True)
class SetRows:
    """Rows of one code set, picked once for all indicators that ask for it.

    Args:
        places: positions in the register's rows, ascending; a slice where every row counts.
        offsets: int64, persons + 1: rows of person i are [offsets[i], offsets[i+1]) of the picked ones.
        day: int32, one a picked row.
        code: int32, one a picked row; 0, the only code of `EVERY_CODE`.
    """

    places: Int64s | slice
    offsets: Int64s
    day: Int32s
    code: Int32s

    @property
    def has_rows(self) -> Bools:
        """bool, one a person."""
        return np.asarray(self.offsets[1:] > self.offsets[:-1], np.bool_)


EVERY_CODE = np.ones(1, np.uint8)
EVERY_ROW = slice(None)


@dataclass
class RunContext:
    """Everything computed so far for one set on one population."""

    definition: IndicatorSet
    events: Mapping[str, PersonEvents]
    follow_up: FollowUp
    row_dimensions: tuple[str, ...] = ()
    _dispensings: dict[str, Dispensings] = field(default_factory=dict)
    _netted: dict[tuple[str, str], NettedRows] = field(default_factory=dict)
    _supplies: dict[tuple[str, str], DaysOfSupply] = field(default_factory=dict)
    _members: dict[tuple[str, str], UInt8s] = field(default_factory=dict)
    _ever: dict[tuple[str, str, str], Bools] = field(default_factory=dict)
    _set_rows: dict[tuple[str | None, ...], SetRows] = field(default_factory=dict)

    @property
    def persons(self) -> int:
        """Number of persons."""
        return self.follow_up.persons

    def register_events(self, register: str) -> PersonEvents:
        """Rows of a register.

        Raises:
            EventsRejected: the run does not have it.
        """
        if register not in self.events:
            raise EventsRejected(
                f"indicator set {self.definition.name!r} needs the register {register!r}.",
                mend="Add the register to the order.",
                facts={"register": register},
            )
        return self.events[register]

    def dispensings(self, register: str) -> Dispensings:
        """A drug register's rows."""
        if register not in self._dispensings:
            self._dispensings[register] = Dispensings(self.register_events(register), register)
        return self._dispensings[register]

    def netted(self, register: str, rule: Reversals) -> NettedRows:
        """Its rows after reversals."""
        key = (register, rule)
        if key not in self._netted:
            self._netted[key] = net(self.dispensings(register), rule)
        return self._netted[key]

    def supply(self, register: str, name: str) -> DaysOfSupply:
        """Its days of supply by a model of the set."""
        key = (register, name)
        if key not in self._supplies:
            model = self.definition.supply[name]
            self._supplies[key] = days_of_supply(
                self.dispensings(register), model, self.netted(register, model.reversals)
            )
        return self._supplies[key]

    def code_set(self, name: str | None) -> CodeSet | None:
        """A code set of the definition; None lets every row count."""
        return None if name is None else self.definition.codes[name]

    def members(self, register: str, name: str | None) -> UInt8s:
        """Which distinct ATC codes belong to a code set."""
        key = (register, name or "")
        if key not in self._members:
            names = self.dispensings(register).atc.names
            self._members[key] = membership(names, self.code_set(name))
        return self._members[key]

    def coded_rows(self, register: str, name: str | None) -> tuple[Int32s, UInt8s]:
        """Code of each row and membership of each code; without a code set every row counts, also one without ATC."""
        rows = self.dispensings(register)
        if name is None:
            return np.zeros(rows.rows, np.int32), np.ones(1, np.uint8)
        return rows.atc.code, self.members(register, name)

    def set_rows(self, register: str, *names: str | None) -> SetRows:
        """The register's rows of any of the code sets; all of them without one."""
        key = (register, *names)
        if key not in self._set_rows:
            rows = self.dispensings(register)
            places: Int64s | slice = EVERY_ROW
            offsets, day = rows.offsets, rows.day
            if None not in names:
                places = np.flatnonzero(self.rows_in_any_set(register, names))
                counts = np.bincount(rows.person_of_row[places], minlength=rows.persons)
                offsets, day = np.concatenate(([0], np.cumsum(counts))).astype(np.int64), rows.day[places]
            self._set_rows[key] = SetRows(places, offsets, day, np.zeros(len(day), np.int32))
        return self._set_rows[key]

    def rows_in_set(self, register: str, name: str | None) -> Bools:
        """bool, one a row."""
        code, member = self.coded_rows(register, name)
        return np.asarray((code >= 0) & (member[code] > 0), np.bool_)

    def rows_in_any_set(self, register: str, names: Sequence[str | None]) -> Bools:
        """bool, one a row."""
        return np.asarray(np.logical_or.reduce([self.rows_in_set(register, name) for name in names]), np.bool_)

    def first_day(self, register: str, name: str | None, *, rule: Reversals, start: Int32s, end: Int32s) -> Int32s:
        """First day in [start, end) with a dispensing of the code set that is not reversed; FAR where there is none."""
        picked = self.set_rows(register, name)
        from_day, until_day = validity(self.code_set(name))
        first = np.empty(self.persons, np.int32)
        first_dispensing(
            picked.offsets,
            picked.day,
            picked.code,
            self.netted(register, rule).left[picked.places],
            EVERY_CODE,
            np.maximum(start, np.int32(from_day)),
            np.minimum(end, np.int32(until_day)),
            first,
            none=int(FAR),
        )
        return first

    def ever(self, register: str, names: Sequence[str | None], *, rule: Reversals) -> Bools:
        """Persons with a dispensing of any of the code sets, whenever."""
        found = np.zeros(self.persons, np.bool_)
        for name in names:
            key = (register, name or "", rule)
            if key not in self._ever:
                always, never = np.full(self.persons, -FAR, np.int32), np.full(self.persons, FAR, np.int32)
                first = self.first_day(register, name, rule=rule, start=always, end=never)
                self._ever[key] = np.asarray(first < FAR, np.bool_)
            found |= self._ever[key]
        return found

    def has_faulty_row(self, register: str, names: Sequence[str | None], faulty: Bools) -> Bools:
        """Persons with a faulty row of any of the code sets: their value would be wrong, so they get none."""
        found = np.zeros(self.persons, np.bool_)
        if not faulty.any():
            return found
        rows = self.dispensings(register)
        for name in names:
            found[rows.person_of_row[faulty & self.rows_in_set(register, name)]] = True
        return found

    def exit(self, register: str, *, ends: bool) -> Int32s:
        """Day on which observation ends; only the end of the register where death and emigration shall not count."""
        if ends:
            return self.follow_up.exit(register)
        return np.full(self.persons, self.follow_up.register_end(register), np.int32)

    def reasons_at_index(self) -> ReasonBook:
        """Reasons that hold for every indicator that starts from the index day."""
        book = ReasonBook(self.persons)
        book.give("error:index_date", ~self.follow_up.has_index)
        return book

    def alive_rule(self, denominator: str, *, end: Int32s, at: str) -> tuple[str, Bools] | None:
        """The reason and the persons that a denominator leaves out; None for all.

        `end` is the first day after the window: who dies on the last day of it is not alive at its end.

        Raises:
            EventsRejected: the denominator needs dates of death and no register tells them.
        """
        if denominator == "all":
            return None
        if self.follow_up.death is None:
            raise EventsRejected(
                "denominator 'alive_at_N' needs dates of death, and no register of the run tells them.",
                mend="Add the cause-of-death register to the order, or use the denominator 'all'.",
            )
        return f"excluded:not_alive_at_{at}", np.asarray(self.follow_up.death < end, np.bool_)

    def incomplete(self, register: str, *, end: Int32s) -> Bools:
        """Persons whose window reaches past what the register holds in full while they are still under observation."""
        observed = self.follow_up.exit("", death_ends=True)
        return np.asarray(np.minimum(end, observed) > self.follow_up.register_end(register), np.bool_)


def joined(*parts: str) -> str:
    """A parameter point, from its parts that say something."""
    return ";".join(part for part in parts if part)
