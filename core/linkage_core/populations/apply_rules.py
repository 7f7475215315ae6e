"""Applies a population's rules to a block of persons: who belongs to it, her index day, and why she is left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa

from linkage.errors import EventsRejected
from linkage.indicator_kinds.criteria import Criterion
from linkage.population_rules import NO_INDEX_EVENT, Barrier, Definition, Entry, PopulationRules
from linkage_core.events import PersonEvents, Population
from linkage_core.indicators.counted_rows import NO_ROW, CountedRows, counted_rows
from linkage_core.indicators.follow_up import FAR, day_number, days
from linkage_core.indicators.row_limits import UNKNOWN_AGE, ages, levels, sexes
from linkage_core.indicators.values import Bools, Int32s, Int64s


def apply_rules(rules: PopulationRules, *, population: Population, events: Mapping[str, PersonEvents]) -> Population:
    """The persons of a block that belong to the population, with what registers tell of them.

    Args:
        rules: what registers decide.
        population: persons who may belong to a defined population, or a part of one that was sent in.
        events: rows of each register that the rules name, one entry a person.

    Returns:
        Of a defined population those who meet the definition, with index day, sex, date of birth and strata; of one
        that was sent in everybody. With `excluded`, where the rules leave anybody out.

    Raises:
        EventsRejected: a register or a column that the rules need is missing; names it.
    """
    block = _Block(rules, population.persons, events)
    if rules.defined is not None:
        index, belongs = _index_days(rules.defined, block)
        selected = _with_properties(rules.defined, block, population, index=index)
    elif rules.index_event is not None:
        event = rules.index_event
        rows = block.rows(event)
        index, _ = rows.day_met(rows.within(event.period, new_after_days=event.new_after_days), rule=event.rule)
        belongs, selected = None, replace(population, index_date=_dates(index))
    else:
        index = np.full(population.persons, FAR, np.int32)
        index = index if population.index_date is None else days(population.index_date)
        belongs, selected = None, population
    if rules.excluding_rules:
        selected = replace(selected, excluded=_excluded(rules, block, index))
    return selected if belongs is None else selected.take(np.flatnonzero(belongs).astype(np.int64))


@dataclass
class _Block:
    """The rows of a block of persons, those of each criterion looked up once."""

    rules: PopulationRules
    persons: int
    events: Mapping[str, PersonEvents]
    _rows: dict[int, CountedRows] = field(default_factory=dict)
    _met: dict[int, tuple[Int32s, Int64s]] = field(default_factory=dict)

    def rows(self, criterion: Criterion) -> CountedRows:
        """The rows that a criterion counts."""
        if id(criterion) not in self._rows:
            self._rows[id(criterion)] = counted_rows(criterion, self.rules.codes, self.register(criterion))
        return self._rows[id(criterion)]

    def register(self, criterion: Criterion) -> PersonEvents:
        """The rows of its register."""
        if criterion.register_name not in self.events:
            raise EventsRejected(
                f"the population's rules read the register {criterion.register_name!r}.",
                mend="Add the register to the order.",
                facts={"missing_register": criterion.register_name},
            )
        return self.events[criterion.register_name]

    def met(self, entry: Entry, definition: Definition) -> tuple[Int32s, Int64s]:
        """For each person the day on which a criterion without a window is first met, and the row."""
        if id(entry) not in self._met:
            rows = self.rows(entry)
            self._met[id(entry)] = rows.day_met(rows.within(definition.period, new_after_days=entry.new_after_days))
        return self._met[id(entry)]


def _index_days(definition: Definition, block: _Block) -> tuple[Int32s, Bools]:
    """Index days, FAR where a criterion is not met, and who belongs to the population."""
    day = np.full(block.persons, -FAR, np.int32)
    for entry in (one for one in definition.all_of if one.window is None):
        day = np.maximum(day, block.met(entry, definition)[0])
    anyhow = [block.met(entry, definition)[0] for entry in definition.any_of if entry.window is None]
    if anyhow:
        day = np.maximum(day, np.minimum.reduce(anyhow))
    belongs = np.asarray(day < FAR, np.bool_)
    if not isinstance(definition.index, str):
        day = np.where(belongs, np.int32(day_number(definition.index)), FAR).astype(np.int32)
    for entry in (one for one in definition.all_of if one.window is not None):
        belongs &= _meets(entry, definition, block, day)
    in_windows = [_meets(entry, definition, block, day) for entry in definition.any_of if entry.window is not None]
    if in_windows:
        belongs &= np.logical_or.reduce(in_windows)
    for barrier in definition.none_of:
        belongs &= ~_meets(barrier, definition, block, day)
    return day, belongs


def _meets(criterion: Entry | Barrier, definition: Definition, block: _Block, index: Int32s) -> Bools:
    rows = block.rows(criterion)
    if criterion.window is not None:
        return rows.anywhere_in(criterion.window, index)
    return rows.anybody(rows.within(definition.period, new_after_days=None))


def _with_properties(definition: Definition, block: _Block, population: Population, *, index: Int32s) -> Population:
    """The persons with what the rows tell by which they met the criteria, the first criterion that tells it first."""
    persons = block.persons
    sex, born = np.zeros(persons, np.uint8), np.full(persons, FAR, np.int32)
    for entry in definition.entries:
        day, place = block.met(entry, definition)
        columns = block.register(entry).rows
        if "sex" in columns.schema.names:
            own = np.flatnonzero((place != NO_ROW) & (sex == 0))
            sex[own] = sexes(columns.column("sex"), place[own])
        if "age" in columns.schema.names:
            own = np.flatnonzero((place != NO_ROW) & (born == FAR))
            years = ages(columns.column("age"), place[own])
            known = years != UNKNOWN_AGE
            born[own[known]] = _years_before(day[own[known]], years[known])
    return Population(
        hashed_ids=population.hashed_ids,
        index_date=_dates(index),
        birth_date=_dates(born),
        sex=pa.array(sex),
        strata={name: _stratum(definition, block, name) for name in definition.strata},
        words=population.words,
    )


def _years_before(day: Int32s, years: Int32s) -> Int32s:
    """The latest day of birth of somebody who has completed so many years on a day; her age on that day is exact."""
    months = day.astype("datetime64[D]").astype("datetime64[M]")
    in_month = day.astype("datetime64[D]") - months.astype("datetime64[D]")
    then = months - 12 * years.astype(np.int64)
    length = (then + 1).astype("datetime64[D]") - then.astype("datetime64[D]")
    # On 29 February somebody born on the 28th has completed the year, somebody born on 1 March has not.
    born = then.astype("datetime64[D]") + np.minimum(in_month, length - np.timedelta64(1, "D"))
    return np.asarray(born.astype(np.int64), np.int32)


def _stratum(definition: Definition, block: _Block, name: str) -> pa.DictionaryArray:
    """What the row tells by which the person met the first criterion of the stratum's register that she met."""
    stratum = definition.strata[name]
    code, texts = np.full(block.persons, -1, np.int64), [""]
    for entry in (one for one in definition.entries if one.register_name == stratum.register_name):
        columns = block.register(entry).rows
        if stratum.column not in columns.schema.names:
            raise EventsRejected(f"register {stratum.register_name!r} has no column {stratum.column!r}.")
        own = np.flatnonzero((block.met(entry, definition)[1] != NO_ROW) & (code < 0))
        found, names = levels(columns.column(stratum.column), block.met(entry, definition)[1][own])
        code[own] = np.where(found < 0, -1, found + np.int64(len(texts)))
        texts += names
    column = pa.array(code, mask=code < 0)
    return pa.array(texts).take(column).dictionary_encode().cast(pa.dictionary(pa.int32(), pa.string()))


def _excluded(rules: PopulationRules, block: _Block, index: Int32s) -> pa.DictionaryArray:
    names = rules.excluding_rules
    rule = np.full(block.persons, -1, np.int32)
    for exclusion in reversed(rules.exclude):
        rule[block.rows(exclusion).anywhere_in(exclusion.window, index)] = names.index(exclusion.id)
    if rules.index_event is not None:
        rule[index == FAR] = names.index(NO_INDEX_EVENT)
    return _dictionary(rule, names)


def _dictionary(code: Int32s, names: Sequence[str]) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(code, mask=code < 0), pa.array(names, pa.string()))


def _dates(day: Int32s) -> pa.Date32Array:
    return pa.array(day, mask=day == FAR).cast(pa.date32())
