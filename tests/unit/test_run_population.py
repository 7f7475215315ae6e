"""What a run makes of a population that names one person under her old and her new number."""

from __future__ import annotations

import hashlib
import io
from datetime import date
from pathlib import Path

import pyarrow as pa

from linkage.order import load_order
from linkage_core.events import NumberHistory, Population
from linkage_server.intake.population_store import write_population
from linkage_server.intake.pseudonymise import HashedPopulation
from linkage_server.registers.store import RegisterStore
from linkage_server.runs.linkage_run import Sources
from linkage_server.runs.plan import PlannedPopulation, RunPlan
from tests.support.orders import ORDER
from tests.support.partitions import ids


def test_a_person_under_two_numbers_is_counted_once_with_the_row_of_her_current_number(tmp_path: Path) -> None:
    hospitals = pa.array(["Almby", "Norrvik", "Sjöholm"]).dictionary_encode()
    population = Population(ids([1, 2, 3]), strata={"hospital": hospitals})
    file = io.BytesIO()
    write_population(HashedPopulation(population, 3, {}, date(2025, 1, 1), 1), file)
    (tmp_path / "population").write_bytes(file.getvalue())
    planned = PlannedPopulation(file="population", sha256=hashlib.sha256(file.getvalue()).hexdigest(), pepper_version=1)
    plan = RunPlan.model_construct(population=planned, document=load_order(ORDER))
    history = NumberHistory(ids([1]), ids([3]))

    def read(changes: NumberHistory | None) -> Population:
        return (
            Sources(home=tmp_path, store=RegisterStore(tmp_path), history=changes, threads=1)
            .population(plan)
            .population
        )

    assert read(None).persons == 3
    merged = read(history)
    assert merged.hashed_ids.equals(ids([2, 3]))
    assert merged.strata["hospital"].to_pylist() == ["Norrvik", "Sjöholm"]
