"""Drug use periods (PRE2DUP) of each person, from rows in memory: persons and dispensings a second of processor time.

PRE2DUPR 0.2.0 does 84 persons and 2,330 dispensings a second of one core (1,984 persons with 54,617 dispensings of
statins and P2Y12 inhibitors in 23.5 s; Xeon 2.8 GHz): rows here are as many a person, of drugs and packages alike. It
is no dependency of ours, so what runs beside us is the plain Python twin, on fewer persons, whose periods ours must be.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from linkage.indicator_definition import load_indicator_set
from linkage_core.events import PersonEvents, Population
from linkage_core.indicators import PersonValues, evaluate
from tests.reference.drug_use_periods import Limits, Row, periods_of

TITLE = "Drug use periods of 100,000 persons with 27 dispensings each, from memory, per second of processor time"
PERSONS, ROWS_A_PERSON, OF_THE_TWIN, ROUNDS = 100_000, 27.5, 400, 5
PRE2DUPR_PERSONS = 84.0
INDEX = date(2020, 1, 1)
CODES = ("C10AA01", "C10AA05", "C10AA07", "B01AC04", "B01AC24")
DAYS_A_PACKAGE = (14, 28, 30, 84, 98, 100)

Int32s = npt.NDArray[np.int32]

SET = """
[set]
id = "benchmark"
version = "1.0.0"
[exits]
death = false
[codes.all]
atc_include = ["C10AA", "B01AC"]
[drug_use.model]
reversals = "none"
hospital = "add"
hospital_register = "stays"
[drug_use.model.packages]
{packages}
[[indicator]]
id = "use"
kind = "drug_use_periods"
register = "dispensings"
codes = "all"
drug_use = "model"
observe = {{ from = 0, to = 365 }}
"""


@dataclass(frozen=True, slots=True)
class Rows:
    """Dispensings by person and day (days from 1970-01-01), and hospital stays of a quarter of the persons."""

    offsets: npt.NDArray[np.int64]
    day: Int32s
    code: Int32s
    days: Int32s
    stays: tuple[npt.NDArray[np.int64], Int32s, Int32s]


def made_up(persons: int, seed: int = 7) -> Rows:
    """Two drugs a person; a package is fetched when the one before is about used up, early or late, or not at all."""
    random = np.random.default_rng(seed)
    drugs = 2 * persons
    days = random.choice(DAYS_A_PACKAGE, drugs, p=[0.1, 0.3, 0.25, 0.15, 0.1, 0.1])
    counts = random.poisson(ROWS_A_PERSON / 2, drugs)
    drug = np.repeat(np.arange(drugs), counts)
    waits = np.rint(
        days[drug] * random.lognormal(0, 0.25, len(drug)) * random.choice([1, 6], len(drug), p=[0.96, 0.04])
    )
    ends = np.cumsum(waits)
    before = np.concatenate(([0.0], ends))[np.concatenate(([0], np.cumsum(counts)))[:-1]]
    day = (17_500 + random.integers(0, 400, drugs)[drug] + ends - before[drug]).astype(np.int32)
    order = np.lexsort((day, drug // 2))
    person = (drug // 2)[order]
    code = ((drug // 2 + drug % 2 * 2) % len(CODES)).astype(np.int32)[order]
    stays = (random.random(persons) < 0.25) * random.integers(1, 4, persons)
    patient = np.repeat(np.arange(persons), stays)
    admitted = random.integers(17_500, 19_000, len(patient)).astype(np.int32)
    admitted = admitted[np.lexsort((admitted, patient))]
    discharged = admitted + random.integers(2, 15, len(patient)).astype(np.int32)
    return Rows(
        np.searchsorted(person, np.arange(persons + 1)).astype(np.int64),
        day[order],
        code,
        days[drug][order].astype(np.int32),
        (np.concatenate(([0], np.cumsum(stays))).astype(np.int64), admitted, discharged),
    )


def run() -> list[dict[str, Any]]:
    few, many = made_up(OF_THE_TWIN), made_up(PERSONS)
    assert listed(linkage(few)()) == twin(few)()
    tasks: list[tuple[str, Rows, Callable[[], Any]]] = [
        ("Linkage, the whole evaluation", many, linkage(many)),
        (f"the method in plain Python, {OF_THE_TWIN} persons", few, twin(few)),
    ]
    figures = []
    for name, rows, task in tasks:
        seconds = min(_processor_time(task) for _ in range(ROUNDS))
        persons = (len(rows.offsets) - 1) / seconds
        figures.append(
            {
                "who": name,
                "persons/s": round(persons),
                "dispensings/s": round(len(rows.day) / seconds),
                "times PRE2DUPR 0.2.0 (84 persons/s)": round(persons / PRE2DUPR_PERSONS),
            }
        )
    return figures


def _processor_time(task: Callable[[], Any]) -> float:
    began = time.process_time()
    task()
    return time.process_time() - began


def linkage(rows: Rows) -> Callable[[], list[PersonValues]]:
    doses = "ddd_low = 0.5, ddd_usual = 1.0"
    packages = "\n".join(
        f'"{days}" = {{ {doses}, days_min = {days / 2}, days_usual = {days}, days_max = {days * 2} }}'
        for days in DAYS_A_PACKAGE
    )
    definition = load_indicator_set(SET.format(packages=packages))
    persons = len(rows.offsets) - 1
    names = [str(days) for days in DAYS_A_PACKAGE]
    place = np.searchsorted(DAYS_A_PACKAGE, rows.days).astype(np.int32)
    hundredths = pa.field("packages", pa.int32(), metadata={b"scale": b"100"})
    tenths = pa.field("ddd_per_package", pa.int32(), metadata={b"scale": b"10"})
    dispensings = pa.record_batch(
        [
            pa.array(rows.day, pa.int32()).cast(pa.date32()),
            pa.DictionaryArray.from_arrays(pa.array(rows.code), pa.array(CODES)),
            pa.DictionaryArray.from_arrays(pa.array(place), pa.array(names)),
            pa.array(np.full(len(rows.day), 100, np.int32)),
            pa.array(rows.days * np.int32(10)),
        ],
        schema=pa.schema(
            [
                ("dispensing_date", pa.date32()),
                ("atc", pa.dictionary(pa.int32(), pa.string())),
                ("product", pa.dictionary(pa.int32(), pa.string())),
                hundredths,
                tenths,
            ]
        ),
    )
    offsets, admitted, discharged = rows.stays
    stays = pa.record_batch(
        {
            "admission_date": pa.array(admitted, pa.int32()).cast(pa.date32()),
            "discharge_date": pa.array(discharged, pa.int32()).cast(pa.date32()),
        }
    )
    population = Population(
        hashed_ids=pa.array([place.to_bytes(16, "big") for place in range(persons)], pa.binary(16)),
        index_date=pa.array(np.full(persons, (INDEX - date(1970, 1, 1)).days, np.int32)).cast(pa.date32()),
    )
    events = {"dispensings": _events(rows.offsets, dispensings), "stays": _events(offsets, stays)}
    return lambda: evaluate(definition, population=population, events=events, data_until={})


def _events(offsets: npt.NDArray[np.int64], rows: pa.RecordBatch) -> PersonEvents:
    return PersonEvents(offsets=offsets, rows=rows, found=np.diff(offsets) > 0)


def listed(values: list[PersonValues]) -> list[tuple[Any, ...]]:
    """Periods as (person, drug, first day, end, purchases, days in hospital)."""
    use = values[0].drug_use
    assert use is not None
    told = use()
    found = told.found.periods
    columns = (found.person, [told.atc[code] for code in found.drug], found.start, found.end, found.purchases)
    return sorted(zip(*map(list, columns), found.hospital_days.tolist(), strict=True))


def twin(rows: Rows) -> Callable[[], list[tuple[Any, ...]]]:
    packages = {str(days): Limits(0.5, 1.0, days / 2, days * 2, days) for days in DAYS_A_PACKAGE}
    offsets, admitted, discharged = rows.stays

    def of_all() -> list[tuple[Any, ...]]:
        found = []
        for person in range(len(rows.offsets) - 1):
            own = slice(rows.offsets[person], rows.offsets[person + 1])
            patient = slice(offsets[person], offsets[person + 1])
            stays = list(zip(admitted[patient].tolist(), discharged[patient].tolist(), strict=True))
            bought = list(zip(rows.code[own].tolist(), rows.day[own].tolist(), rows.days[own].tolist(), strict=True))
            for code in sorted({code for code, _, _ in bought}):
                of_code = [Row(day, str(days), 1.0, float(days)) for own_code, day, days in bought if own_code == code]
                for period in periods_of(of_code, packages=packages, stays=stays)[0]:
                    found.append(
                        (person, CODES[code], period.start, period.end, period.purchases, period.hospital_days)
                    )
        return sorted(found)

    return of_all
