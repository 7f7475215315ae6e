"""Linking 100,000 persons with 10 million dispensings: persons, rows and DDD by ATC group and month.

Hashed ids are random, so that there may be more persons than official test numbers. DuckDB reads its own file, Polars a
Parquet file, Linkage its register store; all three were just written, so every file is in the page cache.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.parquet

from linkage_core.events import PersonEvents, Population, join_ids, split_ids
from linkage_core.join import join_events
from linkage_server.demo.made_up_registers import made_up_dispensings
from linkage_server.registers.manifest import Manifest
from linkage_server.registers.store import RegisterStore

TITLE = "Persons, rows and DDD by ATC group and month: 100,000 persons in 10 million dispensings"
ROWS, REGISTER_PERSONS, POPULATION, ROUNDS = 10_000_000, 666_667, 100_000, 5
COLUMNS = ["dispensing_date", "atc", "packages", "ddd_per_package"]

Lines = dict[tuple[str, int], tuple[int, int, int]]
"""(ATC group, months since 1970): persons, rows, DDD in ten-thousandths."""

QUERY = """
select substr(atc, 1, 3) as atc_group, year(dispensing_date) * 12 + month(dispensing_date) - 23641 as months,
       count(distinct person) as persons, count(*) as rows, sum(packages::bigint * ddd_per_package) as ddd
