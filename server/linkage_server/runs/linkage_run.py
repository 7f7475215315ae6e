"""One run, from hashed population to protected table: one stage a line, in the order the data travels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from linkage.errors import ServiceUnavailable
from linkage_core.compute import compute
from linkage_core.counted_table import CountedTable
from linkage_core.disclosure import ProtectedTable, folded, match_rate_band, refuse_small_population
from linkage_core.disclosure.withheld import Withheld
from linkage_core.events import NumberHistory, Touched
from linkage_core.grids import row_variables
from linkage_core.indicators.wanted_rows import wanted_rows
from linkage_core.number_history import merge_changed_numbers
from linkage_core.populations.from_registers import MadePopulation, define, settle
from linkage_core.populations.rule_rows import rule_rows
from linkage_core.question import Question
from linkage_core.rates import Inhabitants
from linkage_core.register_view import RegisterView
from linkage_server.intake.population_store import load_population
from linkage_server.ledger.entry_file import Entry
from linkage_server.registers.manufacturers import MANUFACTURERS, ManufacturerStore
from linkage_server.registers.store import RegisterStore
from linkage_server.runs.beside_earlier import Counted, EarlierReleases, protect_beside
from linkage_server.runs.company_rule import withheld_by_company_rule
from linkage_server.runs.core_share import Turn
from linkage_server.runs.plan import PlannedRegister, RunPlan

STAGES = ("reading the population", "opening the registers", "computing", "protecting", "describing")
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
        inhabitants: the version that the plan pins; None where it pins none.
        turn: entered before each piece of work that keeps a core busy, so that runs share the cores.
        earlier: where it finds what was released before; None where tables stand alone.
    """

    home: Path
    store: RegisterStore
    history: NumberHistory | None
    threads: int
    memory_bytes: int = 1 << 30
    turn: Turn = nullcontext
    inhabitants: Inhabitants | None = None
    earlier: EarlierReleases | None = None

    def population(self, plan: RunPlan) -> MadePopulation:
        """The plan's population: sent in, or defined by registers. Who has an old and a new number is there once.

        Of one that was sent in the file is checked against its hash. Who meets a definition is known to this run alone:
        nothing of it is written anywhere, and it is found again from the definition and the pinned snapshots.
        """
        rules = plan.document.population
        if rules.is_defined:
            return define(
                rules,
                registers=self.rule_registers(plan),
                threads=self.threads,
                memory_bytes=self.memory_bytes,
                turn=self.turn,
            )
        population = load_population(self.home / plan.population.file, sha256=plan.population.sha256).population
        if self.history is not None:
            population = merge_changed_numbers(population, self.history)[0]
        if not rules.read_registers:
            return MadePopulation(population, {})
        return settle(
            rules,
            population=population,
            registers=self.rule_registers(plan),
            threads=self.threads,
            memory_bytes=self.memory_bytes,
            turn=self.turn,
        )

    def rule_registers(self, plan: RunPlan) -> dict[str, RegisterView]:
        """The pinned registers that the population's rules read, opened for the rows that the rules can look at."""
        rules = plan.document.population
        return {
            register.name: RegisterView(
                self.store.partitions(
                    self.store.snapshot(register.name, register.snapshot), columns=register.population_columns
                ),
                columns=register.population_columns,
                history=self.history,
                keep=rule_rows(rules, register.name),
            )
            for register in plan.registers
            if register.population_columns
        }

    def register(self, plan: RunPlan, register: PlannedRegister, *, asked: int | None = None) -> RegisterView:
        """The pinned snapshot of a register, opened for the rows that the plan's indicators can look at.

        Args:
            plan, register: what is computed, and from which register.
            asked: persons of the population.
        """
        manifest = self.store.snapshot(register.name, register.snapshot)
        return RegisterView(
            self.store.partitions(manifest, columns=register.columns, asked=asked),
            columns=register.columns,
            history=self.history,
            keep=wanted_rows([planned.chosen for planned in plan.sets], register.name, row_variables(plan.document.by)),
        )

    def company_secrets(self, plan: RunPlan, counted: CountedTable) -> dict[str, Withheld]:
        """What of the counts tells what one company sells, by the plan's manufacturers; nothing without such a rule."""
        planned, rule = plan.company_rule, plan.policy.company_secrecy
        if planned is None or rule is None:
            return {}
        store = ManufacturerStore(self.home / MANUFACTURERS)
        return withheld_by_company_rule(
            planned,
            rule,
            [one.chosen for one in plan.sets],
            table=counted,
            manufacturers={month: store.read(sha256) for month, sha256 in planned.tables.items() if sha256},
        )


@dataclass(frozen=True, slots=True)
class RunAnswer:
    """What a run gives: the protected table, how many were found, as a band, and what computing it took.

    Args:
        counted: the exact counts behind the table, which stay here.
        entry: what the release ledger keeps of the table.
        touched: what was read of each register, by its name.
        blocks: how many blocks of persons it was computed in.
    """

    table: ProtectedTable
    counted: CountedTable
    entry: Entry
    match_rate_band: str
    touched: Mapping[str, Touched]
    blocks: int


def run_linkage(
    plan: RunPlan,
    sources: Sources,
    *,
    report: Report,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> RunAnswer:
    """Compute the answer to a plan.

    Args:
        report: told each stage as it begins; what it raises ends the run.
        progress: told the blocks of persons done, and how many there are.

    Raises:
        DisclosureRefused: the policy forbids any table of this population.
        ServiceUnavailable: a pinned snapshot or the population is damaged or missing.
    """
    report("reading the population")
    made = sources.population(plan)
    population = made.population
    if plan.document.population.is_defined:
        refuse_small_population(population.persons, plan.policy)
    elif not population.persons:
        raise ServiceUnavailable("the population is empty.", mend="An operator should look at the run's log.")
    report("opening the registers")
    registers = {
        register.name: sources.register(plan, register, asked=population.persons) for register in plan.registers
    }
    report("computing")
    computed = compute(
        replace(question_of(plan), inhabitants=sources.inhabitants),
        population=population,
        registers=registers,
        threads=sources.threads,
        memory_bytes=sources.memory_bytes,
        turn=sources.turn,
        report=progress,
        keep_persons=True,
    )
    report("protecting")
    band = _match_rate(plan, found=computed.persons_found, asked=population.persons)
    assert computed.persons is not None
    with sources.turn():
        table = folded(computed.counted, plan.policy)
        counted = Counted(table, computed.persons, population.hashed_ids, band)
        secret = sources.company_secrets(plan, table)
        protected, entry = protect_beside(plan, counted, earlier=sources.earlier, secret=secret)
    touched = {name: one + made.touched.get(name, Touched()) for name, one in computed.touched.items()}
    return RunAnswer(protected, table, entry, entry.match_rate_band, touched, computed.blocks)


def _match_rate(plan: RunPlan, *, found: int, asked: int) -> str:
    """Whom the registers define they know."""
    if plan.document.population.is_defined:
        return "not applicable: the registers define the population"
    return match_rate_band(found, asked, plan.policy)


def question_of(plan: RunPlan) -> Question:
    """What a plan asks about each person of its population."""
    return Question(
        sets=[planned.chosen for planned in plan.sets],
        by=plan.document.by,
        row_dimensions=row_variables(plan.document.by),
        data_until={register.name: register.data_until for register in plan.registers},
        persons_known=not plan.document.population.is_defined,
    )
