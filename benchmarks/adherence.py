"""Proportion of days covered of each person, from rows in memory: dispensings a second of processor time.

The peers answer the one form of the question that windows of SQL can say: one stock for all drugs, carried over, from
the index day on (with the running sum C of supply, the i-th ends on day C(i) + max over j <= i of (d(j) - C(j-1))). A
stock for each drug, a cap, hospital stays and groups of which all must be covered are recursions: they are asked of
us alone, of the same rows. Processor time of the whole process is counted, so the number of threads does not matter.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

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
ASKED = {
    "one stock": 'codes = "all"\nsupply = "given"\ncarry_over = "pooled"\nlookback_days = 0\nstock_cap_days = "none"',
    "a stock for each drug, cap 180 days, look-back 180 days": (
        'codes = "all"\nsupply = "given"\ncarry_over = "per_drug"\nlookback_days = 180\nstock_cap_days = 180'
    ),
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
    tasks: dict[tuple[str, str], Callable[[], Int32s]] = {
        ("Linkage, the whole evaluation", name): linkage(rows, asked) for name, asked in ASKED.items()
    }
    tasks["DuckDB", "one stock"] = duckdb_closed_form(rows)
    tasks["Polars", "one stock"] = polars_closed_form(rows)
    answers = {task: ask() for task, ask in tasks.items()}
    ours = answers["Linkage, the whole evaluation", "one stock"]
    for side in ("DuckDB", "Polars"):
        assert (answers[side, "one stock"] == ours).all()
    seconds: dict[tuple[str, str], list[float]] = {task: [] for task in tasks}
    for _ in range(ROUNDS):
        for task, ask in tasks.items():
            start = time.process_time()
            ask()
            seconds[task].append(time.process_time() - start)
    best = {task: min(times) for task, times in seconds.items()}
    fastest_peer = min(best[side, "one stock"] for side in ("DuckDB", "Polars"))
    return [
        {
            "side": side,
            "question": question,
            "processor seconds": f"{took:.3f}",
            "million dispensings a second": f"{len(rows.day) / took / 1e6:.1f}",
            "fastest peer takes": f"{fastest_peer / took:.1f} times as long",
        }
        for (side, question), took in best.items()
    ]


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


def _plain(rows: Rows) -> pa.Table:
    person = np.repeat(np.arange(PERSONS), np.diff(rows.offsets))
    observed = rows.day >= 0
    return pa.table(
        {
            "person": person[observed].astype(np.int32),
            "day": rows.day[observed],
            "supply": rows.supply[observed],
        }
    ).filter(pa.array(rows.day[observed] < DAYS))


def _of_all(person: npt.NDArray[Any], days: npt.NDArray[Any]) -> Int32s:
    answer = np.zeros(PERSONS, np.int32)
    answer[person] = days
    return answer


def duckdb_closed_form(rows: Rows) -> Callable[[], Int32s]:
    database = duckdb.connect()
    dispensings = _plain(rows)
    database.register("given", dispensings)
    database.execute("create table dispensings as select * from given")
    query = f"""
    with supplied as (
        select person, day, supply, sum(supply) over earlier as total
        from dispensings window earlier as (partition by person order by day, supply rows unbounded preceding)
    ),
    ended as (
        select person, supply, total + max(day - (total - supply)) over earlier as ending
        from supplied window earlier as (partition by person order by day, supply rows unbounded preceding)
    )
    select person, sum(greatest(0, least(ending, {DAYS}) - greatest(ending - supply, 0)))::int as days
    from ended group by person
    """

    def ask() -> Int32s:
        found = database.execute(query).fetchnumpy()
        return _of_all(found["person"], found["days"])

    return ask


def polars_closed_form(rows: Rows) -> Callable[[], Int32s]:
    frame = pl.from_arrow(_plain(rows))
    assert isinstance(frame, pl.DataFrame)
    total = pl.col("total")

    def ask() -> Int32s:
        found = (
            frame.lazy()
            .sort("person", "day", "supply")
            .with_columns(total=pl.col("supply").cum_sum().over("person"))
            .with_columns(ending=total + (pl.col("day") - (total - pl.col("supply"))).cum_max().over("person"))
            .with_columns(
                days=pl.min_horizontal("ending", DAYS) - pl.max_horizontal(pl.col("ending") - pl.col("supply"), 0)
            )
            .group_by("person")
            .agg(pl.col("days").clip(0).sum())
            .collect()
        )
        return _of_all(found["person"].to_numpy(), found["days"].to_numpy())

    return ask
