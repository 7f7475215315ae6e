"""What the indicators of one run share: prepared rows, netted rows, supplies and observation, each computed once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar, cast

import numpy as np
import pyarrow as pa

from linkage.errors import EventsRejected
from linkage.indicator_definition import IndicatorSet
from linkage.indicator_kinds import CodeSet, DrugUseModel, Indicator, Reversals, SupplyModel
from linkage_core.events import PersonEvents
from linkage_core.indicators.codes import validity
from linkage_core.indicators.days_of_supply import (
    DAY,
    DaysInPeriods,
    DaysOfSupply,
    columns_of_steps,
    days_of_supply,
)
from linkage_core.indicators.dispensed import answer
from linkage_core.indicators.dispensings import Dispensings
from linkage_core.indicators.drug_use import drug_use
from linkage_core.indicators.follow_up import FAR, FollowUp
from linkage_core.indicators.hospital_stays import HospitalStays, hospital_stays, no_stays
from linkage_core.indicators.netting_account import NettingAccount, netting_account
from linkage_core.indicators.observed_time import ObservedTime
from linkage_core.indicators.reasons import Persons, ReasonShelf, somebody
from linkage_core.indicators.reversal_rule import reversal_rule
from linkage_core.indicators.reversals import NettedRows, net
from linkage_core.indicators.rows_read import amounts_of_rows, code_sets_of_rows, reads_places
from linkage_core.indicators.set_rows import EVERY_ROW, Picking, SetRows, rows_of_each, rows_of_sets
from linkage_core.indicators.spans import Asking, Question, questions_of, reversals_of
from linkage_core.indicators.values import Bools, Int32s, Int64s, UInt8s
from linkage_core.person_sets import UInt64s

Fact = TypeVar("Fact")


@dataclass
class RunContext:
    """Everything computed so far for one set on one population.

    Args:
        indicators: those that are asked for: what one of them needs is computed for all that share it.
        columns: the population's own columns, by name.
        episode_grids: episodes at the points of grids, by indicator, supply model and rule of carry-over.
        excluded: the rules of the order that leave persons out, and whom.
        numbers: uint64, one a person: her own in whatever block she is counted; her position where none is given.
    """

    definition: IndicatorSet
    indicators: Sequence[Indicator]
    events: Mapping[str, PersonEvents]
    follow_up: FollowUp
    row_dimensions: tuple[str, ...] = ()
    columns: Mapping[str, pa.DictionaryArray] = field(default_factory=dict)
    excluded: Sequence[tuple[str, Persons]] = ()
    numbers: UInt64s | None = None
    _dispensings: dict[str, Dispensings] = field(default_factory=dict)
    _netted: dict[tuple[str, str], NettedRows] = field(default_factory=dict)
    _supplies: dict[tuple[str | int | None, ...], DaysOfSupply] = field(default_factory=dict)
    _stays: dict[str, HospitalStays] = field(default_factory=dict)
    _dispensed: dict[tuple[str, str], dict[Question, UInt8s]] = field(default_factory=dict)
    _accounts: dict[tuple[str, str], NettingAccount] = field(default_factory=dict)
    _no_rows: dict[tuple[str | None, ...], Persons] = field(default_factory=dict)
    episode_grids: dict[tuple[str, str, str], Any] = field(default_factory=dict)
    _no_dispensings: dict[tuple[str | None, ...], Persons] = field(default_factory=dict)
    _without_packages: dict[tuple[str | None, ...], Persons] = field(default_factory=dict)
    _set_rows: dict[tuple[str | None, ...], SetRows] = field(default_factory=dict)
    _remembered: dict[tuple[object, ...], Any] = field(default_factory=dict)

    @property
    def persons(self) -> int:
        """Number of persons."""
        return self.follow_up.persons

    @property
    def own_numbers(self) -> UInt64s:
        """uint64, one a person: what luck is drawn from, so that it does not depend on who else is there."""
        return np.arange(self.persons, dtype=np.uint64) if self.numbers is None else self.numbers

    @cached_property
    def time(self) -> ObservedTime:
        """Who is observed when."""
        return ObservedTime(self.follow_up)

    @cached_property
    def reasons(self) -> ReasonShelf:
        """Reasons settled so far."""
        return ReasonShelf(self.persons, self.excluded)

    def register_events(self, register: str) -> PersonEvents:
        """Rows of a register.

        Raises:
            EventsRejected: the run does not have it.
        """
        if register not in self.events:
            raise EventsRejected(
                f"indicator set {self.definition.name!r} needs the register {register!r}.",
                mend="Add the register to the order.",
                facts={"missing_register": register},
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

    def supply(self, register: str, name: str, *names: str | None) -> DaysOfSupply:
        """Days of supply by a model of the set, of the rows that some code sets pick; of all rows without names.

        Models that differ in hospital stays alone share them.
        """
        model = self.definition.supply[name]
        key = (register, model.reversals, model.cap_days, *model.steps, "of", *names)
        if key not in self._supplies:
            self._supplies[key] = days_of_supply(
                self.dispensings(register),
                model,
                self.netted(register, model.reversals),
                lambda step: self._days_in_periods(register, step, model.reversals),
                picked=self.set_rows(register, *(names or (None,))),
            )
        return self._supplies[key]

    def stays(self, model: SupplyModel | DrugUseModel) -> HospitalStays:
        """Stays that a model asks for; none where it ignores them."""
        register = "" if model.hospital == "ignore" else model.hospital_register
        if register not in self._stays:
            self._stays[register] = (
                hospital_stays(self.register_events(register)) if register else no_stays(self.persons)
            )
        return self._stays[register]

    def _days_in_periods(self, register: str, name: str, rule: Reversals) -> DaysInPeriods:
        """What drug use periods of all drugs tell of the register's rows."""

        def told() -> DaysInPeriods:
            model, picked, left = (
                self.definition.drug_use[name],
                self.set_rows(register, None),
                self.netted(register, rule).left,
            )
            everything = np.ones(len(picked.day), np.bool_)
            found = drug_use(
                self.dispensings(register), left, self.stays(model), model, picked=picked, counts=everything
            )
            return DaysInPeriods(np.floor(found.lasts * DAY).astype(np.int64), found.served)

        return self.remember(("days in periods", register, name, rule), told)

    def remember(self, key: tuple[object, ...], work_out: Callable[[], Fact]) -> Fact:
        """What was worked out under the key before, or is now; the same object each time."""
        if key not in self._remembered:
            self._remembered[key] = work_out()
        return cast(Fact, self._remembered[key])

    def remembers(self, key: tuple[object, ...]) -> bool:
        """Whether something was worked out under the key before."""
        return key in self._remembered

    def days_in_column(self, name: str) -> Int32s:
        """int32, one a person: days that a column of the population tells; -1 where it tells no whole number.

        Raises:
            EventsRejected: the population does not have it.
        """
        if name not in self.columns:
            raise EventsRejected(
                f"indicator set {self.definition.name!r} reads lengths of windows from the column {name!r}, "
                "which the population does not have.",
                mend="Send the column with the population, or write the length into the definition.",
                facts={"column": name},
            )
        column = self.columns[name]
        days = np.array([*map(_whole_days, column.dictionary.to_pylist()), -1], np.int32)
        return days[np.asarray(column.indices.fill_null(len(days) - 1), np.int64)]

    def code_set(self, name: str | None) -> CodeSet | None:
        """A code set of the definition; None lets every row count."""
        return None if name is None else self.definition.codes[name]

    def members(self, register: str, name: str) -> UInt8s:
        """Which distinct ATC codes belong to a code set."""
        return self.dispensings(register).atc.facts.membership(self.definition.codes[name])

    def set_rows(self, register: str, *names: str | None) -> SetRows:
        """The register's rows of any of the code sets; all of them without one."""
        key = (register, *names)
        if key not in self._set_rows:
            together = self._picked_together(register)
            if names in together:
                self._pick_together(register, together)
            else:
                sets = [self.definition.codes[name] for name in names if name is not None]
                picked = rows_of_sets(self.dispensings(register), sets if len(sets) == len(names) else None)
                self._set_rows[key] = picked
        return self._set_rows[key]

    def _picked_together(self, register: str) -> dict[tuple[str | None, ...], list[Indicator]]:
        """Lists of code sets whose rows of a register are looked at, each with the indicators that do so."""

        def found() -> dict[tuple[str | None, ...], list[Indicator]]:
            lists: dict[tuple[str | None, ...], list[Indicator]] = {}
            for one in self.indicators:
                if one.register_name == register and one.reads_dispensings:
                    for names in code_sets_of_rows(one):
                        lists.setdefault(names, []).append(one)
            return lists

        return self.remember(("picked together", register), found)

    def _pick_together(self, register: str, together: Mapping[tuple[str | None, ...], Sequence[Indicator]]) -> None:
        """Picks rows with all that is read of them: columns are read once."""
        pickings = [self._picking(register, names, asking) for names, asking in together.items()]
        for names, picked in zip(together, rows_of_each(self.dispensings(register), pickings), strict=True):
            self._set_rows[register, *names] = picked

    def _picking(self, register: str, names: Sequence[str | None], asking: Sequence[Indicator]) -> Picking:
        rows = self.dispensings(register)
        models = [self.definition.supply[name] for one in asking for name in one.supply_models]
        looking = [one for one in asking if reads_places(one)]
        rules = dict.fromkeys(
            [model.reversals for model in models] + [reversal_rule(self.definition, one) for one in looking]
        )
        return Picking(
            [self.definition.codes[name] for name in names if name is not None],
            [
                *(self.netted(register, rule).left for rule in rules if rule is not None and rule != "sum"),
                *(column for model in models for column in columns_of_steps(rows, model)),
                *(column for one in looking for column in amounts_of_rows(rows, one)),
            ],
            places=bool(looking),
        )

    def belong(self, register: str, names: Sequence[str | None], places: Int64s | slice = EVERY_ROW) -> Bools:
        """bool, one a row of `places`: it is of any of the code sets."""
        return self.of_sets(register, names, self.dispensings(register).atc.code[places])

    def of_sets(self, register: str, names: Sequence[str | None], code: Int32s) -> Bools:
        """bool, one a code of the register's: it is of any of the code sets."""
        if None in names:
            return np.ones(len(code), np.bool_)
        sets = [self.definition.codes[name] for name in names if name is not None]
        return self.dispensings(register).atc.members(sets).take(code).view(np.bool_)

    def in_force(self, register: str, names: Sequence[str], picked: SetRows) -> Bools:
        """bool, one a row that the code sets picked: it lies on a day on which a set that holds it applies."""
        bounds = [validity(self.code_set(name)) for name in names]
        if all(bound == validity(None) for bound in bounds):
            return np.ones(len(picked.day), np.bool_)
        applies = np.zeros(len(picked.day), np.bool_)
        for name, (first, last) in zip(names, bounds, strict=True):
            applies |= self.belong(register, [name], picked.places) & (picked.day >= first) & (picked.day < last)
        return applies

    def netting_account(self, register: str, rule: Reversals, names: Sequence[str | None]) -> dict[str, int]:
        """Reversed rows of the code sets, netted and unmatched."""
        key = (register, rule)
        if key not in self._accounts:
            self._accounts[key] = netting_account(self.dispensings(register), self.netted(register, rule))
        sets = [self.definition.codes[name] for name in names if name is not None]
        return self._accounts[key].of_sets(sets if len(sets) == len(names) else None)

    def dispensed(self, register: str, rule: Reversals, question: Question) -> UInt8s:
        """uint8, one a person: 1 where a row that is not reversed answers the question with yes.

        What all indicators of the run ask is answered in one pass; another question takes one of its own.
        """
        answers = self._dispensed.setdefault((register, rule), {})
        if question not in answers:
            expected = {} if answers else dict.fromkeys(self._questions(register, rule))
            questions = list(expected) if question in expected else [*expected, question]
            left = self.netted(register, rule).left
            answers.update(answer(questions, self.definition, self.dispensings(register), left, self.time))
        return answers[question]

    def _questions(self, register: str, rule: Reversals) -> list[Question]:
        return [
            question
            for indicator in self.indicators
            if isinstance(indicator, Asking)
            and indicator.register_name == register
            and reversals_of(self.definition, indicator) == rule
            for question in questions_of(indicator)
        ]

    def without_rows(self, register: str, names: Sequence[str | None], *, rule: Reversals) -> Persons:
        """Persons without a dispensing of any of the code sets, whenever."""
        key = (register, rule, *names)
        if key not in self._no_rows:
            self._no_rows[key] = somebody(self.dispensed(register, rule, Question(tuple(names), None)) == 0)
        return self._no_rows[key]

    def without_dispensings(self, register: str, names: Sequence[str | None], *, rule: Reversals) -> Persons:
        """Persons without a row of any of the code sets that is not reversed, on days when the sets apply or not."""
        key = (register, rule, *names)
        if key not in self._no_dispensings:
            picked = self.set_rows(register, *names)
            # Few rows have nothing left: persons who have no others are looked for among theirs.
            gone = np.flatnonzero(picked.of(self.netted(register, rule).left) <= 0)
            rows_left = np.diff(picked.offsets)
            rows_left -= np.bincount(np.searchsorted(picked.offsets, gone, side="right") - 1, minlength=self.persons)
            self._no_dispensings[key] = somebody(rows_left == 0)
        return self._no_dispensings[key]

    def without_packages(self, register: str, names: Sequence[str | None]) -> Persons:
        """Persons with a row of the code sets that does not tell its packages, where packages decide."""
        key = (register, *names)
        if key not in self._without_packages:
            self._without_packages[key] = self.persons_with(
                register, names, self.dispensings(register).without_quantity
            )
        return self._without_packages[key]

    def persons_with(self, register: str, names: Sequence[str | None], faulty: Int64s) -> Persons:
        """Persons with a faulty row of any of the code sets: their value would be wrong, so they get none.

        Args:
            faulty: positions of rows, ascending.
        """
        if not len(faulty):
            return None
        found = np.zeros(self.persons, np.bool_)
        own = faulty[self.belong(register, names, faulty)]
        found[self.dispensings(register).person_at(own)] = True
        return somebody(found)

    def excluded_as_incomplete(self, late: Persons) -> list[tuple[str, Persons]]:
        """The rule for windows that the register does not hold in full, where the set leaves such persons out."""
        return [("excluded:window_incomplete", late)] if self.definition.exits.incomplete == "exclude" else []


def _whole_days(text: object) -> int:
    try:
        days = float(str(text))
    except ValueError:
        return -1
    return int(days) if days.is_integer() and 0 <= days < FAR else -1


def joined(*parts: str) -> str:
    """A parameter point, from its parts that say something."""
    return ";".join(part for part in parts if part)
