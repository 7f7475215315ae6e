"""One run, from hashed population to protected table: one stage a line, in the order the data travels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from linkage.errors import ServiceUnavailable
from linkage_core.aggregates import ROW_PREFIX, count_by
from linkage_core.disclosure import ProtectedTable, match_rate_band, protect
from linkage_core.events import NumberHistory, PersonEvents, Population
from linkage_core.indicators import evaluate
from linkage_core.indicators.values import PersonValues
from linkage_core.join import join_events
from linkage_core.number_history import merge_changed_numbers
from linkage_server.intake.population_store import load_population
from linkage_server.registers.store import RegisterStore
from linkage_server.runs.core_share import Turn
from linkage_server.runs.plan import PlannedRegister, RunPlan

STAGES = ("reading the population", "linking", "computing", "counting", "protecting", "describing")
Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Sources:
    """Where a run reads from.

    Args:
        home: folder that the plan's file names are relative to.
        store: the registers.
        history: changes of identity numbers, as hashes; None where there are none.
        threads: blocks of persons computed at once; the answer is the same for any number.
        memory_bytes: what the run may hold beside the mapped registers; more is computed in blocks, one after another.
        turn: entered before each piece of work that keeps a core busy, so that runs share the cores.
    """

    home: Path
    store: RegisterStore
    history: NumberHistory | None
    threads: int
    memory_bytes: int = 1 << 30
    turn: Turn = nullcontext

    def population(self, plan: RunPlan) -> Population:
        """The plan's population, checked against its hash; who is in it under an old and a new number is there once."""
        population = load_population(self.home / plan.population.file, sha256=plan.population.sha256).population
        return population if self.history is None else merge_changed_numbers(population, self.history)[0]

    def events(self, register: PlannedRegister, population: Population) -> PersonEvents:
        """Rows of the population's persons in the pinned snapshot of a register."""
        manifest = self.store.snapshot(register.name, register.snapshot)
        partitions = self.store.partitions(manifest, columns=register.columns)
        return join_events(population, partitions, history=self.history, threads=self.threads)


@dataclass(frozen=True, slots=True)
class RunAnswer:
    """What a run gives: the protected table, and how many were found, as a band."""

    table: ProtectedTable
    match_rate_band: str


def run_linkage(plan: RunPlan, sources: Sources, *, report: Report) -> RunAnswer:
    """Compute the answer to a plan.

    Raises:
        DisclosureRefused: the policy forbids any table of this population.
        ServiceUnavailable: a pinned snapshot or the population is damaged or missing.
    """
    report("reading the population")
    population = sources.population(plan)
    report("linking")
    events = {register.name: sources.events(register, population) for register in plan.registers}
    report("computing")
    values = _evaluate(plan, population, events)
    report("counting")
    counted = count_by(values, population=population, by=plan.document.by)
    report("protecting")
    with sources.turn():
        return RunAnswer(protect(counted, plan.policy), _match_rate(plan, events))


def _evaluate(plan: RunPlan, population: Population, events: Mapping[str, PersonEvents]) -> list[PersonValues]:
    data_until = {register.name: register.data_until for register in plan.registers}
    split_by = {part for crossing in plan.document.by for part in crossing if part.startswith(ROW_PREFIX)}
    rows = sorted(part.removeprefix(ROW_PREFIX) for part in split_by)
    return [
        value
        for planned in plan.sets
        for value in evaluate(
            planned.chosen, population=population, events=events, data_until=data_until, row_dimensions=rows
        )
    ]


def _match_rate(plan: RunPlan, events: Mapping[str, PersonEvents]) -> str:
    """Band of the share of persons whom at least one register knows."""
    found = np.logical_or.reduce([joined.found for joined in events.values()])
    if not len(found):
        raise ServiceUnavailable("the population is empty.", mend="An operator should look at the run's log.")
    return match_rate_band(int(found.sum()), len(found), plan.policy)
