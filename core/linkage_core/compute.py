"""Answers a question about a population, block by block of persons: rows, values, counts, and one table of all.

Blocks are counted apart and merge exactly, so the table is the same for any number of blocks and threads. Memory is
that of the blocks that are computed at once, however large the population.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace

import numpy as np

from linkage_core.blocks import block_size, events_between, heavy_parts, persons_between
from linkage_core.class_counts import with_classes
from linkage_core.count_block import count_block
from linkage_core.counted_persons import CountedPersons
from linkage_core.counted_table import CountedTable
from linkage_core.events import PersonEvents, Population, Touched
from linkage_core.finish_counts import finish
from linkage_core.grids import CountingPlan, counting_plan
from linkage_core.in_order import in_order
from linkage_core.indicators import PersonValues, evaluate
from linkage_core.inhabitant_counts import with_rates
from linkage_core.inhabitant_plan import InhabitantPlan, counted_otherwise, inhabitant_plan
from linkage_core.layout import Layout, layout_of
from linkage_core.partial_counts import PartialCounts
from linkage_core.question import Question
from linkage_core.reason_ties import with_reasons
from linkage_core.register_view import RegisterView
from linkage_core.rounded_ratios import with_decimals

__all__ = ["Computed", "Question", "compute"]


@dataclass(frozen=True, slots=True)
class Computed:
    """The answer, and what it took.

    Args:
        counted: the table.
        persons_found: persons whom at least one register knows.
        touched: what was read of each register, by its name.
        blocks: how many blocks of persons were computed.
        persons: who was counted where, where that is kept.
    """

    counted: CountedTable
    persons_found: int
    touched: Mapping[str, Touched]
    blocks: int
    persons: CountedPersons | None = None


def compute(
    question: Question,
    *,
    population: Population,
    registers: Mapping[str, RegisterView],
    threads: int,
    memory_bytes: int,
    turn: Callable[[], AbstractContextManager[None]] = nullcontext,
    report: Callable[[int, int], None] = lambda _done, _of: None,
    keep_persons: bool = False,
) -> Computed:
    """Answer a question.

    Args:
        registers: by name, opened for this run.
        threads: blocks computed at once.
        memory_bytes: what blocks computed at once may hold beside the mapped registers.
        turn: entered by the thread that computes a block, for as long as it does. What it raises ends the run.
        report: told the blocks done, and how many there are; from the caller's thread.
        keep_persons: remember who was counted where.

    Raises:
        EventsRejected: a register, column or stratum that the question needs is missing; names it.
    """
    plan = counting_plan(population, counted_otherwise(question.by), age_on=question.last_period_day)
    people = None
    if question.inhabitants is not None:
        people = inhabitant_plan(population, question.by, question.inhabitants)
    size = block_size(
        persons=population.persons,
        rows_a_person=sum(view.rows_a_person for view in registers.values()),
        values=question.values,
        memory_bytes=memory_bytes,
        threads=threads,
    )
    starts = range(0, max(population.persons, 1), size)
    work = _Work(question, population, registers, plan, memory_bytes // threads, people, keep_persons)

    def block(first: int) -> _Counted:
        with turn():
            return work.count(first, min(first + size, population.persons))

    done: _Counted | None = None
    for number, counted in enumerate(in_order(block, starts, threads=threads), start=1):
        done = counted if done is None else done.merge(counted)
        report(number, len(starts))
    assert done is not None
    with turn():
        finished = replace(finish(done.counts, plan), persons_known=question.persons_known)
        table = with_classes(finished, done.counts, question.indicators, plan)
        table = with_reasons(table, done.counts, question.indicators)
        if people is not None:
            table = with_rates(table, done.counts, question.indicators, people)
        kept = CountedPersons(done.counts.layout, plan.rules, done.counts.counted) if keep_persons else None
        return Computed(table, done.persons_found, done.touched, done.blocks, kept)


@dataclass(frozen=True, slots=True)
class _Counted:
    """What one or several blocks came to."""

    counts: PartialCounts
    persons_found: int
    touched: Mapping[str, Touched]
    blocks: int

    def merge(self, other: _Counted) -> _Counted:
        return _Counted(
            self.counts.merge(other.counts),
            self.persons_found + other.persons_found,
            {name: touched + other.touched[name] for name, touched in self.touched.items()},
            self.blocks + other.blocks,
        )


class _SharedLayout:
    """The layout of a run, worked out by the first block; others that are as far wait for it."""

    def __init__(self) -> None:
        self._layout: Layout | None = None
        self._lock = threading.Lock()

    def of(self, values: Sequence[PersonValues]) -> Layout:
        with self._lock:
            if self._layout is None:
                self._layout = layout_of(values)
            return self._layout


@dataclass(frozen=True, slots=True)
class _Work:
    """All that threads share: nothing of it is written to but the layout, once."""

    question: Question
    population: Population
    registers: Mapping[str, RegisterView]
    plan: CountingPlan
    block_bytes: int
    inhabitants: InhabitantPlan | None = None
    keep_persons: bool = False
    layout: _SharedLayout = field(default_factory=_SharedLayout)

    def count(self, first: int, last: int) -> _Counted:
        """Find, evaluate and count the persons from position `first` to before `last`."""
        persons = persons_between(self.population, first, last)
        events = _events(persons, self.registers)
        counts: PartialCounts | None = None
        parts = heavy_parts(list(events.values()), persons=persons.persons, memory_bytes=self.block_bytes)
        for begin, end in parts:
            here, rows = persons, events
            if len(parts) > 1:
                here = persons_between(persons, begin, end)
                rows = {name: events_between(joined, begin, end) for name, joined in events.items()}
            values = _evaluate(self.question, here, rows)
            part = count_block(
                values,
                population=here,
                plan=self.plan,
                layout=self.layout.of(values),
                inhabitants=self.inhabitants,
                keep_persons=self.keep_persons,
            )
            counts = part if counts is None else counts.merge(part)
        assert counts is not None
        found = np.logical_or.reduce([joined.found for joined in events.values()])
        touched = {name: joined.touched for name, joined in events.items()}
        return _Counted(counts, int(np.count_nonzero(found)), touched, len(parts))


def _events(population: Population, registers: Mapping[str, RegisterView]) -> dict[str, PersonEvents]:
    return {name: view.events(population) for name, view in registers.items()}


def _evaluate(question: Question, population: Population, events: Mapping[str, PersonEvents]) -> list[PersonValues]:
    return [
        with_decimals(value)
        for definition in question.sets
        for value in evaluate(
            definition,
            population=population,
            events=events,
            data_until=question.data_until,
            row_dimensions=question.row_dimensions,
        )
    ]
