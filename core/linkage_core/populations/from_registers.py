"""Makes a population from registers in one pass over blocks of persons, in bounded memory.

A defined population is looked for among those who have a row of one register that every member must have a row of, or
of any of several where any will do; the other registers are asked for those alone who have such a row. Persons are cut
into ranges of ids, and each is judged by her own rows: the population is the same for any cut and number of threads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from linkage.population_rules import PopulationRules
from linkage_core.blocks import block_size, events_between, heavy_parts, persons_between
from linkage_core.dictionaries import concatenate
from linkage_core.events import PersonEvents, Population, Touched, join_ids
from linkage_core.in_order import in_order
from linkage_core.populations.apply_rules import apply_rules
from linkage_core.populations.known_persons import IdRange, KnownPersons
from linkage_core.register_view import RegisterView

# Day, code, limits, and the rows of each criterion, for each of which a person takes some words.
_VALUES_A_CRITERION = 4
Turn = Callable[[], AbstractContextManager[None]]


@dataclass(frozen=True, slots=True)
class MadePopulation:
    """A population, and what making it took.

    Args:
        touched: what was read of each register, by its name.
    """

    population: Population
    touched: Mapping[str, Touched]


def define(
    rules: PopulationRules,
    *,
    registers: Mapping[str, RegisterView],
    threads: int,
    memory_bytes: int,
    turn: Turn = nullcontext,
) -> MadePopulation:
    """The persons who meet a definition, ascending by id; nobody, where nobody does.

    Args:
        registers: those that the rules name, opened for the rows of `rule_rows` and the columns of `columns_read`.
        threads: blocks of persons judged at once.
        memory_bytes: what they may hold beside the mapped registers.
        turn: entered by the thread that judges a block, for as long as it does.

    Raises:
        EventsRejected: a register or a column that the rules need is missing; names it.
    """
    leading = _leading(rules, registers)
    segments = [segment for name in leading for segment in registers[name].segments]
    known = KnownPersons(segments, next(iter(registers.values())).history)
    persons = _block_of(rules, registers, persons=known.at_most, threads=threads, memory_bytes=memory_bytes)

    def judge(ids: IdRange) -> MadePopulation:
        with turn():
            candidates = known.between(ids)
            lead = {name: registers[name].events(candidates) for name in leading}
            here, rows = _with_rows(candidates, lead)
            rows |= {name: view.events(here) for name, view in registers.items() if name not in leading}
            touched = {name: events.touched for name, events in (rows | lead).items()}
            return MadePopulation(_judged(rules, here, rows, memory_bytes=memory_bytes // threads), touched)

    return _together(in_order(judge, known.ranges(persons=persons), threads=threads))


def settle(
    rules: PopulationRules,
    *,
    population: Population,
    registers: Mapping[str, RegisterView],
    threads: int,
    memory_bytes: int,
    turn: Turn = nullcontext,
) -> MadePopulation:
    """A population that was sent in, with index days and exclusions that registers tell; see `define`."""
    persons = _block_of(rules, registers, persons=population.persons, threads=threads, memory_bytes=memory_bytes)

    def judge(first: int) -> MadePopulation:
        with turn():
            here = persons_between(population, first, min(first + persons, population.persons))
            rows = {name: view.events(here) for name, view in registers.items()}
            touched = {name: events.touched for name, events in rows.items()}
            return MadePopulation(_judged(rules, here, rows, memory_bytes=memory_bytes // threads), touched)

    return _together(in_order(judge, range(0, max(population.persons, 1), persons), threads=threads))


def leading_registers(rules: PopulationRules) -> list[list[str]]:
    """Choices of registers of which every person of a defined population has a row in at least one."""
    assert rules.defined is not None
    choices = [[entry.register_name] for entry in rules.defined.all_of if entry.window is None]
    anyhow = [entry.register_name for entry in rules.defined.any_of if entry.window is None]
    return [*choices, *([list(dict.fromkeys(anyhow))] if anyhow else [])]


def _leading(rules: PopulationRules, registers: Mapping[str, RegisterView]) -> list[str]:
    """The choice with the fewest persons."""

    def persons(names: list[str]) -> int:
        return sum(segment.persons for name in names for segment in registers[name].segments)

    return min(leading_registers(rules), key=persons)


def _block_of(
    rules: PopulationRules, registers: Mapping[str, RegisterView], *, persons: int, threads: int, memory_bytes: int
) -> int:
    return block_size(
        persons=persons,
        rows_a_person=sum(view.rows_a_person for view in registers.values()),
        values=_VALUES_A_CRITERION * len(rules.criteria),
        memory_bytes=memory_bytes,
        threads=threads,
    )


def _with_rows(candidates: Population, lead: Mapping[str, PersonEvents]) -> tuple[Population, dict[str, PersonEvents]]:
    """The persons who have any row that is looked for, and their rows: the others have none to lose."""
    has_rows = np.logical_or.reduce([np.diff(events.offsets) > 0 for events in lead.values()])
    kept = np.flatnonzero(has_rows).astype(np.int64)
    if len(kept) == candidates.persons:
        return candidates, dict(lead)
    rows = {
        name: PersonEvents(np.append(events.offsets[kept], events.offsets[-1]), events.rows, events.found[kept])
        for name, events in lead.items()
    }
    return candidates.take(kept), rows


def _judged(
    rules: PopulationRules, population: Population, events: Mapping[str, PersonEvents], *, memory_bytes: int
) -> Population:
    parts = heavy_parts(list(events.values()), persons=population.persons, memory_bytes=memory_bytes)
    if len(parts) == 1:
        return apply_rules(rules, population=population, events=events)
    return _joined(
        [
            apply_rules(
                rules,
                population=persons_between(population, first, last),
                events={name: events_between(joined, first, last) for name, joined in events.items()},
            )
            for first, last in parts
        ]
    )


def _together(blocks: Iterable[MadePopulation]) -> MadePopulation:
    made = list(blocks)
    touched: dict[str, Touched] = {}
    for one in made:
        for name, part in one.touched.items():
            touched[name] = touched.get(name, Touched()) + part
    return MadePopulation(_tidy(_joined([one.population for one in made])), touched)


def _joined(parts: Sequence[Population]) -> Population:
    """Blocks of persons, ascending, as one population."""
    first = parts[0]
    high, low = (np.concatenate([part.words[word] for part in parts if part.words]) for word in (0, 1))
    return Population(
        hashed_ids=join_ids(high, low),
        index_date=None if first.index_date is None else concatenate([part.index_date for part in parts]),
        birth_date=None if first.birth_date is None else concatenate([part.birth_date for part in parts]),
        sex=None if first.sex is None else concatenate([part.sex for part in parts]),
        strata={name: concatenate([part.strata[name] for part in parts]) for name in first.strata},
        excluded=None if first.excluded is None else _excluded([part.excluded for part in parts]),
        words=(high, low),
    )


def _excluded(columns: Sequence[pa.DictionaryArray]) -> pa.DictionaryArray:
    """All blocks have the same rules, in the same order."""
    codes = pa.concat_arrays([column.indices for column in columns])
    return pa.DictionaryArray.from_arrays(codes, columns[0].dictionary)


def _tidy(population: Population) -> Population:
    """Strata whose levels are those that somebody has, in one order: nothing of how the persons were cut shows."""
    return Population(
        hashed_ids=population.hashed_ids,
        index_date=population.index_date,
        birth_date=population.birth_date,
        sex=population.sex,
        strata={name: _with_own_levels(column) for name, column in population.strata.items()},
        excluded=population.excluded,
        words=population.words,
    )


def _with_own_levels(column: pa.DictionaryArray) -> pa.DictionaryArray:
    used = pc.unique(column.indices.drop_null())
    names = sorted(column.dictionary.take(used).to_pylist())
    code = pc.index_in(column.dictionary, value_set=pa.array(names, pa.string())).take(column.indices)
    return pa.DictionaryArray.from_arrays(code.cast(pa.int32()), pa.array(names, pa.string()))
