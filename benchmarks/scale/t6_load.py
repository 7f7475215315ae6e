"""T6: rows in order of delivery, from Parquet to something sorted by person and date that is on the disk.

Ids are hashes already, for no peer parses and hashes identity numbers under a key (T1 measures that). A side that does
not sync what it wrote by itself is made to.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.scale.bench import Bench, Case, Task
from benchmarks.scale.loaded_rows import ROWS_AT_ONCE, summed_up
from benchmarks.scale.peer import THREADS
from benchmarks.scale.peer_files import MEMORY, ROW_GROUP
from linkage_core.events import join_ids
from linkage_core.narrow_columns import widen_rows
from linkage_server.benchmark.made_up_rows import REGISTER
from linkage_server.benchmark.questions import Answer
from linkage_server.benchmark.results import OURS
from linkage_server.benchmark.visit import Visit
from linkage_server.registers.store import RegisterStore

TITLE = "Unsorted rows from Parquet to rows sorted by person and date"
OUR_MEMORY_BYTES = 2 << 30
ORDER = ("hi", "lo", "dispensing_date")
BY = ", ".join(ORDER)


class Loading(ABC):
    """One way to load.

    Args:
        delivered: Parquet.
        folder: on the disk that is written to.
    """

    def __init__(self, *, delivered: str, folder: str) -> None:
        self.delivered = Path(delivered)
        self._own = tempfile.TemporaryDirectory(dir=folder)
        self.target = Path(self._own.name) / "loaded"

    def ask(self) -> None:
        """Load, sync."""
        self._forget_last()
        self.load()

    @abstractmethod
    def load(self) -> None:
        """Write everything to `target`."""

    @abstractmethod
    def batches(self) -> Iterator[pa.RecordBatch]:
        """What was written, in its order."""

    def answer(self, result: None) -> Answer:
        """Sums of what was written."""
        return summed_up(self.batches())

    def forget(self) -> None:  # noqa: B027 - nothing to override
        """Nothing stays open."""

    def files(self) -> list[Path]:
        """What is read."""
        return [self.delivered]

    def _forget_last(self) -> None:
        for last in self.target.parent.iterdir():
            shutil.rmtree(last) if last.is_dir() else last.unlink()


class OurLoad(Loading):
    """A delivery into an empty store, published."""

    def load(self) -> None:
        """A row group at a time, while others are dealt out."""
        store = RegisterStore(self.target, memory_bytes=OUR_MEMORY_BYTES)
        with store.begin_load(
            REGISTER,
            definition_sha256="benchmark",
            date_column="dispensing_date",
            pepper_version=1,
            delivery_name="benchmark",
            content_sha256="benchmark",
        ) as load:
            with pq.ParquetFile(self.delivered, pre_buffer=False, read_dictionary=["atc"]) as file:
                for group in range(file.num_row_groups):
                    for batch in file.read_row_group(group, use_threads=False).to_batches():
                        ids = join_ids(*(batch.column(name).to_numpy() for name in ("hi", "lo")))
                        load.add(ids, batch.drop_columns(["hi", "lo"]))
            load.publish()

    def batches(self) -> Iterator[pa.RecordBatch]:
        store = RegisterStore(self.target)
        for segment in store.partitions(store.current(REGISTER)):
            person = np.repeat(np.arange(segment.persons, dtype=np.int32), np.diff(segment.offsets))
            for first in range(0, len(person), ROWS_AT_ONCE):
                here = person[first : first + ROWS_AT_ONCE]
                rows = widen_rows(segment.rows.slice(first, ROWS_AT_ONCE))
                names = ["hi", "lo", *rows.schema.names]
                ids = [pa.array(segment.keys_hi[here]), pa.array(segment.keys_lo[here])]
                yield pa.RecordBatch.from_arrays([*ids, *rows.columns], names=names)


class DuckDBLoad(Loading):
    """DuckDB, into a table of its own or into Parquet."""

    def __init__(self, *, delivered: str, folder: str, native: bool) -> None:
        super().__init__(delivered=delivered, folder=folder)
        self._native = native

    def load(self) -> None:
        query = f"from read_parquet('{self.delivered}') order by {BY}"
        with self._connected() as database:
            database.execute(f"set memory_limit = '{MEMORY}'")
            database.execute(f"set temp_directory = '{self.target.parent / 'spill'}'")
            if self._native:
                database.execute(f"create table dispensings as {query}")
                database.execute("checkpoint")
            else:
                database.execute(f"copy ({query}) to '{self.target}' (format parquet, row_group_size {ROW_GROUP})")
                sync(self.target)

    def batches(self) -> Iterator[pa.RecordBatch]:
        if not self._native:
            return of_parquet(self.target)
        return self._connected().sql("from dispensings").to_arrow_reader(ROWS_AT_ONCE)  # type: ignore[no-any-return]

    def _connected(self) -> Any:  # the package is not needed by the other sides
        import duckdb

        return duckdb.connect(str(self.target) if self._native else ":memory:", config={"threads": THREADS})


class PolarsLoad(Loading):
    """Polars, with its streaming engine, into Parquet or uncompressed Arrow."""

    def __init__(self, *, delivered: str, folder: str, parquet: bool) -> None:
        super().__init__(delivered=delivered, folder=folder)
        self._parquet = parquet
        os.environ["POLARS_MAX_THREADS"] = str(THREADS)  # read once, when Polars is imported

    def load(self) -> None:
        import polars as pl

        ordered = pl.scan_parquet(self.delivered).sort(ORDER)
        if self._parquet:
            ordered.sink_parquet(self.target, compression="snappy", row_group_size=ROW_GROUP)
        else:
            ordered.sink_ipc(self.target, compression="uncompressed")
        sync(self.target)

    def batches(self) -> Iterator[pa.RecordBatch]:
        if self._parquet:
            yield from of_parquet(self.target)
        else:
            with pa.memory_map(str(self.target)) as source:
                file = pa.ipc.open_file(source)
                yield from (file.get_batch(number) for number in range(file.num_record_batches))


class DataFusionLoad(Loading):
    """DataFusion, into one Parquet file."""

    def load(self) -> None:
        import datafusion

        context = datafusion.SessionContext(datafusion.SessionConfig().with_target_partitions(THREADS))
        context.register_parquet("delivered", str(self.delivered))
        path = self.target.with_suffix(".parquet")
        context.sql(f"copy (select * from delivered order by {BY}) to '{path}' stored as parquet").collect()
        sync(path)

    def batches(self) -> Iterator[pa.RecordBatch]:
        return of_parquet(self.target.with_suffix(".parquet"))


def of_parquet(path: Path) -> Iterator[pa.RecordBatch]:
    """Rows of a file, in its order."""
    with pq.ParquetFile(path) as file:
        yield from file.iter_batches(ROWS_AT_ONCE)


def sync(path: Path) -> None:
    """Wait until the disk has it."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


SIDES: dict[str, tuple[type[Loading], dict[str, bool]]] = {
    OURS: (OurLoad, {}),
    "DuckDB, own file": (DuckDBLoad, {"native": True}),
    "DuckDB, Parquet": (DuckDBLoad, {"native": False}),
    "Polars, Parquet": (PolarsLoad, {"parquet": True}),
    "Polars, Arrow": (PolarsLoad, {"parquet": False}),
    "DataFusion, Parquet": (DataFusionLoad, {}),
}


def _cases(bench: Bench) -> Iterator[Case]:
    if False not in bench.temperatures:
        return  # what is read was just read; the work is in sorting and writing
    data = bench.data()
    given = {"delivered": str(data.peer_files.parquet("unsorted")), "folder": str(data.peer_files.folder)}
    taking_part = {side.partition(",")[0] for side in bench.sides}
    yield Case(
        title=TITLE,
        parameters={"rows": data.register.manifest().rows},
        cold=False,
        visits={
            name: Visit(f"{__name__}:{side.__name__}", given | options, most=1)
            for name, (side, options) in SIDES.items()
            if name == OURS or name.partition(",")[0] in taking_part
        },
    )


TASK = Task("T6", TITLE, _cases)
