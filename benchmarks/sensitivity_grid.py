"""A sensitivity grid of 96 variants against one of them: evaluated and counted, from rows in memory.

4 permitted gaps x 4 supply models x 3 rules of carry-over x 2 rules for reversed rows, of treatment episodes: who is
still in the first episode after a year, by hospital. The same answer for one variant alone; both results are compared
before anything is timed. Processor time of one thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa

from linkage.indicator_definition import IndicatorSet, load_indicator_set
from linkage_core.count_block import count_block
from linkage_core.events import PersonEvents, Population
from linkage_core.grids import counting_plan
from linkage_core.indicators import PersonValues, evaluate

TITLE = "A sensitivity grid of 96 variants against one variant: 100,000 persons, 1.5 million dispensings from memory"
PERSONS, ROWS_A_PERSON, DRUGS, ROUNDS = 100_000, 15, 4, 7
INDEX = date(2020, 1, 1)
TEXTS = ("1 tablett dagligen", "1 tablett 2 gånger dagligen", "1x1", "1-2 tabletter dagligen", "enl ordination")

SET = """
[set]
id = "benchmark"
version = "1.0.0"
[exits]
death = false
[codes.statin]
atc_include = ["C10AA"]
[supply.dosage]
steps = ["dosage_text", "units_per_day:1"]
[supply.units]
steps = "units_per_day:1"
[supply.ddd]
steps = "ddd:1"
[supply.fixed]
steps = "fixed:90"
[[indicator]]
id = "still"
kind = "treatment_episodes"
register = "dispensings"
codes = "statin"
measure = "in_first"
at_days = [365]
follow_up_days = 730
statistic = ["share"]
"""
GRID = """
supply = ["dosage", "units", "ddd", "fixed"]
carry_over = ["per_drug", "pooled", "none"]
reversals = ["net", "drop_negative"]
gap_days = [30, 60, 90, 180]
"""
ONE = 'supply = "dosage"\ncarry_over = "per_drug"\nreversals = "net"\ngap_days = 90\n'
POINT = "supply=dosage;reversals=net;carry_over=per_drug;"


def made_up(seed: int = 7) -> tuple[Population, PersonEvents]:
    """Dispensings every two months; one row in fifty is reversed, and seven in ten persons have one drug."""
    random = np.random.default_rng(seed)
    counts = random.poisson(ROWS_A_PERSON, PERSONS)
    offsets = np.concatenate(([0], np.cumsum(counts)))
    person = np.repeat(np.arange(PERSONS), counts)
    day = random.integers(0, 900, len(person)).astype(np.int32)
    day = day[np.lexsort((day, person))]
    several = random.random(PERSONS) < 0.3
    code = (person + np.where(several[person], random.integers(0, 2, len(person)), 0)) % DRUGS
    packages = np.where(random.random(len(person)) < 0.02, -100, 100).astype(np.int32)
    units = random.choice([28, 30, 98, 100], len(person)).astype(np.int32)
    text = random.choice(len(TEXTS), len(person), p=[0.5, 0.15, 0.2, 0.05, 0.1])
    index = (INDEX - date(1970, 1, 1)).days
    atc = pa.array([f"C10AA0{number + 1}" for number in range(DRUGS)])
    columns = {
        "dispensing_date": (pa.array(day + index, pa.int32()).cast(pa.date32()), 1),
        "atc": (pa.DictionaryArray.from_arrays(pa.array(code, pa.int32()), atc), 1),
        "packages": (pa.array(packages), 100),
        "units_per_package": (pa.array(units), 1),
        "ddd_per_package": (pa.array(units * 2), 1),
        "dosage_text": (pa.DictionaryArray.from_arrays(pa.array(text, pa.int32()), pa.array(TEXTS)), 1),
    }
    schema = pa.schema(
        [
            pa.field(name, column.type, metadata={b"scale": str(scale).encode()})
            for name, (column, scale) in columns.items()
        ]
    )
    rows = pa.RecordBatch.from_arrays([column for column, _ in columns.values()], schema=schema)
    population = Population(
        hashed_ids=pa.array([place.to_bytes(16, "big") for place in range(PERSONS)], pa.binary(16)),
        index_date=pa.array(np.full(PERSONS, index, np.int32), pa.int32()).cast(pa.date32()),
        strata={"hospital": pa.array(np.array(list("ABCDEFGH"))[random.integers(0, 8, PERSONS)]).dictionary_encode()},
    )
    return population, PersonEvents(rows=rows, offsets=offsets.astype(np.int64), found=np.diff(offsets) > 0)


def run() -> list[dict[str, Any]]:
    """One variant, and all of them."""
    population, events = made_up()
    sides = {"1 variant": asking(population, events, ONE), "96 variants": asking(population, events, GRID)}
    alone, whole = (ask() for ask in sides.values())
    assert [value.name for value in alone] == ["still/gap_days=90;measure=in_first;day_of_treatment=365"]
    (same,) = [value for value in whole if value.name == f"still/{POINT}{alone[0].parameters}"]
    assert len(whole) == 96
    assert (same.value == alone[0].value).all()
    assert (same.counted == alone[0].counted).all()
    seconds: dict[str, list[float]] = {side: [] for side in sides}
    for _ in range(ROUNDS):
        for side, ask in sides.items():
            start = time.process_time()
            ask()
            seconds[side].append(time.process_time() - start)
    best = {side: min(times) for side, times in seconds.items()}
    return [
        {
            "side": side,
            "processor seconds": f"{took:.3f}",
            "times one variant": f"{took / best['1 variant']:.1f}",
            "nanoseconds a person and variant": f"{took / PERSONS / int(side.split()[0]) * 1e9:.0f}",
        }
        for side, took in best.items()
    ]


def asking(population: Population, events: PersonEvents, grid: str) -> Callable[[], list[PersonValues]]:
    """Evaluates and counts a set, and gives its values."""
    definition: IndicatorSet = load_indicator_set(f"{SET}{grid}")
    plan = counting_plan(population, [["hospital"]], age_on=None)

    def ask() -> list[PersonValues]:
        values = evaluate(
            definition,
            population=population,
            events={"dispensings": events},
            data_until={"dispensings": date(2025, 12, 31)},
        )
        count_block(values, population=population, plan=plan)
        return values

    return ask
