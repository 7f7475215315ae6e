"""Our side of a question: from an indicator set as a stored plan holds it to counted cells, as a run of the service."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from linkage.indicator_definition import IndicatorSet, canonical_form, load_indicator_set, needed_columns
from linkage_core.compute import Question, compute
from linkage_core.counted_table import CountedTable
from linkage_core.indicators.wanted_rows import wanted_rows
from linkage_core.register_view import RegisterView
from linkage_server.benchmark.asked_persons import draw_persons, first_year
from linkage_server.benchmark.benchmark_store import StoredRegister
from linkage_server.benchmark.questions import QUESTIONS, Answer
from linkage_server.operations.freed_memory import keep_freed_memory
from linkage_server.registers.store import RegisterStore

THREADS, MEMORY_BYTES = 2, 1 << 30


class OurSide:
    """Asks one store, as the orders of a service do: segments stay open between questions. The population is in memory.

    Args:
        store: folder of the store.
        register: its name there.
        question: name of a question.
        persons: how many are asked about; None for everybody.
        threads: used at once.
    """

    def __init__(
        self, *, store: str, register: str, question: str, persons: int | None, threads: int = THREADS
    ) -> None:
        keep_freed_memory()
        self._stored = StoredRegister(Path(store), register)
        self._store = RegisterStore(self._stored.folder)
        self._population = draw_persons(self._stored, persons=persons).population()
        year = first_year(self._stored.manifest().last_day)
        self._question = QUESTIONS[question](register, year)
        # An order's set is read as TOML when it is submitted; a run finds it in its plan, as JSON.
        self._set_in_plan = canonical_form(load_indicator_set(self._question.indicator_set))
        self._threads = threads

    def ask(self, *, turn: Callable[[], AbstractContextManager[None]] = nullcontext) -> CountedTable:
        """Open the register and compute; each block of persons within a turn."""
        register, store = self._stored.register, self._store
        manifest = store.current(register)
        assert manifest.last_day is not None
        definition = IndicatorSet.model_validate_json(self._set_in_plan)
        columns = sorted(needed_columns(definition)[register])
        view = RegisterView(
            store.partitions(manifest, columns=columns, asked=self._population.persons),
            columns=columns,
            keep=wanted_rows([definition], register, ()),
        )
        return compute(
            Question([definition], self._question.by, (), {register: manifest.last_day}),
            population=self._population,
            registers={register: view},
            threads=self._threads,
            memory_bytes=MEMORY_BYTES,
            turn=turn,
        ).counted

    def answer(self, result: CountedTable) -> Answer:
        """The finest table's cells."""
        return self._question.answer(result)

    def forget(self) -> None:
        """Close what stayed open between questions."""
        self._store = RegisterStore(self._stored.folder)

    def files(self) -> list[Path]:
        """The store's files."""
        return self._stored.files()
