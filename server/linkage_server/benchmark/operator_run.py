"""The benchmark on an operator's own machine: the same questions to a register of the home, or to a made-up one.

A home's register is read and never written, nothing of it is copied to another place, and answers are not given out:
only times, memory, and the size of the register. Peers take part on made-up rows, where the project's own benchmarks
and the peers' packages are installed.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from linkage.errors import InputRefused
from linkage_server.benchmark.benchmark_store import StoredRegister, stored_register
from linkage_server.benchmark.made_up_rows import MadeUpRows
from linkage_server.benchmark.results import OURS, CaseResult
from linkage_server.benchmark.rounds import measure
from linkage_server.benchmark.visit import Visit
from linkage_server.registers.store import RegisterStore

PEERS = "benchmarks.scale.data_set"

Visits = Mapping[str, Visit]
ShowVisit = Callable[[str], None]
"""Told in words what is measured next."""

TASKS = {
    "T2": ("volumes", "Users, dispensings and DDD by ATC code and month"),
    "T3": ("initiation", "Initiation of eight groups within 30, 90 and 365 days"),
    "T4": ("adherence", "Proportion of 365 days covered, with carry-over"),
    "T5": ("nation", "Days covered of everybody, and prevalence by year"),
}
_NEEDED = ("dispensing_date", "atc")
_DOSES = ("ddd_per_package", "ddd_dispensed")


@dataclass(frozen=True, slots=True)
class OperatorRun:
    """What is measured.

    Args:
        words: the register, for people.
        visits_of: sides for a question, a number of persons (None for everybody), and whether the cache is dropped.
        rows: of the register.
        persons: asked about, but in T5.
    """

    words: str
    visits_of: Callable[[str, int | None, bool], Visits]
    rows: int
    persons: int

    def measured(
        self, tasks: Sequence[str], *, cold: bool, rounds: int, show: ShowVisit = lambda words: None
    ) -> list[CaseResult]:
        """Every task, one after the other."""
        results = []
        for task in tasks:
            question, title = TASKS[task]
            persons = None if task == "T5" else self.persons

            def progress(side: str, number: int, task: str = task) -> None:
                show(f"{task} round {number + 1} of {rounds}: {side}")

            sides = measure(self.visits_of(question, persons, cold), rounds=rounds, progress=progress)
            parameters: dict[str, int | str] = {"rows": self.rows, "persons": persons or "all"}
            results.append(CaseResult(task, title, parameters, cold, sides))
        return results


def of_home(store: RegisterStore, register: str, *, persons: int) -> OperatorRun:
    """A register that is loaded, to our side alone.

    Raises:
        NotFound: nothing is loaded.
        InputRefused: it holds no dispensings with doses, so the questions cannot be asked.
    """
    manifest = store.current(register)
    names = {name for part in store.partitions(manifest)[:1] for name in part.rows.schema.names}
    missing = [name for name in _NEEDED if name not in names]
    if missing or not names.intersection(_DOSES):
        raise InputRefused(
            f"register {register!r} lacks {', '.join(missing) or 'doses'}: it is no register of dispensings.",
            mend="Name a register of dispensings, or leave the name out to measure made-up rows.",
        )
    found = StoredRegister(store.folder, register)
    return OperatorRun(
        words=f"register {register}, {manifest.rows:,} rows",
        visits_of=lambda question, asked, cold: _ours(found, question, asked, cold),
        rows=manifest.rows,
        persons=persons,
    )


def of_made_up_rows(folder: Path, *, rows: int, persons: int, alone: bool) -> OperatorRun:
    """A made-up register in `folder`, to our side `alone` or to every side that is installed."""
    source = MadeUpRows(rows)
    if not alone and importlib.util.find_spec(PEERS.partition(".")[0]) is not None:
        peers = importlib.import_module(PEERS)
        data, sides = peers.DataSet(source, folder), peers.sides_installed([])

        def with_peers(question: str, asked: int | None, cold: bool) -> Visits:
            found: Visits = data.visits(question, persons=asked, sides=sides, cold=cold)
            return found

        return OperatorRun(source.words, with_peers, rows, persons)
    found = stored_register(folder, source.batches)
    return OperatorRun(source.words, lambda question, asked, cold: _ours(found, question, asked, cold), rows, persons)


def _ours(found: StoredRegister, question: str, persons: int | None, cold: bool) -> Visits:
    arguments = {
        "store": str(found.folder),
        "register": found.register,
        "question": question,
        "persons": persons,
    }
    return {OURS: Visit("linkage_server.benchmark.our_side:OurSide", arguments, cold=cold)}
