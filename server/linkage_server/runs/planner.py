"""Explains an order before it is run: which snapshots, segments, bytes and blocks, and how long it is expected to take.

Made from manifests, headers of columns and the size of the population alone, see `forecast`; nobody is looked up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.orm import Session

from linkage.errors import InputRefused
from linkage.order import OrderDocument
from linkage_core.events import RegisterPartition
from linkage_core.grids import row_variables
from linkage_core.populations.from_registers import leading_registers
from linkage_core.question import Question
from linkage_core.register_view import RegisterView
from linkage_server.access.certificates import Caller
from linkage_server.orders.check_order import check_order
from linkage_server.orders.explanation import Explanation
from linkage_server.orders.offer import Offer
from linkage_server.orders.order_view import find_order
from linkage_server.orders.swedish_day import swedish_day
from linkage_server.registers.manifest import Manifest
from linkage_server.registers.store import RegisterStore
from linkage_server.runs.expected_memory import MemoryPlan, plan_blocks
from linkage_server.runs.expected_time import RULE, RUNS_LOOKED_AT, RunSize, calibrate, seconds_by_stage
from linkage_server.runs.forecast import RegisterForecast, forecast
from linkage_server.runs.plan import PlannedRegister, PlannedSet, RunPlan, choose_indicators, pin_registers
from linkage_server.runs.rough import FEWEST, rough_bytes, two_figures
from linkage_server.storage.database import Database, now
from linkage_server.storage.tables import PopulationRow, RunRow

MOST_PERSONS = 100_000_000
RUNS_SEARCHED = 200


@dataclass(frozen=True, slots=True)
class _Question:
    """What of an order decides what it costs."""

    document: OrderDocument
    registers: tuple[PlannedRegister, ...]
    sets: tuple[PlannedSet, ...]


@dataclass(frozen=True, slots=True)
class _Measured:
    """What a question would read and hold."""

    registers: Sequence[RegisterForecast]
    memory: MemoryPlan
    size: RunSize


@dataclass(frozen=True, slots=True)
class Planner:
    """Where orders are explained.

    Args:
        database: the service's state.
        store: the registers, of which manifests and the headers of columns are read.
        offer: definitions as they stand at this moment.
        threads, memory_bytes: what one run may use.
        machine: name of the machine; runs on another one tell nothing about this one.
    """

    database: Database
    store: RegisterStore
    offer: Callable[[], Offer]
    threads: int
    memory_bytes: int
    machine: str

    def explain(self, caller: Caller, name: str, *, persons: int = 0) -> Explanation:
        """Explain an order; `persons` stands for its population, and must be given while it has none.

        Of a population that registers define nobody knows the size: without `persons` it is taken for everybody among
        whom it is looked for.

        Raises:
            NotFound: there is none, or it is another organisation's.
            InputRefused: it has no population, and no number of persons was given.
            OrderFaults: what it names is no longer offered.
        """
        with self.database.reading() as session:
            order = find_order(session, caller, name)
            population = session.get(PopulationRow, order.order_id)
            run = session.get(RunRow, order.order_id)
        if run is not None:
            question = _planned(RunPlan.from_json(run.plan))
        else:
            question = self._asked(order.document, at=lambda session: order.created_at)
        return self._explain(question, persons=persons or (population.rows if population else 0))

    def explain_document(self, document: str, *, persons: int) -> Explanation:
        """Explain an order file that was not filed.

        Raises:
            OrderFaults: with every fault of the document.
            InputRefused: no number of persons was given.
        """
        return self._explain(self._asked(document, at=now), persons=persons)

    def expect(self, plan: RunPlan, *, persons: int) -> Explanation:
        """What is expected of a run that begins."""
        return self._explain(_planned(plan), persons=persons)

    def _asked(self, document: str, *, at: Callable[[Session], datetime]) -> _Question:
        offer = self.offer()
        with self.database.reading() as session:
            checked = check_order(document, offer=offer, ordered_on=swedish_day(at(session)))
        registers = pin_registers(checked, offer=offer, store=self.store, pepper_version=None)
        return _Question(checked.document, registers, choose_indicators(checked))

    def size(self, plan: RunPlan, *, persons: int) -> RunSize:
        """What of a run decides how long it takes."""
        return self._measure(_planned(plan), persons=persons).size

    def _explain(self, question: _Question, *, persons: int) -> Explanation:
        persons = persons or self._searched(question)
        if not 0 < persons <= MOST_PERSONS:
            raise InputRefused(
                "the order has no population yet, so an explanation needs a number of persons.",
                mend=f"Give it with --persons, from 1 to {MOST_PERSONS}.",
            )
        # Nothing below knows the exact number: what is told is the same for all populations of about this size.
        measured = self._measure(question, persons=round(two_figures(max(persons, FEWEST))))
        by_rule = seconds_by_stage(measured.size)
        earlier = self._earlier_runs()
        return Explanation(
            persons=measured.size.persons,
            registers=tuple(one.told for one in measured.registers),
            blocks=measured.memory.blocks,
            split=measured.memory.split,
            threads=self.threads,
            memory_bytes=rough_bytes(measured.memory.peak_bytes),
            memory_limit_bytes=self.memory_bytes,
            seconds={stage: two_figures(seconds) for stage, seconds in calibrate(by_rule, earlier).items()},
            by_rule=by_rule,
            earlier_runs=len(earlier),
            rule=RULE,
        )

    def _measure(self, question: _Question, *, persons: int) -> _Measured:
        opened = {one.name: self._open(one) for one in question.registers}
        registers = [self._forecast(one, *opened[one.name], persons=persons) for one in question.registers]
        searched = [
            self._forecast(_searched_part(one), *self._open(_searched_part(one)), persons=self._persons(one))
            for one in question.registers
            if one.name in self._leading(question)
        ]
        views = {one.name: RegisterView(opened[one.name][1], columns=one.columns) for one in question.registers}
        values = _values(question)
        memory = plan_blocks(
            persons=persons,
            rows_a_person=sum(view.rows_a_person for view in views.values()),
            values=values,
            threads=self.threads,
            memory_bytes=self.memory_bytes,
        )
        size = RunSize(
            persons=persons,
            blocks=memory.blocks,
            side_by_side=min(self.threads, memory.blocks),
            rows=sum(one.rows for one in registers),
            probe_seconds=sum(one.probe_seconds for one in registers),
            columns=sum(len(one.columns) for one in question.registers),
            stocks=_stocks(question),
            values=values,
            tables=1 + len(question.document.by),
            searched_rows=sum(one.rows for one in searched),
            searched_columns=sum(len(one.told.columns) for one in searched),
        )
        told = {one.told.name: one for one in [*registers, *searched]}
        return _Measured(list(told.values()), memory, size)

    def _forecast(
        self, register: PlannedRegister, manifest: Manifest, partitions: Sequence[RegisterPartition], *, persons: int
    ) -> RegisterForecast:
        bytes_per_row = _bytes_per_row(manifest, partitions)
        return forecast(register, manifest, persons=persons, bytes_per_row=bytes_per_row)

    def _leading(self, question: _Question) -> list[str]:
        """Registers in which a defined population is looked for; none for one that is sent in."""
        rules = question.document.population
        if not rules.is_defined:
            return []
        persons = {one.name: self._persons(one) for one in question.registers}
        return min(leading_registers(rules), key=lambda names: sum(persons[name] for name in names))

    def _searched(self, question: _Question) -> int:
        """Persons among whom a defined population is looked for, some of them counted several times."""
        leading = self._leading(question)
        return sum(self._persons(one) for one in question.registers if one.name in leading)

    def _persons(self, register: PlannedRegister) -> int:
        return sum(one.persons for one in self.store.snapshot(register.name, register.snapshot).segments)

    def _open(self, register: PlannedRegister) -> tuple[Manifest, list[RegisterPartition]]:
        manifest = self.store.snapshot(register.name, register.snapshot)
        return manifest, list(self.store.partitions(manifest, columns=register.columns))

    def _earlier_runs(self) -> list[tuple[Mapping[str, float], Mapping[str, float]]]:
        """Seconds by stage of the last runs on this machine, by the rule and as measured."""
        query = (
            sa.select(RunRow.expected, RunRow.report)
            .where(RunRow.state == "done", RunRow.report.is_not(None), RunRow.expected.is_not(None))
            .order_by(RunRow.finished_at.desc())
            .limit(RUNS_SEARCHED)
        )
        with self.database.reading() as session:
            found = [(expected, report) for expected, report in session.execute(query) if expected and report]
        here = [(expected, report) for expected, report in found if report["machine"] == self.machine]
        return [(expected["by_rule"], report["seconds"]) for expected, report in here[:RUNS_LOOKED_AT]]


def _searched_part(register: PlannedRegister) -> PlannedRegister:
    """What of a register is read to find a population."""
    return register.model_copy(update={"columns": register.population_columns})


def _planned(plan: RunPlan) -> _Question:
    return _Question(plan.document, plan.registers, plan.sets)


def _bytes_per_row(manifest: Manifest, partitions: Sequence[RegisterPartition]) -> dict[str, float]:
    """Bytes of the columns for each row, without the dictionaries of codes, by segment id."""
    widths = {}
    for segment, partition in zip(manifest.segments, partitions, strict=True):
        rows = partition.rows
        columns = [column.indices if pa.types.is_dictionary(column.type) else column for column in rows.columns]
        widths[segment.segment_id] = sum(int(column.nbytes) for column in columns) / max(int(rows.num_rows), 1)
    return widths


def _values(question: _Question) -> int:
    """How many values each person will have, as the core counts them."""
    return Question(
        sets=[one.chosen for one in question.sets],
        by=question.document.by,
        row_dimensions=row_variables(question.document.by),
        data_until={register.name: register.data_until for register in question.registers},
    ).values


def _stocks(question: _Question) -> int:
    """How many indicators follow what was supplied from package to package."""
    indicators = (indicator for one in question.sets for indicator in one.chosen.indicators)
    return sum(len(indicator.supply_models) for indicator in indicators)
