"""From plain files to what the core evaluates: a population and the rows of its persons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from linkage.errors import InputRefused
from linkage.indicator_definition import Exit, IndicatorSet
from linkage.population_rules import PopulationRules
from linkage_core.dictionaries import one_chunk
from linkage_core.events import PersonEvents, Population, events_from_table
from linkage_core.indicators.row_limits import SEXES
from linkage_core.populations.apply_rules import apply_rules
from linkage_core.populations.from_registers import leading_registers
from linkage_server.lab.plain_files import PERSON, event_date, with_concepts
from linkage_server.lab.whole_files import read_table

_NOT_STRATA = (PERSON, "index_date", "birth_date", "sex", "death_date", "emigration_date")
_FIRST_INDEX_DATE, _LAST_INDEX_DATE = date(1900, 1, 1), date(2199, 12, 31)
_EXITS = "exits of the population file"


@dataclass(frozen=True, slots=True)
class LabInputs:
    """Everything that was read.

    Args:
        persons: as the population file names them, in its order and of its type.
        population: the same persons for the core, by position.
        events: rows of each register.
        definition: the set; exits point to the population file where it has dates of death or emigration.
    """

    persons: pa.Array
    population: Population
    events: Mapping[str, PersonEvents]
    definition: IndicatorSet


def read_inputs(
    definition: IndicatorSet,
    *,
    population: Path | None,
    events: Mapping[str, Path],
    told: Mapping[str, Mapping[str, str]],
    rules: PopulationRules | None = None,
) -> LabInputs:
    """Read the files of a laboratory run.

    Args:
        population: one row a person: person, index_date, and as wished birth_date, sex, death_date, emigration_date;
            every other column is a stratum. None for a population that the rules define.
        events: register -> file.
        told: register (or "population") -> concept -> column.
        rules: what registers say about the population.

    Raises:
        InputRefused: a file is not as needed; names file and column.
        EventsRejected: a register or column that the rules read is missing.
    """
    if (population is None) != (rules is not None and rules.defined is not None):
        raise InputRefused(
            "A population is sent in a file or defined by rules, one of the two.",
            mend="Name --population, or rules with [population.defined] by --population-from.",
        )
    if population is None:
        assert rules is not None
        return _defined(definition, rules, events=events, told=told)
    people = with_concepts(
        read_table(population), register="population", told=told.get("population", {}), file_name=population.name
    )
    persons = one_chunk(people[PERSON])
    _refuse_repeated(persons, population)
    rows = _rows(definition, rules, persons=persons, events=events, told=told)
    who = _population(people)
    if rules is not None:
        who = apply_rules(rules, population=who, events=rows)
    definition = _with_exits(definition, people, rows, persons)
    return LabInputs(persons, who, rows, definition)


def _refuse_repeated(persons: pa.Array, population: Path) -> None:
    missing = persons.is_null()
    if pa.types.is_string(persons.type):  # A CSV's empty field is an empty text.
        missing = pc.or_kleene(missing, pc.equal(persons, ""))
    if (row := pc.index(missing, True).as_py() + 1) > 0:
        raise InputRefused(
            f"{population.name}: row {row} below the header names no person.",
            mend="Fill the person in, or leave the row out.",
        )
    numbers = persons.dictionary_encode().indices.to_numpy()
    _, first_rows = np.unique(numbers, return_index=True)
    if len(first_rows) < len(numbers):
        again = np.setdiff1d(np.arange(len(numbers)), first_rows, assume_unique=True)[0]
        first = np.flatnonzero(numbers == numbers[again])[0]
        raise InputRefused(
            f"{population.name}: rows {first + 1} and {again + 1} below the header are of one person.",
            mend="Write one row for each person.",
        )


def _defined(
    definition: IndicatorSet,
    rules: PopulationRules,
    *,
    events: Mapping[str, Path],
    told: Mapping[str, Mapping[str, str]],
) -> LabInputs:
    """Everybody in the files of the registers that persons may enter by, and of these who meets the definition."""
    known = pa.chunked_array(
        [
            _table(events[name], name, told=told.get(name, {}), dates=set())[PERSON].cast(pa.string()).combine_chunks()
            for name in dict.fromkeys(name for names in leading_registers(rules) for name in names)
            if name in events
        ],
        pa.string(),
    )
    everybody = pc.unique(known).sort()
    selected = apply_rules(
        rules,
        population=_population(pa.table({PERSON: everybody})),
        events=_rows(definition, rules, persons=everybody, events=events, told=told),
    )
    places = pa.array([int.from_bytes(who, "big") for who in selected.hashed_ids.to_pylist()], pa.int64())
    persons = everybody.take(places)
    rows = _rows(definition, rules, persons=persons, events=events, told=told)
    positions = pa.array([place.to_bytes(16, "big") for place in range(len(persons))], pa.binary(16))
    return LabInputs(persons, replace(selected, hashed_ids=positions, words=None), rows, definition)


def _rows(
    definition: IndicatorSet,
    rules: PopulationRules | None,
    *,
    persons: pa.Array,
    events: Mapping[str, Path],
    told: Mapping[str, Mapping[str, str]],
) -> dict[str, PersonEvents]:
    dates = _date_columns(definition)
    for criterion in rules.criteria if rules else []:
        dates.setdefault(criterion.register_name, set()).add(criterion.date_column)
    return {
        register: _events(
            path, register, told=told.get(register, {}), persons=persons, dates=dates.get(register, set())
        )
        for register, path in events.items()
    }


def _date_columns(definition: IndicatorSet) -> dict[str, set[str]]:
    """Columns that the set itself takes for dates, by register."""
    columns: dict[str, set[str]] = {}
    exits = [one for one in (definition.exits.death, definition.exits.emigration) if one is not None]
    dates = [one for indicator in definition.indicators for one in indicator.event_dates]
    for register, column in [*dates, *((one.register_name, one.date_column) for one in exits)]:
        columns.setdefault(register, set()).add(column)
    return columns


def _table(path: Path, register: str, *, told: Mapping[str, str], dates: set[str]) -> pa.Table:
    return with_concepts(read_table(path), register=register, told=told, file_name=path.name, dates=dates)


def _events(path: Path, register: str, *, told: Mapping[str, str], persons: pa.Array, dates: set[str]) -> PersonEvents:
    table = _table(path, register, told=told, dates=dates)
    if table[PERSON].type != persons.type:
        table = table.set_column(table.column_names.index(PERSON), PERSON, table[PERSON].cast(pa.string()))
        persons = persons.cast(pa.string())
    dated_by = event_date(register, table.column_names)
    return events_from_table(table, person_column=PERSON, person_order=persons, date_column=dated_by)


def _population(people: pa.Table) -> Population:
    positions = pa.array([place.to_bytes(16, "big") for place in range(people.num_rows)], pa.binary(16))
    names = people.column_names
    return Population(
        hashed_ids=positions,
        index_date=_index_dates(people["index_date"]) if "index_date" in names else None,
        birth_date=one_chunk(people["birth_date"]) if "birth_date" in names else None,
        sex=_sexes(people["sex"]) if "sex" in names else None,
        strata={name: _stratum(people[name]) for name in names if name not in _NOT_STRATA},
    )


def _index_dates(column: pa.ChunkedArray) -> pa.Date32Array:
    """Index dates without those that stand for none, such as 9999-12-31: such persons have no index date."""
    dates = one_chunk(column)
    possible = pc.and_(pc.greater_equal(dates, _FIRST_INDEX_DATE), pc.less_equal(dates, _LAST_INDEX_DATE))
    return pc.if_else(possible, dates, pa.scalar(None, pa.date32()))


def _sexes(column: pa.ChunkedArray) -> pa.UInt8Array:
    return pa.array([SEXES.get(str(value).strip().lower(), 0) for value in column.to_pylist()], pa.uint8())


def sex_words(column: pa.ChunkedArray) -> list[str | None]:
    """Man or woman as strata name them; None for another text."""
    return [(None, "man", "woman")[code] for code in _sexes(column).to_pylist()]


def _stratum(column: pa.ChunkedArray) -> pa.DictionaryArray:
    whole = one_chunk(column)
    return whole if pa.types.is_dictionary(whole.type) else whole.cast(pa.string()).dictionary_encode()


def _with_exits(
    definition: IndicatorSet, people: pa.Table, events: dict[str, PersonEvents], persons: pa.Array
) -> IndicatorSet:
    """Let dates of death and emigration in the population file end observation, where no register tells them."""
    found = {name: people[name] for name in ("death_date", "emigration_date") if name in people.column_names}
    if not found:
        return definition
    exits = definition.exits
    table = pa.table({PERSON: persons, **found})
    rows = events_from_table(table, person_column=PERSON, person_order=persons)
    if "death_date" in found and exits.death is not None and exits.death.register_name not in events:
        events[exits.death.register_name] = events_from_table(
            table.select([PERSON, "death_date"]).rename_columns([PERSON, exits.death.date_column]),
            person_column=PERSON,
            person_order=persons,
        )
    if "emigration_date" in found and exits.emigration is None:
        events[_EXITS] = rows
        emigration = Exit.model_validate({"register": _EXITS, "date": "emigration_date"})
        exits = exits.model_copy(update={"emigration": emigration})
    return definition.model_copy(update={"exits": exits})
