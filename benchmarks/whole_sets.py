"""A whole shipped set of indicators of 100,000 persons, from rows in memory to counted cells in every stratum.

The rows of a set that every indicator of it shares are read once; what is given is dispensings of the register a second
of processor time, for all indicators of the set together, their grids (such as four gaps), and all strata that the set
proposes, with margins. Twice as many persons are asked too: time should be twice as long, and memory beyond the rows is
that of a block.
"""

from __future__ import annotations

import gc
import time
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa

from linkage.indicator_definition import IndicatorSet, shipped_sets
from linkage_core.blocks import block_size, events_between, persons_between
from linkage_core.count_block import count_block
from linkage_core.counted_table import CountedTable
from linkage_core.events import PersonEvents, Population
from linkage_core.finish_counts import finish
from linkage_core.grids import counting_plan
from linkage_core.indicators import evaluate
from linkage_core.partial_counts import PartialCounts
from linkage_core.question import Question
from linkage_server.demo.made_up_articles import ARTICLES, PREVENTION_ARTICLES

TITLE = "Whole shipped sets of 100,000 persons, all indicators and strata, from memory"
PERSONS, ROWS_A_PERSON, MEMORY_BYTES, ROUNDS = 100_000, 30, 1 << 30, 2
INDEX = (date(2023, 1, 1) - date(1970, 1, 1)).days
SETS = ("swedeheart-secondary-prevention", "elderly-drug-therapy")
DOSAGES = ("1 tablett dagligen", "1 tablett 2 gånger dagligen", "1 tablett vid behov", "2 tabl till natten", "")


@dataclass(frozen=True, slots=True)
class Given:
    population: Population
    events: dict[str, PersonEvents]

    @property
    def dispensings(self) -> int:
        return int(self.events["lmed"].rows.num_rows)


def run() -> list[dict[str, Any]]:
    newest = {name: max(key for key in shipped_sets() if key.startswith(f"{name}@")) for name in SETS}
    lines = []
    for persons in (PERSONS, 2 * PERSONS):
        given = made_up(persons)
        for name in SETS:
            definition = shipped_sets()[newest[name]]
            table = count(definition, given)
            # As in a service, which leaves its modules and definitions out of what is collected.
            gc.collect()
            gc.freeze()
            seconds = []
            for _ in range(ROUNDS):
                start = time.process_time()
                again = count(definition, given)
                seconds.append(time.process_time() - start)
                assert len(again.person_cubes) == len(table.person_cubes)
            lines.append(
                {
                    "set": newest[name],
                    "indicators": len(definition.indicators),
                    "numbers a person": len({cube.persons_key for cube in table.person_cubes}),
                    "cells": sum(cube.persons.size for cube in table.person_cubes),
                    "persons": f"{persons:,}",
                    "dispensings": f"{given.dispensings:,}",
                    "processor seconds": f"{min(seconds):.2f}",
                    "million dispensings a second": f"{given.dispensings / min(seconds) / 1e6:.2f}",
                    "times indicators": f"{given.dispensings * len(definition.indicators) / min(seconds) / 1e6:.0f}",
                }
            )
    return lines


def count(definition: IndicatorSet, given: Given) -> CountedTable:
    """Block after block, as a run of the service."""
    plan = counting_plan(given.population, [[name] for name in definition.stratify.by], age_on=INDEX)
    counts: PartialCounts | None = None
    size = block_size(
        persons=given.population.persons,
        rows_a_person=ROWS_A_PERSON,
        values=Question([definition], (), (), {}).values,
        memory_bytes=MEMORY_BYTES,
        threads=1,
    )
    for first in range(0, given.population.persons, size):
        last = min(first + size, given.population.persons)
        block = persons_between(given.population, first, last)
        rows = {name: events_between(events, first, last) for name, events in given.events.items()}
        values = evaluate(definition, population=block, events=rows, data_until=dict.fromkeys(rows, date(2025, 12, 31)))
        part = count_block(values, population=block, plan=plan, layout=counts.layout if counts else None)
        counts = part if counts is None else counts.merge(part)
    assert counts is not None
    return finish(counts, plan)


