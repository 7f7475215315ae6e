"""Proportion of days covered of each person, from rows in memory: dispensings a second of processor time.

Three questions: one stock for all drugs; a stock for each drug with a cap and a look-back; and the same of two groups
that must both cover, with hospital stays taken out. DuckDB and Polars are asked each of them in the best form of theirs
that we know (adherence_peers.py); all answers are compared before anything is timed, and each question is measured
against the fastest peer at the same question. Processor time of the whole process is counted, so the number of threads
does not matter.
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

from benchmarks.adherence_peers import Asked, duckdb_asked, polars_asked
from linkage.indicator_definition import load_indicator_set
from linkage_core.events import PersonEvents, Population
from linkage_core.indicators import evaluate

TITLE = "Days covered of 100,000 persons with 30 dispensings each, from memory, per second of processor time"
PERSONS, ROWS_A_PERSON, DAYS, ROUNDS = 100_000, 30, 365, 5
INDEX = date(2020, 1, 1)
CODES = ("C10AA01", "C10AA05", "C10AA07", "B01AC04", "B01AC22", "B01AC24")

Int32s = npt.NDArray[np.int32]

SET = """
[set]
id = "benchmark"
version = "1.0.0"
[exits]
death = false
[codes.all]
atc_include = ["C10AA", "B01AC"]
[codes.statin]
atc_include = ["C10AA"]
[codes.p2y12]
atc_include = ["B01AC"]
[supply.given]
steps = ["days_supply"]
cap_days = 3650
reversals = "none"
[supply.frozen]
steps = ["days_supply"]
cap_days = 3650
reversals = "none"
hospital = "freeze"
hospital_register = "stays"
[[indicator]]
id = "covered"
kind = "proportion_of_days_covered"
register = "dispensings"
statistic = ["mean"]
"""
OURS, PEERS, OUR_ROUNDS = "Linkage, the whole evaluation", ("DuckDB", "Polars"), 5
ONE_STOCK, BY_DRUG = "one stock", "a stock for each drug, cap 180 days, look-back 180 days"
ASKED = {
    ONE_STOCK: 'codes = "all"\nsupply = "given"\ncarry_over = "pooled"\nlookback_days = 0\nstock_cap_days = "none"',
    BY_DRUG: ('codes = "all"\nsupply = "given"\ncarry_over = "per_drug"\nlookback_days = 180\nstock_cap_days = 180'),
    "the same, of two groups both, hospital stays taken out": (
        'codes = ["statin", "p2y12"]\ncombine = "all"\nsupply = "frozen"\n'
        'carry_over = "per_drug"\nlookback_days = 180\n'
        "stock_cap_days = 180"
    ),
}


@dataclass(frozen=True, slots=True)
class Rows:
    """Dispensings by person and day (days from the index day), and hospital stays of a third of the persons."""

    offsets: npt.NDArray[np.int64]
    day: Int32s
    code: Int32s
    supply: Int32s
    stays: tuple[npt.NDArray[np.int64], Int32s, Int32s]


def made_up(seed: int = 7) -> Rows:
    """Three drugs a person, of six; a new dispensing every three to four weeks with supply for about as long."""
    random = np.random.default_rng(seed)
    counts = random.poisson(ROWS_A_PERSON, PERSONS)
    offsets = np.concatenate(([0], np.cumsum(counts)))
    person = np.repeat(np.arange(PERSONS), counts)
    day = random.integers(-200, 530, len(person)).astype(np.int32)
    day = day[np.lexsort((day, person))]
    code = ((person + random.integers(0, 3, len(person))) % len(CODES)).astype(np.int32)
    supply = random.choice([7, 14, 28, 30, 98, 100], len(person)).astype(np.int32)
    stays = (random.random(PERSONS) < 1 / 3) * random.integers(1, 4, PERSONS)
    patient = np.repeat(np.arange(PERSONS), stays)
    admitted = random.integers(-200, 530, len(patient)).astype(np.int32)
    admitted = admitted[np.lexsort((admitted, patient))]
    discharged = admitted + random.integers(1, 15, len(patient)).astype(np.int32)
    return Rows(offsets, day, code, supply, (np.concatenate(([0], np.cumsum(stays))), admitted, discharged))


def run() -> list[dict[str, Any]]:
    rows = made_up()
    tasks: dict[tuple[str, str], Callable[[], Int32s]] = {}
    for question, asked in ASKED.items():
        tasks[question, OURS] = linkage(rows, asked)
        tasks[question, "DuckDB"] = duckdb_asked(of_peers(rows, question))
        tasks[question, "Polars"] = polars_asked(of_peers(rows, question))
    answers = {task: ask() for task, ask in tasks.items()}
    for (question, side), answer in answers.items():
        assert (answer == answers[question, OURS]).all(), (side, question)
    seconds: dict[tuple[str, str], list[float]] = {task: [] for task in tasks}
    for _ in range(ROUNDS):
        for task, ask in tasks.items():
            # Ours is over so soon that something else is under way in many a run.
            for _again in range(OUR_ROUNDS if task[1] == OURS else 1):
                start = time.process_time()
                ask()
                seconds[task].append(time.process_time() - start)
    best = {task: min(times) for task, times in seconds.items()}
    return [
        {
            "question": question,
            "side": side,
            "processor seconds": f"{took:.3f}",
            "million dispensings a second": f"{len(rows.day) / took / 1e6:.1f}",
            "fastest peer takes": f"{min(best[question, peer] for peer in PEERS) / took:.1f} times as long",
        }
        for (question, side), took in best.items()
    ]


def of_peers(rows: Rows, question: str) -> Asked:
    """The rows that count, as the peers are given them: what is outside the window they need not look at."""
    lookback = 0 if question == ONE_STOCK else 180
    person = np.repeat(np.arange(PERSONS, dtype=np.int32), np.diff(rows.offsets))
    offsets, admitted, discharged = rows.stays
    patient = np.repeat(np.arange(PERSONS, dtype=np.int32), np.diff(offsets))
    counted = (rows.day >= -lookback) & (rows.day < DAYS)
    table = pa.table(
        {
            name: column[counted]
            for name, column in (("person", person), ("day", rows.day), ("supply", rows.supply), ("code", rows.code))
        }
    )
    if question == ONE_STOCK:
        return Asked(PERSONS, table, DAYS)
    if question == BY_DRUG:
        return Asked(PERSONS, table, DAYS, cap=180)
    # Days in hospital before the look-back would put off all days alike.
    admitted = np.maximum(admitted, np.int32(-lookback))
    within = (discharged > admitted) & (admitted < DAYS)
    stays = pa.table({"person": patient[within], "admitted": admitted[within], "discharged": discharged[within]})
    groups = tuple(int(code.startswith("B01AC")) for code in CODES)
    return Asked(PERSONS, table, DAYS, cap=180, stays=stays, groups=groups)


def linkage(rows: Rows, asked: str) -> Callable[[], Int32s]:
    definition = load_indicator_set(f"{SET}{asked}\nobserve = {{ from = 0, to = {DAYS} }}\n")
    index = (INDEX - date(1970, 1, 1)).days
    population = Population(
        hashed_ids=pa.array([place.to_bytes(16, "big") for place in range(PERSONS)], pa.binary(16)),
        index_date=pa.array(np.full(PERSONS, index, np.int32), pa.date32()),
    )
    dispensings = pa.record_batch(
        [
            _dates(rows.day + index),
            pa.DictionaryArray.from_arrays(pa.array(rows.code), pa.array(CODES)),
            pa.array(np.full(len(rows.day), 100, np.int32)),
            pa.array(rows.supply),
        ],
        schema=pa.schema(
            [
                pa.field("dispensing_date", pa.date32()),
                pa.field("atc", pa.dictionary(pa.int32(), pa.string())),
                pa.field("packages", pa.int32(), metadata={b"scale": b"100"}),
                pa.field("days_supply", pa.int32()),
            ]
        ),
    )
    offsets, admitted, discharged = rows.stays
    stays = pa.record_batch({"admission_date": _dates(admitted + index), "discharge_date": _dates(discharged + index)})
    events = {"dispensings": _joined(rows.offsets, dispensings), "stays": _joined(offsets, stays)}

    def ask() -> Int32s:
        (value,) = evaluate(
            definition, population=population, events=events, data_until={"dispensings": date(2022, 1, 1)}
        )
        return np.asarray(value.value, np.int32)

    return ask


def _joined(offsets: npt.NDArray[np.int64], rows: pa.RecordBatch) -> PersonEvents:
    return PersonEvents(offsets=offsets, rows=rows, found=np.diff(offsets) > 0)


def _dates(days: Int32s) -> pa.Array:
    return pa.array(days.astype(np.int32)).cast(pa.date32())
