"""Loading a register: five million unsorted rows sorted by (hashed id, date) and written; and a whole delivery.

The peers sort and write the same columns. `register load` does more than they do: it reads a delivered file, checks
every value, parses and hashes identity numbers and reports quality.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa

from linkage.register_catalogue import shipped_registers
from linkage_core.events import split_ids
from linkage_core.pseudonyms import Pepper
from linkage_server.demo.made_up_registers import made_up_dispensings, make_registers
from linkage_server.registers.ingest import IngestSettings, load_delivery
from linkage_server.registers.store import RegisterStore

TITLE = "Loading a register: 5 million unsorted rows, and a delivery of a million rows with identity numbers"
ROWS, PERSONS, DELIVERED_ROWS, ROUNDS = 5_000_000, 333_333, 1_000_000, 3
MIB = 1 << 20

Batches = list[tuple[pa.FixedSizeBinaryArray, pa.RecordBatch]]


def run() -> list[dict[str, Any]]:
    batches = list(made_up_dispensings(ROWS, PERSONS, 1))
    table = pa.concat_tables([as_table(ids, rows) for ids, rows in batches])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store_folders = iter(folder / f"store-{number}" for number in range(1_000))
        tasks: dict[str, Callable[[], int]] = {
            "Linkage, 2 GiB": lambda: load_rows(next(store_folders), batches, memory_bytes=2048 * MIB),
            "Linkage, 256 MiB (spills)": lambda: load_rows(next(store_folders), batches, memory_bytes=256 * MIB),
            "DuckDB, sorted into its own file": lambda: load_duckdb(folder / "peer.duckdb", table),
            "Polars, sorted into uncompressed Arrow": lambda: load_polars(folder / "peer.arrow", table),
        }
        lines = measured(tasks, rows=ROWS)
        (folder / "delivery").mkdir()
        made_up = make_registers(folder / "delivery", dispensings=DELIVERED_ROWS)
        register, files = made_up.deliveries[0]
        delivered = {
            "linkage-server register load, Parquet with identity numbers": lambda: load_files(
                next(store_folders), register, files
            )
        }
        rows = next(iter(delivered.values()))()
        return lines + measured(delivered, rows=rows)


def measured(tasks: dict[str, Callable[[], int]], *, rows: int) -> list[dict[str, Any]]:
    """Median of the rounds; tasks take turns, so that a busy moment hits all."""
    seconds: dict[str, list[float]] = {task: [] for task in tasks}
    for _ in range(ROUNDS):
        for task, load in tasks.items():
            start = time.perf_counter()
            loaded = load()
            seconds[task].append(time.perf_counter() - start)
            assert loaded == rows
    return [
        {
            "": task,
            "rows": rows,
            "seconds (median)": statistics.median(taken),
            "rows a second": rows / statistics.median(taken),
        }
        for task, taken in seconds.items()
    ]


def load_rows(folder: Path, batches: Batches, *, memory_bytes: int) -> int:
    store = RegisterStore(folder, memory_bytes=memory_bytes)
    with store.begin_load(
        "lmed",
        definition_sha256="benchmark",
        date_column="dispensing_date",
        pepper_version=1,
        delivery_name="made up",
        content_sha256="benchmark",
    ) as load:
        for ids, rows in batches:
            load.add(ids, rows)
        return load.publish().rows


def load_files(folder: Path, register: str, files: tuple[Path, ...]) -> int:
    settings = IngestSettings(
        store=RegisterStore(folder),
        quarantine_folder=folder / "quarantine",
        peppers=[Pepper(1, bytes(32))],
        today=date(2026, 1, 15),
        reference_date=date(2026, 1, 15),
        threads=2,
    )
    return load_delivery(shipped_registers()[register], files, settings=settings).rows.read


def as_table(ids: pa.FixedSizeBinaryArray, rows: pa.RecordBatch) -> pa.Table:
    high, low = split_ids(ids)
    columns = {name: rows.column(name) for name in rows.schema.names}
    columns["atc"] = columns["atc"].cast(pa.string())
    return pa.table({"hi": high, "lo": low} | columns)


def load_duckdb(path: Path, table: pa.Table) -> int:
    path.unlink(missing_ok=True)
    with duckdb.connect(str(path)) as database:
        database.register("delivered", table)
        database.execute("create table dispensings as select * from delivered order by hi, lo, dispensing_date")
        found = database.execute("select count(*) from dispensings").fetchone()
    assert found is not None
    return int(found[0])


def load_polars(path: Path, table: pa.Table) -> int:
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    ordered = frame.sort("hi", "lo", "dispensing_date", maintain_order=True)
    ordered.write_ipc(path, compression="uncompressed")
    return ordered.height