from dispensings join population using (hi, lo) group by 1, 2
"""


def run() -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = RegisterStore(folder / "store")
        manifest = write_all(folder, store)
        population = draw_population(store, manifest)
        tasks = {
            "Linkage, one thread": lambda: ask_linkage(store, manifest, population, threads=1),
            "Linkage, two threads": lambda: ask_linkage(store, manifest, population, threads=2),
            "DuckDB, own file": duckdb_task(folder / "peers.duckdb", population),
            "Polars, Parquet": polars_task(folder / "dispensings.parquet", population),
        }
        answers = {task: ask() for task, ask in tasks.items()}
        first, *others = answers.values()
        assert len(first) > 100
        assert all(other == first for other in others)
        return measured(tasks)


def measured(tasks: dict[str, Callable[[], Any]]) -> list[dict[str, Any]]:
    """Median of the rounds; tasks take turns, so that a busy moment hits all."""
    seconds: dict[str, list[float]] = {task: [] for task in tasks}
    for _ in range(ROUNDS):
        for task, ask in tasks.items():
            start = time.perf_counter()
            ask()
            seconds[task].append(time.perf_counter() - start)
    ours = statistics.median(seconds[next(iter(tasks))])
    return [
        {
            "": task,
            "seconds (median)": statistics.median(taken),
            "fastest": min(taken),
            "slowest": max(taken),
            "times the first line": statistics.median(taken) / ours,
        }
        for task, taken in seconds.items()
    ]


def write_all(folder: Path, store: RegisterStore) -> Manifest:
    """The same rows into the store, a Parquet file and a DuckDB file."""
    tables = []
    with store.begin_load(
        "lmed",
        definition_sha256="benchmark",
        date_column="dispensing_date",
        pepper_version=1,
        delivery_name="made up",
        content_sha256="benchmark",
    ) as load:
        for ids, rows in made_up_dispensings(ROWS, REGISTER_PERSONS, 1):
            load.add(ids, rows)
            high, low = split_ids(ids)
            columns = {"hi": pa.array(high), "lo": pa.array(low)}
            columns |= {name: rows.column(name) for name in COLUMNS}
            columns["atc"] = columns["atc"].cast(pa.string())
            tables.append(pa.table(columns))
        manifest = load.publish()
    dispensings = pa.concat_tables(tables)
    pa.parquet.write_table(dispensings, folder / "dispensings.parquet")
    with duckdb.connect(str(folder / "peers.duckdb")) as database:
        database.register("delivered", dispensings)
        database.execute("create table dispensings as select * from delivered")
    return manifest


def draw_population(store: RegisterStore, manifest: Manifest) -> Population:
    """Persons of the register, drawn at random."""
    partitions = store.partitions(manifest)
    high = np.concatenate([partition.keys_hi for partition in partitions])
    low = np.concatenate([partition.keys_lo for partition in partitions])
    chosen = np.sort(np.random.default_rng(2).choice(len(high), POPULATION, replace=False))
    return Population(join_ids(high[chosen], low[chosen]))


def ask_linkage(store: RegisterStore, manifest: Manifest, population: Population, *, threads: int) -> Lines:
    partitions = store.partitions(manifest, columns=COLUMNS)
    return count_lines(join_events(population, partitions, threads=threads))


def count_lines(events: PersonEvents) -> Lines:
    """Rows stand by person, so a stable sort by cell leaves equal persons of a cell side by side."""
    atc = events.rows["atc"]
    groups = sorted({code[:3] for code in atc.dictionary.to_pylist()})
    place = {group: number for number, group in enumerate(groups)}
    group = np.array([place[code[:3]] for code in atc.dictionary.to_pylist()], np.int32)[atc.indices.to_numpy()]
    days = events.rows["dispensing_date"].cast(pa.int32()).to_numpy()
    first_month = months_of(days.min())
    table = (months_of(np.arange(days.min(), days.max() + 1)) - first_month).astype(np.int32)
    months = int(table[-1]) + 1
    cell = group * months + table[days - days.min()]
    rows = np.bincount(cell, minlength=len(groups) * months)
    ddd = np.zeros(len(rows), np.int64)
    np.add.at(
        ddd, cell, events.rows["packages"].to_numpy().astype(np.int64) * events.rows["ddd_per_package"].to_numpy()
    )
    by_cell = np.argsort(cell.astype(np.uint16), kind="stable")  # fewer than 2^16 cells: a radix sort
    person, its_cell = events.person_of_row[by_cell], cell[by_cell]
    is_first = np.ones(len(cell), np.bool_)
    is_first[1:] = (person[1:] != person[:-1]) | (its_cell[1:] != its_cell[:-1])
    persons = np.bincount(its_cell[is_first], minlength=len(rows))
    return {
        (groups[at // months], int(first_month) + at % months): (int(persons[at]), int(rows[at]), int(ddd[at]))
        for at in np.flatnonzero(rows).tolist()
    }


def months_of(days: npt.NDArray[np.int32] | np.int32) -> Any:
    return np.asarray(days).astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)


def people_table(population: Population) -> pa.Table:
    high, low = split_ids(population.hashed_ids)
    return pa.table({"hi": high, "lo": low, "person": np.arange(len(high), dtype=np.int32)})


def duckdb_task(path: Path, population: Population) -> Callable[[], Lines]:
    people = people_table(population)

    def ask() -> Lines:
        with duckdb.connect(str(path), read_only=True) as database:
            database.register("population", people)
            return {(line[0], line[1]): (line[2], line[3], int(line[4])) for line in database.execute(QUERY).fetchall()}

    return ask


def polars_task(path: Path, population: Population) -> Callable[[], Lines]:
    people = pl.from_arrow(people_table(population)).lazy()
    day = pl.col("dispensing_date")

    def ask() -> Lines:
        lines = (
            pl.scan_parquet(path)
            .join(people, on=["hi", "lo"])
            .group_by(
                pl.col("atc").str.slice(0, 3).alias("atc_group"),
                (day.dt.year().cast(pl.Int32) * 12 + day.dt.month() - 23641).alias("months"),
            )
            .agg(
                pl.col("person").n_unique(),
                pl.len().alias("rows"),
                (pl.col("packages").cast(pl.Int64) * pl.col("ddd_per_package")).sum().alias("ddd"),
            )
            .collect()
        )
        return {(line[0], line[1]): (line[2], line[3], line[4]) for line in lines.iter_rows()}

    return ask