def made_up(persons: int, seed: int = 11) -> Given:
    """Each person's rows are of five articles, most of them of secondary prevention, over three years."""
    random = np.random.default_rng(seed)
    population = Population(
        hashed_ids=pa.array([place.to_bytes(16, "big") for place in range(persons)], pa.binary(16)),
        index_date=pa.array(random.integers(INDEX, INDEX + 365, persons).astype(np.int32)).cast(pa.date32()),
        birth_date=pa.array((INDEX - 365 * random.integers(40, 95, persons)).astype(np.int32)).cast(pa.date32()),
        sex=pa.array(random.integers(1, 3, persons).astype(np.uint8)),
        strata={"hospital": _coded(random.integers(0, 70, persons), [f"hospital {number}" for number in range(70)])},
    )
    events = {
        "lmed": _dispensings(persons, random),
        "par_sv": _stays(persons, random),
        "dors": _deaths(persons, random),
    }
    return Given(population, events)


def _dispensings(persons: int, random: np.random.Generator) -> PersonEvents:
    counts = random.poisson(ROWS_A_PERSON, persons)
    person = np.repeat(np.arange(persons), counts)
    own = np.concatenate(
        (
            random.integers(0, len(PREVENTION_ARTICLES), (persons, 4)),
            random.integers(0, len(ARTICLES), (persons, 1)),
        ),
        axis=1,
    )
    article = own[person, random.integers(0, 5, len(person))]
    day = _ascending(person, random.integers(INDEX - 365, INDEX + 730, len(person)))
    packages = np.where(random.random(len(person)) < 0.01, -100, 100)
    cost = np.array([one.price_ore for one in ARTICLES])[article]
    columns = {
        "dispensing_date": _dates(day),
        "atc": _coded(article, [one.atc for one in ARTICLES]),
        "product": _coded(article, [f"{number:06}" for number in range(len(ARTICLES))]),
        "strength_text": _coded(article, [one.strength for one in ARTICLES]),
        "dosage_text": _coded(random.integers(0, len(DOSAGES), len(person)), DOSAGES),
    }
    fields = [pa.field(name, column.type) for name, column in columns.items()]
    numbers = {
        "packages": packages,
        "units_per_package": 100 * np.array([one.units for one in ARTICLES])[article],
        "ddd_per_package": np.maximum(0, np.array([one.ddd_hundredths for one in ARTICLES]))[article],
        "cost_total": cost,
        "cost_benefit": cost // 2,
        "cost_patient": cost - cost // 2,
    }
    for name, values in numbers.items():
        columns[name] = pa.array(values.astype(np.int32))
        fields.append(pa.field(name, pa.int32(), metadata={b"scale": b"100"}))
    return _joined(counts, pa.record_batch(list(columns.values()), schema=pa.schema(fields)))


def _stays(persons: int, random: np.random.Generator) -> PersonEvents:
    counts = random.poisson(0.7, persons)
    person = np.repeat(np.arange(persons), counts)
    admitted = _ascending(person, random.integers(INDEX - 365, INDEX + 730, len(person)))
    codes = ["I214", "I639", "K922", "I509", "J189", "S720", "E119"]
    main = _coded(random.integers(0, len(codes), len(person)), codes)
    return _joined(
        counts,
        pa.record_batch(
            {
                "admission_date": _dates(admitted),
                "discharge_date": _dates(admitted + random.integers(1, 12, len(person))),
                "main_diagnosis": main,
                "diagnosis": pa.ListArray.from_arrays(np.arange(len(person) + 1, dtype=np.int32), main),
            }
        ),
    )


def _deaths(persons: int, random: np.random.Generator) -> PersonEvents:
    counts = (random.random(persons) < 0.06).astype(np.int64)
    return _joined(
        counts, pa.record_batch({"death_date": _dates(random.integers(INDEX, INDEX + 730, int(counts.sum())))})
    )


def _ascending(person: np.ndarray, day: np.ndarray) -> np.ndarray:
    return day[np.lexsort((day, person))]


def _dates(days: np.ndarray) -> pa.Array:
    return pa.array(days.astype(np.int32)).cast(pa.date32())


def _coded(codes: np.ndarray, texts: Any) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), pa.array(list(texts), pa.string()))


def _joined(counts: np.ndarray, rows: pa.RecordBatch) -> PersonEvents:
    offsets = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
    return PersonEvents(offsets=offsets, rows=rows, found=counts > 0)
